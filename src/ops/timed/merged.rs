//! `merge_partitions`: the panes that all partitions give of one window, as one.

use super::inputs::One;
use super::late::Late;
use super::open::{ByValue, Open, OpenPlain, Opening};
use super::reduction::{OpenFolded, Panes, TimedReduction};
use super::whole::Partitions;
use super::window::windows;
use super::windows::KeyedWindows;
use super::{Stamped, TimedFlow};
use crate::error::Site;
use crate::ops::Node;
use crate::ops::keyed::{KeyOf, Keyed, Visit};
use crate::state::{Hashing, RoutingHash};
use crate::window::{
    Assigned, AtWatermark, Each, Fixed, Fold, Folding, Global, Never, OfPanes, Pane, Relation,
    Sliding, Trigger, Triggering, Window, WindowKind,
};
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

impl<N, X, W, I, F, A, R, M, L> TimedReduction<N, X, W, I, F, A, R, M, L>
where
    W: WindowKind,
    R: Triggering,
    A: Send,
    I: Fn() -> A + Send + Sync,
    F: Send + Sync,
    X: Partitions<N, OpenFolded<W, I, F, A, R, M>, Out = A>,
    L: Late<(), X::Event>,
{
    /// Merges the accumulators that all partitions have of a window into one, and emits it as a pane:
    /// `merge(&mut all, acc)` is called for each, in no order, by a single instance that begins with
    /// `init()`.
    ///
    /// A window is emitted when every partition has passed its end, which the watermark says; nobody
    /// waits for the end of the input. Partitions without events in a window have no part in it. What
    /// the windows' trigger fires early is merged as their mode says (a pane that accumulates stands
    /// in for the one before it) and is emitted when the window is; with
    /// [`allowed_lateness`](super::Windowed::allowed_lateness) there is a late pane for each late one of
    /// a partition. Windows of a number of events, or by the clock, have no common end: they cannot be
    /// merged.
    ///
    /// It is Elixir Flow's `departition`. Where `merge` is dear and the accumulators are large, a
    /// verb per key (which merges in parallel) does better.
    ///
    /// ```
    /// use flow::{Flow, Timestamp, Window};
    /// use std::time::Duration;
    ///
    /// let numbers = Flow::from_range(0..100i64);
    /// let sums = numbers
    ///     .timestamps(|x| Timestamp(*x), |w| w.ascending())
    ///     .partition()
    ///     .window(Window::fixed(Duration::from_millis(50)))
    ///     .reduce(|| 0, |sum, x| *sum += x)
    ///     .merge_partitions(|| 0, |total, sum| *total += sum);
    /// let sums: Vec<i64> = sums.map(|pane| pane.value).collect()?;
    /// assert_eq!(sums, [1225, 3725]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[doc(alias = "departition")]
    #[track_caller]
    pub fn merge_partitions<B, J, G>(
        self,
        init: J,
        merge: G,
    ) -> TimedFlow<Merged<Panes<N, X, W, I, F, A, R, M, L>, J, G, A, B, M>>
    where
        W: WithEnd,
        M: Relation,
        B: Send,
        J: Fn() -> B + Send + Sync,
        G: Fn(&mut B, A) + Send + Sync,
        Panes<N, X, W, I, F, A, R, M, L>: Node<Item = Stamped<Pane<usize, A>>>,
        OpenMerged<J, G, A, B, M>: Open<ToOne, Pane<usize, A>, ByValue, Out = B>,
    {
        let site = Site::here("merge_partitions");
        let lateness = self.windowed.lateness;
        let panes = self.emit_state();
        let (key, hash) = (Arc::new(ToOne), RoutingHash::default());
        let keyed = Keyed { flow: panes.0, key, hash, site };
        let fold = Parts { closures: Arc::new((init, merge)), types: PhantomData };
        let (window, trigger) = (Window::of_panes(), Trigger::at_watermark());
        let (in_parts, mode) = (false, PhantomData);
        let open = OpenPlain(Opening { window, fold, trigger, lateness, in_parts, mode });
        // The partitions have been told their mode.
        windows::<_, _, _, _, M>(keyed, open, false, site, site).stages(1)
    }
}

