//! Where messages come from, and where it goes back what became of them.

use super::message::Head;
use crate::error::{BoxError, FlowError};
use crate::runtime::task::TaskRef;
use crate::source::{Notifier, Rung};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// A source of messages that wants to know what became of them: a queue, a log, a broker's client.
///
/// One stage owns it, so every method has `&mut self` and no two of them run at once: what pulls may
/// be what acknowledges, as with Kafka's consumer. What a broker needs to know a message again is its
/// [`Receipt`](Source::Receipt): Kafka's partition and offset, RabbitMQ's delivery tag, the receipt
/// handle of SQS, the id of a Redis stream. Receipts travel with their messages and come back
/// [settled](Source::settle), many in one call, each exactly once unless the pipeline is stopped or
/// fails: then the broker delivers those messages again, as after a crash.
///
/// ```
/// use flow::pipeline::{Pipeline, Pull, Pulled, Settlement, Source};
/// use flow::stage::Stages;
/// use flow::BoxError;
///
/// /// A log of numbers, read once.
/// struct Log(u64);
///
/// impl Source for Log {
///     type Item = u64;
///     type Receipt = u64;
///
///     fn pull(&mut self, pull: &mut Pull<'_, Self>) -> Result<Pulled, BoxError> {
///         while pull.items() > 0 && self.0 < 100 {
///             pull.emit(self.0 * self.0, self.0);
///             self.0 += 1;
///         }
///         Ok(if self.0 < 100 { Pulled::More } else { Pulled::Done })
///     }
///
///     fn settle(&mut self, settled: &Settlement<u64>) -> Result<(), BoxError> {
///         assert!(settled.failed.is_empty() && settled.done.iter().all(|offset| *offset < 100));
///         Ok(())
///     }
/// }
///
/// let stages = Stages::new();
/// let pipeline = Pipeline::new(Log(0), |square: &u64| Ok(*square)).start(&stages)?;
/// assert_eq!(pipeline.join()?.counts.done, 100);
/// # Ok::<(), flow::FlowError>(())
/// ```
pub trait Source: Send + Sized + 'static {
    /// A message.
    type Item: Send + 'static;
    /// By what a message is known again.
    type Receipt: Send + 'static;

    /// Whether [`pull`](Source::pull) may block: then it has a thread of its own.
    const BLOCKS: bool = false;

    /// Emits messages: as many as are wanted, or fewer. What is emitted beyond is kept until there is
    /// room, and nothing is pulled meanwhile.
    ///
    /// # Errors
    /// Called again later: see [`Pipeline::source_retry`](super::Pipeline::source_retry). A panic
    /// counts as an error.
    fn pull(&mut self, pull: &mut Pull<'_, Self>) -> Result<Pulled, BoxError>;

    /// These are settled: acknowledge what is done, give back what has failed.
    ///
    /// # Errors
    /// Called again later with the same: acknowledging twice must do no harm.
    fn settle(&mut self, settled: &Settlement<Self::Receipt>) -> Result<(), BoxError>;

    /// The pipeline drains: [`pull`](Source::pull) is not called any more, [`settle`](Source::settle)
    /// still is. The place to cancel a subscription with the broker.
    ///
    /// # Errors
    /// The pipeline drains all the same, and then fails with it.
    fn prepare_for_drain(&mut self) -> Result<(), BoxError> {
        Ok(())
    }

    /// Where it stands, for a source that can be read again from there: whatever its
    /// [`seek`](Source::seek) understands.
    fn position(&self) -> Option<Vec<u8>> {
        None
    }

    /// Goes to a position.
    ///
    /// # Errors
    /// By default: a source without positions cannot seek.
    fn seek(&mut self, _position: &[u8]) -> Result<(), BoxError> {
        Err("this source has no positions".into())
    }
}

/// How a call of [`Source::pull`] ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pulled {
    /// There may be more: call again when there is room. A source that does not
    /// [block](Source::BLOCKS) and has nothing for now says something else.
    More,
    /// Nothing more for now: call again after this time.
    After(Duration),
    /// Nothing more for now: call again when the [`Notifier`] says so, or when something was settled.
    Wait,
    /// That was all.
    Done,
}

/// How much is wanted, and where it goes.
pub struct Pull<'a, S: Source> {
    pub(super) items: usize,
    pub(super) bytes: usize,
    pub(super) pulled: &'a mut Vec<Head<S>>,
    pub(super) source: usize,
    pub(super) task: &'a TaskRef,
    pub(super) rung: &'a Arc<Rung>,
}

impl<S: Source> Pull<'_, S> {
    /// How many messages are wanted, less those already emitted in this call.
    pub fn items(&self) -> usize {
        self.items.saturating_sub(self.pulled.len())
    }

    /// How many bytes are wanted, less those already emitted: very many where
    /// [no limit](super::Pipeline::in_flight_bytes) is set.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// How long a source that [blocks](Source::BLOCKS) may wait for messages: 100 ms. What is settled
    /// meanwhile waits as long.
    pub fn wait(&self) -> Duration {
        Duration::from_millis(100)
    }

    /// Emits a message whose size does not matter.
    pub fn emit(&mut self, item: S::Item, receipt: S::Receipt) {
        self.emit_sized(item, receipt, 0);
    }

    /// Emits a message of so many bytes.
    pub fn emit_sized(&mut self, item: S::Item, receipt: S::Receipt, bytes: usize) {
        self.bytes = self.bytes.saturating_sub(bytes);
        let source = self.source;
        self.pulled.push(Head { event: item, receipt, source, bytes, key: 0, attempts: 0 });
    }

    /// A means to say from anywhere that there is something again, after [`Pulled::Wait`]. One that
    /// was taken in the last call and is dropped says so, too.
    pub fn notifier(&self) -> Notifier {
        Notifier::new(self.task, self.rung)
    }
}

impl<S: Source> fmt::Debug for Pull<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pull({} messages, {} bytes)", self.items(), self.bytes)
    }
}

/// What became of messages of one source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settlement<R> {
    /// Done: handled, or taken by [`dead_letters`](super::Pipeline::dead_letters).
    pub done: Vec<R>,
    /// Failed for good, as far as this pipeline goes.
    pub failed: Vec<Failed<R>>,
}

/// A message that failed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Failed<R> {
    /// Which message.
    pub receipt: R,
    /// What its last attempt failed with.
    pub error: FlowError,
    /// How many attempts were made.
    pub attempts: u32,
}

impl<R: PartialEq> PartialEq for Failed<R> {
    fn eq(&self, other: &Self) -> bool {
        self.receipt == other.receipt && self.attempts == other.attempts
    }
}

impl<R: Eq> Eq for Failed<R> {}

impl<R> Settlement<R> {
    pub(super) fn new() -> Self {
        Settlement { done: Vec::new(), failed: Vec::new() }
    }

    /// How many messages it is about.
    pub fn len(&self) -> usize {
        self.done.len() + self.failed.len()
    }

    /// Whether it is about none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
