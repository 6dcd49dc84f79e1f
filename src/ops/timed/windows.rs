//! The stage of windows, behind an exchange that every event crosses with its key.

use super::Stamped;
use super::exchange::Doors;
use super::inputs::Inputs;
use super::instance::Windows;
use super::late::{BesideMake, Late};
use super::open::Open;
use crate::error::Site;
use crate::kernel::{FusedMake, Make, Push};
use crate::ops::keyed::KeyOf;
use crate::ops::node::{ByReference, Node};
use crate::plan::{Builder, Outline, StageOptions};
use crate::runtime::edge::{FromInbox, Inbox, Reader};
use crate::runtime::task::TaskRef;
use crate::window::Pane;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

/// A flow whose events are folded in windows per key.
pub struct KeyedWindows<I, O, D, L = ()> {
    inputs: I,
    open: Arc<O>,
    /// What becomes of late events.
    late: Arc<L>,
    site: Site,
    drive: PhantomData<fn() -> D>,
}

impl<I, O, D> KeyedWindows<I, O, D> {
    pub(super) fn new(inputs: I, open: O, site: Site) -> Self {
        let (open, late) = (Arc::new(open), Arc::new(()));
        KeyedWindows { inputs, open, late, site, drive: PhantomData }
    }

    /// The same windows with late events going somewhere.
    pub(super) fn late<L>(self, late: L) -> KeyedWindows<I, O, D, L> {
        let KeyedWindows { inputs, open, site, drive, .. } = self;
        KeyedWindows { inputs, open, late: Arc::new(late), site, drive }
    }
}

impl<I, O, D, L> KeyedWindows<I, O, D, L> {
    /// The same windows opened in another way, which is made of how they are.
    pub(super) fn opened<P>(self, open: impl FnOnce(Arc<O>) -> P) -> KeyedWindows<I, P, D, L> {
        let KeyedWindows { inputs, open: known, late, site, drive } = self;
        KeyedWindows { inputs, open: Arc::new(open(known)), late, site, drive }
    }
}

impl<I: Clone, O, D, L: Clone> Clone for KeyedWindows<I, O, D, L> {
    fn clone(&self) -> Self {
        KeyedWindows {
            inputs: self.inputs.clone(),
            open: Arc::clone(&self.open),
            late: Arc::clone(&self.late),
            site: self.site,
            drive: PhantomData,
        }
    }
}

impl<I, O, D, L> fmt::Debug for KeyedWindows<I, O, D, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyedWindows({})", self.site.operator)
    }
}

impl<I, O, D, L> Node for KeyedWindows<I, O, D, L>
where
    I: Inputs,
    O: Open<I::Key, I::Event, D>,
    L: Late<<I::Key as KeyOf<I::Event>>::Out, I::Event>,
{
    type Item = Stamped<Pane<<I::Key as KeyOf<I::Event>>::Out, O::Out>>;
    type Lending = ByReference;

    fn describe(&self, stage: &StageOptions, outline: &mut Outline) {
        self.late.describe(stage, outline);
        outline.operator(self.site);
        self.inputs.describe(stage, outline);
    }

    fn build<'env, M>(self, stage: StageOptions, builder: &mut Builder<'env>, make: M)
    where
        Self: 'env,
        M: Make<Kernel: Push<Self::Item>> + 'env,
    {
        let KeyedWindows { inputs, open, late, site, drive } = self;
        late.build(builder);
        let stage_of = builder.open_partitions(&stage, site);
        let counters = builder.edge_counters();
        let inbox = |task: &TaskRef| {
            Inbox::new(Reader::Task(task.clone()), stage.edge(), Arc::clone(&counters))
        };
        let inboxes: Arc<[_]> = stage_of.tasks.iter().map(inbox).collect();
        let partitions = stage_of.tasks.len();
        let (shared, types) = (Arc::clone(&open), PhantomData);
        let sides = I::SIDES;
        let listeners = builder.signals.listen(open.signals());
        let spec = Windows::<I::Key, O, D, I::Event> {
            open: shared,
            diverts: L::DIVERTS,
            sides,
            site,
            listeners,
            types,
        };
        let make = FusedMake { spec, next: BesideMake::new(late, make) };
        builder
            .fill(stage_of, partitions, make, |at, _, _| FromInbox::new(Arc::clone(&inboxes[at])));
        let sides = Arc::new(AtomicUsize::new(sides));
        inputs.build(Doors { inboxes, open, site, sides, drive }, builder);
    }
}
