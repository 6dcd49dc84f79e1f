//! Windows of whole partitions, opened: behind an exchange, or in the partitions' own stage.

use super::exchange::{Moment, ToKey};
use super::inputs::{One, Value};
use super::instance::Windows;
use super::late::{BesideMake, HasLate, Late};
use super::open::{ByValue, Open, OpenPlain, without_parts};
use super::partition::{Finds, NoKey, Whole};
use super::windows::KeyedWindows;
use super::{HasTime, Stamped, Timed, TimedFlow};
use crate::error::Site;
use crate::kernel::{FusedMake, Make, Operator, Push, Spec};
use crate::ops::Node;
use crate::ops::keyed::{KeyOf, Keyed};
use crate::ops::node::ByReference;
use crate::plan::{Builder, Outline, StageOptions};
use crate::runtime::Place;
use crate::state::Hashing;
use crate::time::Timestamp;
use crate::window::{Folding, Mode, Pane, Take, Triggering, Windowing};
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

/// Opens windows without keys.
#[derive(Debug)]
pub struct OpenWhole<W, F, R, M>(pub(super) OpenPlain<W, F, R, M>);

impl<T, X, W, F, R, M> Open<X, T, ByValue> for OpenWhole<W, F, R, M>
where
    X: KeyOf<T, Stored = ()>,
    F: Folding + Clone,
    R: Triggering + Clone,
    M: Mode<F>,
    W: Windowing<(), F, R, M> + Clone,
    W::Machine: Take<(), F::Out, T, T>,
{
    type Out = F::Out;
    type Machine = W::Machine;
    without_parts!((), T);
    const CLOCKED: bool = W::BY_CLOCK || R::CLOCKED;
    const BY_CLOCK: bool = W::BY_CLOCK;

    fn by_number(&self) -> bool {
        Open::<X, T, ByValue>::by_number(&self.0)
    }

    fn open(&self, place: &Place) -> W::Machine {
        let opening = self.0.0.clone();
        let fold = opening.fold.in_partition(place.instance, place.instances);
        opening.window.machine(fold, opening.trigger, opening.lateness)
    }

    fn signals(&self) -> Vec<&'static str> {
        self.0.0.signals()
    }

    #[inline(always)]
    fn event(
        windows: &mut W::Machine,
        _hash: u64,
        key: (),
        at: Timestamp,
        event: T,
    ) -> Option<((), T)> {
        // The hash of an event chose the partition; in it there is one key.
        windows.event(0, key, at, event).err()
    }

    fn granularity(&self) -> i64 {
        Open::<X, T, ByValue>::granularity(&self.0)
    }
}

/// Where the windows of whole partitions are, for a flow `N` whose windows `O` opens.
pub trait Partitions<N, O>: Sized {
    /// The value of a pane.
    type Out: Send;
    /// An event.
    type Event: Send;
    /// The node that gives the panes.
    type Panes: HasLate<Item = Stamped<Pane<(), Self::Out>>, Key = (), Event = Self::Event>;

    /// The flow of panes.
    fn panes(flow: Keyed<Timed<N>, Self>, open: O, site: Site) -> TimedFlow<Self::Panes>;
}

/// Events travel to the partition that they find.
impl<N, T, P, O> Partitions<N, O> for Whole<P>
where
    N: Node<Item = Stamped<T>>,
    T: Send,
    P: Finds<T>,
    O: Open<NoKey<P>, T, ByValue>,
{
    type Out = O::Out;
    type Event = T;
    type Panes = KeyedWindows<One<N, NoKey<P>>, O, ByValue>;

    fn panes(flow: Keyed<Timed<N>, Self>, open: O, site: Site) -> TimedFlow<Self::Panes> {
        let Keyed { flow, key, hash, site: key_site } = flow;
        let key = Arc::new(NoKey(key));
        TimedFlow(flow.across(|Timed(up), up_stage| {
            let one = One { up, up_stage, key, hash, site: key_site };
            Timed(KeyedWindows::new(one, open, site))
        }))
    }
}

/// The partitions that a flow has already: nothing has to be found, and windows are in their stage.
#[derive(Clone, Copy, Debug)]
pub struct Here;

