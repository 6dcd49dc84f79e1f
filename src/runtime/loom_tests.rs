//! Model checks of the three protocols that decide whether a run ever ends.
//!
//! `task_state`, `credit` and `sleep` are checked as they ship; what stands around them here (a
//! ready queue, workers, an inbox) is as small as can be and does what `core`, `worker` and `edge`
//! do. Loom tries every interleaving, and every value that the memory model lets a load return,
//! within the number of preemptions that a model names.
//!
//! - A lost wake-up leaves a thread asleep for ever: loom reports the deadlock.
//! - What is published is written and read relaxed: only the protocol under test makes it visible.
//!
//! Run: `RUSTFLAGS="--cfg loom" cargo test --lib --release loom`.

use super::credit::{Credits, Demand, Wake};
use super::sleep::Sleep;
use super::task_state::TaskState;
use crate::sync::{AtomicBool, AtomicUsize, Condvar, Mutex, Ordering, unpoisoned};
use loom::thread;
use std::collections::VecDeque;
use std::sync::Arc;

/// Checks a model. `preemptions` bounds how often a thread is interrupted where it could go on;
/// `None`: as often as can be.
fn check(preemptions: impl Into<Option<usize>>, model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = preemptions.into();
    builder.check(model);
}

/// What a task says when it leaves its worker.
enum Step {
    Again,
    Wait,
    Done,
}

/// A task's handle, and what proves that it is entered as it should be.
struct Task {
    id: usize,
    state: TaskState,
    home: Home,
    entered: AtomicUsize,
    /// As `entered`, but written as a task writes its own data: without synchronization.
    runs: AtomicUsize,
}

/// Where a task runs.
enum Home {
    Workers(Arc<Ready>),
    OwnThread(Parker),
}

impl Task {
    fn new(id: usize, home: Home) -> Arc<Self> {
        let (entered, runs) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Arc::new(Task { id, state: TaskState::idle(), home, entered, runs })
    }

    fn apart() -> Arc<Self> {
        Task::new(0, Home::OwnThread(Parker::new()))
    }

    /// As `TaskRef::notify` and `Core::schedule`.
    fn notify(&self) {
        if self.state.notify() {
            if let Home::Workers(ready) = &self.home {
                ready.active.fetch_add(1, Ordering::SeqCst);
            }
            self.queue();
        }
    }

    /// As `Core::queue`.
    fn queue(&self) {
        match &self.home {
            Home::Workers(ready) => ready.push(self.id),
            Home::OwnThread(parker) => parker.unpark(),
        }
    }

    fn enter(&self, run: impl FnOnce() -> Step) -> Step {
        assert!(self.state.is_scheduled(), "a task is entered that is not scheduled");
        self.state.start();
        let run_before = self.runs.load(Ordering::Relaxed);
        assert_eq!(
            run_before,
            self.entered.fetch_add(1, Ordering::Relaxed),
            "two workers in one task, or one that does not see what the other left"
        );
        let step = run();
        self.runs.store(run_before + 1, Ordering::Relaxed);
        step
    }

    /// As `Run::run_task`. True: the task is done.
    fn run_on_worker(&self, ready: &Ready, run: impl FnOnce() -> Step) -> bool {
        match self.enter(run) {
            Step::Again => {
                self.state.again();
                self.queue();
            }
            Step::Wait => {
                if self.state.wait() {
                    ready.task_waits();
                } else {
                    self.queue();
                }
            }
            Step::Done => {
                self.state.done();
                return true;
            }
        }
        false
    }

    /// As `Run::live_apart`.
    fn live_apart(&self, mut run: impl FnMut() -> Step) {
        let Home::OwnThread(parker) = &self.home else { unreachable!() };
        loop {
            match self.enter(&mut run) {
                Step::Again => self.state.again(),
                Step::Wait => {
                    if self.state.wait() {
                        while !self.state.is_scheduled() {
                            parker.park();
                        }
                    }
                }
                Step::Done => return self.state.done(),
            }
        }
    }
}

/// What a task gives to those that it waits for.
struct Waker(Arc<Task>);

impl Wake for Waker {
    fn wake(&self) {
        self.0.notify();
    }
}

impl PartialEq for Waker {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// A ready queue, on which workers also sleep: `sleep` is checked by itself.
struct Ready {
    /// `None`: the run is over.
    queue: Mutex<Option<VecDeque<usize>>>,
    arrival: Condvar,
    /// As in `Core`: how many tasks are scheduled or running.
    active: AtomicUsize,
    /// Whether something outside can make the run move, so that it never stalls.
    outside: bool,
}

impl Ready {
    fn new(outside: bool) -> Arc<Self> {
        Arc::new(Ready {
            queue: Mutex::new(Some(VecDeque::new())),
            arrival: Condvar::new(),
            active: AtomicUsize::new(0),
            outside,
        })
    }

