//! Flows whose events carry their time: the verbs that keep it, and those that need it.

mod admission;
mod aggregates;
mod carry;
mod clocks;
mod closing;
mod each;
mod emit;
mod exchange;
mod folders;
mod folds;
mod found;
mod idle;
mod inputs;
mod instance;
mod interval;
mod join;
mod late;
mod merge;
mod merged;
mod number;
mod open;
mod options;
mod partition;
mod parts;
mod reduction;
mod rejected;
mod results;
mod sorting;
mod stamp;
mod terminals;
mod triggered;
mod unique;
mod watermarks;
mod whole;
mod window;
mod windowed;
mod windows;

pub use late::{LateEvent, LateSide};
pub use merge::BoxTimedFlow;
pub use partition::TimedPartitions;
pub use reduction::TimedReduction;
use stamp::HasTime;
pub use stamp::{Stamped, Watermarking};
pub use watermarks::Watermarks;
pub use windowed::Windowed;

use super::node::Then;
use super::{Flow, Node};
use crate::error::Site;
use crate::kernel::{Operator, Spec};
use carry::Carry;
use std::fmt;

/// A flow whose events carry their time, which [`timestamps`](Flow::timestamps) gives them. Its verbs
/// see the events only; the time travels beside them, 8 bytes each.
#[must_use = "a flow does nothing until a terminal such as `collect`, `for_each` or `run` runs it"]
#[derive(Clone)]
pub struct TimedFlow<N>(pub(super) Flow<Timed<N>>);

/// The node of a flow whose events carry their time: no flow of events by itself.
#[derive(Clone)]
pub struct Timed<N>(pub(super) N);

impl<N> fmt::Debug for Timed<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Timed")
    }
}

impl<N: Node> fmt::Debug for TimedFlow<N> {
    /// Prints the plan.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TimedFlow\n{}", self.explain())
    }
}

impl<N> TimedFlow<N> {
    pub(crate) fn of(node: N) -> Self {
        TimedFlow(Flow::of(Timed(node)))
    }

    fn within<U>(self, node: impl FnOnce(N) -> U) -> TimedFlow<U> {
        TimedFlow(self.0.within(|Timed(up)| Timed(node(up))))
    }
}

/// An operator within a flow whose events carry their time.
type Carried<N, S> = TimedFlow<Then<N, Carry<S>>>;

impl<N, T> TimedFlow<N>
where
    N: Node<Item = Stamped<T>>,
    T: Send,
{
    /// The same events without their times.
    ///
    /// ```
    /// use flow::{Flow, Timestamp};
    ///
    /// let events = Flow::from_vec(vec![(1, 'a'), (2, 'b')]);
    /// let timed = events.timestamps(|(at, _)| Timestamp(*at), |w| w.ascending());
    /// assert_eq!(timed.map(|(_, name)| name).untimed().collect::<String>()?, "ab");
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn untimed(self) -> Flow<Then<N, carry::Untimed<T>>> {
        let site = Site::here("untimed");
        self.0.within(|Timed(up)| Then { up, spec: carry::Untimed::default(), site })
    }

    /// The same events with their times beside them.
    #[track_caller]
    pub fn with_times(self) -> Flow<Then<N, carry::WithTimes<T>>> {
        let site = Site::here("with_times");
        self.0.within(|Timed(up)| Then { up, spec: carry::WithTimes::default(), site })
    }

    fn carry<S>(self, site: Site, spec: S) -> Carried<N, S>
    where
        S: Spec,
        S::Operator: Operator<In = T>,
    {
        self.within(|up| Then { up, spec: Carry(spec), site })
    }
}
