//! Workers: threads that take ready tasks and run them until the run is over.
//!
//! The calling thread is worker 0. Others are started only when there is a task that nobody runs
//! and enough work to pay for a thread (about 30 µs), so a tiny run stays on its caller. They live
//! in a scope or are joined by their owner: none outlives its run.

use super::core::{Core, Cx, Phase};
use super::signals::Signals;
use super::task::{Home, Ready, Slot, Step, Task, TaskRef};
use crate::error::{ErrorKind, FlowError};
use crate::kernel::culprit;
use crate::sync::unpoisoned;
use crossbeam_utils::sync::Parker;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle, Scope};
use std::time::Duration;

/// A compiled flow: its tasks, and what they share.
pub(crate) struct Run<'env> {
    pub(crate) core: Arc<Core>,
    pub(crate) slots: Vec<Slot<'env>>,
    /// The tasks that were ready at the beginning: those that read the sources.
    sources: Vec<TaskRef>,
    /// Who listens for signals.
    pub(crate) signals: Arc<Signals>,
}

/// Where a task is while it is not over.
type Place<'t> = Mutex<Option<Box<dyn Task + 't>>>;

/// What a reader needs of a run, whatever it borrows.
pub(crate) trait Steps {
    fn core(&self) -> &Core;
    /// Runs one ready task, if there is one.
    fn step(&self, spawn: &dyn Spawn) -> bool;
    /// Runs a task that only the caller runs, if it is scheduled.
    fn run_if_scheduled(&self, task: usize) -> bool;
    fn is_scheduled(&self, task: usize) -> bool;
    fn notify(&self, task: usize);
    /// Sleeps until something happens, or a timer is due.
    fn wait(&self, ready: &dyn Fn() -> bool);
}

/// How threads are started: in a scope, or owned.
pub(crate) trait Spawn {
    fn run(&self) -> &dyn Steps;
    fn helper(&self) -> io::Result<()>;
    fn own_thread(&self, task: Ready, parker: Parker) -> io::Result<()>;
}

/// Unlimited work is worth a helper once it has lasted this long: 100 µs, in nanoseconds.
pub(crate) const WORTH_A_THREAD: u64 = 100_000;

thread_local! {
    static ON_WORKER: Cell<bool> = const { Cell::new(false) };
    static KEPT: Kept = const { Kept { core: Cell::new(0), tasks: RefCell::new(VecDeque::new()) } };
}

/// The tasks that a worker runs next itself, without a way through the ready queue: those that were
/// woken by the task that it runs and are over so soon that it is not worth waking another worker.
///
/// Only of tasks that are added to a run: there they are many and small, and pass single events to
/// and fro. Nothing is kept for longer than [`KEPT_FOR`].
struct Kept {
    /// Whose task is running, by its address; 0 while none is.
    core: Cell<usize>,
    tasks: RefCell<VecDeque<Ready>>,
}

/// How long a worker keeps tasks to itself: 50 µs, in nanoseconds.
const KEPT_FOR: u64 = 50_000;

/// A task that ran for less than this is kept: 5 µs, in nanoseconds.
pub(super) const SHORT: u64 = 5_000;

/// Keeps a task that was woken for this worker, if it runs one of the same run. Otherwise gives it
/// back, to be queued.
pub(super) fn keep(core: &Core, task: Ready) -> Option<Ready> {
    KEPT.with(|kept| {
        if kept.core.get() == address(core) {
            kept.tasks.borrow_mut().push_back(task);
            None
        } else {
            Some(task)
        }
    })
}

/// Takes back a task that was kept.
pub(super) fn take_kept() -> Option<Ready> {
    KEPT.with(|kept| kept.tasks.borrow_mut().pop_front())
}

fn address(core: &Core) -> usize {
    std::ptr::from_ref(core).addr()
}

/// Whether this thread is running a flow's task: a flow started from here runs inline.
pub(crate) fn on_worker() -> bool {
    ON_WORKER.get()
}

