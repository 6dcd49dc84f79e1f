//! What the tests of operators and of properties share.
#![allow(dead_code, reason = "every test file uses a part of it")]

use flow::{BoxError, Demand, Executor, Flow, Meter, Notifier, Produced, Producer};
use std::cell::RefCell;
use std::fmt::{self, Debug};
use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// What a check says: nothing, or what is wrong.
pub(crate) type Check = Result<(), BoxError>;

/// Who runs a flow and how much goes over its edges at once.
#[derive(Debug)]
pub(crate) struct Setup {
    pub(crate) executor: Executor,
    /// Instances of sources, and of the stages behind an exchange.
    pub(crate) instances: usize,
    pub(crate) max_demand: usize,
    pub(crate) min_demand: usize,
    /// How many events there are.
    pub(crate) size: usize,
    meters: RefCell<Vec<Meter>>,
}

impl Setup {
    pub(crate) fn new(
        executor: Executor,
        instances: usize,
        demand: (usize, usize),
        size: usize,
    ) -> Self {
        let (max_demand, min_demand) = demand;
        Setup { executor, instances, max_demand, min_demand, size, meters: RefCell::default() }
    }

    /// As many events as there are to be: 0, 1, 2, …
    pub(crate) fn numbers(&self) -> Vec<u64> {
        (0..self.size as u64).collect()
    }

    /// Sets up a source's stage, and the run.
    pub(crate) fn source<N>(&self, source: Flow<N>) -> Flow<N> {
        self.stage(self.run(source))
    }

    /// Sets up a run, and its meter.
    pub(crate) fn run<N>(&self, flow: Flow<N>) -> Flow<N> {
        flow.on(self.executor.clone()).observe(&self.meter())
    }

    /// Sets up the stage that was begun last.
    pub(crate) fn stage<N>(&self, flow: Flow<N>) -> Flow<N> {
        self.demand(flow).stages(self.instances)
    }

    /// Sets up the edge into the stage that was begun last.
    pub(crate) fn demand<N>(&self, flow: Flow<N>) -> Flow<N> {
        flow.max_demand(self.max_demand).min_demand(self.min_demand)
    }

    /// A meter that [`balanced`](Self::balanced) looks at.
    pub(crate) fn meter(&self) -> Meter {
        let meter = Meter::new();
        self.meters.borrow_mut().push(meter.clone());
        meter
    }

    /// Whether on every edge of every run, all successful, what came in also came out or was
    /// dropped, and nothing is held any more.
    pub(crate) fn balanced(&self) -> Check {
        for meter in self.meters.borrow().iter() {
            let metrics = meter.metrics();
            for (number, edge) in metrics.edges().iter().enumerate() {
                if edge.events_in != edge.events_out + edge.dropped + edge.held || edge.held != 0 {
                    return Err(format!("edge {} is not balanced:\n{metrics}", number + 1).into());
                }
            }
        }
        Ok(())
    }
}

impl fmt::Display for Setup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Setup { executor, instances, max_demand, min_demand, size, meters: _ } = self;
        let stages = format!("stages({instances}), demand {max_demand}/{min_demand}");
        write!(f, "{size} events, {stages}, {executor:?}")
    }
}

/// One thing that is tested, in every setup.
pub(crate) struct Case {
    name: &'static str,
    check: fn(&Setup) -> Check,
}

pub(crate) fn case(name: &'static str, check: fn(&Setup) -> Check) -> Case {
    Case { name, check }
}

/// Batches of 1, 7 and 1,024 events; no event, one, just more than a batch and some batches; 1, 2
/// and 4 workers and some seeds.
fn setups() -> Vec<Setup> {
    let mut setups = Vec::new();
    for (batch, demand) in [(1, (1, 0)), (7, (14, 7)), (1024, (4096, 3072))] {
        for size in [0, 1, batch + 1, 3 * batch + 2] {
            for workers in [1, 2, 4] {
                setups.push(Setup::new(Executor::threads(workers), workers, demand, size));
            }
            for seed in 0..6 {
                setups.push(Setup::new(Executor::simulation(seed), 3, demand, size));
            }
        }
    }
    setups
}

/// Runs all cases in all setups before it fails, and says which ones failed.
pub(crate) fn run_all(cases: &[Case]) {
    let watchdog = Watchdog::new(Duration::from_secs(60));
    let mut failures = Vec::new();
    for Case { name, check } in cases {
        let setups = setups();
        let mut failed = 0;
        for setup in &setups {
            watchdog.at(|| format!("{name} with {setup}"));
            let checked = AssertUnwindSafe(|| check(setup).and_then(|()| setup.balanced()));
            let checked = catch_unwind(checked).unwrap_or_else(|_| Err("it panicked".into()));
            if let Err(wrong) = checked {
                failed += 1;
                // The first few say enough.
                if failed <= 3 {
                    eprintln!("{name}: {wrong}\n    with {setup}");
                }
            }
        }
        if failed > 0 {
            failures.push(format!("{name}: in {failed} of {} setups", setups.len()));
        }
    }
    assert!(failures.is_empty(), "failed:\n    {}", failures.join("\n    "));
}

