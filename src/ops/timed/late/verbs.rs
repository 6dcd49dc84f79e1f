//! `late_to` and `split_late`: the verbs that say where late events go.

use super::side::{IntoSide, side};
use super::{Late, LateEvent, LateSide, LateTo};
use crate::error::Site;
use crate::kernel::{Operator, Spec};
use crate::ops::keyed::KeyOf;
use crate::ops::node::{Node, Then};
use crate::ops::timed::inputs::Inputs;
use crate::ops::timed::open::Open;
use crate::ops::timed::windows::KeyedWindows;
use crate::ops::timed::{Timed, TimedFlow};
use crate::ops::{Delivery, Flow};

impl<N: HasLate> TimedFlow<N> {
    /// Gives the events that come too late for all of their windows to a closure, which may log them,
    /// keep them or send them on, each with its key and time. Without it they are dropped; the
    /// metrics count them either way ([`diverted`](crate::StageMetrics::diverted),
    /// [`dropped`](crate::StageMetrics::dropped)). It stands behind the verb that folds or joins.
    ///
    /// The closure gives nothing, or a `Result`: where it cannot deliver an event the run fails with
    /// [`ErrorKind::Sink`](crate::ErrorKind::Sink). It is called on a worker, by several at once, and
    /// should not wait. [`split_late`](Self::split_late) makes a flow of them instead.
    ///
    /// In windows that overlap an event may be late for some and not for others: then it is folded
    /// into the others, and no late event.
    ///
    /// ```
    /// use flow::{Flow, Timestamp, Window};
    /// use std::sync::mpsc;
    /// use std::time::Duration;
    ///
    /// let (late, came_late) = mpsc::channel();
    /// let events = Flow::from_vec(vec![1, 12, 3, 25]);
    /// let panes = events
    ///     .timestamps(|at| Timestamp(*at), |w| w.ascending())
    ///     .key_by(|_| "all")
    ///     .window(Window::fixed(Duration::from_millis(10)))
    ///     .count()
    ///     .late_to(|event| late.send(event));
    /// assert_eq!(panes.collect::<Vec<_>>()?.len(), 3);
    /// let event = came_late.recv().unwrap();
    /// assert_eq!((event.key, event.event, event.watermark), ("all", 3, Timestamp(10)));
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn late_to<R, F>(self, to: F) -> TimedFlow<N::With<LateTo<F>>>
    where
        R: Delivery,
        F: Fn(LateEvent<N::Key, N::Event>) -> R + Send + Sync,
    {
        let late = LateTo::new(to, Site::here("late_to"));
        self.within(|node| node.with_late(late))
    }

    /// Two flows: what this one gives, and the events that come too late for all of their windows,
    /// each with its key and time.
    ///
    /// Both are run together, as jobs; a run without one of them is refused. The slower one sets the
    /// pace. What comes late is in no order. It stands behind the verb that folds or joins; see
    /// [`late_to`](Self::late_to) for a closure instead.
    ///
    /// ```
    /// use flow::{Collect, Flow, Timestamp, Window};
    /// use std::time::Duration;
    ///
    /// let events = Flow::from_vec(vec![1, 12, 3, 25]);
    /// let (counts, late) = events
    ///     .timestamps(|at| Timestamp(*at), |w| w.ascending())
    ///     .key_by(|_| ())
    ///     .window(Window::fixed(Duration::from_millis(10)))
    ///     .count()
    ///     .split_late();
    /// let counts = counts.map(|pane| pane.value).to(Collect::<Vec<_>>::new());
    /// let late = late.map(|late| late.event).to(Collect::<Vec<_>>::new());
    /// assert_eq!(flow::run((counts, late))?, (vec![1, 1, 1], vec![3]));
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[doc(alias = "side_output")]
    #[track_caller]
    pub fn split_late(
        self,
    ) -> (TimedFlow<N::With<IntoSide<N::Key, N::Event>>>, Flow<LateSide<N::Key, N::Event>>) {
        let Flow { node: Timed(node), stage, run } = &self.0;
        let (into, late) = side(Site::here("split_late"), node, stage, run);
        (TimedFlow(self.0.within(|Timed(node)| Timed(node.with_late(into)))), late)
    }
}

/// A flow of windows or of a join in time, perhaps with per-event operators behind: events can come
/// too late for it.
#[diagnostic::on_unimplemented(
    message = "no event can be late for this flow, or it is said already where late events go",
    label = "`late_to` and `split_late` stand once, behind the verb that folds windows or joins in time"
)]
pub trait HasLate: Node {
    /// The key of a late event.
    type Key: Send;
    /// A late event.
    type Event: Send;
    /// The same flow with late events going somewhere.
    type With<L: Late<Self::Key, Self::Event>>: Node<Item = Self::Item>;

    /// Says where late events go.
    fn with_late<L: Late<Self::Key, Self::Event>>(self, late: L) -> Self::With<L>;
}

impl<I, O, D> HasLate for KeyedWindows<I, O, D, ()>
where
    I: Inputs,
    O: Open<I::Key, I::Event, D>,
{
    type Key = <I::Key as KeyOf<I::Event>>::Out;
    type Event = I::Event;
    type With<L: Late<Self::Key, Self::Event>> = KeyedWindows<I, O, D, L>;

    fn with_late<L: Late<Self::Key, Self::Event>>(self, late: L) -> Self::With<L> {
        self.late(late)
    }
}

impl<N, S> HasLate for Then<N, S>
where
    N: HasLate,
    S: Spec<Operator: Operator<In = N::Item, Out: Send>>,
{
    type Key = N::Key;
    type Event = N::Event;
    type With<L: Late<Self::Key, Self::Event>> = Then<N::With<L>, S>;

    fn with_late<L: Late<Self::Key, Self::Event>>(self, late: L) -> Self::With<L> {
        let Then { up, spec, site } = self;
        Then { up: up.with_late(late), spec, site }
    }
}
