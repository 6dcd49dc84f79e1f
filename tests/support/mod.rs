//! What tests of single behaviours share: nothing hangs unnoticed, nothing is left behind unseen.
#![allow(dead_code, reason = "every test file uses a part of it")]

use flow::Executor;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::{self, DirEntry};
use std::hint;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

/// How long something may take that takes no time: generous, since machines can be busy.
const PATIENCE: Duration = Duration::from_secs(120);

/// Threads of flows that hang, which other tests must not wait for.
static LEFT_BEHIND: Mutex<BTreeSet<OsString>> = Mutex::new(BTreeSet::new());

/// Runs the body of a test and fails where it does not come to its end. What hangs is left behind.
pub(crate) fn in_time<R: Send + 'static>(body: impl FnOnce() -> R + Send + 'static) -> R {
    let (done, ended) = mpsc::channel();
    let running = thread::spawn(move || {
        let result = body();
        // Nobody listens any more where the time was up.
        let _ = done.send(());
        result
    });
    if ended.recv_timeout(PATIENCE) == Err(mpsc::RecvTimeoutError::Timeout) {
        unpoisoned(LEFT_BEHIND.lock()).extend(all_flow_threads());
        panic!("hangs");
    }
    running.join().unwrap_or_else(|panic| resume_unwind(panic))
}

/// Waits until something is so, and fails where it never is.
pub(crate) fn until(what: &str, so: impl Fn() -> bool) {
    let began = Instant::now();
    while !so() {
        assert!(began.elapsed() < 2 * PATIENCE, "never: {what}");
        thread::yield_now();
    }
}

/// One worker, several, and some schedules of the simulation.
pub(crate) fn executors() -> Vec<Executor> {
    let threads = [1, 2, 4].map(Executor::threads);
    threads.into_iter().chain((0..6).map(Executor::simulation)).collect()
}

/// Lets one test at a time through, where it counts what the whole process has.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    unpoisoned(ALONE.lock())
}

fn unpoisoned<G>(locked: Result<G, PoisonError<G>>) -> G {
    locked.unwrap_or_else(PoisonError::into_inner)
}

/// How many threads flows have started in this process and not ended.
pub(crate) fn flow_threads() -> usize {
    let left_behind = unpoisoned(LEFT_BEHIND.lock());
    all_flow_threads().difference(&left_behind).count()
}

/// The numbers of these threads. Needs a system that tells.
fn all_flow_threads() -> BTreeSet<OsString> {
    let Ok(tasks) = fs::read_dir("/proc/self/task") else {
        return BTreeSet::new();
    };
    let is_ours = |task: &DirEntry| {
        fs::read_to_string(task.path().join("comm")).is_ok_and(|name| name.starts_with("flow-"))
    };
    tasks.flatten().filter(is_ours).map(|task| task.file_name()).collect()
}

/// Checks that no flow has left a thread behind. The system may need a moment to see it gone.
pub(crate) fn no_thread_is_left() {
    until("no thread of a flow is left", || flow_threads() == 0);
}

/// Makes numbers whose lives are counted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lives(Arc<AtomicUsize>);

impl Lives {
    pub(crate) fn number(&self, number: u64) -> Living {
        self.0.fetch_add(1, Ordering::SeqCst);
        Living { number, lives: self.clone() }
    }

    /// How many have been made and not dropped.
    pub(crate) fn left(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

/// A number whose life is counted.
#[derive(Debug)]
pub(crate) struct Living {
    pub(crate) number: u64,
    lives: Lives,
}

impl Drop for Living {
    fn drop(&mut self) {
        self.lives.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A counter that closures and tests share.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counter(Arc<AtomicUsize>);

impl Counter {
    /// Counts one more; gives how many there were.
    pub(crate) fn up(&self) -> usize {
        self.0.fetch_add(1, Ordering::SeqCst)
    }

    pub(crate) fn get(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

/// Works for so many microseconds.
pub(crate) fn spin(micros: u64) {
    let began = Instant::now();
    while began.elapsed() < Duration::from_micros(micros) {
        hint::spin_loop();
    }
}
