//! What all tasks of one run share: the ready queue, the clock, who is alive, how the run ends.
//!
//! Invariants:
//! - The run is over when no task lives. When tasks live and nothing can ever move again (see
//!   `census`) the run has stalled, and says so instead of hanging.
//! - The first failure wins; whatever comes later is a consequence of it.

use super::census::Census;
use super::clock::Clock;
use super::poller::Poller;
use super::simulation::Simulation;
use super::sleep::Sleep;
use super::task::{Home, Ready, TaskRef};
use super::timers::Timers;
use super::worker::{SHORT, keep, take_kept};
use crate::error::{ErrorKind, FlowError};
use crate::sync::unpoisoned;
use crossbeam_channel::{Receiver, Sender};
use crossbeam_utils::sync::Unparker;
use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};

pub(crate) struct Core {
    pub(crate) clock: Clock,
    pub(crate) timers: Timers,
    pub(crate) sleep: Sleep,
    /// How many workers the run may use, the caller included.
    pub(crate) workers: usize,
    /// How many partitions a stage has that is not told how many.
    pub(crate) partitions: usize,
    /// Whether a blocking task may get a thread of its own.
    pub(crate) own_threads_allowed: bool,
    /// Whether somebody watches: only then are busy times measured.
    pub(crate) observed: bool,
    ready: Queue,
    census: Census,
    helper_wanted: AtomicBool,
    helpers: AtomicUsize,
    ended_at: AtomicU64,
    phase: AtomicU8,
    stopped: AtomicBool,
    failure: Mutex<Option<FlowError>>,
    stages: OnceLock<Vec<StageHead>>,
    /// Bytes that readers have read, and are to read, as far as is known.
    pub(crate) bytes_read: AtomicU64,
    pub(crate) bytes_total: AtomicU64,
    /// Threads of single tasks, by the tasks' numbers.
    own_threads: Mutex<BTreeMap<usize, Unparker>>,
    halt: OnceLock<Halt>,
    /// Called when the run is over.
    when_over: OnceLock<WhenOver>,
    /// The task elsewhere that reads the flow, where that is no thread.
    pub(crate) poller: Poller,
}

type WhenOver = Box<dyn Fn() + Send + Sync>;

enum Queue {
    Threads(ReadyQueue),
    Simulated(Mutex<Simulation>),
}

/// Ready tasks, first come first served: a task that queues itself again stands behind those that it
/// woke, so no stage starves its own consumer.
///
/// A plain queue behind a lock: an operation on it stands against a quantum of some ten microseconds.
#[derive(Default)]
struct ReadyQueue {
    /// How many tasks are in the queue: looked at without the lock.
    len: AtomicUsize,
    tasks: Mutex<VecDeque<Ready>>,
}

impl ReadyQueue {
    fn push(&self, task: Ready) {
        let mut tasks = unpoisoned(self.tasks.lock());
        tasks.push_back(task);
        self.len.store(tasks.len(), Ordering::SeqCst);
    }

    fn pop(&self) -> Option<Ready> {
        if self.is_empty() {
            return None;
        }
        let mut tasks = unpoisoned(self.tasks.lock());
        let task = tasks.pop_front();
        self.len.store(tasks.len(), Ordering::SeqCst);
        task
    }

    fn is_empty(&self) -> bool {
        self.len.load(Ordering::SeqCst) == 0
    }
}

/// How far a run has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Phase {
    Running = 0,
    /// Sources have been told to end; what is under way is finished and emitted.
    Draining = 1,
    /// Sources have been told to end; what is under way is finished, open state is not emitted.
    Stopping = 2,
    /// Done or failed: nothing runs any more.
    Over = 3,
}

/// What an error says about a stage.
#[derive(Debug)]
pub(crate) struct StageHead {
    pub(crate) name: Option<Cow<'static, str>>,
    pub(crate) operator: &'static str,
}

/// A channel that closes when sources must end: what a blocked receiver selects on.
#[derive(Debug)]
struct Halt {
    sender: Mutex<Option<Sender<()>>>,
    receiver: Receiver<()>,
}

impl fmt::Debug for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Core").field("phase", &self.phase()).finish_non_exhaustive()
    }
}

impl Core {
    pub(crate) fn threads(workers: usize, partitions: usize, own: bool, observed: bool) -> Self {
        let ready = Queue::Threads(ReadyQueue::default());
        Core::new(ready, Clock::real(), workers, partitions, own, observed)
    }

    /// A simulated run of so many workers, which take turns on one thread.
    pub(crate) fn simulated(seed: u64, workers: usize, observed: bool) -> Self {
        let simulation = Queue::Simulated(Mutex::new(Simulation::new(seed)));
        Core::new(simulation, Clock::simulated(), workers, workers, false, observed)
    }

