//! The runtime of stages: its workers, how stages are started, how all of them end.

use super::reason::Reason;
use super::scope::Scope;
use super::shared::Shared;
use crate::error::{ErrorKind, FlowError, Site};
use crate::plan::Executor;
use crate::runtime::worker::{Owned, Run, Spawn};
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

/// Stages that run on common workers: started, subscribed to each other and ended while they run.
///
/// Stages are started by the methods of [`Scope`], which are its own. Dropping it ends all stages at
/// once.
///
/// ```
/// use flow::stage::{Stages, consume_with, transform_with};
///
/// let stages = Stages::new();
/// let counter = stages.iter(0..100).named("counter").start();
/// let double = transform_with(|n: i32, out| Ok(out.emit(n * 2)));
/// let double = stages.producer_consumer(double).subscribe(&counter).start();
/// stages.consumer(consume_with(|n: i32| Ok(assert!(n % 2 == 0)))).subscribe(&double).start();
/// stages.join()?;
/// # Ok::<(), flow::FlowError>(())
/// ```
pub struct Stages {
    scope: Scope,
    threads: Owned,
    joined: bool,
}

impl Default for Stages {
    fn default() -> Self {
        Stages::new()
    }
}

impl fmt::Debug for Stages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.shared.fmt(f)
    }
}

impl Deref for Stages {
    type Target = Scope;

    fn deref(&self) -> &Scope {
        &self.scope
    }
}

impl Stages {
    /// On one worker per core, started as there is work for them.
    pub fn new() -> Self {
        Stages::start(None)
    }

    /// On an executor of your choice. A simulated one runs when something is waited for, and in
    /// [`settle`](Self::settle) and [`advance`](Self::advance).
    ///
    /// # Errors
    /// If the executor has no worker.
    #[track_caller]
    pub fn on(executor: Executor) -> Result<Self, FlowError> {
        match executor.refused() {
            Some(why) => Err(FlowError::new(ErrorKind::Option, why).with_site(Site::here("on"))),
            None => Ok(Stages::start(Some(&executor))),
        }
    }

    fn start(executor: Option<&Executor>) -> Self {
        let core = Arc::new(Executor::core(executor, false));
        // It goes on while it has no stage: somebody may start one.
        core.keep_going();
        let run = Arc::new(Run::new(core, Vec::new(), Vec::new()));
        let threads = Owned::new(Arc::clone(&run));
        let shared = Shared::new(threads.clone());
        if !shared.core().is_simulated()
            && let Err(error) = threads.helper()
        {
            let failed = FlowError::new(ErrorKind::Source, "no thread could be started");
            shared.core().fail(failed.with_source(error));
        }
        Stages { scope: Scope::new(shared), threads, joined: false }
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// How many stages are not over.
    pub fn living(&self) -> usize {
        self.shared.living()
    }

    /// Tells all stages to come to their end: producers are not asked any more, what is under way is
    /// handled, then the others end. [`join`](Self::join) waits for it.
    pub fn drain(&self) {
        self.shared.tell_all(|stage| stage.drain());
    }

    /// Tells all stages to end at once.
    pub fn stop(&self) {
        self.shared.tell_all(|stage| stage.stop(Reason::Shutdown));
    }

    /// Waits until all stages are over.
    ///
    /// # Errors
    /// The first failure of a stage that is not [`unlinked`](super::Launch::unlinked); with it all others
    /// have ended. [`ErrorKind::Stalled`] if stages live that nobody can wake any more.
    pub fn join(mut self) -> Result<(), FlowError> {
        self.joined = true;
        self.shared.core().let_end();
        if self.shared.core().is_simulated() {
            self.shared.simulate(|| None::<()>);
        }
        self.threads.join();
        self.shared.clear();
        self.shared.core().take_failure().map_or(Ok(()), Err)
    }

    /// Waits so long for all stages to be over after a [`drain`](Self::drain), and then ends what is
    /// left. True: nothing was left.
    ///
    /// # Errors
    /// As [`join`](Self::join).
    pub fn drain_for(self, limit: Duration) -> Result<bool, FlowError> {
        self.drain();
        let drained = self.shared.all_over_within(limit);
        if !drained {
            self.stop();
        }
        self.join().map(|()| drained)
    }

    /// Runs a simulation until nothing is left to do now. Does nothing on threads.
    pub fn settle(&self) {
        self.shared.settle();
    }

    /// Lets the time of a simulation pass. Does nothing on threads.
    pub fn advance(&self, time: Duration) {
        self.shared.advance(time);
    }
}

impl Drop for Stages {
    fn drop(&mut self) {
        if !self.joined {
            self.shared.core().cancel();
            self.threads.join();
            self.shared.clear();
        }
    }
}