    fn push(&self, task: usize) {
        let mut queue = unpoisoned(self.queue.lock());
        let queue = queue.as_mut().expect("a task is queued after its end");
        assert!(!queue.contains(&task), "a task is queued twice");
        queue.push_back(task);
        self.arrival.notify_one();
    }

    /// The next task; `None`: the run is over.
    fn pop(&self) -> Option<usize> {
        let mut queue = unpoisoned(self.queue.lock());
        loop {
            match queue.as_mut()?.pop_front() {
                Some(task) => return Some(task),
                None => queue = unpoisoned(self.arrival.wait(queue)),
            }
        }
    }

    fn close(&self) {
        let left = unpoisoned(self.queue.lock()).take();
        assert_eq!(left, Some(VecDeque::new()), "something is queued after the end");
        self.arrival.notify_all();
    }

    /// As `Core::task_waits`.
    fn task_waits(&self) {
        let last = self.active.fetch_sub(1, Ordering::SeqCst) == 1;
        assert!(!last || self.outside, "the run has stalled");
    }
}

/// As crossbeam's: an `unpark` before the `park` is not lost.
struct Parker {
    token: Mutex<bool>,
    arrival: Condvar,
}

impl Parker {
    fn new() -> Self {
        Parker { token: Mutex::new(false), arrival: Condvar::new() }
    }

    fn park(&self) {
        let mut token = unpoisoned(self.token.lock());
        while !*token {
            token = unpoisoned(self.arrival.wait(token));
        }
        *token = false;
    }

    fn unpark(&self) {
        *unpoisoned(self.token.lock()) = true;
        self.arrival.notify_one();
    }
}

/// Two notifiers publish something each and notify; `workers` workers run the task until it has
/// seen both.
fn two_notifiers(workers: usize, when_it_saw_something: fn() -> Step) {
    let ready = Ready::new(true);
    let task = Task::new(0, Home::Workers(Arc::clone(&ready)));
    let published = Arc::new([AtomicBool::new(false), AtomicBool::new(false)]);
    let seen_before = Arc::new(AtomicUsize::new(0));
    let worker = {
        let (ready, task) = (Arc::clone(&ready), Arc::clone(&task));
        let (published, seen_before) = (Arc::clone(&published), Arc::clone(&seen_before));
        move || {
            while ready.pop().is_some() {
                let done = task.run_on_worker(&ready, || {
                    let seen = published.iter().filter(|p| p.load(Ordering::Relaxed)).count();
                    let before = seen_before.load(Ordering::Relaxed);
                    assert!(seen >= before, "a run sees less than the one before");
                    seen_before.store(seen, Ordering::Relaxed);
                    match seen {
                        2 => Step::Done,
                        _ if seen > before => when_it_saw_something(),
                        _ => Step::Wait,
                    }
                });
                if done {
                    ready.close();
                }
            }
        }
    };
    let mut threads = Vec::new();
    for notifier in 0..2 {
        let (task, published) = (Arc::clone(&task), Arc::clone(&published));
        threads.push(thread::spawn(move || {
            published[notifier].store(true, Ordering::Relaxed);
            task.notify();
        }));
    }
    for _ in 1..workers {
        threads.push(thread::spawn(worker.clone()));
    }
    worker();
    for thread in threads {
        thread.join().unwrap();
    }
}

/// What goes wrong otherwise: a notification falls between the task's last look and its going
/// idle; the task never runs again and the run hangs. Or both notifiers queue it, and it is entered
/// twice.
#[test]
fn loom_task_sees_what_was_published_before_it_was_notified() {
    check(None, || two_notifiers(1, || Step::Wait));
}

/// The same where the task says that it has more to do: a notification that falls between must
/// not queue it a second time, and must not be lost in the run that is queued anyway.
#[test]
fn loom_task_that_goes_on_is_queued_once() {
    check(None, || two_notifiers(1, || Step::Again));
}

/// What goes wrong otherwise: two workers are inside one task, or the second one does not see what
/// the first one left in it.
#[test]
fn loom_task_has_one_worker_at_a_time() {
    check(3, || two_notifiers(2, || Step::Wait));
    check(3, || two_notifiers(2, || Step::Again));
}
