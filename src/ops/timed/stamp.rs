//! `timestamps`: events get their times, and the flow its watermarks.

use super::admission::Admission;
use super::{Timed, TimedFlow, Watermarks};
use crate::error::Site;
use crate::kernel::culprit::{Guard, guarded};
use crate::kernel::{Finish, Make, Mark, Operator, Push, Spec};
use crate::ops::node::{ByReference, Node, Stampable, Then};
use crate::ops::{Flow, ordered::Ordered};
use crate::plan::{Builder, Outline, StageOptions};
use crate::runtime::Place;
use crate::time::Timestamp;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

/// An event with its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamped<T> {
    /// When it happened.
    pub at: Timestamp,
    /// The event.
    pub value: T,
}

/// An event that has a time.
pub trait HasTime {
    /// The event.
    type Value: Send;

    /// The time.
    fn at(&self) -> Timestamp;

    /// The time, and the event.
    fn split(self) -> (Timestamp, Self::Value);
}

impl<T: Send> HasTime for Stamped<T> {
    type Value = T;

    #[inline(always)]
    fn at(&self) -> Timestamp {
        self.at
    }

    #[inline(always)]
    fn split(self) -> (Timestamp, T) {
        (self.at, self.value)
    }
}

impl<N: Node> Flow<N> {
    /// Gives every event its time, `at(&event)`, and the flow its watermarks: `marks` chooses how
    /// they are told from the times, see [`Watermarks`].
    ///
    /// The watermark says which events are still expected, so it is what closes windows. It is kept
    /// for each source: of several iterators or producers each has its own, and what follows goes by
    /// the least. A single source is put in order first.
    ///
    /// Watermarks that producers state themselves ([`Demand::watermark`](crate::Demand::watermark)) count
    /// with [`from_source`](Watermarks::from_source) only; that a producer is
    /// [`idle`](crate::Demand::idle) counts always. A source that cannot state any is refused there.
    ///
    /// ```
    /// use flow::{Flow, Timestamp, Window};
    /// use std::time::Duration;
    ///
    /// let visits = Flow::from_vec(vec![(1_000, "ann"), (2_500, "bob"), (61_000, "ann")]);
    /// let per_minute = visits
    ///     .timestamps(|(at, _)| Timestamp(*at), |w| w.bounded(Duration::from_secs(5)))
    ///     .key_by(|(_, name)| *name)
    ///     .window(Window::fixed(Duration::from_secs(60)))
    ///     .count();
    /// assert_eq!(per_minute.count()?, 3);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn timestamps<F, W>(
        self,
        at: F,
        marks: impl FnOnce(Watermarks<N::Item>) -> W,
    ) -> TimedFlow<Then<InSourceOrder<N>, Stamp<F, W, N::Item>>>
    where
        N: Stampable,
        F: Fn(&N::Item) -> Timestamp + Send + Sync,
        W: Watermarking<N::Item>,
    {
        let site = Site::here("timestamps");
        let mut flow = self;
        if W::FROM_SOURCE && !N::SAYS_TIME {
            let why = "this source states no watermarks: producers do (`from_stages`), for others they \
                       are told from the times with `ascending`, `bounded` or `punctuated`";
            flow.run.refuse(site, why.to_owned());
        }
        let in_order = if N::PER_SOURCE {
            flow.within(|up| InSourceOrder(Ordered::of(up, StageOptions::default(), site)))
        } else {
            flow.across(|up, up_stage| InSourceOrder(Ordered::of(up, up_stage, site)))
        };
        let shared = Arc::new((at, marks(Watermarks::new())));
        let spec = Stamp { shared, site, types: PhantomData };
        TimedFlow(in_order.within(|up| Timed(Then { up, spec, site })))
    }
}

/// A flow in the order of its source, or of each of its sources.
#[derive(Clone)]
pub struct InSourceOrder<N>(Ordered<N>);

impl<N> fmt::Debug for InSourceOrder<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InSourceOrder")
    }
}

impl<N: Stampable> Node for InSourceOrder<N> {
    type Item = N::Item;
    type Lending = ByReference;

    fn describe(&self, stage: &StageOptions, outline: &mut Outline) {
        if N::PER_SOURCE {
            self.0.up.describe_per_source(stage, outline);
        } else {
            self.0.describe(stage, outline);
        }
    }

    fn build<'env, M>(self, stage: StageOptions, builder: &mut Builder<'env>, make: M)
    where
        Self: 'env,
        M: Make<Kernel: Push<Self::Item>> + 'env,
    {
        if N::PER_SOURCE {
            self.0.up.build_per_source(stage, builder, make);
        } else {
            self.0.build(stage, builder, make);
        }
    }
}

/// `timestamps` as the plan holds it.
pub struct Stamp<F, W, T> {
    shared: Arc<(F, W)>,
    site: Site,
    types: PhantomData<fn(T)>,
}

impl<F, W, T> Clone for Stamp<F, W, T> {
    fn clone(&self) -> Self {
        Stamp { shared: Arc::clone(&self.shared), site: self.site, types: PhantomData }
    }
}

