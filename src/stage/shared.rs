//! What all stages of one runtime share: the workers' core, who lives, what failed.

use super::reason::Reason;
use crate::runtime::clock::nanos;
use crate::runtime::core::Core;
use crate::runtime::task::TaskRef;
use crate::runtime::worker::{Owned, Run, Steps, drop_caught};
use crate::sync::{Condvar, Mutex, unpoisoned};
use crossbeam_channel::{Receiver, TryRecvError};
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

pub(crate) struct Shared {
    run: Arc<Run<'static>>,
    next_task: AtomicUsize,
    /// Stages that are not over, by their tasks' numbers. Nothing when the runtime itself is over.
    alive: Mutex<Option<HashMap<usize, Arc<dyn Tells>>>>,
    /// Told whenever a stage is over.
    over: Condvar,
}

/// What the runtime says to every stage.
pub(crate) trait Tells: Send + Sync {
    fn task(&self) -> &TaskRef;
    fn drain(&self);
    fn stop(&self, reason: Reason);
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stages").field("alive", &self.living()).finish()
    }
}

impl Shared {
    pub(crate) fn new(run: Arc<Run<'static>>) -> Arc<Self> {
        Arc::new(Shared {
            run,
            next_task: AtomicUsize::new(0),
            alive: Mutex::new(Some(HashMap::new())),
            over: Condvar::new(),
        })
    }

    pub(crate) fn next_task(&self) -> TaskRef {
        TaskRef::added(self.next_task.fetch_add(1, Ordering::Relaxed), self.core())
    }

    /// A stage lives, unless the runtime is over: then it ends at once.
    pub(crate) fn lives(&self, stage: Arc<dyn Tells>) {
        if let Some(alive) = &mut *unpoisoned(self.alive.lock()) {
            self.core().task_lives();
            alive.insert(stage.task().id(), stage);
            return;
        }
        drop_stage(&*stage);
    }

    pub(crate) fn living(&self) -> usize {
        unpoisoned(self.alive.lock()).as_ref().map_or(0, HashMap::len)
    }

    /// A stage is over; a failure that is everybody's ends the runtime.
    pub(crate) fn is_over(&self, task: usize, reason: &Reason, linked: bool) {
        let over = unpoisoned(self.alive.lock()).as_mut().and_then(|alive| alive.remove(&task));
        if let (Reason::Failed(error), true) = (reason, linked) {
            self.core().fail(error.clone());
        }
        self.over.notify_all();
        drop(over);
    }

    /// Waits until something is so that changes when a stage is over. A runtime that has ended has
    /// shut down what was left.
    pub(crate) fn wait_until(&self, so: impl Fn() -> Option<Reason>) -> Reason {
        if self.core().is_simulated() {
            return self.simulate(so).unwrap_or(Reason::Shutdown);
        }
        let mut alive = unpoisoned(self.alive.lock());
        loop {
            if let Some(so) = so() {
                return so;
            }
            if self.core().is_over() {
                return Reason::Shutdown;
            }
            alive = unpoisoned(self.over.wait(alive));
        }
    }

    /// Whether all stages are over by then.
    pub(crate) fn all_over_within(&self, limit: Duration) -> bool {
        self.so_within(limit, |living| living == 0)
    }

    /// Whether something is so by then that changes when a stage is over; it is told how many live.
    pub(crate) fn so_within(&self, limit: Duration, so: impl Fn(usize) -> bool) -> bool {
        if self.core().is_simulated() {
            self.advance(limit);
            return so(self.living());
        }
        let until = Instant::now() + limit;
        let mut alive = unpoisoned(self.alive.lock());
        let living = |alive: &Option<HashMap<_, _>>| alive.as_ref().map_or(0, HashMap::len);
        while !so(living(&alive)) && !self.core().is_over() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            alive = match self.over.wait_timeout(alive, left) {
                Ok((alive, _)) => alive,
                Err(poisoned) => poisoned.into_inner().0,
            };
        }
        so(living(&alive))
    }

    /// Waits for a reply; `None` if it never comes.
    pub(crate) fn receive<T>(&self, reply: &Receiver<T>) -> Option<T> {
        if self.core().is_simulated() {
            // Also that it will never come is something to learn.
            let arrived = || match reply.try_recv() {
                Err(TryRecvError::Empty) => None,
                arrived => Some(arrived.ok()),
            };
            return self.simulate(arrived).flatten();
        }
        let halt = self.core().halt();
        crossbeam_channel::select! {
            recv(reply) -> reply => reply.ok(),
            recv(halt) -> _ => reply.try_recv().ok(),
        }
    }

    pub(crate) fn core(&self) -> &Arc<Core> {
        &self.run.core
    }

    /// Runs the simulation until something is so, or nothing can move any more: then the run fails
    /// if stages live.
    pub(crate) fn simulate<T>(&self, so: impl Fn() -> Option<T>) -> Option<T> {
        loop {
            if let Some(so) = so() {
                return Some(so);
            }
            if self.core().is_over() {
                return None;
            }
            if self.step() {
                continue;
            }
            match self.core().timers.next() {
                Some(at) => self.core().clock.advance_to(at),
                None if self.core().is_at_rest(usize::MAX) => {
                    self.core().fail_if_stalled(usize::MAX);
                }
                // It goes on when something is started or said.
                None => return None,
            }
        }
    }

    pub(crate) fn settle(&self) {
        if self.core().is_simulated() {
            while self.step() {}
        }
    }

    pub(crate) fn advance(&self, time: Duration) {
        if !self.core().is_simulated() {
            return;
        }
        let until = self.core().clock.now().saturating_add(nanos(time));
        loop {
            self.settle();
            match self.core().timers.next().filter(|at| *at <= until) {
                Some(at) => self.core().clock.advance_to(at),
                None => break,
            }
        }
        self.core().clock.advance_to(until);
        self.settle();
    }

    fn step(&self) -> bool {
        !self.core().is_over() && self.run.step(&Owned::new(Arc::clone(&self.run)))
    }

    pub(crate) fn tell_all(&self, say: impl Fn(&dyn Tells)) {
        self.all().iter().for_each(|stage| say(&**stage));
    }

    /// All that live, in the order in which they were started.
    fn all(&self) -> Vec<Arc<dyn Tells>> {
        let alive = unpoisoned(self.alive.lock());
        let mut all: Vec<_> = alive.iter().flat_map(HashMap::values).cloned().collect();
        all.sort_unstable_by_key(|stage| stage.task().id());
        all
    }

    /// Drops what is left of all stages.
    pub(crate) fn clear(&self) {
        let mut all: Vec<_> = unpoisoned(self.alive.lock())
            .take()
            .into_iter()
            .flatten()
            .map(|(_, stage)| stage)
            .collect();
        all.sort_unstable_by_key(|stage| stage.task().id());
        all.iter().for_each(|stage| drop_stage(&**stage));
        self.core().forget_tasks();
    }
}

fn drop_stage(stage: &dyn Tells) {
    if let Some(place) = stage.task().place() {
        drop_caught(stage.task(), place);
    }
}
