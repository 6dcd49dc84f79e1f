//! A running pipeline: its counters, and how it ends.

use super::ledger::Ledger;
use super::message::Head;
use super::pull::Puller;
use super::source::Source;
use crate::error::{BoxError, ErrorKind, FlowError};
use crate::stage::{Reason, Shared, StageRef};
use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A running pipeline. Dropping it changes nothing.
pub struct PipelineRef<S: Source> {
    sources: Vec<SourceRef<S>>,
    /// All stages but the sources.
    parts: Vec<Box<dyn Part>>,
    ledger: Arc<Ledger<S>>,
    shared: Arc<Shared>,
}

type SourceRef<S> = StageRef<Puller<S>, Infallible, Head<S>>;

/// A stage of a pipeline, whatever it does.
pub(super) trait Part: Send + Sync {
    fn over(&self) -> Option<Reason>;
    fn join(&self) -> Reason;
    fn stop(&self);
}

impl<R: 'static, In: Send + 'static, Out: Send + 'static> Part for StageRef<R, In, Out> {
    fn over(&self) -> Option<Reason> {
        StageRef::over(self)
    }

    fn join(&self) -> Reason {
        StageRef::join(self)
    }

    fn stop(&self) {
        StageRef::stop(self);
    }
}

/// What a pipeline has counted since it was started: each at its own time, so that sums are exact only
/// when it is over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PipelineCounts {
    /// Messages that were pulled.
    pub pulled: u64,
    /// Messages that were settled as done, dead letters among them.
    pub done: u64,
    /// Messages that were settled as failed.
    pub failed: u64,
    /// Messages that were taken by [`dead_letters`](super::Pipeline::dead_letters).
    pub dead_letters: u64,
    /// Attempts after a message's first, of processors and of handlers.
    pub retries: u64,
    /// Calls of a source that failed.
    pub source_errors: u64,
    /// Batches that were full.
    pub batches_full: u64,
    /// Batches whose time was over.
    pub batches_late: u64,
    /// Batches that the end of the pipeline closed.
    pub batches_last: u64,
}

impl PipelineCounts {
    /// Messages that are pulled and not settled.
    pub fn in_flight(&self) -> u64 {
        self.pulled.saturating_sub(self.done + self.failed)
    }

    /// All batches that were closed.
    pub fn batches(&self) -> u64 {
        self.batches_full + self.batches_late + self.batches_last
    }
}

/// How a pipeline ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PipelineReport {
    /// What it has counted.
    pub counts: PipelineCounts,
    /// Messages that were pulled and not settled, because it was stopped before: their source will
    /// deliver them again.
    pub unfinished: u64,
}

impl<S: Source> PipelineRef<S> {
    pub(super) fn new(
        sources: Vec<SourceRef<S>>,
        parts: Vec<Box<dyn Part>>,
        ledger: Arc<Ledger<S>>,
        shared: &Arc<Shared>,
    ) -> Self {
        PipelineRef { sources, parts, ledger, shared: Arc::clone(shared) }
    }

    /// What it has counted.
    pub fn counts(&self) -> PipelineCounts {
        let counts = &self.ledger.counts;
        // Settled before pulled: so there are never more settled than pulled.
        let [done, failed] = [&counts.done, &counts.failed].map(read);
        PipelineCounts {
            done,
            failed,
            pulled: read(&counts.pulled),
            dead_letters: read(&counts.dead_letters),
            retries: read(&counts.retries),
            source_errors: read(&counts.source_errors),
            batches_full: read(&counts.full),
            batches_late: read(&counts.late),
            batches_last: read(&counts.last),
        }
    }

    /// Comes to its end: nothing more is pulled; what was pulled is processed, also again, open batches
    /// are closed and handled, and all is settled.
    pub fn drain(&self) {
        self.sources.iter().for_each(StageRef::drain);
    }

    /// Waits for that as long as `limit`. Then it is stopped: what is being called is waited for, what
    /// is done is settled, and the rest is reported as unfinished.
    ///
    /// # Errors
    /// As [`join`](Self::join).
    ///
    /// # Panics
    /// On a worker, where it would block other stages.
    pub fn drain_for(&self, limit: Duration) -> Result<PipelineReport, FlowError> {
        self.drain();
        if !self.shared.so_within(limit, |_| self.is_over()) {
            self.parts.iter().for_each(|part| part.stop());
            self.parts.iter().for_each(|part| _ = part.join());
            for source in &self.sources {
                // Where it is over already, it has settled all.
                let _over = source.call(|puller, _| puller.settle_last()).wait();
                source.stop();
            }
        }
        self.join()
    }

    /// Ends it at once: what is not settled will be delivered again by its source.
    pub fn stop(&self) {
        self.sources.iter().for_each(StageRef::stop);
        self.parts.iter().for_each(|part| part.stop());
    }

    /// Whether all its stages are over.
    pub fn is_over(&self) -> bool {
        let sources_over = self.sources.iter().all(|source| source.over().is_some());
        sources_over && self.parts.iter().all(|part| part.over().is_some())
    }

    /// Waits until it is over: its sources are done, it was drained or stopped.
    ///
    /// # Errors
    /// What it failed with: a source that could not pull or settle.
    ///
    /// # Panics
    /// On a worker, where it would block other stages.
    pub fn join(&self) -> Result<PipelineReport, FlowError> {
        let sources = self.sources.iter().map(StageRef::join);
        for reason in sources.chain(self.parts.iter().map(|part| part.join())) {
            if let Reason::Failed(error) = reason {
                return Err(error);
            }
        }
        let counts = self.counts();
        Ok(PipelineReport { counts, unfinished: counts.in_flight() })
    }

    /// Where a source stands, by its number.
    ///
    /// # Panics
    /// If there is no such source; on a worker, where it would block other stages.
    pub fn position(&self, source: usize) -> Option<Vec<u8>> {
        let position = self.sources[source].call(|puller, _| puller.source().position());
        position.wait().ok().flatten()
    }

    /// Sends a source to a position that it gave. What was pulled before is handled all the same.
    ///
    /// # Errors
    /// What [`Source::seek`] returns; or the pipeline is over.
    ///
    /// # Panics
    /// If there is no such source; on a worker, where it would block other stages.
    pub fn seek(&self, source: usize, position: Vec<u8>) -> Result<(), FlowError> {
        let seek = self.sources[source].call(move |puller, _| puller.source().seek(&position));
        let failed = |message, error: BoxError| {
            Err(FlowError::new(ErrorKind::Source, message).with_source(error))
        };
        match seek.wait() {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => failed("a source could not seek", error),
            Err(reason) => failed("a source is over", reason.to_string().into()),
        }
    }
}

fn read(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

impl<S: Source> fmt::Debug for PipelineRef<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PipelineRef").field("counts", &self.counts()).finish_non_exhaustive()
    }
}