    fn new(
        ready: Queue,
        clock: Clock,
        workers: usize,
        partitions: usize,
        own: bool,
        observed: bool,
    ) -> Self {
        Core {
            clock,
            timers: Timers::new(),
            sleep: Sleep::new(),
            workers,
            partitions,
            own_threads_allowed: own,
            observed,
            ready,
            census: Census::new(),
            helper_wanted: AtomicBool::new(false),
            helpers: AtomicUsize::new(0),
            ended_at: AtomicU64::new(u64::MAX),
            phase: AtomicU8::new(Phase::Running as u8),
            stopped: AtomicBool::new(false),
            failure: Mutex::new(None),
            stages: OnceLock::new(),
            bytes_read: AtomicU64::new(0),
            bytes_total: AtomicU64::new(0),
            own_threads: Mutex::default(),
            halt: OnceLock::new(),
            when_over: OnceLock::new(),
            poller: Poller::new(),
        }
    }

    /// Wakes whoever reads the flow: a thread that sleeps where idle workers do, or a task elsewhere
    /// that polls.
    pub(crate) fn wake_reader(&self) {
        self.sleep.wake_all();
        self.poller.wake();
    }

    /// Puts a task that was just notified into the hands of whoever runs it.
    pub(crate) fn schedule(&self, task: &TaskRef) {
        self.census.moves();
        match (&self.ready, task.place(), task.home()) {
            (Queue::Threads(_), Some(_), None) if task.is_short() => {
                if let Some(task) = keep(self, task.ready()) {
                    self.queue_ready(task);
                }
            }
            _ => self.queue(task),
        }
    }

    /// Lets others have the tasks that this worker would run next: it has more to do.
    pub(crate) fn share_kept(&self) {
        while let Some(task) = take_kept() {
            self.queue_ready(task);
        }
    }

    /// Queues a task that workers run.
    pub(crate) fn queue_ready(&self, task: Ready) {
        if let Queue::Threads(queue) = &self.ready {
            queue.push(task);
            self.sleep.wake_one();
        }
    }

    /// Queues a task that stayed active.
    pub(crate) fn queue(&self, task: &TaskRef) {
        match (&self.ready, task.home()) {
            (_, Some(Home::OwnThread(thread))) => thread.unpark(),
            // The reader looks at the task's state itself; it only has to be awake.
            (_, Some(Home::Reader)) => self.sleep.wake_all(),
            (Queue::Threads(_), None) => self.queue_ready(task.ready()),
            (Queue::Simulated(simulation), None) => {
                unpoisoned(simulation.lock()).schedule(task.ready());
                // Whoever polls a simulated run is also who runs it.
                self.poller.wake();
            }
        }
    }

    /// The next task to run, if one is ready.
    pub(crate) fn next_ready(&self) -> Option<Ready> {
        match &self.ready {
            Queue::Threads(queue) => queue.pop(),
            Queue::Simulated(simulation) => unpoisoned(simulation.lock()).next(),
        }
    }

    pub(crate) fn has_ready(&self) -> bool {
        match &self.ready {
            Queue::Threads(queue) => !queue.is_empty(),
            Queue::Simulated(simulation) => unpoisoned(simulation.lock()).has_ready(),
        }
    }

    /// The simulation's say, where the run is simulated.
    pub(crate) fn simulation<R>(&self, say: impl FnOnce(&mut Simulation) -> R) -> Option<R> {
        match &self.ready {
            Queue::Threads(_) => None,
            Queue::Simulated(simulation) => {
                let mut simulation = unpoisoned(simulation.lock());
                Some(say(&mut simulation))
            }
        }
    }

    pub(crate) fn is_simulated(&self) -> bool {
        matches!(self.ready, Queue::Simulated(_))
    }

    /// A task begins to count: it must come to its end before the run does.
    pub(crate) fn task_lives(&self) {
        self.census.lives();
    }

    /// The run goes on although no task lives, until [`let_end`](Self::let_end).
    pub(crate) fn keep_going(&self) {
        self.census.lives();
        self.census.moves();
    }

    /// The run may end when no task lives any more.
    pub(crate) fn let_end(&self) {
        self.task_done();
    }

    pub(crate) fn task_done(&self) {
        if self.census.done() {
            self.finish();
        } else {
            self.look_for_stall();
        }
    }

    /// A task went idle.
    pub(crate) fn task_waits(&self) {
        if self.census.waits() {
            self.look_for_stall();
        }
    }

    /// Something outside the run holds a means to make it move.
    pub(crate) fn outside_enters(&self) {
        self.census.outside_enters();
    }

    pub(crate) fn outside_leaves(&self) {
        self.census.outside_leaves();
        self.look_for_stall();
    }

    /// The reader is about to look for the last time before it sleeps, or is awake again.
    pub(crate) fn reader_sleeps(&self, sleeps: bool) {
        self.census.reader_sleeps(sleeps);
    }

