//! How watermarks are told from the times of events.

use super::Watermarking;
use super::admission::{Admission, MaxAhead};
use super::rejected::RejectedTo;
use crate::error::Site;
use crate::time::{self, Timestamp, ticks};
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

/// How watermarks are told from the times of events: what [`Flow::timestamps`](crate::Flow::timestamps)
/// lets choose from.
///
/// | | the watermark of a source | for |
/// |---|---|---|
/// | [`ascending`](Self::ascending) | the last time | logs, what is sorted |
/// | [`bounded(d)`](Self::bounded) | the highest time less `d` | most streams |
/// | [`punctuated(f)`](Self::punctuated) | what some events say | protocols with ends of periods |
/// | [`from_source`](Self::from_source) | what the producer says | sources that know better |
///
/// [`max_ahead`](Self::max_ahead), before any of these, keeps out what says to come from the future.
pub struct Watermarks<T, A = ()> {
    admission: A,
    types: PhantomData<fn(T)>,
}

impl<T, A> fmt::Debug for Watermarks<T, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watermarks")
    }
}

impl<T> Watermarks<T> {
    pub(super) fn new() -> Self {
        Watermarks { admission: (), types: PhantomData }
    }

    /// Rejects events whose time is more than `ahead` later than the clock when they come: a device
    /// with a wrong clock would else move the watermark, and make the events of everybody else late.
    ///
    /// The clock is that of the system, in milliseconds since 1970, so this is for times that are that
    /// too. In a [simulation](crate::Executor::simulation) it is the clock of the run, which begins in
    /// 1970. It is read only while events are ahead of where it stood last, which costs a comparison per
    /// event. A replay rejects less, since more time has passed by then. Default: nothing is rejected.
    ///
    /// A rejected event does not come into the flow: it moves no watermark and is in no window. It is
    /// counted as dropped in the metrics of its stage, unless [`rejected_to`](Watermarks::rejected_to)
    /// gives it to a closure. Watermarks that events or sources state are believed, whatever they are.
    ///
    /// ```
    /// use flow::{Executor, Flow, Timestamp, Window};
    /// use std::time::Duration;
    ///
    /// let events = Flow::from_vec(vec![1_000, 2_000, 99_000_000, 3_000]);
    /// let (seconds, hour) = (Duration::from_secs(1), Duration::from_secs(3600));
    /// let counts = events
    ///     .timestamps(|at| Timestamp(*at), |w| w.max_ahead(hour).ascending())
    ///     .key_by(|_| ())
    ///     .window(Window::fixed(seconds))
    ///     .count()
    ///     .on(Executor::simulation(1));
    /// assert_eq!(counts.map(|pane| pane.window.start().0).collect::<Vec<_>>()?, [1_000, 2_000, 3_000]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    pub fn max_ahead(self, ahead: Duration) -> Watermarks<T, MaxAhead> {
        Watermarks { admission: MaxAhead::new(ticks(ahead), ()), types: PhantomData }
    }
}

impl<T> Watermarks<T, MaxAhead> {
    /// Gives rejected events to a closure, which may log them or send them on; they are counted as
    /// diverted instead of dropped.
    ///
    /// ```
    /// use flow::{Executor, Flow, Timestamp};
    /// use std::sync::atomic::{AtomicI64, Ordering};
    /// use std::time::Duration;
    ///
    /// let rejected = AtomicI64::new(0);
    /// let keep = |at: i64| rejected.store(at, Ordering::Relaxed);
    /// let events = Flow::from_vec(vec![1, 99_000_000, 3]);
    /// let timed = events.timestamps(
    ///     |at| Timestamp(*at),
    ///     |w| w.max_ahead(Duration::from_secs(60)).rejected_to(keep).ascending(),
    /// );
    /// assert_eq!(timed.on(Executor::simulation(1)).untimed().count()?, 2);
    /// assert_eq!(rejected.into_inner(), 99_000_000);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn rejected_to<F>(self, take: F) -> Watermarks<T, MaxAhead<RejectedTo<F>>>
    where
        F: Fn(T) + Send + Sync,
    {
        let to = RejectedTo(Arc::new(take), Site::here("rejected_to"));
        Watermarks { admission: MaxAhead::new(self.admission.ahead, to), types: PhantomData }
    }
}

impl<T, A: Admission<T>> Watermarks<T, A> {
    /// The times of a source never go back: nothing is expected before the last one.
    pub fn ascending(self) -> Bounded<A> {
        Bounded { disorder: 0, admission: self.admission }
    }

