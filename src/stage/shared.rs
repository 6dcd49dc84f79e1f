//! What all stages of one runtime share: the workers' core, who lives, what failed.

use super::mailbox::Lives;
use super::names::Names;
use super::port::Waits;
use super::reason::Reason;
use crate::runtime::clock::nanos;
use crate::runtime::core::Core;
use crate::runtime::task::TaskRef;
use crate::runtime::worker::{Owned, Steps, drop_caught};
use crate::sync::{Condvar, Mutex, unpoisoned};
use crossbeam_channel::{Receiver, TryRecvError};
use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, MutexGuard, TryLockError, Weak};
use std::time::{Duration, Instant};

pub(crate) struct Shared {
    threads: Owned,
    next_task: AtomicUsize,
    /// Stages that are not over, by their tasks' numbers. Nothing when the runtime itself is over.
    alive: Mutex<Option<HashMap<usize, Arc<dyn Tells>>>>,
    /// Told whenever a stage is over.
    over: Condvar,
    /// Who reads stages from outside.
    readers: Mutex<Vec<Weak<dyn Waits>>>,
    pub(super) names: Names,
    /// What is done when all stages are over and their threads have ended.
    at_end: Mutex<Vec<AtEnd>>,
    /// Held by whoever runs the simulation.
    simulating: Mutex<()>,
}

type AtEnd = Box<dyn FnOnce() + Send>;

/// What the runtime says to every stage.
pub(crate) trait Tells: Lives {
    fn task(&self) -> &TaskRef;
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stages").field("alive", &self.living()).finish()
    }
}

impl Shared {
    pub(crate) fn new(threads: Owned) -> Arc<Self> {
        let shared = Arc::new(Shared {
            threads,
            next_task: AtomicUsize::new(0),
            alive: Mutex::new(Some(HashMap::new())),
            over: Condvar::new(),
            readers: Mutex::default(),
            names: Names::default(),
            at_end: Mutex::default(),
            simulating: Mutex::new(()),
        });
        let told = Arc::downgrade(&shared);
        shared.core().tell_when_over(move || {
            if let Some(shared) = told.upgrade() {
                shared.tell_readers();
            }
        });
        shared
    }

    /// Wakes who reads stages, when the runtime is over and with it all stages.
    pub(super) fn tell_when_over(&self, reader: &Arc<dyn Waits>) {
        let mut readers = unpoisoned(self.readers.lock());
        if readers.len() == readers.capacity() {
            readers.retain(|reader| reader.upgrade().is_some_and(|reader| !reader.is_closed()));
        }
        readers.push(Arc::downgrade(reader));
    }

    fn tell_readers(&self) {
        let readers: Vec<_> =
            unpoisoned(self.readers.lock()).iter().filter_map(Weak::upgrade).collect();
        readers.iter().for_each(|reader| reader.wake());
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

    pub(crate) fn threads(&self) -> &Owned {
        &self.threads
    }

    pub(crate) fn core(&self) -> &Arc<Core> {
        &self.threads.run.core
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
        let _this_thread = unpoisoned(self.simulating.lock());
        self.step_as_holder()
    }

    fn step_as_holder(&self) -> bool {
        !self.core().is_over() && self.threads.run.step(&self.threads)
    }

    /// Runs a simulation until something is so. False: nothing more can happen by itself, or somebody
    /// else runs it, perhaps this thread further up.
    pub(crate) fn run_until(&self, so: impl Fn() -> bool) -> bool {
        if !self.core().is_simulated() {
            return false;
        }
        let Some(_holder) = locked_if_free(&self.simulating) else {
            return false;
        };
        loop {
            if so() {
                return true;
            }
            if self.step_as_holder() {
                continue;
            }
            match self.core().timers.next().filter(|_| !self.core().is_over()) {
                Some(at) => self.core().clock.advance_to(at),
                None => return false,
            }
        }
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
        let at_end = std::mem::take(&mut *unpoisoned(self.at_end.lock()));
        at_end.into_iter().for_each(|close| close());
    }

    /// Does something when all stages are over: waits for threads that were told to end.
    pub(super) fn close_at_end(&self, close: impl FnOnce() + Send + 'static) {
        unpoisoned(self.at_end.lock()).push(Box::new(close));
    }
}

fn locked_if_free<T>(lock: &Mutex<T>) -> Option<MutexGuard<'_, T>> {
    match lock.try_lock() {
        Ok(guard) => Some(guard),
        Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
        Err(TryLockError::WouldBlock) => None,
    }
}

fn drop_stage(stage: &dyn Tells) {
    if let Some(place) = stage.task().place() {
        drop_caught(stage.task(), place);
    }
}
