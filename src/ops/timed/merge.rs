//! `merge` and `boxed` of flows whose events have times.

use super::{Stamped, Timed, TimedFlow};
use crate::error::Site;
use crate::ops::boxed::Boxed;
use crate::ops::merge::{Merge, merge_as};
use crate::ops::node::Node;

impl<N, T> TimedFlow<N>
where
    N: Node<Item = Stamped<T>>,
    T: Send,
{
    /// The events of this flow and of another one, as they come. Each side keeps its own watermark, and
    /// what follows goes by the least.
    ///
    /// As [`Flow::merge`](crate::Flow::merge) it has no stage and no queue: a side that is ahead is held
    /// in the windows behind, until the other has come as far. A side that may be quiet for long needs
    /// [`idle_after`](Self::idle_after) before the merge.
    ///
    /// ```
    /// use flow::{Flow, Timestamp, Window};
    /// use std::time::Duration;
    ///
    /// let fast = Flow::from_range(0..1000i64).timestamps(|x| Timestamp(*x), |w| w.ascending());
    /// let slow = Flow::from_vec(vec![7i64]).timestamps(|x| Timestamp(100 * *x), |w| w.ascending());
    /// let windows = fast.merge(slow).key_by(|_| ()).window(Window::fixed(Duration::from_secs(1)));
    /// let counts: Vec<u64> = windows.count().map(|pane| pane.value).collect()?;
    /// assert_eq!(counts, [1001]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[doc(alias = "union")]
    #[track_caller]
    pub fn merge<M>(self, other: TimedFlow<M>) -> TimedFlow<Merge<N, M>>
    where
        M: Node<Item = Stamped<T>>,
    {
        let site = Site::here("merge");
        TimedFlow(merge_as(self.0, other.0, |(Timed(first), stage), (Timed(second), other)| {
            Timed(Merge::of((first, stage), (second, other), site))
        }))
    }

    /// Erases the type of the flow, as [`Flow::boxed`](crate::Flow::boxed): for signatures, structs and
    /// loops. What follows is called once per batch instead of being fused.
    ///
    /// ```
    /// use flow::{BoxTimedFlow, Flow, Timestamp};
    ///
    /// fn events(doubled: bool) -> BoxTimedFlow<'static, i64> {
    ///     let timed = Flow::from_range(0..9i64).timestamps(|x| Timestamp(*x), |w| w.ascending());
    ///     if doubled { timed.map(|x| 2 * x).boxed() } else { timed.boxed() }
    /// }
    /// assert_eq!(events(true).collect::<Vec<_>>()?.iter().sum::<i64>(), 72);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    pub fn boxed<'env>(self) -> BoxTimedFlow<'env, T>
    where
        N: 'env,
    {
        self.within(Boxed::of)
    }
}

/// A flow of `T` whose events have times, and that may borrow for `'env`.
pub type BoxTimedFlow<'env, T> = TimedFlow<Boxed<'env, Stamped<T>>>;
