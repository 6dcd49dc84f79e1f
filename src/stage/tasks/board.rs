//! What tasks are to be run, and what came of those that were.

use crate::error::{BoxError, ErrorKind, FlowError, Site};
use crate::kernel::culprit::{self, guarded};
use crate::stage::mailbox::Id;
use crate::sync::{Mutex, unpoisoned};
use std::collections::HashMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// An event, with the subscription that it came by.
pub(super) struct Job<T> {
    pub(super) from: Id,
    pub(super) event: T,
}

pub(super) struct Finished<T> {
    pub(super) job: Job<T>,
    pub(super) outcome: Result<(), FlowError>,
}

type Work<T> = Box<dyn Fn(&T) -> Result<(), BoxError> + Send + Sync>;

pub(super) struct Board<T> {
    work: Work<T>,
    state: Mutex<State<T>>,
    pub(super) counts: Arc<Counts>,
    site: Site,
}

struct State<T> {
    posted: HashMap<u64, Job<T>>,
    finished: Vec<Finished<T>>,
    /// Wakes the stage; none when it is over.
    tell: Option<Arc<dyn Fn() + Send + Sync>>,
    closed: bool,
}

#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) started: AtomicU64,
    succeeded: AtomicU64,
    failed: AtomicU64,
    pub(super) restarted: AtomicU64,
    dropped: AtomicU64,
    failure: Mutex<Option<FlowError>>,
}

impl Counts {
    /// A task is over for good.
    pub(super) fn is_over(&self, outcome: &Result<(), FlowError>) {
        let counter = match outcome {
            Ok(()) => &self.succeeded,
            Err(error) => {
                self.keep(error);
                &self.failed
            }
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    fn keep(&self, error: &FlowError) {
        *unpoisoned(self.failure.lock()) = Some(error.clone());
    }
}

/// What a consumer that runs tasks has counted. Clones count the same.
#[derive(Clone, Debug)]
pub struct TaskCounters(Arc<Counts>);

impl TaskCounters {
    /// Events for which a task was started.
    pub fn started(&self) -> u64 {
        self.0.started.load(Ordering::Relaxed)
    }

    /// Events whose task has succeeded.
    pub fn succeeded(&self) -> u64 {
        self.0.succeeded.load(Ordering::Relaxed)
    }

    /// Events whose task has failed and was not run again.
    pub fn failed(&self) -> u64 {
        self.0.failed.load(Ordering::Relaxed)
    }

    /// How often a task was run again.
    pub fn restarted(&self) -> u64 {
        self.0.restarted.load(Ordering::Relaxed)
    }

    /// Events whose task had not begun when the stage failed or was stopped.
    pub fn dropped(&self) -> u64 {
        self.0.dropped.load(Ordering::Relaxed)
    }

    /// The last failure of a task, if there was one.
    pub fn failure(&self) -> Option<FlowError> {
        unpoisoned(self.0.failure.lock()).clone()
    }
}

impl<T> Board<T> {
    pub(super) fn new(work: Work<T>, site: Site) -> Arc<Self> {
        let (posted, finished) = (HashMap::new(), Vec::new());
        let state = State { posted, finished, tell: None, closed: false };
        Arc::new(Board { work, state: Mutex::new(state), counts: Arc::default(), site })
    }

    pub(super) fn counters(&self) -> TaskCounters {
        TaskCounters(Arc::clone(&self.counts))
    }

    pub(super) fn tell(&self, tell: Box<dyn Fn() + Send + Sync>) {
        unpoisoned(self.state.lock()).tell = Some(Arc::from(tell));
    }

    pub(super) fn post(&self, key: u64, job: Job<T>) {
        unpoisoned(self.state.lock()).posted.insert(key, job);
    }

    pub(super) fn finished(&self) -> Vec<Finished<T>> {
        std::mem::take(&mut unpoisoned(self.state.lock()).finished)
    }

    pub(super) fn keep(&self, error: &FlowError) {
        self.counts.keep(error);
    }

    /// Runs a task, unless the stage has ended before it began.
    pub(super) fn run(&self, key: u64) {
        let Some(job) = ({ unpoisoned(self.state.lock()).posted.remove(&key) }) else {
            return;
        };
        let ran =
            catch_unwind(AssertUnwindSafe(|| guarded(&self.site, || (self.work)(&job.event))));
        let outcome = match ran {
            Ok(done) => done.map_err(|error| {
                FlowError::of(ErrorKind::Sink, "a task failed", error).with_site(self.site)
            }),
            Err(payload) => Err(culprit::named(payload).with_site(self.site)),
        };
        let (tell, late) = {
            let mut state = unpoisoned(self.state.lock());
            let finished = Finished { job, outcome };
            let late = if state.closed {
                Some(finished)
            } else {
                state.finished.push(finished);
                None
            };
            (state.tell.clone(), late)
        };
        match (late, tell) {
            // Nobody settles it any more.
            (Some(Finished { outcome, .. }), _) => self.counts.is_over(&outcome),
            (None, Some(tell)) => tell(),
            (None, None) => {}
        }
    }

    /// The stage is over.
    pub(super) fn close(&self) {
        let (posted, finished, tell) = {
            let mut state = unpoisoned(self.state.lock());
            state.closed = true;
            let finished = std::mem::take(&mut state.finished);
            (std::mem::take(&mut state.posted), finished, state.tell.take())
        };
        self.counts.dropped.fetch_add(posted.len() as u64, Ordering::Relaxed);
        finished.iter().for_each(|finished| self.counts.is_over(&finished.outcome));
        drop((posted, tell));
    }
}

impl<T> fmt::Debug for Board<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Board")
    }
}