impl<'env> Run<'env> {
    pub(crate) fn new(core: Arc<Core>, slots: Vec<Slot<'env>>, sources: Vec<TaskRef>) -> Self {
        Run { core, slots, sources, signals: Arc::default() }
    }

    /// Runs to the end on this thread and on scoped helpers.
    pub(crate) fn to_end(&self) {
        thread::scope(|scope| self.work(&Scoped { scope, run: self }));
    }

    /// One worker's life.
    pub(crate) fn work(&self, spawn: &dyn Spawn) {
        let core = &*self.core;
        while !core.is_over() {
            if !self.step(spawn) && !self.spin() {
                self.wait(&|| core.has_ready() || core.is_over());
            }
        }
    }

    /// A short wait in the hope of work: going to sleep and being woken costs two system calls.
    fn spin(&self) -> bool {
        if self.core.is_simulated() || self.core.workers == 1 {
            return false;
        }
        let backoff = crossbeam_utils::Backoff::new();
        while !backoff.is_completed() {
            if self.core.has_ready() || self.core.is_over() {
                return true;
            }
            backoff.snooze();
        }
        false
    }

    fn start_helper_if_worth_it(&self, spawn: &dyn Spawn) {
        let core = &*self.core;
        let useful = core.helpers() + 1 < core.workers && core.sleep.sleepers() == 0;
        if useful
            && (core.helper_wanted() || core.clock.now() > WORTH_A_THREAD)
            && core.admit_helper()
        {
            // Where no thread can be had the run goes on with the workers that it has; it stays
            // counted, so that it is not tried at every step.
            let _ = spawn.helper();
        }
    }

    /// Tells the sources to end.
    pub(crate) fn end_sources(&self, phase: Phase) {
        self.core.enter(phase);
        for source in &self.sources {
            source.notify();
        }
        if phase == Phase::Stopping {
            // Nobody waits for the time of something that will not be done.
            self.core.timers.wake_all();
        }
    }

    /// Enters a scheduled task and does what it says when it leaves.
    fn run_ready(&self, ready: &Ready, now: u64, spawn: Option<&dyn Spawn>) {
        match ready {
            Ready::Slot(id) => {
                let Slot { handle, task } = &self.slots[*id];
                self.run_task(handle, task, now, spawn);
            }
            Ready::Added(task) => {
                if let Some(place) = task.place() {
                    self.run_task(task, place, now, spawn);
                }
            }
        }
    }

    /// Runs a task that was added, and then those that it woke and that are over soon.
    fn run_with_kept(&self, ready: Ready, spawn: &dyn Spawn) {
        let core = &*self.core;
        // A flow may be run by a task of another: what that one keeps is none of this one's.
        let outer = KEPT.with(|kept| (kept.core.replace(address(core)), kept.tasks.take()));
        let mut began = core.clock.now();
        let share_at = began + KEPT_FOR;
        // Short ones are timed four at a time: a look at the clock costs as much as a small event.
        let (mut every, mut runs) = (1, 0);
        let mut ready = Some(ready);
        while let Some(task) = ready {
            self.run_ready(&task, began, Some(spawn));
            runs += 1;
            let mut in_time = true;
            if runs == every {
                let now = core.clock.now();
                let short = now - began < SHORT * runs;
                if let (Ready::Added(task), true) = (&task, short || runs == 1) {
                    task.was_short(short);
                }
                (began, runs, every) = (now, 0, if short { 4 } else { 1 });
                in_time = now < share_at;
            }
            ready = if in_time && !core.is_over() { take_kept() } else { None };
        }
        core.share_kept();
        KEPT.with(|kept| {
            kept.core.set(outer.0);
            kept.tasks.replace(outer.1);
        });
    }