impl<T> Finds<T> for Here {
    #[inline(always)]
    fn hash<H: Hashing>(&self, _event: &T, _hash: H) -> u64 {
        0
    }
}

impl<N, O> Partitions<N, O> for Here
where
    N: Node<Item: HasTime>,
    O: Open<NoKey<Here>, Value<N>, ByValue>,
{
    type Out = O::Out;
    type Event = Value<N>;
    type Panes = WindowsWithin<N, O, ()>;

    fn panes(flow: Keyed<Timed<N>, Self>, open: O, site: Site) -> TimedFlow<Self::Panes> {
        let (open, late) = (Arc::new(open), Arc::new(()));
        TimedFlow(flow.flow.within(|Timed(up)| Timed(WindowsWithin { up, open, late, site })))
    }
}

/// Windows in the stage of the partitions themselves.
pub struct WindowsWithin<N, O, L> {
    up: N,
    open: Arc<O>,
    late: Arc<L>,
    site: Site,
}

impl<N: Clone, O, L: Clone> Clone for WindowsWithin<N, O, L> {
    fn clone(&self) -> Self {
        let (up, open, late) = (self.up.clone(), Arc::clone(&self.open), Arc::clone(&self.late));
        WindowsWithin { up, open, late, site: self.site }
    }
}

impl<N, O, L> fmt::Debug for WindowsWithin<N, O, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WindowsWithin({})", self.site.operator)
    }
}

impl<N, O> HasLate for WindowsWithin<N, O, ()>
where
    N: Node<Item: HasTime>,
    O: Open<NoKey<Here>, Value<N>, ByValue>,
{
    type Key = ();
    type Event = Value<N>;
    type With<L: Late<(), Value<N>>> = WindowsWithin<N, O, L>;

    fn with_late<L: Late<(), Value<N>>>(self, late: L) -> WindowsWithin<N, O, L> {
        let WindowsWithin { up, open, site, .. } = self;
        WindowsWithin { up, open, late: Arc::new(late), site }
    }
}

impl<N, O, L> Node for WindowsWithin<N, O, L>
where
    N: Node<Item: HasTime>,
    O: Open<NoKey<Here>, Value<N>, ByValue>,
    L: Late<(), Value<N>>,
{
    type Item = Stamped<Pane<(), O::Out>>;
    type Lending = ByReference;

    fn describe(&self, stage: &StageOptions, outline: &mut Outline) {
        self.late.describe(stage, outline);
        outline.operator(self.site);
        self.up.describe(stage, outline);
    }

    fn build<'env, M>(self, stage: StageOptions, builder: &mut Builder<'env>, make: M)
    where
        Self: 'env,
        M: Make<Kernel: Push<Self::Item>> + 'env,
    {
        let WindowsWithin { up, open, late, site } = self;
        late.build(builder);
        let listeners = builder.signals.listen(open.signals());
        let (sides, diverts, types) = (1, L::DIVERTS, PhantomData);
        let spec = Windows::<NoKey<Here>, O, ByValue, Value<N>> {
            open,
            diverts,
            sides,
            site,
            listeners,
            types,
        };
        let make = FusedMake { spec, next: BesideMake::new(late, make) };
        up.build(stage, builder, FusedMake { spec: ToWindows::<N, O>(PhantomData), next: make });
    }
}

/// Gives events to windows in the same stage.
struct ToWindows<N, O>(PhantomData<fn(N) -> O>);

impl<N, O> Spec for ToWindows<N, O>
where
    N: Node<Item: HasTime>,
    O: Open<NoKey<Here>, Value<N>, ByValue>,
{
    type Operator = Self;

    fn start(&self, _place: &Place) -> Self {
        ToWindows(PhantomData)
    }
}

impl<N, O> Operator for ToWindows<N, O>
where
    N: Node<Item: HasTime>,
    O: Open<NoKey<Here>, Value<N>, ByValue>,
{
    type In = N::Item;
    type Out = ToKey<(), Value<N>, O::Part>;
    const ONLY_PUSHES: bool = true;

    #[inline(always)]
    fn push<K: Push<Self::Out>>(&mut self, event: N::Item, next: &mut K) {
        let (at, value) = event.split();
        next.push(Moment::Event(at, (0, (), value)));
    }
}
