//! A user's own producers: asked for events by demand, never for more than their consumers can take.

use super::feed;
use super::into_producer::{IntoProducer, waker};
use super::marks::Marks;
use crate::error::{BoxError, ErrorKind, FlowError, Site};
use crate::kernel::culprit::guarded;
use crate::kernel::{Make, Mark, Push};
use crate::ops::{ByReference, Flow, Node, Stampable};
use crate::plan::{Builder, Outline, StageOptions};
use crate::runtime::core::{Cx, Phase};
use crate::runtime::stage::{Input, Pull};
use crate::runtime::task::TaskRef;
use crate::stage::{Context, Peer, Reason};
use crate::time::Timestamp;
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::Waker;

/// A source that you write: it answers demand.
///
/// ```
/// use flow::{Demand, Flow, Produced, Producer};
///
/// struct Counter(u64);
///
/// impl Producer for Counter {
///     type Item = u64;
///
///     fn produce(&mut self, demand: &mut Demand<'_, u64>) -> Result<Produced, flow::BoxError> {
///         for _ in 0..demand.events() {
///             demand.emit(self.0);
///             self.0 += 1;
///         }
///         Ok(Produced::More)
///     }
/// }
///
/// let mut first: Vec<u64> = Flow::from_stages([Counter(0)]).stages(1).take_any(5).collect()?;
/// first.sort();
/// assert_eq!(first, [0, 1, 2, 3, 4]);
/// # Ok::<(), flow::FlowError>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a producer",
    label = "`from_stages` asks producers by demand",
    note = "implement `flow::Producer` for it; `from_iter` and `from_iters` take iterators"
)]
pub trait Producer: Send {
    /// What it produces.
    type Item: Send;

    /// Emits events: as many as there is demand for, or fewer. It must not block; where there is
    /// nothing for now it returns [`Produced::Pending`].
    ///
    /// It may also state its watermark between events ([`Demand::watermark`]), and that it is idle
    /// ([`Demand::idle`]).
    ///
    /// What it emits beyond the demand (a burst that cannot be held back) is kept until there is
    /// demand again; until then it is not called.
    ///
    /// # Errors
    /// An error fails the run with [`ErrorKind::Source`].
    fn produce(&mut self, demand: &mut Demand<'_, Self::Item>) -> Result<Produced, BoxError>;

    /// A consumer has subscribed, where this is a stage of its own (see [`stage`](crate::stage)).
    fn on_subscribe(&mut self, _peer: &Peer, _cx: &mut Context<'_, Self::Item>) {}

    /// A consumer has left, where this is a stage of its own.
    fn on_cancel(&mut self, _peer: &Peer, _reason: &Reason, _cx: &mut Context<'_, Self::Item>) {}

    /// The position of the next event, for a source that can be read again from there. Recorded by
    /// checkpoints; none by default.
    fn position(&self) -> Option<u64> {
        None
    }

    /// Goes to a position that [`position`](Producer::position) gave.
    ///
    /// # Errors
    /// By default: a source without positions cannot seek.
    fn seek(&mut self, _position: u64) -> Result<(), BoxError> {
        Err("this producer has no positions".into())
    }
}

/// How a call of [`Producer::produce`] ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Produced {
    /// There is more: call again when there is demand.
    More,
    /// Nothing for now: call again when the [`Notifier`] says so, or after a millisecond where none
    /// was taken.
    Pending,
    /// That was all.
    Done,
}

/// How many events are wanted, and where they and what is known of their time go.
pub struct Demand<'a, T> {
    events: usize,
    emitted: &'a mut VecDeque<T>,
    /// Where somebody wants to know.
    marks: Option<&'a mut Marks>,
    task: &'a TaskRef,
    rung: &'a mut Option<Arc<Rung>>,
    awaits_bell: &'a mut bool,
}

impl<T> Demand<'_, T> {
    /// How many events the consumers can take, less those already emitted in this call.
    pub fn events(&self) -> usize {
        self.events.saturating_sub(self.emitted.len())
    }

    /// The time of the run.
    pub(crate) fn now(&self) -> u64 {
        self.task.core().clock.now()
    }

    /// Emits one event.
    pub fn emit(&mut self, event: T) {
        self.emitted.push_back(event);
    }