    fn run_task(&self, task: &TaskRef, place: &Place<'_>, now: u64, spawn: Option<&dyn Spawn>) {
        match self.enter(task, place, now) {
            Some(Step::Again) => {
                task.state().again();
                self.core.queue(task);
            }
            Some(Step::Wait) => {
                if task.state().wait() {
                    self.core.task_waits();
                } else {
                    self.core.queue(task);
                }
            }
            Some(Step::OwnThread) => match spawn {
                Some(spawn) if self.core.own_threads_allowed => {
                    self.move_to_own_thread(task, spawn);
                }
                _ => {
                    task.state().again();
                    self.core.queue(task);
                }
            },
            Some(Step::Done) => self.retire(task, place),
            None => {}
        }
    }

    fn move_to_own_thread(&self, task: &TaskRef, spawn: &dyn Spawn) {
        let parker = Parker::new();
        self.core.register_own_thread(task.id(), parker.unparker().clone());
        task.state().again();
        task.move_to(Home::OwnThread(parker.unparker().clone()));
        if let Err(error) = spawn.own_thread(task.ready(), parker) {
            self.core.fail(
                FlowError::new(ErrorKind::Source, "no thread could be started for a source")
                    .with_source(error),
            );
        }
    }

    /// The life of a task that has a thread of its own.
    fn live_apart(&self, ready: &Ready, parker: &Parker) {
        match ready {
            Ready::Slot(id) => self.live(&self.slots[*id].handle, &self.slots[*id].task, parker),
            Ready::Added(task) => {
                if let Some(place) = task.place() {
                    self.live(task, place, parker);
                }
            }
        }
        self.core.forget_own_thread(ready.id());
    }

    fn live(&self, task: &TaskRef, place: &Place<'_>, parker: &Parker) {
        while !self.core.is_over() {
            match self.enter(task, place, self.core.clock.now()) {
                Some(Step::Again | Step::OwnThread) => task.state().again(),
                Some(Step::Wait) => {
                    if task.state().wait() {
                        self.core.task_waits();
                        while !task.state().is_scheduled() {
                            if self.core.is_over() {
                                return;
                            }
                            parker.park();
                        }
                    }
                }
                Some(Step::Done) => return self.retire(task, place),
                None => return,
            }
        }
    }

    /// Runs the task once, with its panics caught. `None`: it failed, and so has the run.
    fn enter(&self, handle: &TaskRef, place: &Place<'_>, now: u64) -> Option<Step> {
        handle.state().start();
        let mut task = unpoisoned(place.lock());
        let task = task.as_mut()?;
        let outer = ON_WORKER.replace(true);
        let mut cx = Cx::new(&self.core, handle, now);
        // What an earlier panic left, which somebody else has caught, is none of ours.
        culprit::take();
        let ran = catch_unwind(AssertUnwindSafe(|| task.run(&mut cx)));
        ON_WORKER.set(outer);
        match ran {
            Ok(step) => Some(step),
            Err(payload) => {
                handle.fail(culprit::named(payload));
                None
            }
        }
    }

    fn retire(&self, handle: &TaskRef, place: &Place<'_>) {
        handle.state().done();
        drop_caught(handle, place);
        self.core.task_done();
    }

    /// Drops what is left of a run: everything that a failed or cancelled run still held. A panic in
    /// a `Drop` is reported like any other, and the others are still dropped.
    pub(crate) fn clear(&self) {
        for slot in &self.slots {
            drop_caught(&slot.handle, &slot.task);
        }
    }
}

/// Drops what is in a task's place.
pub(crate) fn drop_caught(handle: &TaskRef, place: &Place<'_>) {
    let task = unpoisoned(place.lock()).take();
    if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(task))) {
        handle.fail_in_drop(culprit::named(payload));
    }
}