    /// The events of a source are out of order by at most `disorder`: the watermark is so far behind the
    /// latest of them.
    ///
    /// ```
    /// use flow::{Flow, Timestamp, Window};
    /// use std::time::Duration;
    ///
    /// let ten = Duration::from_millis(10);
    /// let counts: Vec<u64> = Flow::from_vec(vec![3, 12, 2, 23])
    ///     .timestamps(|at| Timestamp(*at), |w| w.bounded(ten))
    ///     .key_by(|_| ())
    ///     .window(Window::fixed(ten))
    ///     .count()
    ///     .map(|pane| pane.value)
    ///     .collect()?;
    /// assert_eq!(counts, [2, 1, 1]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    pub fn bounded(self, disorder: Duration) -> Bounded<A> {
        Bounded { disorder: ticks(disorder), admission: self.admission }
    }

    /// Some events say themselves before which time none is expected any more.
    ///
    /// ```
    /// use flow::{Flow, Timestamp, Window};
    /// use std::time::Duration;
    ///
    /// // A price, or the end of all before.
    /// let events = vec![(3, Some(7)), (1, Some(8)), (10, None), (2, Some(9))];
    /// let sums: Vec<i64> = Flow::from_vec(events)
    ///     .timestamps(
    ///         |(at, _)| Timestamp(*at),
    ///         |w| w.punctuated(|(at, price)| price.is_none().then_some(Timestamp(*at))),
    ///     )
    ///     .filter_map(|(_, price)| price)
    ///     .key_by(|_| ())
    ///     .window(Window::fixed(Duration::from_millis(10)))
    ///     .sum(|price| *price)
    ///     .map(|pane| pane.value)
    ///     .collect()?;
    /// assert_eq!(sums, [15]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    pub fn punctuated<F>(self, says: F) -> Punctuated<F, A>
    where
        F: Fn(&T) -> Option<Timestamp> + Send + Sync,
    {
        Punctuated { says: Arc::new(says), admission: self.admission }
    }

    /// Each source says itself how far it has come, between its events: a
    /// [`Producer`](crate::Producer) does so with [`Demand::watermark`](crate::Demand::watermark).
    ///
    /// What it has not said is not known: as long as one of several producers has said nothing, no
    /// window closes, and one that never does closes all at its end. The watermark of a producer that
    /// has ended is the end of time. Sources that cannot say anything of time are refused by the
    /// terminal.
    pub fn from_source(self) -> FromSource<A> {
        FromSource { admission: self.admission }
    }
}

/// Out of order by at most so many milliseconds.
#[derive(Clone, Copy, Debug)]
pub struct Bounded<A = ()> {
    disorder: i64,
    admission: A,
}

impl<T, A: Admission<T>> Watermarking<T> for Bounded<A> {
    type Marks = time::Bounded;
    type Admission = A;

    fn start(&self) -> time::Bounded {
        time::Bounded::new(self.disorder, 1)
    }

    #[inline(always)]
    fn stays(&self, marks: &time::Bounded, at: Timestamp) -> bool {
        marks.stays(at)
    }

    #[inline(always)]
    fn observe(&self, marks: &mut time::Bounded, at: Timestamp, _event: &T) -> Option<Timestamp> {
        marks.event(at)
    }

    fn current(&self, marks: &time::Bounded) -> Timestamp {
        marks.current()
    }

    fn admission(&self) -> &A {
        &self.admission
    }
}

/// As events say.
pub struct Punctuated<F, A = ()> {
    says: Arc<F>,
    admission: A,
}

impl<F, A> fmt::Debug for Punctuated<F, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Punctuated")
    }
}

impl<T, F, A> Watermarking<T> for Punctuated<F, A>
where
    F: Fn(&T) -> Option<Timestamp> + Send + Sync,
    A: Admission<T>,
{
    type Marks = time::Floored;
    type Admission = A;

    fn start(&self) -> time::Floored {
        time::Floored::new(1)
    }

    #[inline(always)]
    fn observe(&self, marks: &mut time::Floored, _at: Timestamp, event: &T) -> Option<Timestamp> {
        (self.says)(event).and_then(|to| marks.advance(to))
    }

    fn current(&self, marks: &time::Floored) -> Timestamp {
        marks.current()
    }

    fn admission(&self) -> &A {
        &self.admission
    }
}

/// As the source says.
#[derive(Clone, Copy, Debug)]
pub struct FromSource<A = ()> {
    admission: A,
}

impl<T, A: Admission<T>> Watermarking<T> for FromSource<A> {
    type Marks = time::Floored;
    type Admission = A;
    const FROM_SOURCE: bool = true;

    fn start(&self) -> time::Floored {
        time::Floored::new(1)
    }

    #[inline(always)]
    fn observe(&self, _marks: &mut time::Floored, _at: Timestamp, _event: &T) -> Option<Timestamp> {
        None
    }

    fn stated(&self, marks: &mut time::Floored, to: Timestamp) -> Option<Timestamp> {
        marks.advance(to)
    }

    fn current(&self, marks: &time::Floored) -> Timestamp {
        marks.current()
    }

    fn admission(&self) -> &A {
        &self.admission
    }
}