    /// Says that this producer will emit no event before `to` any more: its watermark, from here on,
    /// between the events before and behind. A lower one than before is ignored.
    ///
    /// It counts where the flow asks for it, with `timestamps(.., |w| w.from_source())`; flows without
    /// times, and stages of their own ([`stage`](crate::stage)), do not look at it.
    ///
    /// ```
    /// use flow::{Demand, Flow, Produced, Producer, Timestamp, Window};
    /// use std::time::Duration;
    ///
    /// /// Events of three seconds, in no order; the end of a second is known.
    /// struct Seconds(i64);
    ///
    /// impl Producer for Seconds {
    ///     type Item = i64;
    ///
    ///     fn produce(&mut self, demand: &mut Demand<'_, i64>) -> Result<Produced, flow::BoxError> {
    ///         demand.extend([900, 100, 500].map(|ms| 1000 * self.0 + ms));
    ///         self.0 += 1;
    ///         demand.watermark(Timestamp(1000 * self.0));
    ///         Ok(if self.0 < 3 { Produced::More } else { Produced::Done })
    ///     }
    /// }
    ///
    /// let seconds = Flow::from_stages([Seconds(0)])
    ///     .timestamps(|ms| Timestamp(*ms), |w| w.from_source())
    ///     .key_by(|_| ())
    ///     .window(Window::fixed(Duration::from_secs(1)))
    ///     .count();
    /// assert_eq!(seconds.map(|pane| pane.value).collect::<Vec<u64>>()?, [3, 3, 3]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    pub fn watermark(&mut self, to: Timestamp) {
        self.say(Mark::Watermark(to));
    }

    /// Says that nothing is to be expected of this producer for now: nobody waits for its watermark,
    /// whichever way that is told, until it emits an event or says a watermark again. What it emits
    /// then may be late.
    pub fn idle(&mut self) {
        self.say(Mark::Idle);
    }

    fn say(&mut self, mark: Mark) {
        if let Some(marks) = &mut self.marks {
            marks.say(self.emitted.len(), mark);
        }
    }

    /// A means to say from anywhere that there is something again, after
    /// [`Produced::Pending`]. One that was taken in the last call and is dropped says so too; those of
    /// earlier calls may be dropped when a new one is taken.
    pub fn notifier(&mut self) -> Notifier {
        *self.awaits_bell = true;
        Notifier::new(self.task, self.rung.get_or_insert_default())
    }

    /// A notifier as a waker: taken once, and waited for after every [`Produced::Pending`].
    pub(crate) fn bell<'b>(&mut self, bell: &'b mut Option<Waker>) -> &'b Waker {
        *self.awaits_bell = true;
        bell.get_or_insert_with(|| waker(self.notifier()))
    }
}

impl<T> Extend<T> for Demand<'_, T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, events: I) {
        self.emitted.extend(events);
    }
}

impl<T> fmt::Debug for Demand<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Demand({})", self.events())
    }
}

/// Wakes a producer that was pending.
#[derive(Clone, Debug)]
pub struct Notifier(Arc<Bell>);

#[derive(Debug)]
struct Bell {
    task: TaskRef,
    rung: Arc<Rung>,
    /// In which call it was taken.
    call: u64,
}

/// What all notifiers of a producer share.
#[derive(Debug, Default)]
pub(crate) struct Rung {
    rung: AtomicBool,
    /// Which call of the producer was the last one.
    call: AtomicU64,
}

impl Notifier {
    pub(crate) fn new(task: &TaskRef, rung: &Arc<Rung>) -> Self {
        task.core().outside_enters();
        let call = rung.call.load(Ordering::Relaxed);
        Notifier(Arc::new(Bell { task: task.clone(), rung: Arc::clone(rung), call }))
    }

    /// The producer will be asked again.
    pub fn notify(&self) {
        self.0.ring();
    }
}

impl Rung {
    /// The producer is called once more: notifiers of earlier calls do not ring when they are dropped.
    pub(crate) fn next_call(&self) {
        self.call.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether somebody has rung since this was last asked.
    pub(crate) fn take(&self) -> bool {
        self.rung.swap(false, Ordering::SeqCst)
    }
}

impl Bell {
    fn ring(&self) {
        self.rung.rung.store(true, Ordering::SeqCst);
        self.task.notify();
    }
}

impl Drop for Bell {
    fn drop(&mut self) {
        // Nobody can ring this one any more: the producer is asked once more, unless it has taken
        // another one since.
        if self.rung.call.load(Ordering::Relaxed) == self.call {
            self.ring();
        }
        self.task.core().outside_leaves();
    }
}

impl Flow {
    /// The events of producers that you write, each asked for what its consumers can take:
    /// `max_demand` at first, and again whenever `min_demand` or less is still pending. Or the events of
    /// stages that run: see [`IntoProducer`].
    #[track_caller]
    pub fn from_stages<P>(producers: impl IntoIterator<Item = P>) -> Flow<FromStages<P::Producer>>
    where
        P: IntoProducer,
    {
        let site = Site::here("from_stages");
        let producers = producers.into_iter().map(|producer| producer.into_producer(site));
        Flow::of(FromStages::new(producers.collect(), site))
    }
}

impl<P: Producer> FromStages<P> {
    pub(crate) fn new(producers: Vec<P>, site: Site) -> Self {
        FromStages { producers, site }
    }
}

/// The events of producers.
#[derive(Clone, Debug)]
pub struct FromStages<P> {
    producers: Vec<P>,
    site: Site,
}

impl<P: Producer> Node for FromStages<P> {
    type Item = P::Item;
    type Lending = ByReference;

    fn describe(&self, stage: &StageOptions, outline: &mut Outline) {
        feed::describe(stage, self.producers.len(), self.site, outline);
    }

    fn build<'env, M>(self, stage: StageOptions, builder: &mut Builder<'env>, make: M)
    where
        Self: 'env,
        M: Make<Kernel: Push<P::Item>> + 'env,
    {
        let site = self.site;
        let input = |producer| FromProducer::new(producer, site, false);
        let inputs = self.producers.into_iter().map(input);
        feed::build(|_| inputs.collect(), site, stage, builder, make);
    }
}