    /// Something that could make the run move does not any more.
    fn look_for_stall(&self) {
        self.fail_if_stalled(0);
        if self.census.reader_must_look(|| self.timers.next().is_some()) {
            self.wake_reader();
        }
    }

    /// Whether nothing can ever move again by itself, while there is something that should.
    /// `outside` are those outsiders of which the caller knows that they wait too.
    pub(crate) fn is_at_rest(&self, outside: usize) -> bool {
        self.census.is_at_rest(outside, || self.timers.next().is_some())
    }

    /// Fails the run if it [is at rest](Self::is_at_rest).
    pub(crate) fn fail_if_stalled(&self, outside: usize) {
        if self.is_at_rest(outside) && !self.is_over() {
            let live = self.census.live();
            self.fail(FlowError::new(
                ErrorKind::Stalled,
                format!("the run has stalled: {live} tasks wait and nothing can wake them"),
            ));
        }
    }

    /// Wakes the tasks whose time has come. The run counts as active meanwhile: a timer that has
    /// left the heap but not yet woken its task must not look like a stall.
    pub(crate) fn fire_timers(&self, now: u64) {
        self.census.moves();
        self.timers.fire(now);
        self.task_waits();
    }

    pub(crate) fn phase(&self) -> Phase {
        match self.phase.load(Ordering::SeqCst) {
            0 => Phase::Running,
            1 => Phase::Draining,
            2 => Phase::Stopping,
            _ => Phase::Over,
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        self.phase() == Phase::Over
    }

    /// Tells the sources to end. A later phase is never taken back.
    pub(crate) fn enter(&self, phase: Phase) {
        if phase == Phase::Stopping && !self.is_over() {
            self.stopped.store(true, Ordering::SeqCst);
        }
        self.phase.fetch_max(phase as u8, Ordering::SeqCst);
        if let Some(halt) = self.halt.get() {
            unpoisoned(halt.sender.lock()).take();
        }
        if phase == Phase::Over {
            self.ended_at.fetch_min(self.clock.now(), Ordering::Relaxed);
            self.wake_reader();
            for thread in unpoisoned(self.own_threads.lock()).values() {
                thread.unpark();
            }
            if let Some(tell) = self.when_over.get() {
                tell();
            }
        }
    }

    /// Who is told when the run is over, perhaps several times.
    pub(crate) fn tell_when_over(&self, tell: impl Fn() + Send + Sync + 'static) {
        let _set_once = self.when_over.set(Box::new(tell));
    }

    /// What stages are called; only asked when something fails.
    pub(crate) fn name_stages(&self, stages: Vec<StageHead>) {
        let _set_once = self.stages.set(stages);
    }

    pub(crate) fn stage_name(&self, stage: usize) -> String {
        let stages = self.stages.get().map_or(&[][..], Vec::as_slice);
        match stages.get(stage) {
            Some(StageHead { name: Some(name), .. }) => name.to_string(),
            // Stages are built from the terminal upwards; people count from the source.
            Some(head) => format!("{}: {}", stages.len() - stage, head.operator),
            None => String::new(),
        }
    }

    fn finish(&self) {
        self.enter(Phase::Over);
    }

    /// Ends the run at once with this cause, unless it has ended already.
    pub(crate) fn fail(&self, error: FlowError) {
        let error = self.with_seed(error);
        {
            let mut failure = unpoisoned(self.failure.lock());
            if self.is_over() {
                return;
            }
            failure.get_or_insert(error);
        }
        self.enter(Phase::Over);
    }

    /// Records a panic while something was dropped, unless there is a cause already: also in a run
    /// that is over, which has nothing else to complain about.
    pub(crate) fn fail_in_drop(&self, error: FlowError) {
        let error = self.with_seed(error);
        unpoisoned(self.failure.lock()).get_or_insert(error);
        self.enter(Phase::Over);
    }

    /// Says in which run something went wrong, where the run was simulated.
    pub(crate) fn with_seed(&self, error: FlowError) -> FlowError {
        match self.simulation(|simulation| simulation.seed()) {
            Some(seed) => error.with_seed(seed),
            None => error,
        }
    }

    /// Ends the run at once, without a failure: nobody wants anything any more.
    pub(crate) fn cancel(&self) {
        self.enter(Phase::Over);
    }

    /// Whether the run was told to stop before its end.
    pub(crate) fn was_stopped(&self) -> bool {
        self.stopped.load(Ordering::SeqCst)
    }

    pub(crate) fn has_failed(&self) -> bool {
        self.is_over() && unpoisoned(self.failure.lock()).is_some()
    }

    /// The cause of the failure, if there is one by now.
    pub(crate) fn failure(&self) -> Option<FlowError> {
        unpoisoned(self.failure.lock()).clone()
    }

    /// The cause of the failure, to be taken once after the run.
    pub(crate) fn take_failure(&self) -> Option<FlowError> {
        unpoisoned(self.failure.lock()).take()
    }

    pub(crate) fn register_own_thread(&self, task: usize, thread: Unparker) {
        unpoisoned(self.own_threads.lock()).insert(task, thread);
    }

    pub(crate) fn forget_own_thread(&self, task: usize) {
        unpoisoned(self.own_threads.lock()).remove(&task);
    }

    /// Drops the handles of tasks in a run that is over: each holds this core.
    pub(crate) fn forget_tasks(&self) {
        while self.next_ready().is_some() {}
        self.timers.forget();
    }

    /// A channel that closes when sources must end.
    pub(crate) fn halt(&self) -> Receiver<()> {
        let halt = self.halt.get_or_init(|| {
            let (sender, receiver) = crossbeam_channel::bounded(0);
            Halt { sender: Mutex::new(Some(sender)), receiver }
        });
        if self.phase() != Phase::Running {
            unpoisoned(halt.sender.lock()).take();
        }
        halt.receiver.clone()
    }

    /// How long the run has lasted, in nanoseconds.
    pub(crate) fn elapsed(&self) -> u64 {
        self.clock.now().min(self.ended_at.load(Ordering::Relaxed))
    }

    /// Counts one more helper, unless there are as many as there may be.
    pub(crate) fn admit_helper(&self) -> bool {
        let limit = self.workers - 1;
        let admit = |helpers| (helpers < limit).then_some(helpers + 1);
        self.helpers.fetch_update(Ordering::Relaxed, Ordering::Relaxed, admit).is_ok()
    }

    pub(crate) fn helpers(&self) -> usize {
        self.helpers.load(Ordering::Relaxed)
    }

    /// There is enough work for another thread.
    pub(crate) fn want_helper(&self) {
        self.helper_wanted.store(true, Ordering::Relaxed);
    }

    pub(crate) fn helper_wanted(&self) -> bool {
        self.helper_wanted.load(Ordering::Relaxed)
    }

    /// Whether a task is ready for a helper that is wanted and not yet started: whoever runs should
    /// go and start it.
    fn lacks_helper(&self) -> bool {
        self.helper_wanted() && self.helpers() + 1 < self.workers && self.has_ready()
    }
}

/// What a task sees of its run while it runs.
pub(crate) struct Cx<'a> {
    pub(crate) core: &'a Core,
    pub(crate) task: &'a TaskRef,
    entered: u64,
    /// The last time that was read.
    now: u64,
}

