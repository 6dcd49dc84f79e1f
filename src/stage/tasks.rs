//! A consumer that runs one task per event: on the workers, or on threads of its own.
//!
//! Invariants:
//! - An event counts as handled when its task is over for good, so what the subscriptions' demand
//!   bounds is how many tasks there are, those that are started again included.
//! - What is to be run lies on the board; workers and threads only know its key. So a stage that ends
//!   takes back what has not begun, whoever was to run it.

mod board;

use super::batch::Batch;
use super::control::Order;
use super::launch::Launch;
use super::mailbox::{Call, Id};
use super::reason::Reason;
use super::role::{Own, Role};
use super::scope::Scope;
use super::shared::Shared;
use super::subscription::SubscriptionId;
use super::supervisor::{Intensity, Restart};
use crate::error::{BoxError, ErrorKind, FlowError, Site};
use crate::runtime::core::Cx;
use crate::runtime::task::{Step, Task};
use board::{Board, Finished, Job};
use crossbeam_channel::{Receiver, Sender};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

pub use board::TaskCounters;

/// A consumer that runs tasks, as a stage.
#[derive(Debug)]
pub struct SupervisesTasks<T: Send + 'static> {
    supervisor: TaskSupervisor<T>,
}

/// What a consumer that runs tasks keeps: see [`Scope::task_supervisor`].
pub struct TaskSupervisor<T: Send + 'static> {
    board: Arc<Board<T>>,
    restart: Restart,
    intensity: Intensity,
    /// Where tasks may block: keys for the threads that run them.
    threads: Option<Threads>,
    /// How many tasks are not over.
    running: usize,
    next_key: u64,
    shared: Arc<Shared>,
    site: Site,
}

struct Threads {
    jobs: Sender<u64>,
    waiting: Receiver<u64>,
    started: usize,
}

impl Scope {
    /// A consumer that runs a task for every event: at most `max_demand` of a subscription at a time.
    ///
    /// Tasks run on the workers, or with [`blocking`](Launch::blocking) on threads of their own. More is
    /// asked for when tasks are over, by the rule of all demand: when `min_demand` or fewer are left. A
    /// task that returns an error or panics has failed, which is counted, and is not run again unless
    /// [`restart`](Launch::restart) says so.
    ///
    /// The stage ends when its inputs have and its tasks are over. Where it fails or is stopped, tasks
    /// that run come to their end, and those that have not begun are dropped, counted. To let it live when
    /// a producer fails, subscribe with [`Cancel::Temporary`](super::Cancel::Temporary).
    ///
    /// ```
    /// use flow::stage::{Stages, Subscribe};
    ///
    /// let stages = Stages::new();
    /// let jobs = stages.iter(0..100u32).start();
    /// let workers = stages.task_supervisor(|job: &u32| match job {
    ///     13 => Err("bad luck".into()),
    ///     _ => Ok(()),
    /// });
    /// let counters = workers.counters();
    /// workers.subscribe(Subscribe::to(&jobs).max_demand(10)).start();
    /// stages.join()?;
    /// assert_eq!((counters.succeeded(), counters.failed()), (99, 1));
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn task_supervisor<T, F>(&self, run: F) -> Launch<SupervisesTasks<T>>
    where
        T: Send + 'static,
        F: Fn(&T) -> Result<(), BoxError> + Send + Sync + 'static,
    {
        let (site, shared) = (Site::here("task_supervisor"), Arc::clone(&self.shared));
        let supervisor = TaskSupervisor {
            board: Board::new(Box::new(run), site),
            restart: Restart::Temporary,
            intensity: Intensity::new(),
            threads: None,
            running: 0,
            next_key: 0,
            shared,
            site,
        };
        Launch::new(&self.shared, SupervisesTasks { supervisor }, site)
    }
}

/// Options of consumers that run tasks.
impl<T: Send + 'static> Launch<SupervisesTasks<T>> {
    /// Whether a task that has failed is run again, with the same event: with [`Restart::Transient`].
    /// [`Restart::Temporary`] where nothing is said; [`Restart::Permanent`] makes no sense and is refused:
    /// the stage fails.
    pub fn restart(mut self, restart: Restart) -> Self {
        self.role.supervisor.restart = restart;
        self
    }

    /// How many tasks may be run again within a time: 3 in 5 seconds where nothing is said. With one more
    /// the stage fails with [`ErrorKind::Limit`](crate::ErrorKind::Limit), whose source is the last
    /// failure.
    pub fn max_restarts(mut self, restarts: usize, within: Duration) -> Self {
        self.role.supervisor.intensity.limit(restarts, within);
        self
    }

    /// Tasks may block: each that runs has a thread of its own, which runs others after it. There are as
    /// many threads as there were tasks at a time; they end with the stage.
    pub fn blocking(mut self) -> Self {
        let (jobs, waiting) = crossbeam_channel::unbounded();
        self.role.supervisor.threads = Some(Threads { jobs, waiting, started: 0 });
        self
    }

    /// What it counts, also when it is over.
    pub fn counters(&self) -> TaskCounters {
        self.role.supervisor.board.counters()
    }
}