impl Steps for Run<'_> {
    fn core(&self) -> &Core {
        &self.core
    }

    fn step(&self, spawn: &dyn Spawn) -> bool {
        let core = &*self.core;
        if let Some(at) = core.timers.next() {
            let now = core.clock.now();
            if now >= at {
                core.fire_timers(now);
            }
        }
        let Some(ready) = core.next_ready() else {
            return false;
        };
        if core.workers > 1 && !core.is_simulated() && core.has_ready() {
            self.start_helper_if_worth_it(spawn);
        }
        match &ready {
            Ready::Slot(_) => self.run_ready(&ready, core.clock.now(), Some(spawn)),
            Ready::Added(_) => self.run_with_kept(ready, spawn),
        }
        true
    }

    fn run_if_scheduled(&self, task: usize) -> bool {
        let scheduled = self.is_scheduled(task);
        if scheduled {
            self.run_ready(&Ready::Slot(task), self.core.clock.now(), None);
        }
        scheduled
    }

    fn is_scheduled(&self, task: usize) -> bool {
        self.slots[task].handle.state().is_scheduled()
    }

    fn notify(&self, task: usize) {
        self.slots[task].handle.notify();
    }

    fn wait(&self, ready: &dyn Fn() -> bool) {
        let core = &*self.core;
        match (core.is_simulated(), core.timers.next()) {
            // Virtual time jumps to where something happens.
            (true, Some(at)) => core.clock.advance_to(at),
            (true, None) => core.fail_if_stalled(0),
            (false, at) => {
                let limit = at.map(|at| Duration::from_nanos(at.saturating_sub(core.clock.now())));
                core.sleep.sleep(limit, ready);
            }
        }
    }
}

/// Threads within a scope.
pub(crate) struct Scoped<'scope, 'outer, 'env> {
    pub(crate) scope: &'scope Scope<'scope, 'outer>,
    pub(crate) run: &'scope Run<'env>,
}

impl Clone for Scoped<'_, '_, '_> {
    fn clone(&self) -> Self {
        *self
    }
}

impl Copy for Scoped<'_, '_, '_> {}

impl Spawn for Scoped<'_, '_, '_> {
    fn run(&self) -> &dyn Steps {
        self.run
    }

    fn helper(&self) -> io::Result<()> {
        let this = *self;
        thread::Builder::new()
            .name("flow-worker".into())
            .spawn_scoped(self.scope, move || this.run.work(&this))
            .map(drop)
    }

    fn own_thread(&self, task: Ready, parker: Parker) -> io::Result<()> {
        let run = self.run;
        thread::Builder::new()
            .name("flow-source".into())
            .spawn_scoped(self.scope, move || run.live_apart(&task, &parker))
            .map(drop)
    }
}

/// Threads that their owner joins.
#[derive(Clone)]
pub(crate) struct Owned {
    pub(crate) run: Arc<Run<'static>>,
    threads: Arc<Mutex<Vec<JoinHandle<()>>>>,
}

impl Owned {
    pub(crate) fn new(run: Arc<Run<'static>>) -> Self {
        Owned { run, threads: Arc::default() }
    }

    fn spawn(&self, name: &str, body: impl FnOnce(&Owned) + Send + 'static) -> io::Result<()> {
        let this = self.clone();
        let thread = thread::Builder::new().name(name.into()).spawn(move || body(&this))?;
        let mut threads = unpoisoned(self.threads.lock());
        threads.retain(|thread| !thread.is_finished());
        threads.push(thread);
        Ok(())
    }

    /// A thread that runs something else than tasks; it must end with the run.
    pub(crate) fn apart(&self, name: &str, body: impl FnOnce() + Send + 'static) -> io::Result<()> {
        self.spawn(name, |_| body())
    }

    /// Waits for all threads, also for those that others start meanwhile.
    pub(crate) fn join(&self) {
        while let Some(thread) = { unpoisoned(self.threads.lock()).pop() } {
            // Panics of tasks are caught and recorded where they happen.
            let _ = thread.join();
        }
    }
}

impl Spawn for Owned {
    fn run(&self) -> &dyn Steps {
        &*self.run
    }

    fn helper(&self) -> io::Result<()> {
        self.spawn("flow-worker", |this| this.run.work(this))
    }

    fn own_thread(&self, task: Ready, parker: Parker) -> io::Result<()> {
        self.spawn("flow-source", move |this| this.run.live_apart(&task, &parker))
    }
}
