//! `idle_after`: a source that is quiet does not hold up the others.

use super::{Stamped, TimedFlow};
use crate::error::Site;
use crate::kernel::{Mark, Operator, Push, Spec};
use crate::ops::Node;
use crate::ops::node::{KeepsOrder, Then};
use crate::runtime::Place;
use crate::runtime::clock::nanos;
use crate::runtime::task::TaskRef;
use crate::time::Timestamp;
use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

impl<N, T> TimedFlow<N>
where
    N: Node<Item = Stamped<T>>,
    T: Send,
{
    /// A source of which nothing has come for so long, on the run's clock, is idle: the watermark of
    /// all goes on without it, until its next event comes. While all are idle it stays at the highest
    /// that one of them has reached. Default: none is ever idle.
    ///
    /// What an idle source gives later may be late.
    ///
    /// ```
    /// use flow::{Flow, Timestamp};
    /// use std::time::Duration;
    ///
    /// let events = Flow::from_vec(vec![1, 2, 3]);
    /// let timed = events.timestamps(|at| Timestamp(*at), |w| w.ascending());
    /// assert_eq!(timed.idle_after(Duration::from_secs(60)).untimed().count()?, 3);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn idle_after(self, time: Duration) -> TimedFlow<Then<N, IdleAfter<T>>> {
        let site = Site::here("idle_after");
        let spec = IdleAfter { time: nanos(time), types: PhantomData };
        self.within(|up| Then { up, spec, site })
    }
}

/// `idle_after` as the plan holds it.
pub struct IdleAfter<T> {
    time: u64,
    types: PhantomData<fn(T)>,
}

impl<T> Clone for IdleAfter<T> {
    fn clone(&self) -> Self {
        IdleAfter { time: self.time, types: PhantomData }
    }
}

impl<T> fmt::Debug for IdleAfter<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("idle_after")
    }
}

impl<T> KeepsOrder for IdleAfter<T> {}

impl<T: Send> Spec for IdleAfter<T> {
    type Operator = Idling<T>;

    fn start(&self, place: &Place) -> Idling<T> {
        Idling {
            time: self.time,
            task: place.task.clone(),
            watermark: Timestamp::MIN,
            came: true,
            due: None,
            idle: false,
            types: PhantomData,
        }
    }
}

/// One source, as far as it is known to be there.
pub struct Idling<T> {
    time: u64,
    task: TaskRef,
    /// The last one, with which it comes back.
    watermark: Timestamp,
    /// Whether something has come since it was quiet.
    came: bool,
    due: Option<u64>,
    idle: bool,
    types: PhantomData<fn(T)>,
}

impl<T> fmt::Debug for Idling<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("idle_after")
    }
}

impl<T> Idling<T> {
    #[inline(always)]
    fn comes<K: Push<Stamped<T>>>(&mut self, next: &mut K) {
        self.came = true;
        if self.idle {
            // Before the event: it must not be late because nobody waited for it.
            self.idle = false;
            next.mark(Mark::Watermark(self.watermark));
        }
    }
}

impl<T: Send> Operator for Idling<T> {
    type In = Stamped<T>;
    type Out = Stamped<T>;

    #[inline(always)]
    fn push<K: Push<Stamped<T>>>(&mut self, event: Stamped<T>, next: &mut K) {
        self.comes(next);
        next.push(event);
    }

    fn mark<K: Push<Stamped<T>>>(&mut self, mark: Mark, next: &mut K) {
        if let Mark::Watermark(to) = mark {
            self.watermark = to;
            self.came = true;
            self.idle = false;
        }
        next.mark(mark);
    }

    fn flush<K: Push<Stamped<T>>>(&mut self, next: &mut K) {
        let now = self.task.core().clock.now();
        if std::mem::take(&mut self.came) {
            self.due = Some(now.saturating_add(self.time));
        } else if self.due.is_some_and(|due| due <= now) {
            self.due = None;
            self.idle = true;
            next.mark(Mark::Idle);
        }
    }

    fn due(&self) -> Option<u64> {
        self.due
    }
}