impl<T: Send + 'static> Role for SupervisesTasks<T> {
    type Stage = TaskSupervisor<T>;
    type In = T;
    type Out = Infallible;
    const EMITS: bool = false;
    const LATER: bool = true;
    const FAILS: ErrorKind = ErrorKind::Sink;
    const VERB: &'static str = "task_supervisor";

    fn stage(&mut self) -> &mut TaskSupervisor<T> {
        &mut self.supervisor
    }

    fn begins(
        &mut self,
        own: Own<TaskSupervisor<T>, T, Infallible>,
    ) -> Option<Call<TaskSupervisor<T>, Infallible>> {
        let supervisor = &mut self.supervisor;
        supervisor.board.tell(Box::new(move || own.0.wake()));
        if !supervisor.shared.core().own_threads_allowed {
            supervisor.threads = None;
        }
        (supervisor.restart == Restart::Permanent).then(|| -> Call<_, _> {
            Box::new(|supervisor: &mut TaskSupervisor<T>, cx| {
                let why = "tasks cannot be permanent: an event is handled once";
                let error = FlowError::new(ErrorKind::Option, why).with_site(supervisor.site);
                cx.orders.push(Order::Exit(Reason::Failed(error)));
            })
        })
    }

    fn handle(
        &mut self,
        events: Batch<'_, T>,
        _out: &mut VecDeque<Infallible>,
    ) -> Result<(), BoxError> {
        let from = events.from;
        for event in events {
            self.supervisor.begin(from, event)?;
        }
        Ok(())
    }

    fn settle(&mut self, settled: &mut Vec<(SubscriptionId, usize)>) -> Result<(), BoxError> {
        self.supervisor.settle(settled)
    }

    fn is_busy(&self) -> bool {
        self.supervisor.running > 0
    }
}

impl<T: Send + 'static> TaskSupervisor<T> {
    /// How many tasks are not over.
    pub fn running(&self) -> usize {
        self.running
    }

    fn begin(&mut self, from: Id, event: T) -> Result<(), FlowError> {
        self.running += 1;
        self.board.counts.started.fetch_add(1, Ordering::Relaxed);
        self.run(Job { from, event })
    }

    fn run(&mut self, job: Job<T>) -> Result<(), FlowError> {
        let key = self.next_key;
        self.next_key += 1;
        self.board.post(key, job);
        match &mut self.threads {
            Some(threads) => {
                if threads.started < self.running {
                    threads.start(&self.board, &self.shared)?;
                }
                // The receiver is here, too.
                let _sent = threads.jobs.send(key);
            }
            None => {
                let task = self.shared.next_task();
                task.put(Box::new(OneTask { board: Arc::clone(&self.board), key }));
                self.shared.core().task_lives();
                task.notify();
            }
        }
        Ok(())
    }

    fn settle(&mut self, settled: &mut Vec<(SubscriptionId, usize)>) -> Result<(), BoxError> {
        let mut all = self.board.finished().into_iter();
        while let Some(Finished { job, outcome }) = all.next() {
            if let (Err(error), Restart::Transient) = (&outcome, self.restart) {
                self.board.keep(error);
                if !self.intensity.admits(self.shared.core().clock.now()) {
                    let last = all.map(|finished| finished.outcome).chain([outcome.clone()]);
                    last.for_each(|outcome| self.board.counts.is_over(&outcome));
                    let why = FlowError::new(ErrorKind::Limit, self.intensity.exceeded());
                    return Err(why.with_source(error.clone()).with_site(self.site).into());
                }
                self.board.counts.restarted.fetch_add(1, Ordering::Relaxed);
                self.run(job)?;
                continue;
            }
            self.board.counts.is_over(&outcome);
            self.running -= 1;
            settled.push((SubscriptionId(job.from), 1));
        }
        Ok(())
    }
}

impl<T: Send + 'static> Drop for TaskSupervisor<T> {
    fn drop(&mut self) {
        self.board.close();
    }
}

impl<T: Send + 'static> fmt::Debug for TaskSupervisor<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut named = f.debug_struct("TaskSupervisor");
        named.field("restart", &self.restart).field("running", &self.running);
        named.finish_non_exhaustive()
    }
}

impl Threads {
    fn start<T: Send + 'static>(
        &mut self,
        board: &Arc<Board<T>>,
        shared: &Shared,
    ) -> Result<(), FlowError> {
        let (board, waiting) = (Arc::clone(board), self.waiting.clone());
        let over = shared.core().halt();
        let started = shared.threads().apart("flow-task", move || {
            while let Ok(key) = crossbeam_channel::select_biased! {
                recv(over) -> _ => return,
                recv(waiting) -> key => key,
            } {
                board.run(key);
            }
        });
        match started {
            Ok(()) => self.started += 1,
            // Others run it.
            Err(_) if self.started > 0 => {}
            Err(error) => {
                let failed = FlowError::new(ErrorKind::Sink, "no thread could be started");
                return Err(failed.with_source(error));
            }
        }
        Ok(())
    }
}

/// One task, as workers run it.
struct OneTask<T> {
    board: Arc<Board<T>>,
    key: u64,
}

impl<T: Send> Task for OneTask<T> {
    fn run(&mut self, _cx: &mut Cx<'_>) -> Step {
        self.board.run(self.key);
        Step::Done
    }
}
