//! A user's own producers: asked for events by demand, never for more than their consumers can take.

use super::feed;
use crate::error::{BoxError, ErrorKind, FlowError, Site};
use crate::kernel::culprit::guarded;
use crate::kernel::{Make, Push};
use crate::ops::{ByReference, Flow, Node, Stampable};
use crate::plan::{Builder, Outline, StageOptions};
use crate::runtime::core::{Cx, Phase};
use crate::runtime::stage::{Input, Pull};
use crate::runtime::task::TaskRef;
use crate::stage::{Context, Peer, Reason};
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

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

/// How many events are wanted, and where they go.
pub struct Demand<'a, T> {
    events: usize,
    emitted: &'a mut VecDeque<T>,
    task: &'a TaskRef,
    rung: &'a mut Option<Arc<AtomicBool>>,
    awaits_bell: &'a mut bool,
}

impl<T> Demand<'_, T> {
    /// How many events the consumers can take, less those already emitted in this call.
    pub fn events(&self) -> usize {
        self.events.saturating_sub(self.emitted.len())
    }

    /// Emits one event.
    pub fn emit(&mut self, event: T) {
        self.emitted.push_back(event);
    }

    /// A means to say from anywhere that there is something again, after
    /// [`Produced::Pending`].
    pub fn notifier(&mut self) -> Notifier {
        *self.awaits_bell = true;
        self.task.core().outside_enters();
        let rung = Arc::clone(self.rung.get_or_insert_default());
        Notifier(Arc::new(Bell { task: self.task.clone(), rung }))
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
    rung: Arc<AtomicBool>,
}

impl Notifier {
    /// The producer will be asked again.
    pub fn notify(&self) {
        self.0.ring();
    }
}

impl Bell {
    fn ring(&self) {
        self.rung.store(true, Ordering::SeqCst);
        self.task.notify();
    }
}

impl Drop for Bell {
    fn drop(&mut self) {
        // Nobody can ring this one any more: the producer is asked once more.
        self.ring();
        self.task.core().outside_leaves();
    }
}

impl Flow {
    /// The events of producers that you write, each asked for what its consumers can take:
    /// `max_demand` at first, and again whenever `min_demand` or less is still pending.
    #[track_caller]
    pub fn from_stages<P: Producer>(producers: impl IntoIterator<Item = P>) -> Flow<FromStages<P>> {
        let site = Site::here("from_stages");
        Flow::of(FromStages { producers: producers.into_iter().collect(), site })
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
        let inputs = self.producers.into_iter().map(|producer| FromProducer::new(producer, site));
        feed::build(|_| inputs.collect(), site, stage, builder, make);
    }
}

impl<P: Producer> Stampable for FromStages<P> {
    const PER_SOURCE: bool = true;

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
        let inputs = self.producers.into_iter().map(|producer| FromProducer::new(producer, site));
        feed::build_per_source(inputs.collect(), site, stage, builder, make);
    }
}

/// When a producer is asked again.
pub(crate) struct Asking {
    produced: Produced,
    /// A notifier has said that there is something again.
    rung: Option<Arc<AtomicBool>>,
    /// Whether its last call took a notifier, which will say so.
    awaits_bell: bool,
    /// When it is asked again by time.
    due: u64,
}

/// A pending producer without a notifier is asked again after 1 ms, in nanoseconds.
const ASK_AGAIN: u64 = 1_000_000;

impl Asking {
    pub(crate) fn new() -> Self {
        Asking { produced: Produced::More, rung: None, awaits_bell: false, due: 0 }
    }

    /// Whether it said that there is nothing for now, and nothing has changed since: a task may be
    /// woken for other reasons.
    pub(crate) fn still_pending(&self, cx: &mut Cx<'_>) -> bool {
        let rung = self.rung.as_ref().is_some_and(|rung| rung.swap(false, Ordering::SeqCst));
        if self.produced != Produced::Pending || rung {
            return false;
        }
        if self.awaits_bell {
            return true;
        }
        cx.lap();
        cx.now() < self.due
    }

    /// Asks it for so many events.
    pub(crate) fn ask<T>(
        &mut self,
        events: usize,
        emitted: &mut VecDeque<T>,
        cx: &Cx<'_>,
        produce: impl FnOnce(&mut Demand<'_, T>) -> Result<Produced, BoxError>,
    ) -> Result<Produced, BoxError> {
        self.awaits_bell = false;
        let produced = produce(&mut Demand {
            events: events + emitted.len(),
            emitted,
            task: cx.task,
            rung: &mut self.rung,
            awaits_bell: &mut self.awaits_bell,
        })?;
        self.produced = produced;
        Ok(produced)
    }

    /// It is pending: sees to it that it is asked again.
    pub(crate) fn wait(&mut self, cx: &mut Cx<'_>) {
        if !self.awaits_bell {
            cx.lap();
            self.due = cx.now() + ASK_AGAIN;
            cx.wake_at(self.due);
        }
    }
}

/// One producer.
struct FromProducer<P: Producer> {
    producer: P,
    /// What it emitted and there was no demand for.
    emitted: VecDeque<P::Item>,
    asking: Asking,
    site: Site,
}

impl<P: Producer> FromProducer<P> {
    fn new(producer: P, site: Site) -> Self {
        FromProducer { producer, emitted: VecDeque::new(), asking: Asking::new(), site }
    }
}

impl<P: Producer, K: Push<P::Item>> Input<K> for FromProducer<P> {
    fn pull(&mut self, kernel: &mut K, room: usize, cx: &mut Cx<'_>) -> Pull {
        if self.emitted.is_empty() {
            if self.asking.produced == Produced::Done || cx.core.phase() != Phase::Running {
                return Pull::End;
            }
            if self.asking.still_pending(cx) {
                return Pull::Wait;
            }
            let (producer, emitted, site) = (&mut self.producer, &mut self.emitted, &self.site);
            let asked = self
                .asking
                .ask(room, emitted, cx, |demand| guarded(site, || producer.produce(demand)));
            if let Err(error) = asked {
                let failed = FlowError::new(ErrorKind::Source, "a producer failed");
                cx.task.fail(failed.with_source(error).with_site(self.site));
                return Pull::Wait;
            }
        }
        let now = room.min(self.emitted.len());
        kernel.push_all(self.emitted.drain(..now));
        match self.asking.produced {
            _ if now > 0 => Pull::Some(now),
            Produced::Done => Pull::End,
            Produced::More => Pull::Some(0),
            Produced::Pending => {
                self.asking.wait(cx);
                Pull::Wait
            }
        }
    }
}
