//! The stage of windows, behind an exchange that every event crosses with its key.

use super::Stamped;
use super::exchange::Doors;
use super::inputs::Inputs;
use super::instance::Windows;
use super::late::Late;
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
pub struct KeyedWindows<I, O, D, L> {
    inputs: I,
    open: Arc<O>,
    late: L,
    site: Site,
    drive: PhantomData<fn() -> D>,
}

impl<I, O, D, L> KeyedWindows<I, O, D, L> {
    pub(super) fn new(inputs: I, open: O, late: L, site: Site) -> Self {
        KeyedWindows { inputs, open: Arc::new(open), late, site, drive: PhantomData }
    }
}

impl<I: Clone, O, D, L: Clone> Clone for KeyedWindows<I, O, D, L> {
    fn clone(&self) -> Self {
        KeyedWindows {
            inputs: self.inputs.clone(),
            open: Arc::clone(&self.open),
            late: self.late.clone(),
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
    L: Late<I::Event>,
{
    type Item = Stamped<Pane<<I::Key as KeyOf<I::Event>>::Out, O::Out>>;
    type Lending = ByReference;

    fn describe(&self, stage: &StageOptions, outline: &mut Outline) {
        outline.operator(self.site);
        self.inputs.describe(stage, outline);
    }

    fn build<'env, M>(self, stage: StageOptions, builder: &mut Builder<'env>, make: M)
    where
        Self: 'env,
        M: Make<Kernel: Push<Self::Item>> + 'env,
    {
        let KeyedWindows { inputs, open, late, site, drive } = self;
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
        let spec = Windows::<I::Key, O, D, I::Event, L> {
            open: shared,
            late,
            sides,
            site,
            listeners,
            types,
        };
        let make = FusedMake { spec, next: make };
        builder
            .fill(stage_of, partitions, make, |at, _, _| FromInbox::new(Arc::clone(&inboxes[at])));
        let sides = Arc::new(AtomicUsize::new(sides));
        inputs.build(Doors { inboxes, open, site, sides, drive }, builder);
    }
}