impl<F, W, T> fmt::Debug for Stamp<F, W, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("timestamps")
    }
}

impl<F, W, T> Spec for Stamp<F, W, T>
where
    T: Send,
    F: Fn(&T) -> Timestamp + Send + Sync,
    W: Watermarking<T>,
{
    type Operator = Stamping<F, W, T>;

    fn start(&self, place: &Place) -> Self::Operator {
        let marking = &self.shared.1;
        let (marks, gate) = (marking.start(), marking.admission().open(place));
        Stamping { marks, gate, idle: false, spec: self.clone(), ended: false }
    }
}

/// One instance of `timestamps`.
pub struct Stamping<F, W: Watermarking<T>, T> {
    marks: W::Marks,
    gate: <W::Admission as Admission<T>>::Gate,
    /// Whether the source has said that it is idle.
    idle: bool,
    spec: Stamp<F, W, T>,
    /// Whether it has said that it has ended, which it is asked for until all is through.
    ended: bool,
}

impl<F, W: Watermarking<T>, T> fmt::Debug for Stamping<F, W, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("timestamps")
    }
}

impl<F, W, T> Stamping<F, W, T>
where
    F: Fn(&T) -> Timestamp + Send + Sync,
    W: Watermarking<T>,
{
    /// Passes on an event that may move the watermark.
    #[inline(never)]
    fn pass<K: Push<Stamped<T>>>(&mut self, event: Stamped<T>, next: &mut K) {
        let Stamp { shared, site, .. } = &self.spec;
        let marks = &mut self.marks;
        let mark = guarded(site, || shared.1.observe(marks, event.at, &event.value));
        next.push(event);
        if let Some(mark) = mark {
            next.mark(Mark::Watermark(mark));
        }
    }
}

/// Passes on an event that is not as usual, out of the way of those that are.
#[inline(never)]
fn push_apart<T, K: Push<T>>(event: T, next: &mut K) {
    next.push(event);
}

impl<F, W, T> Operator for Stamping<F, W, T>
where
    T: Send,
    F: Fn(&T) -> Timestamp + Send + Sync,
    W: Watermarking<T>,
{
    type In = T;
    type Out = Stamped<T>;

    #[inline(always)]
    fn push<K: Push<Stamped<T>>>(&mut self, value: T, next: &mut K) {
        let Stamp { shared, site, .. } = &self.spec;
        let (stamp, marking) = &**shared;
        let guard = Guard::of(site);
        let at = stamp(&value);
        guard.done();
        let admission = marking.admission();
        if !admission.admits(&mut self.gate, at) {
            return admission.reject(&mut self.gate, value);
        }
        let event = Stamped { at, value };
        if !marking.stays(&self.marks, at) {
            self.pass(event, next);
        } else if let Err(event) = next.push_usual(event) {
            push_apart(event, next);
        }
    }

    fn mark<K: Push<Stamped<T>>>(&mut self, mark: Mark, next: &mut K) {
        match mark {
            Mark::Watermark(to) => {
                let marking = &self.spec.shared.1;
                let moved = marking.stated(&mut self.marks, to);
                // Who was idle is there again, with the watermark that it had.
                let back = std::mem::take(&mut self.idle).then(|| marking.current(&self.marks));
                if let Some(to) = moved.or(back) {
                    next.mark(Mark::Watermark(to));
                }
            }
            mark => {
                self.idle |= mark == Mark::Idle;
                next.mark(mark);
            }
        }
    }

    fn flush<K: Push<Stamped<T>>>(&mut self, _next: &mut K) {
        self.spec.shared.1.admission().publish(&mut self.gate);
    }

    fn end<K: Push<Stamped<T>>>(&mut self, finish: Finish, next: &mut K) -> bool {
        if finish == Finish::Complete && !self.ended {
            self.ended = true;
            // A source that has ended holds up no other.
            next.mark(Mark::Watermark(Timestamp::MAX));
        }
        true
    }
}

/// A way to tell watermarks from the times of events, or from what their source says.
pub trait Watermarking<T>: Send + Sync {
    /// What is known of one source.
    type Marks: Send;
    /// Which events come in at all.
    type Admission: Admission<T>;

    /// Whether watermarks are the source's own.
    const FROM_SOURCE: bool = false;

    /// Begins with a source.
    fn start(&self) -> Self::Marks;

    /// Whether an event of this time moves nothing, so that it need not be
    /// [observed](Self::observe).
    #[inline(always)]
    fn stays(&self, _marks: &Self::Marks, _at: Timestamp) -> bool {
        false
    }

    /// Learns of an event; the watermark after it, where that has advanced.
    fn observe(&self, marks: &mut Self::Marks, at: Timestamp, event: &T) -> Option<Timestamp>;

    /// The source states a watermark; the one that holds now, where it counts and that has advanced.
    fn stated(&self, _marks: &mut Self::Marks, _to: Timestamp) -> Option<Timestamp> {
        None
    }

    /// The watermark that holds.
    fn current(&self, marks: &Self::Marks) -> Timestamp;

    /// Which events come in.
    fn admission(&self) -> &Self::Admission;
}