/// Opens the windows that the panes of all partitions are of.
pub(super) type OpenMerged<J, G, A, B, M> =
    OpenPlain<OfPanes, Parts<J, G, A, B, M>, AtWatermark<Never, Each>, M>;
/// The panes of all partitions, merged.
pub(super) type Merged<N, J, G, A, B, M> =
    KeyedWindows<One<N, ToOne>, OpenMerged<J, G, A, B, M>, ByValue>;

/// Windows that end at the same time in all partitions.
#[diagnostic::on_unimplemented(
    message = "windows of the kind `{Self}` do not end at the same time in all partitions",
    label = "panes of different partitions have nothing to do with each other",
    note = "merge partitions of windows of event time: `Window::global()`, `fixed(..)`, `sliding(..)` or your own"
)]
pub trait WithEnd: WindowKind {}

impl WithEnd for Global {}
impl WithEnd for Fixed {}
impl WithEnd for Sliding {}
impl<A> WithEnd for Assigned<A> where Assigned<A>: WindowKind {}

/// Everything goes to one partition.
#[derive(Clone, Copy, Debug)]
pub struct ToOne;

impl<T> KeyOf<T> for ToOne {
    type Stored = ();
    type Out = ();
    type Lent = ();

    #[inline(always)]
    fn visit<V: Visit<()>, H: Hashing>(&self, _event: &T, _hash: H, visit: V) -> V::Out {
        visit.key(0, (), |(), ()| true, |()| ())
    }

    fn out((): ()) {}

    fn lent((): &()) -> &() {
        &()
    }
}

/// Merges the panes of partitions.
pub struct Parts<J, G, A, B, M> {
    closures: Arc<(J, G)>,
    types: PhantomData<fn(A) -> (B, M)>,
}

impl<J, G, A, B, M> Clone for Parts<J, G, A, B, M> {
    fn clone(&self) -> Self {
        Parts { closures: Arc::clone(&self.closures), types: PhantomData }
    }
}

impl<J, G, A, B, M> fmt::Debug for Parts<J, G, A, B, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Parts")
    }
}

/// What partitions have given of a window.
#[derive(Clone, Debug)]
pub struct Given<A, B> {
    /// What is merged already.
    merged: B,
    /// The last of each partition, where a later one stands in for it.
    latest: Vec<(usize, A)>,
}

impl<J, G, A, B, M> Folding for Parts<J, G, A, B, M>
where
    A: Send,
    B: Send,
    M: Relation,
    J: Fn() -> B + Send + Sync,
    G: Fn(&mut B, A) + Send + Sync,
{
    type Acc = Given<A, B>;
    type Out = B;

    fn finish(&self, given: Given<A, B>) -> B {
        let Given { mut merged, latest } = given;
        latest.into_iter().for_each(|(_, part)| (self.closures.1)(&mut merged, part));
        merged
    }

    fn empty(&self) -> Option<B> {
        Some((self.closures.0)())
    }
}

impl<J, G, A, B, M> Fold<Pane<usize, A>> for Parts<J, G, A, B, M>
where
    A: Send,
    B: Send,
    M: Relation,
    J: Fn() -> B + Send + Sync,
    G: Fn(&mut B, A) + Send + Sync,
{
    fn first(&self, pane: Pane<usize, A>) -> Given<A, B> {
        let mut given = Given { merged: (self.closures.0)(), latest: Vec::new() };
        self.add(&mut given, pane);
        given
    }

    fn add(&self, given: &mut Given<A, B>, pane: Pane<usize, A>) {
        let Pane { key: partition, value, retraction, .. } = pane;
        if !M::REPLACES {
            (self.closures.1)(&mut given.merged, value);
        } else if let Some(known) = given.latest.iter_mut().find(|part| part.0 == partition) {
            // What takes a value back is followed by the one that holds.
            if !retraction {
                known.1 = value;
            }
        } else {
            given.latest.push((partition, value));
        }
    }
}
