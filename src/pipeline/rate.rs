//! How many messages a pipeline takes per interval.

use crate::runtime::clock::nanos;
use crate::runtime::task::TaskRef;
use crate::sync::{Mutex, unpoisoned};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// At most so many messages per interval, for all sources of a pipeline together; a handle, whose
/// clones change the same rate.
///
/// Intervals follow each other from the first message on; what one leaves unused is not carried over,
/// so around the border of two there may be twice as many. Time is the runtime's, also in a simulation.
///
/// ```
/// use flow::pipeline::{MemoryQueue, Pipeline, Rate};
/// use flow::{BoxError, Executor, stage::Stages};
/// use std::time::Duration;
///
/// let rate = Rate::new(2, Duration::from_secs(1));
/// let queue: MemoryQueue<u32> = (1..=5).collect();
/// let stages = Stages::on(Executor::simulation(1))?;
/// let process = |n: &u32| Ok(*n);
/// let pipeline = Pipeline::new(queue.source(), process).rate(&rate).start(&stages)?;
/// stages.settle();
/// assert_eq!(pipeline.counts().done, 2);
/// stages.advance(Duration::from_secs(1));
/// assert_eq!(pipeline.counts().done, 4);
/// # Ok::<(), flow::FlowError>(())
/// ```
#[derive(Clone)]
pub struct Rate(Arc<Mutex<Inner>>);

struct Inner {
    allowed: u64,
    interval: u64,
    /// When the present interval began, and what is left of it.
    began: Option<u64>,
    left: u64,
    sources: Vec<TaskRef>,
}

impl Rate {
    /// So many messages per interval. 0 stops the pipeline's sources; an interval of 0 lets
    /// everything through.
    pub fn new(messages: u64, interval: Duration) -> Self {
        let interval = nanos(interval);
        let sources = Vec::new();
        let inner = Inner { allowed: messages, interval, began: None, left: messages, sources };
        Rate(Arc::new(Mutex::new(inner)))
    }

    /// From the next interval on, so many.
    pub fn set(&self, messages: u64) {
        unpoisoned(self.0.lock()).allowed = messages;
    }

    /// From now on, so many: also in this interval, of which nothing counts as used.
    pub fn set_now(&self, messages: u64) {
        let sources = {
            let mut inner = unpoisoned(self.0.lock());
            inner.allowed = messages;
            inner.left = messages;
            inner.sources.clone()
        };
        sources.iter().for_each(TaskRef::notify);
    }

    /// How many messages are allowed per interval.
    pub fn allowed(&self) -> u64 {
        unpoisoned(self.0.lock()).allowed
    }

    /// Names a task that is woken when the rate changes.
    pub(super) fn wakes(&self, task: &TaskRef) {
        unpoisoned(self.0.lock()).sources.push(task.clone());
    }

    /// It is not woken any more.
    pub(super) fn forgets(&self, task: &TaskRef) {
        unpoisoned(self.0.lock()).sources.retain(|other| other != task);
    }

    /// How many there are left for now.
    pub(super) fn left(&self, now: u64) -> usize {
        unpoisoned(self.0.lock()).refreshed(now)
    }

    /// Takes so many, or what there is; and says when there are more.
    pub(super) fn take(&self, now: u64, messages: usize) -> (usize, u64) {
        let mut inner = unpoisoned(self.0.lock());
        let taken = inner.refreshed(now).min(messages);
        if taken > 0 && inner.interval > 0 {
            inner.began.get_or_insert(now);
            inner.left -= taken as u64;
        }
        (taken, inner.began.unwrap_or(now).saturating_add(inner.interval.max(1)))
    }
}

impl Inner {
    fn refreshed(&mut self, now: u64) -> usize {
        if self.interval == 0 {
            return if self.allowed == 0 { 0 } else { usize::MAX };
        }
        if let Some(began) = self.began
            && now.saturating_sub(began) >= self.interval
        {
            self.began = Some(now - (now - began) % self.interval);
            self.left = self.allowed;
        }
        usize::try_from(self.left).unwrap_or(usize::MAX)
    }
}

impl fmt::Debug for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = unpoisoned(self.0.lock());
        write!(f, "Rate({} in {:?})", inner.allowed, Duration::from_nanos(inner.interval))
    }
}