/// A task that has run for so long lets others run: 100 µs.
pub(crate) const QUANTUM: u64 = 100_000;

impl<'a> Cx<'a> {
    pub(crate) fn new(core: &'a Core, task: &'a TaskRef, now: u64) -> Self {
        Cx { core, task, entered: now, now }
    }

    /// Lets others have the tasks that this one woke, if it has already run for longer than what is
    /// worth waking them.
    pub(crate) fn share_if_long(&self) {
        if self.ran() > SHORT {
            self.core.share_kept();
        }
    }

    /// The time of the last reading of the clock: at most one pull ago.
    pub(crate) fn now(&self) -> u64 {
        self.now
    }

    /// Reads the clock; returns how long it is since the last reading.
    pub(crate) fn lap(&mut self) -> u64 {
        let before = std::mem::replace(&mut self.now, self.core.clock.now());
        self.now.saturating_sub(before)
    }

    /// How long the task has run by the last reading of the clock.
    pub(crate) fn ran(&self) -> u64 {
        self.now.saturating_sub(self.entered)
    }

    /// How many of `room` events to handle now: all of them, or what the simulation's seed says.
    pub(crate) fn limit(&self, room: usize) -> usize {
        self.core.simulation(|simulation| simulation.cut(room)).unwrap_or(room)
    }

    /// Whether the task has run long enough and others should.
    pub(crate) fn spent(&self) -> bool {
        match self.core.simulation(Simulation::interrupts) {
            Some(interrupted) => interrupted,
            None => self.core.is_over() || self.ran() > QUANTUM || self.core.lacks_helper(),
        }
    }

    /// Whether the simulation's seed wants something to be delayed.
    pub(crate) fn delays(&self) -> bool {
        self.core.simulation(Simulation::delays).unwrap_or(false)
    }

    /// Wakes this task at a time of the run's clock.
    pub(crate) fn wake_at(&self, at: u64) {
        self.core.timers.set(at, self.task.clone());
        // A run that is told to stop wakes who waits for a time: either it has seen this timer, or
        // the task sees the phase.
        if self.core.phase() == Phase::Stopping {
            self.task.notify();
        }
    }
}
