//! Model checks of the protocols that decide whether a run ever ends.
//!
//! `task_state`, `credit`, `post` and `sleep` are checked as they ship; what stands around them here (a
//! ready queue, workers, an inbox) is as small as can be and does what `core`, `worker` and `edge`
//! do. Loom tries every interleaving, and every value that the memory model lets a load return,
//! within the number of preemptions that a model names.
//!
//! - A lost wake-up leaves a thread asleep for ever: loom reports the deadlock.
//! - What is published is written and read relaxed: only the protocol under test makes it visible.
//!
//! Run: `RUSTFLAGS="--cfg loom" cargo test --lib --release loom`.

use super::census::Census;
use super::credit::{Credits, Demand, Wake};
use super::post::Post;
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

fn join<R, const N: usize>(threads: [thread::JoinHandle<R>; N]) -> [R; N] {
    threads.map(|thread| thread.join().unwrap())
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
                ready.census.moves();
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

    /// As `Run::run_task`.
    fn run_on_worker(&self, run: impl FnOnce() -> Step) {
        let Home::Workers(ready) = &self.home else { unreachable!() };
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
                ready.task_done();
            }
        }
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
    census: Census,
}

impl Ready {
    fn new(tasks: usize, outside: usize) -> Arc<Self> {
        let census = census(tasks, 0, outside);
        let queue = Mutex::new(Some(VecDeque::new()));
        Arc::new(Ready { queue, arrival: Condvar::new(), census })
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

    /// As `Core::task_done`.
    fn task_done(&self) {
        if self.census.done() {
            let left = unpoisoned(self.queue.lock()).take();
            assert_eq!(left, Some(VecDeque::new()), "a task is queued after its end");
            self.arrival.notify_all();
        } else {
            self.fail_if_stalled();
        }
    }

    /// As `Core::task_waits`.
    fn task_waits(&self) {
        if self.census.waits() {
            self.fail_if_stalled();
        }
    }

    fn fail_if_stalled(&self) {
        assert!(!self.census.is_at_rest(0, || false), "the run has stalled");
    }
}

/// The census of a run of so many tasks, of which so many are active.
fn census(tasks: usize, active: usize, outside: usize) -> Census {
    let census = Census::new();
    (0..tasks).for_each(|_| census.lives());
    (0..active).for_each(|_| census.moves());
    (0..outside).for_each(|_| census.outside_enters());
    census
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
    let ready = Ready::new(1, 1);
    let task = Task::new(0, Home::Workers(Arc::clone(&ready)));
    let published = Arc::new([AtomicBool::new(false), AtomicBool::new(false)]);
    let seen_before = Arc::new(AtomicUsize::new(0));
    let worker = {
        let (ready, task) = (Arc::clone(&ready), Arc::clone(&task));
        let (published, seen_before) = (Arc::clone(&published), Arc::clone(&seen_before));
        move || {
            while ready.pop().is_some() {
                task.run_on_worker(|| {
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
    check(5, || two_notifiers(1, || Step::Wait));
}

/// The same where the task says that it has more to do: a notification that falls between must
/// not queue it a second time, and must not be lost in the run that is queued anyway.
#[test]
fn loom_task_that_goes_on_is_queued_once() {
    check(4, || two_notifiers(1, || Step::Again));
}

/// What goes wrong otherwise: two workers are inside one task, or the second one does not see what
/// the first one left in it.
#[test]
fn loom_task_has_one_worker_at_a_time() {
    check(2, || two_notifiers(2, || Step::Wait));
    check(2, || two_notifiers(2, || Step::Again));
}

/// What goes wrong otherwise: a notification that comes late puts a task that is over, and has been
/// dropped, into the ready queue.
#[test]
fn loom_task_that_is_done_is_never_queued_again() {
    check(None, || {
        let ready = Ready::new(1, 1);
        let task = Task::new(0, Home::Workers(Arc::clone(&ready)));
        let notifiers = [(); 2].map(|()| {
            let task = Arc::clone(&task);
            thread::spawn(move || task.notify())
        });
        while ready.pop().is_some() {
            task.run_on_worker(|| Step::Done);
        }
        join(notifiers);
        assert!(!task.state.is_scheduled());
        assert_eq!(task.entered.load(Ordering::Relaxed), 1);
    });
}

/// What goes wrong otherwise: a task on a thread of its own, which waits by looking at its state,
/// parks after the last notification and stays parked.
#[test]
fn loom_task_on_its_own_thread_is_woken() {
    check(3, || {
        let task = Task::apart();
        task.notify();
        let published = Arc::new([AtomicBool::new(false), AtomicBool::new(false)]);
        let notifiers = [0, 1].map(|notifier| {
            let (task, published) = (Arc::clone(&task), Arc::clone(&published));
            thread::spawn(move || {
                published[notifier].store(true, Ordering::Relaxed);
                task.notify();
            })
        });
        task.live_apart(|| match published.iter().all(|p| p.load(Ordering::Relaxed)) {
            true => Step::Done,
            false => Step::Wait,
        });
        join(notifiers);
    });
}

/// Credits with books that are kept relaxed: who takes credit sees who gave it.
struct Account {
    credits: Credits<Waker>,
    given: AtomicUsize,
    taken: AtomicUsize,
    closed: AtomicBool,
}

impl Account {
    fn new(credits: usize) -> Arc<Self> {
        let account = Account {
            credits: Credits::new(credits),
            given: AtomicUsize::new(credits),
            taken: AtomicUsize::new(0),
            closed: AtomicBool::new(false),
        };
        // Loom lets a sequentially consistent load return the initial value even after a
        // sequentially consistent store, since it does not count the initial one as such. So the
        // model begins with stores.
        account.credits.give(0);
        account.credits.wake_all();
        Arc::new(account)
    }

    fn give(&self, credits: usize) {
        self.given.fetch_add(credits, Ordering::Relaxed);
        self.credits.give(credits);
    }

    fn take_or_wait(&self, most: usize, task: &Arc<Task>) -> usize {
        let taken = self.credits.take_or_wait(most, || Waker(Arc::clone(task)));
        assert!(taken <= most);
        let so_far = self.taken.fetch_add(taken, Ordering::Relaxed) + taken;
        // What was given is seen in full, what others have taken perhaps too: a plain load could
        // return less than they have seen.
        let given = self.given.fetch_add(0, Ordering::Relaxed);
        assert!(so_far <= given, "more is taken than was given");
        taken
    }

    fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
        self.credits.wake_all();
    }

    /// When all threads are through: nothing was lost, and nothing came from nowhere.
    fn balance(&self, left: usize) {
        let (given, taken) =
            (self.given.load(Ordering::Relaxed), self.taken.load(Ordering::Relaxed));
        assert_eq!(self.credits.available(), left);
        assert_eq!(given - taken, left);
    }
}

/// A task of its own that takes credit until it has `need`, or until the account is closed.
fn taker(account: &Arc<Account>, need: usize, most: usize) -> thread::JoinHandle<usize> {
    let account = Arc::clone(account);
    let task = Task::apart();
    task.notify();
    thread::spawn(move || {
        let mut has = 0;
        task.live_apart(|| {
            match account.take_or_wait(most.min(need - has), &task) {
                0 if account.closed.load(Ordering::Relaxed) => return Step::Done,
                0 => return Step::Wait,
                taken => has += taken,
            }
            if has == need { Step::Done } else { Step::Again }
        });
        has
    })
}

/// What goes wrong otherwise: credit arrives between the producer's first look and its registration;
/// the consumer sees no waker, the producer no credit, and both wait.
#[test]
fn loom_producer_never_sleeps_beside_credit() {
    check(5, || {
        let account = Account::new(0);
        let producer = taker(&account, 2, 2);
        account.give(1);
        account.give(1);
        assert_eq!(producer.join().unwrap(), 2);
        account.balance(0);
    });
}

/// What goes wrong otherwise: both takers are served the same credit and an edge holds more than
/// was asked for; or one's registration wipes out the other's, who then sleeps for ever.
#[test]
fn loom_two_takers_share_what_was_given() {
    check(4, || {
        let account = Account::new(0);
        let takers = [taker(&account, 1, 1), taker(&account, 1, 1)];
        account.give(1);
        account.give(2);
        assert_eq!(join(takers), [1, 1]);
        account.balance(1);
    });
}

/// What goes wrong otherwise: two consumers give at once, each believes that the other wakes the
/// producer, and nobody does.
#[test]
fn loom_two_givers_wake_one_producer() {
    check(4, || {
        let account = Account::new(0);
        let producer = taker(&account, 2, 1);
        let other = {
            let account = Arc::clone(&account);
            thread::spawn(move || account.give(1))
        };
        account.give(1);
        other.join().unwrap();
        assert_eq!(producer.join().unwrap(), 2);
        account.balance(0);
    });
}

/// What goes wrong otherwise: an edge is closed while its producer goes to sleep for credit that
/// will never come, and the producer never learns of it.
#[test]
fn loom_waiting_takers_learn_of_the_end() {
    check(3, || {
        let account = Account::new(0);
        let takers = [taker(&account, 1, 1), taker(&account, 1, 1)];
        account.give(1);
        account.close();
        let had = join(takers);
        account.balance(1 - had.iter().sum::<usize>());
    });
}

/// An edge with its two tasks on `workers` workers, as one run: nothing outside can save it.
///
/// What goes wrong otherwise: a wake-up that is lost anywhere stalls the run; a task that is not
/// counted as active while it can still move makes a healthy run fail as stalled; an inbox holds
/// more than was asked for.
fn edge(workers: usize, events: usize, max_demand: usize, min_demand: usize) {
    const PRODUCER: usize = 0;
    let ready = Ready::new(2, 0);
    let tasks = [0, 1].map(|id| Task::new(id, Home::Workers(Arc::clone(&ready))));
    let account = Account::new(max_demand);
    let inbox = Arc::new(Mutex::new(0));
    let sent = Arc::new(AtomicUsize::new(0));
    let received = Arc::new(AtomicUsize::new(0));
    let demand = Arc::new(Mutex::new(Demand::new(max_demand, min_demand)));
    tasks[PRODUCER].notify();
    let worker = {
        let (ready, account, received) =
            (Arc::clone(&ready), Arc::clone(&account), Arc::clone(&received));
        move || {
            let [producer, consumer] = &tasks;
            let produce = || {
                let before = sent.load(Ordering::Relaxed);
                let taken = account.take_or_wait(events - before, producer);
                if taken == 0 {
                    return Step::Wait;
                }
                sent.store(before + taken, Ordering::Relaxed);
                {
                    let mut inbox = unpoisoned(inbox.lock());
                    *inbox += taken;
                    assert!(*inbox <= max_demand, "an inbox holds more than was asked for");
                }
                consumer.notify();
                if before + taken == events { Step::Done } else { Step::Again }
            };
            let consume = || {
                let arrived = std::mem::take(&mut *unpoisoned(inbox.lock()));
                if arrived == 0 {
                    return Step::Wait;
                }
                let so_far = received.load(Ordering::Relaxed) + arrived;
                received.store(so_far, Ordering::Relaxed);
                match unpoisoned(demand.lock()).handled(arrived) {
                    0 => {}
                    more => account.give(more),
                }
                if so_far == events { Step::Done } else { Step::Again }
            };
            while let Some(id) = ready.pop() {
                match id {
                    PRODUCER => producer.run_on_worker(produce),
                    _ => consumer.run_on_worker(consume),
                }
            }
        }
    };
    let helpers = (1..workers).map(|_| thread::spawn(worker.clone())).collect::<Vec<_>>();
    worker();
    for helper in helpers {
        helper.join().unwrap();
    }
    assert_eq!(received.load(Ordering::Relaxed), events);
    assert_eq!(account.taken.load(Ordering::Relaxed), events);
}

#[test]
fn loom_edge_never_stalls() {
    check(3, || edge(2, 3, 1, 0));
    check(3, || edge(2, 4, 2, 1));
    check(2, || edge(3, 3, 2, 0));
}

/// What goes wrong otherwise: two tasks end at the same time, one of them is not active any more but
/// still lives, and the run, which is about to end, fails as stalled.
#[test]
fn loom_run_that_ends_is_not_stalled() {
    check(None, || {
        let census = Arc::new(census(2, 2, 0));
        let end = |census: &Census| {
            let last = census.done();
            assert!(last || !census.is_at_rest(0, || false), "the run has stalled");
            last
        };
        let other = {
            let census = Arc::clone(&census);
            thread::spawn(move || end(&census))
        };
        let last = [end(&census), other.join().unwrap()];
        assert_eq!(last.iter().filter(|&&last| last).count(), 1, "the run ends once");
    });
}

/// One worker's task goes idle while another worker fires a timer; the task that it wakes sets its
/// timer anew and waits.
///
/// What goes wrong otherwise: the first worker sees that nothing is active before the timer fires,
/// and that no timer is set after it has fired: a healthy run fails as stalled.
#[test]
fn loom_timer_that_fires_is_no_stall() {
    check(None, || {
        let run = Arc::new((census(2, 1, 0), AtomicBool::new(true)));
        let wait = |(census, timer): &(Census, AtomicBool)| {
            let stalled = census.waits() && census.is_at_rest(0, || timer.load(Ordering::SeqCst));
            assert!(!stalled, "the run has stalled");
        };
        let other = {
            let run = Arc::clone(&run);
            thread::spawn(move || wait(&run))
        };
        let (census, timer) = &*run;
        // As `Core::fire_timers`.
        census.moves();
        timer.store(false, Ordering::SeqCst);
        census.moves();
        wait(&run);
        // The task that was woken.
        timer.store(true, Ordering::SeqCst);
        wait(&run);
        other.join().unwrap();
    });
}

/// One worker's task goes idle while user code rings a notifier and drops it; the task that it wakes
/// finds nothing and waits.
///
/// What goes wrong otherwise: the worker sees that nothing is active before the ring, and that nobody
/// is outside after the drop, and a run that has something to do fails as stalled. Or everybody
/// leaves it to the others to say that the run has stalled, and it hangs.
#[test]
fn loom_stall_is_reported_when_it_is_one() {
    check(None, || {
        let run = Arc::new((census(2, 1, 1), AtomicBool::new(false)));
        let stalled = |(census, at_rest): &(Census, AtomicBool)| {
            let stalled = census.is_at_rest(0, || false);
            assert!(!stalled || at_rest.load(Ordering::Relaxed), "a task can still move");
            stalled
        };
        let other = {
            let run = Arc::clone(&run);
            thread::spawn(move || run.0.waits() && stalled(&run))
        };
        let (census, at_rest) = &*run;
        census.moves();
        census.outside_leaves();
        let mut reported = stalled(&run);
        at_rest.store(true, Ordering::Relaxed);
        reported |= census.waits() && stalled(&run);
        assert!(other.join().unwrap() | reported, "nobody says that the run has stalled");
    });
}

/// The last active task waits while the reader of the run, who has nothing to read, goes to sleep.
///
/// What goes wrong otherwise: the task's worker leaves it to the reader to say that the run has
/// stalled, and the reader sleeps.
#[test]
fn loom_reader_learns_that_the_run_has_stalled() {
    check(None, || {
        let run = Arc::new((census(1, 1, 1), Sleep::new()));
        run.0.reader_sleeps(false);
        let worker = {
            let run = Arc::clone(&run);
            thread::spawn(move || {
                let (census, sleep) = &*run;
                if census.waits() && census.reader_must_look(|| false) {
                    sleep.wake_all();
                }
            })
        };
        let (census, sleep) = &*run;
        let at_rest = || census.is_at_rest(1, || false);
        while !at_rest() {
            census.reader_sleeps(true);
            sleep.sleep(None, at_rest);
            census.reader_sleeps(false);
        }
        worker.join().unwrap();
    });
}

/// Work for workers that sleep, weaker than any real queue: what is published is only seen early
/// enough if `Sleep` sees to it.
struct Work {
    items: AtomicUsize,
    taken: AtomicUsize,
    over: AtomicBool,
    sleep: Sleep,
}

impl Work {
    fn new() -> Arc<Self> {
        Arc::new(Work {
            items: AtomicUsize::new(0),
            taken: AtomicUsize::new(0),
            over: AtomicBool::new(false),
            sleep: Sleep::new(),
        })
    }

    fn publish(&self) {
        self.items.fetch_add(1, Ordering::Release);
        self.sleep.wake_one();
    }

    fn take(&self) -> bool {
        let one = |items: usize| items.checked_sub(1);
        self.items.fetch_update(Ordering::Acquire, Ordering::Relaxed, one).is_ok()
    }

    fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    /// As `Core::enter`.
    fn end(&self) {
        self.over.store(true, Ordering::Relaxed);
        self.sleep.wake_all();
    }

    fn sleep(&self) {
        self.sleep.sleep(None, || self.items.load(Ordering::Relaxed) > 0 || self.is_over());
    }

    /// As `Run::work`: until the run is over, which is when `all` items are taken.
    fn work(&self, all: usize) {
        while !self.is_over() {
            if !self.take() {
                self.sleep();
            } else if self.taken.fetch_add(1, Ordering::Relaxed) + 1 == all {
                self.end();
            }
        }
    }

    /// Takes one item, which keeps this worker busy from then on.
    fn work_on_one(&self) {
        while !self.take() {
            self.sleep();
        }
    }
}

/// Two workers and two threads that publish an item each.
fn two_sleepers_two_wakers(work_on: fn(&Work)) {
    let work = Work::new();
    let wakers = [(); 2].map(|()| {
        let work = Arc::clone(&work);
        thread::spawn(move || work.publish())
    });
    let sleeper = {
        let work = Arc::clone(&work);
        thread::spawn(move || work_on(&work))
    };
    work_on(&work);
    sleeper.join().unwrap();
    join(wakers);
    assert_eq!(work.items.load(Ordering::Relaxed), 0);
    assert_eq!(work.sleep.sleepers(), 0);
}

/// What goes wrong otherwise: work is published while a worker makes up its mind to sleep; the waker
/// sees nobody idle, the worker sees no work, and the run hangs. Or the end of the run, which
/// everybody must hear, is not heard by one.
#[test]
fn loom_sleepers_wake_for_work_and_for_the_end() {
    check(2, || two_sleepers_two_wakers(|work| work.work(2)));
}

/// What goes wrong otherwise: the run is over, and of two workers that sleep only one is told.
#[test]
fn loom_end_wakes_all_sleepers() {
    check(3, || {
        let work = Work::new();
        let sleepers = [(); 2].map(|()| {
            let work = Arc::clone(&work);
            thread::spawn(move || work.work(usize::MAX))
        });
        work.end();
        join(sleepers);
    });
}

/// What goes wrong otherwise: of two wake-ups one is swallowed, by a worker that did not sleep or
/// that is awake already, and a worker sleeps beside work while the other is busy for long.
#[test]
fn loom_two_wake_ups_wake_two_sleepers() {
    check(2, || two_sleepers_two_wakers(Work::work_on_one));
}

/// The same for one sleeper, in every interleaving.
#[test]
fn loom_one_sleeper_hears_every_waker() {
    check(None, || {
        let work = Work::new();
        let waker = {
            let work = Arc::clone(&work);
            thread::spawn(move || {
                work.publish();
                work.publish();
            })
        };
        work.work(2);
        waker.join().unwrap();
    });
}

/// The thread that reads a flow runs the last task itself and sleeps where workers do.
///
/// What goes wrong otherwise: the task is notified while its reader goes to sleep, and nobody else
/// may run it.
#[test]
fn loom_reader_wakes_for_its_task() {
    check(3, || {
        let (state, sleep) = (Arc::new(TaskState::idle()), Arc::new(Sleep::new()));
        let published = Arc::new([AtomicBool::new(false), AtomicBool::new(false)]);
        let notifiers = [0, 1].map(|notifier| {
            let (state, sleep) = (Arc::clone(&state), Arc::clone(&sleep));
            let published = Arc::clone(&published);
            thread::spawn(move || {
                published[notifier].store(true, Ordering::Relaxed);
                if state.notify() {
                    sleep.wake_all();
                }
            })
        });
        let mut all = false;
        while !all {
            if state.is_scheduled() {
                state.start();
                all = published.iter().all(|p| p.load(Ordering::Relaxed));
                let _scheduled_again = !state.wait();
            } else {
                sleep.sleep(None, || state.is_scheduled());
            }
        }
        join(notifiers);
    });
}

/// What is sent to a stage: something that wakes it, or an ask, which can wait.
#[derive(Debug, PartialEq)]
enum Letter {
    Event,
    Ask,
}

/// Senders send letters to a stage, of which each event needs an ask before it is let go. The stage
/// closes its mailbox when it has let go of so many; each letter is then taken, left in the mailbox,
/// or given back.
fn letters(senders: &'static [&'static [Letter]], events: usize) {
    let ready = Ready::new(1, 1);
    let task = Task::new(0, Home::Workers(Arc::clone(&ready)));
    let post: Arc<Post<&'static Letter, usize, ()>> = Arc::new(Post::new());
    let given_back = Arc::new(AtomicUsize::new(0));
    let threads: Vec<_> = senders
        .iter()
        .map(|letters| {
            let (task, post) = (Arc::clone(&task), Arc::clone(&post));
            let given_back = Arc::clone(&given_back);
            thread::spawn(move || {
                for letter in *letters {
                    match post.send(letter, *letter == Letter::Ask) {
                        Ok(true) => task.notify(),
                        Ok(false) => {}
                        Err(_) => {
                            given_back.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                }
            })
        })
        .collect();
    let (mut held, mut asked, mut done, mut seen) = (0, 0, 0, 0);
    let mut mail = Vec::new();
    while ready.pop().is_some() {
        task.run_on_worker(|| {
            post.take(&mut mail, true);
            seen += mail.len();
            for letter in mail.drain(..) {
                match letter {
                    Letter::Event => held += 1,
                    Letter::Ask => asked += 1,
                }
            }
            let now = held.min(asked);
            (held, asked, done) = (held - now, asked - now, done + now);
            if done >= events {
                seen += post.close(()).0.len();
                return Step::Done;
            }
            // As the actor: one that holds nothing does not wait for asks.
            if held == 0 || post.waits() { Step::Wait } else { Step::Again }
        });
    }
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    let sent: usize = senders.iter().map(|letters| letters.len()).sum();
    assert_eq!(seen + given_back.load(Ordering::Relaxed), sent, "a letter is lost");
}

/// What goes wrong otherwise: the first sender wakes the stage before the second one's letter is there,
/// and the second one thinks that it was woken for it.
#[test]
fn loom_post_wakes_for_the_first_letter_and_all_are_taken() {
    check(3, || letters(&[&[Letter::Ask, Letter::Event], &[Letter::Event, Letter::Ask]], 2));
}

/// What goes wrong otherwise: an ask comes between the look of a stage that holds something and its
/// going idle, and nobody wakes it.
#[test]
fn loom_post_wakes_for_what_can_wait_when_it_is_waited_for() {
    check(3, || letters(&[&[Letter::Event], &[Letter::Ask]], 1));
    check(3, || letters(&[&[Letter::Event, Letter::Event], &[Letter::Ask, Letter::Ask]], 2));
}

/// What goes wrong otherwise: a letter that comes while a stage closes is neither taken nor given back,
/// and its sender waits for ever.
#[test]
fn loom_post_gives_back_what_comes_after_its_end() {
    check(3, || letters(&[&[Letter::Event, Letter::Ask], &[Letter::Event], &[Letter::Ask]], 1));
}