impl<P: Producer> Stampable for FromStages<P> {
    const PER_SOURCE: bool = true;
    const SAYS_TIME: bool = true;

    fn describe_per_source(&self, _stage: &StageOptions, outline: &mut Outline) {
        outline.instances(self.producers.len().max(1));
        outline.operator(self.site);
    }

    fn build_per_source<'env, M>(self, stage: StageOptions, builder: &mut Builder<'env>, make: M)
    where
        Self: 'env,
        M: Make<Kernel: Push<P::Item>> + 'env,
    {
        let site = self.site;
        let input = |producer| FromProducer::new(producer, site, true);
        let inputs = self.producers.into_iter().map(input);
        feed::build_per_source(inputs.collect(), site, stage, builder, make);
    }
}

/// When a producer is asked again.
pub(crate) struct Asking {
    produced: Produced,
    /// A notifier has said that there is something again.
    rung: Option<Arc<Rung>>,
    /// Whether its last call took a notifier, which will say so.
    awaits_bell: bool,
    /// When it is asked again by time, and for which such time its task will be woken.
    due: u64,
    woken: u64,
}

/// A pending producer without a notifier is asked again after 1 ms, in nanoseconds.
const ASK_AGAIN: u64 = 1_000_000;

impl Asking {
    pub(crate) fn new() -> Self {
        Asking { produced: Produced::More, rung: None, awaits_bell: false, due: 0, woken: 0 }
    }

    /// Whether it said that there is nothing for now, and nothing has changed since: a task may be
    /// woken for other reasons. If so, sees to it that it is asked again.
    pub(crate) fn still_pending(&mut self, cx: &mut Cx<'_>) -> bool {
        let rung = self.rung.as_ref().is_some_and(|rung| rung.take());
        if self.produced != Produced::Pending || rung {
            return false;
        }
        if !self.awaits_bell {
            cx.lap();
            if cx.now() >= self.due {
                return false;
            }
            if self.woken != self.due {
                self.woken = self.due;
                cx.wake_at(self.due);
            }
        }
        true
    }

    /// Asks it for so many events; what it says of time goes into `marks`, if there are any.
    pub(crate) fn ask<T>(
        &mut self,
        events: usize,
        emitted: &mut VecDeque<T>,
        marks: Option<&mut Marks>,
        cx: &mut Cx<'_>,
        produce: impl FnOnce(&mut Demand<'_, T>) -> Result<Produced, BoxError>,
    ) -> Result<Produced, BoxError> {
        self.awaits_bell = false;
        if let Some(rung) = &self.rung {
            rung.next_call();
        }
        let produced = produce(&mut Demand {
            events: events + emitted.len(),
            emitted,
            marks,
            task: cx.task,
            rung: &mut self.rung,
            awaits_bell: &mut self.awaits_bell,
        })?;
        self.produced = produced;
        if produced == Produced::Pending && !self.awaits_bell {
            cx.lap();
            self.due = cx.now() + ASK_AGAIN;
        }
        Ok(produced)
    }
}

/// One producer.
struct FromProducer<P: Producer> {
    producer: P,
    /// What it emitted and there was no demand for.
    emitted: VecDeque<P::Item>,
    /// What it said of time, where events have one.
    marks: Marks,
    timed: bool,
    asking: Asking,
    site: Site,
}

impl<P: Producer> FromProducer<P> {
    fn new(producer: P, site: Site, timed: bool) -> Self {
        let (emitted, marks) = (VecDeque::new(), Marks::default());
        FromProducer { producer, emitted, marks, timed, asking: Asking::new(), site }
    }

    /// Whether all that was emitted has been given.
    fn has_given_all(&self) -> bool {
        self.emitted.is_empty() && self.marks.is_empty()
    }
}

impl<P: Producer, K: Push<P::Item>> Input<K> for FromProducer<P> {
    fn pull(&mut self, kernel: &mut K, room: usize, cx: &mut Cx<'_>) -> Pull {
        if self.has_given_all() {
            if self.asking.produced == Produced::Done || cx.core.phase() != Phase::Running {
                return Pull::End;
            }
            if self.asking.still_pending(cx) {
                return Pull::Wait;
            }
            let (producer, emitted, site) = (&mut self.producer, &mut self.emitted, &self.site);
            let marks = self.timed.then_some(&mut self.marks);
            let asked = self
                .asking
                .ask(room, emitted, marks, cx, |demand| guarded(site, || producer.produce(demand)));
            if let Err(error) = asked {
                let failed = FlowError::of(ErrorKind::Source, "a producer failed", error);
                cx.task.fail(failed.with_site(self.site));
                return Pull::Wait;
            }
        }
        let now = self.marks.push_into(&mut self.emitted, kernel, room);
        if self.asking.produced == Produced::Done && now == 0 && self.has_given_all() {
            return Pull::End;
        }
        // Whether it is still pending the next pull sees: a notifier may have rung meanwhile.
        Pull::Some(now)
    }
}
