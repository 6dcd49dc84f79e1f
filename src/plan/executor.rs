//! Who runs a flow: threads, or a simulation.

use crate::runtime::core::Core;
use crate::runtime::worker::on_worker;
use std::num::NonZeroUsize;
use std::sync::OnceLock;
use std::thread;

/// Who runs a flow's stages. The default: one worker per core, started only as work is worth it.
///
/// A flow that is run inside another flow's closure runs inline on that worker unless it is given
/// an executor, so nesting never multiplies threads.
///
/// ```
/// use flow::{Executor, Flow};
///
/// let sum = |executor| Flow::from_range(0..1_000u64).map(|x| x * x).on(executor).sum::<u64>();
/// assert_eq!(sum(Executor::threads(1))?, sum(Executor::simulation(42))?);
/// # Ok::<(), flow::FlowError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Executor(Kind);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Threads(usize),
    Simulation(u64),
}

impl Executor {
    /// At most so many workers, the calling thread included. 0 is refused when the flow is built.
    ///
    /// Sources that may block (iterators, files, channels) have threads of their own beside them.
    pub fn threads(workers: usize) -> Self {
        Executor(Kind::Threads(workers))
    }

    /// A single-threaded run in which the seed decides everything that threads leave to chance:
    /// which task runs next, where batches are cut, which wakes and credits come late. The clock is
    /// virtual: timers fire at once when nothing else can run. It plays four workers whatever the
    /// machine has, so the same seed gives the same run anywhere.
    ///
    /// Iterators and readers are pulled inline, so one that waits for the flow itself hangs.
    pub fn simulation(seed: u64) -> Self {
        Executor(Kind::Simulation(seed))
    }

    /// One worker per core, also where the flow is compiled within another one's closure.
    pub(crate) fn all_cores() -> Self {
        Executor(Kind::Threads(parallelism()))
    }

    pub(crate) fn is_simulation(&self) -> bool {
        matches!(self.0, Kind::Simulation(_))
    }

    /// Why this executor cannot be, if it cannot.
    pub(crate) fn refused(&self) -> Option<String> {
        match self.0 {
            Kind::Threads(0) => Some("an executor needs at least one worker".to_owned()),
            _ => None,
        }
    }

    /// How many partitions a stage has that is not told how many.
    pub(crate) fn partitions(chosen: Option<&Executor>) -> usize {
        match chosen {
            Some(Executor(Kind::Simulation(_))) => SIMULATED,
            _ => parallelism(),
        }
    }

    /// How many workers a run may have.
    pub(crate) fn workers(chosen: Option<&Executor>) -> usize {
        match chosen {
            Some(Executor(Kind::Threads(workers))) => *workers,
            Some(Executor(Kind::Simulation(_))) => SIMULATED,
            None if on_worker() => 1,
            None => parallelism(),
        }
    }

    /// The core of one run on the given executor, or on the default one.
    pub(crate) fn core(chosen: Option<&Executor>, observed: bool) -> Core {
        match chosen {
            Some(Executor(Kind::Simulation(seed))) => Core::simulated(*seed, SIMULATED, observed),
            _ => {
                let own_threads = chosen.is_some() || !on_worker();
                let (workers, partitions) = (Self::workers(chosen), Self::partitions(chosen));
                Core::threads(workers, partitions, own_threads, observed)
            }
        }
    }
}

/// How many workers a simulation plays.
const SIMULATED: usize = 4;

/// How many cores this process may use. Asking the system takes microseconds: asked once.
pub(crate) fn parallelism() -> usize {
    static CORES: OnceLock<usize> = OnceLock::new();
    *CORES.get_or_init(|| thread::available_parallelism().map_or(1, NonZeroUsize::get))
}