/// Whether one sequence is the other; says where they part.
pub(crate) fn same<T: PartialEq + Debug>(
    got: impl IntoIterator<Item = T>,
    want: impl IntoIterator<Item = T>,
) -> Check {
    let got: Vec<T> = got.into_iter().collect();
    let want: Vec<T> = want.into_iter().collect();
    let at = got.iter().zip(&want).take_while(|(got, want)| got == want).count();
    if at == got.len() && at == want.len() {
        return Ok(());
    }
    let (got_there, want_there) = (got.get(at), want.get(at));
    let (got, want) = (got.len(), want.len());
    Err(format!("{got} for {want} events; at {at} {got_there:?} for {want_there:?}").into())
}

/// Whether both have the same events, in whatever order.
pub(crate) fn same_events<T: Ord + Debug>(
    got: impl IntoIterator<Item = T>,
    want: impl IntoIterator<Item = T>,
) -> Check {
    let sorted = |events: Vec<T>| {
        let mut events = events;
        events.sort_unstable();
        events
    };
    same(sorted(got.into_iter().collect()), sorted(want.into_iter().collect()))
        .map_err(|wrong| format!("sorted: {wrong}").into())
}

/// Whether all of `got` is in `from`, nothing more often than there, and so many altogether.
pub(crate) fn some_of<T: Ord + Debug>(
    got: impl IntoIterator<Item = T>,
    from: impl IntoIterator<Item = T>,
    many: usize,
) -> Check {
    let mut left: Vec<T> = from.into_iter().collect();
    left.sort_unstable();
    let mut left = left.into_iter().peekable();
    let mut got: Vec<T> = got.into_iter().collect();
    if got.len() != many {
        return Err(format!("{} for {many} events", got.len()).into());
    }
    got.sort_unstable();
    for event in got {
        while left.next_if(|other| *other < event).is_some() {}
        if left.next_if_eq(&event).is_none() {
            return Err(format!("{event:?} is there too often").into());
        }
    }
    Ok(())
}

/// A wrong value is an error.
pub(crate) fn equal<T: PartialEq + Debug>(got: T, want: T) -> Check {
    if got == want { Ok(()) } else { Err(format!("{got:?} for {want:?}").into()) }
}

/// Ends the whole process, saying what it was at, where one step takes too long: a run that hangs
/// cannot be ended from outside.
#[derive(Debug)]
pub(crate) struct Watchdog {
    at: Arc<Mutex<(String, Instant)>>,
    _alive: mpsc::Sender<()>,
}

impl Watchdog {
    pub(crate) fn new(patience: Duration) -> Self {
        let at = Arc::new(Mutex::new((String::new(), Instant::now())));
        let (alive, over) = mpsc::channel();
        let watched = Arc::clone(&at);
        thread::spawn(move || {
            while over.recv_timeout(patience / 8) == Err(mpsc::RecvTimeoutError::Timeout) {
                let (step, since) = &*watched.lock().unwrap();
                if since.elapsed() > patience {
                    // Past what the test harness would keep to itself.
                    let _ = writeln!(io::stderr(), "hangs: {step}");
                    std::process::exit(101);
                }
            }
        });
        Watchdog { at, _alive: alive }
    }

    /// The next step begins.
    pub(crate) fn at(&self, step: impl FnOnce() -> String) {
        *self.at.lock().unwrap() = (step(), Instant::now());
    }
}

/// A producer of given events that behaves as badly as it may: it emits now less, now more than
/// there is demand for, and is pending in between.
#[derive(Debug)]
pub(crate) struct Moody {
    events: std::vec::IntoIter<u64>,
    mood: usize,
    wakes: Wakes,
}

/// How a [`Moody`] producer that is pending is asked again.
#[derive(Clone, Debug)]
pub(crate) enum Wakes {
    /// By time.
    ByItself,
    /// It rings before it says that it is pending.
    AtOnce,
    /// Somebody else rings.
    By(mpsc::Sender<Notifier>),
}

impl Moody {
    pub(crate) fn new(events: Vec<u64>, mood: usize, wakes: Wakes) -> Self {
        Moody { events: events.into_iter(), mood, wakes }
    }
}

impl Producer for Moody {
    type Item = u64;

    fn produce(&mut self, demand: &mut Demand<'_, u64>) -> Result<Produced, BoxError> {
        self.mood += 1;
        let wanted = demand.events();
        if wanted == 0 {
            return Err("asked for nothing".into());
        }
        let pending = self.mood.is_multiple_of(3);
        let many = match self.mood % 5 {
            0 => 0,
            1 => 1,
            2 => wanted,
            3 => wanted / 2,
            _ => wanted + 3,
        };
        demand.extend(self.events.by_ref().take(many));
        if self.events.as_slice().is_empty() && self.mood.is_multiple_of(2) {
            return Ok(Produced::Done);
        }
        if !pending {
            return Ok(Produced::More);
        }
        match &self.wakes {
            Wakes::ByItself => {}
            Wakes::AtOnce => demand.notifier().notify(),
            Wakes::By(somebody) => somebody.send(demand.notifier())?,
        }
        Ok(Produced::Pending)
    }
}
