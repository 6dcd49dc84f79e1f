//! What the stages of a pipeline share: how messages go back to their sources, when batchers flush, what
//! is counted.
//!
//! A message is *upstream* until it is settled or in an open batch. When all sources have emitted their
//! last and nothing is upstream, batchers have all that they will ever get, and flush. Whoever makes
//! either so looks at the other afterwards, so one of the two sees both.

use super::message::Head;
use super::source::{Failed, Settlement, Source};
use crate::error::{BoxError, FlowError, Site};
use crate::kernel::culprit::caught;
use crate::ops::DeadLetter;
use crate::runtime::task::TaskRef;
use crate::sync::{Mutex, unpoisoned};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

pub(super) struct Ledger<S: Source> {
    returns: Vec<Returns<S::Receipt>>,
    upstream: AtomicU64,
    sources: AtomicUsize,
    flushing: AtomicBool,
    batchers: Mutex<Vec<TaskRef>>,
    pub(super) counts: Counters,
    pub(super) dead_letters: Option<DeadLetters<S>>,
}

/// Takes messages that failed for good.
pub(super) struct DeadLetters<S: Source> {
    pub(super) take: TakeLetter<S::Item>,
    pub(super) site: Site,
}

type TakeLetter<T> = Box<dyn Fn(DeadLetter<T, FlowError>) -> Result<(), BoxError> + Send + Sync>;

/// What goes back to one source.
struct Returns<R> {
    settled: Mutex<Settled<R>>,
    task: OnceLock<TaskRef>,
}

/// Settled messages of one source, and how large they are.
pub(super) struct Settled<R> {
    pub(super) settlement: Settlement<R>,
    pub(super) bytes: usize,
}

impl<R> Settled<R> {
    pub(super) fn new() -> Self {
        Settled { settlement: Settlement::new(), bytes: 0 }
    }

    pub(super) fn append(&mut self, other: &mut Self) {
        self.settlement.done.append(&mut other.settlement.done);
        self.settlement.failed.append(&mut other.settlement.failed);
        self.bytes += std::mem::take(&mut other.bytes);
    }
}

/// What a pipeline has counted, changed once per batch.
#[derive(Default)]
pub(super) struct Counters {
    pub(super) pulled: AtomicU64,
    pub(super) done: AtomicU64,
    pub(super) failed: AtomicU64,
    pub(super) retries: AtomicU64,
    pub(super) dead_letters: AtomicU64,
    pub(super) source_errors: AtomicU64,
    pub(super) full: AtomicU64,
    pub(super) late: AtomicU64,
    pub(super) last: AtomicU64,
}

pub(super) fn add(counter: &AtomicU64, more: usize) {
    if more > 0 {
        counter.fetch_add(more as u64, Ordering::Relaxed);
    }
}

impl<S: Source> Ledger<S> {
    pub(super) fn new(sources: usize, dead_letters: Option<DeadLetters<S>>) -> Self {
        let returns = || Returns { settled: Mutex::new(Settled::new()), task: OnceLock::default() };
        Ledger {
            returns: (0..sources).map(|_| returns()).collect(),
            upstream: AtomicU64::new(0),
            sources: AtomicUsize::new(sources),
            flushing: AtomicBool::new(false),
            batchers: Mutex::default(),
            counts: Counters::default(),
            dead_letters,
        }
    }

    /// Names the task that is woken when something of a source is settled.
    pub(super) fn wake_source(&self, source: usize, task: &TaskRef) {
        self.returns[source].task.get_or_init(|| task.clone());
    }

    /// Names a task that is woken when batchers flush.
    pub(super) fn wake_batcher(&self, task: &TaskRef) {
        unpoisoned(self.batchers.lock()).push(task.clone());
    }

    /// What has come back to a source.
    pub(super) fn take(&self, source: usize, into: &mut Settled<S::Receipt>) {
        into.append(&mut *unpoisoned(self.returns[source].settled.lock()));
    }

    /// A source emits messages.
    pub(super) fn enter(&self, messages: usize) {
        self.upstream.fetch_add(messages as u64, Ordering::SeqCst);
    }

    /// Messages are settled before a batcher, or in an open batch.
    pub(super) fn leave(&self, messages: usize) {
        let messages = messages as u64;
        if messages > 0
            && self.upstream.fetch_sub(messages, Ordering::SeqCst) == messages
            && self.sources.load(Ordering::SeqCst) == 0
        {
            self.flush();
        }
    }

    /// A source has emitted its last.
    pub(super) fn source_ends(&self) {
        if self.sources.fetch_sub(1, Ordering::SeqCst) == 1
            && self.upstream.load(Ordering::SeqCst) == 0
        {
            self.flush();
        }
    }

    fn flush(&self) {
        self.flushing.store(true, Ordering::SeqCst);
        for batcher in unpoisoned(self.batchers.lock()).iter() {
            batcher.notify();
        }
    }

    pub(super) fn is_flushing(&self) -> bool {
        self.flushing.load(Ordering::SeqCst)
    }

    /// A message has failed for good.
    pub(super) fn give_up(
        &self,
        head: Head<S>,
        error: FlowError,
        site: Site,
        settling: &mut Settling<S>,
    ) {
        let Head { event, receipt, source, bytes, attempts, .. } = head;
        let taken = self.dead_letters.as_ref().is_some_and(|letters| {
            let error = error.clone();
            let letter = DeadLetter { event, error, attempts, position: None, site };
            matches!(caught(letters.site, || (letters.take)(letter)), Ok(Ok(())))
        });
        let settled = &mut settling.by_source[source];
        settled.bytes += bytes;
        if taken {
            add(&self.counts.dead_letters, 1);
            settled.settlement.done.push(receipt);
        } else {
            settled.settlement.failed.push(Failed { receipt, error, attempts });
        }
    }
}

/// What a stage settles, until it is sent: once per batch.
pub(super) struct Settling<S: Source> {
    by_source: Vec<Settled<S::Receipt>>,
}

impl<S: Source> Settling<S> {
    pub(super) fn new(ledger: &Ledger<S>) -> Self {
        Settling { by_source: ledger.returns.iter().map(|_| Settled::new()).collect() }
    }

    pub(super) fn done(&mut self, head: Head<S>) {
        let settled = &mut self.by_source[head.source];
        settled.bytes += head.bytes;
        settled.settlement.done.push(head.receipt);
    }

    /// Sends it all back to the sources; returns how many messages it was.
    pub(super) fn send(&mut self, ledger: &Ledger<S>) -> usize {
        let mut sent = 0;
        for (settled, returns) in self.by_source.iter_mut().zip(&ledger.returns) {
            if settled.settlement.is_empty() {
                continue;
            }
            sent += settled.settlement.len();
            unpoisoned(returns.settled.lock()).append(settled);
            if let Some(task) = returns.task.get() {
                task.notify();
            }
        }
        sent
    }
}
