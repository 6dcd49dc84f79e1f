//! Tasks: what workers run, and the handle by which anything wakes one.

use super::core::{Core, Cx};
use super::credit::Wake;
#[cfg(test)]
use super::fault_tests::Fault;
use super::task_state::TaskState;
use crate::error::FlowError;
use crate::sync::unpoisoned;
use crossbeam_utils::sync::Unparker;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

/// One instance of a stage: runs for a bounded while and says what it waits for by returning.
///
/// A task never blocks a worker. One that has to (an iterator that may wait) asks for a thread of
/// its own by returning [`Step::OwnThread`] and is run there from then on.
pub(crate) trait Task: Send {
    fn run(&mut self, cx: &mut Cx<'_>) -> Step;
}

/// What a task says when it leaves its worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// There is more to do: queue it again, behind the others.
    Again,
    /// Nothing to do until something wakes it.
    Wait,
    /// It may block from now on: run it on a thread of its own.
    OwnThread,
    /// Over: everything it had to send is sent.
    Done,
}

/// A place for a task, with the handle that wakes it. The lock is never contended: the state lets
/// one worker in.
pub(crate) struct Slot<'env> {
    pub(crate) handle: TaskRef,
    pub(crate) task: Mutex<Option<Box<dyn Task + 'env>>>,
}

/// A task that is ready: one of those that the run began with, or one that was added.
#[derive(Clone, Debug)]
pub(crate) enum Ready {
    Slot(usize),
    Added(TaskRef),
}

impl Ready {
    pub(crate) fn id(&self) -> usize {
        match self {
            Ready::Slot(id) => *id,
            Ready::Added(task) => task.id(),
        }
    }
}

/// The handle by which anything wakes a task.
#[derive(Clone)]
pub(crate) struct TaskRef(Arc<Handle>);

struct Handle {
    id: usize,
    stage: usize,
    state: TaskState,
    core: Arc<Core>,
    /// The task itself, where it was added to a run that had begun.
    added: Option<Mutex<Option<Box<dyn Task>>>>,
    /// Whether it was over soon when it ran last: read and written without order, since it is a guess.
    short: AtomicBool,
    /// Set where the task runs elsewhere than on the workers.
    home: OnceLock<Home>,
}

/// Where a task runs that workers do not run.
#[derive(Debug)]
pub(crate) enum Home {
    /// On a thread of its own, which is told so.
    OwnThread(Unparker),
    /// On the thread that reads the flow as an iterator, inside its `next`.
    Reader,
}

impl TaskRef {
    pub(crate) fn new(id: usize, stage: usize, core: &Arc<Core>) -> Self {
        let core = Arc::clone(core);
        let (state, home) = (TaskState::idle(), OnceLock::new());
        let short = AtomicBool::new(false);
        TaskRef(Arc::new(Handle { id, stage, state, core, added: None, short, home }))
    }

    /// The handle of a task that is added to a run that has begun: it holds the task. `id` orders
    /// it among the others that a simulation chooses from.
    pub(crate) fn added(id: usize, core: &Arc<Core>) -> Self {
        let core = Arc::clone(core);
        let (state, home, added) = (TaskState::idle(), OnceLock::new(), Some(Mutex::default()));
        let (stage, short) = (usize::MAX, AtomicBool::new(false));
        TaskRef(Arc::new(Handle { id, stage, state, core, added, short, home }))
    }

    /// Where the task is that was added.
    pub(crate) fn place(&self) -> Option<&Mutex<Option<Box<dyn Task>>>> {
        self.0.added.as_ref()
    }

    /// Puts a task that is added into its place.
    pub(crate) fn put(&self, task: Box<dyn Task>) {
        if let Some(place) = self.place() {
            *unpoisoned(place.lock()) = Some(task);
        }
    }

    pub(crate) fn is_short(&self) -> bool {
        self.0.short.load(Ordering::Relaxed)
    }

    pub(crate) fn was_short(&self, short: bool) {
        if self.is_short() != short {
            self.0.short.store(short, Ordering::Relaxed);
        }
    }

    /// How the ready queue names it.
    pub(crate) fn ready(&self) -> Ready {
        match self.0.added {
            None => Ready::Slot(self.0.id),
            Some(_) => Ready::Added(self.clone()),
        }
    }

    /// Fails the run in the name of this task's stage.
    pub(crate) fn fail(&self, error: FlowError) {
        let core = self.core();
        core.fail(error.with_stage(|| core.stage_name(self.0.stage)));
    }

    /// Records a panic of something that this task dropped.
    pub(crate) fn fail_in_drop(&self, error: FlowError) {
        let core = self.core();
        core.fail_in_drop(error.with_stage(|| core.stage_name(self.0.stage)));
    }

    pub(crate) fn id(&self) -> usize {
        self.0.id
    }

    pub(crate) fn state(&self) -> &TaskState {
        &self.0.state
    }

    pub(crate) fn home(&self) -> Option<&Home> {
        self.0.home.get()
    }

    pub(crate) fn core(&self) -> &Arc<Core> {
        &self.0.core
    }

    /// Makes the task run elsewhere from now on. Only the first call counts.
    pub(crate) fn move_to(&self, home: Home) {
        let _already_moved = self.0.home.set(home);
    }

    /// Tells the task that something happened; it will run.
    pub(crate) fn notify(&self) {
        #[cfg(test)]
        if Fault::LosesWakes.strikes() {
            return;
        }
        if self.0.state.notify() {
            self.0.core.schedule(self);
        }
    }
}

impl PartialEq for TaskRef {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Wake for TaskRef {
    fn wake(&self) {
        self.notify();
    }
}

impl fmt::Debug for TaskRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "task {}", self.0.id)
    }
}
