//! A flow that runs on its own: `start` and the handle that it gives.

use super::job::{Job, Outcome, compile_jobs};
use super::{Ignore, Sink};
use crate::error::{ErrorKind, FlowError, Site};
use crate::meter::{Meter, Metrics};
use crate::ops::{Flow, Node};
use crate::runtime::core::Phase;
use crate::runtime::worker::{Owned, Spawn};
use std::fmt;
use std::sync::Arc;

impl<N: Node + 'static> Flow<N> {
    /// Starts the flow on threads of its own and returns at once.
    ///
    /// # Errors
    /// If an option is refused, or no thread can be started.
    ///
    /// ```
    /// use flow::Flow;
    ///
    /// let handle = Flow::from_iter(0u64..).map(std::hint::black_box).start()?;
    /// handle.drain();
    /// handle.join()?;
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn start(self) -> Result<Handle<()>, FlowError> {
        self.into_sink(Site::here("start"), Ignore).start()
    }
}

impl<N: Node + 'static, S: Sink<N::Item, Part: 'static> + 'static> Job<N, S> {
    /// Starts the job on threads of its own and returns at once.
    ///
    /// # Errors
    /// If an option is refused, the sink cannot be prepared, or no thread can be started.
    ///
    /// ```
    /// use flow::Flow;
    ///
    /// let job = Flow::from_iter(0u64..).map(std::hint::black_box).to(|_| {});
    /// let handle = job.start()?;
    /// handle.drain();
    /// handle.join()?;
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    pub fn start(mut self) -> Result<Handle<S::Output>, FlowError> {
        let meter = Meter::new();
        self.flow.run.meters.push(meter.clone());
        let (run, outcome) = compile_jobs(self)?;
        let threads = Owned::new(Arc::new(run));
        threads.helper().map_err(|error| {
            FlowError::new(ErrorKind::Source, "no thread could be started").with_source(error)
        })?;
        Ok(Handle { threads: Some((threads, Box::new(outcome))), meter })
    }
}

/// A running flow. Dropping it cancels the run and waits for its threads.
#[must_use = "dropping the handle cancels the run"]
pub struct Handle<R> {
    threads: Option<(Owned, Box<dyn Outcome<Output = R> + Send>)>,
    meter: Meter,
}

impl<R> fmt::Debug for Handle<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").field("finished", &self.is_finished()).finish_non_exhaustive()
    }
}

impl<R> Handle<R> {
    /// Waits for the end of the run.
    ///
    /// # Errors
    /// The first cause, if the run failed, was stopped or was cancelled.
    pub fn join(mut self) -> Result<R, FlowError> {
        match self.threads.take() {
            Some((threads, mut outcome)) => {
                threads.join();
                threads.run.finish()?;
                outcome.commit().map_err(|error| threads.run.core.with_seed(error))
            }
            // Only `join` and `drop` take the threads, and both consume the handle.
            None => Err(FlowError::new(ErrorKind::Cancelled, "the run was joined before")),
        }
    }

    /// Whether the run has come to its end.
    pub fn is_finished(&self) -> bool {
        self.threads.as_ref().is_none_or(|(threads, _)| threads.run.core.is_over())
    }

    /// Ends the sources; what is under way is finished, and all state is emitted as at the end of
    /// the input. `join` gives the result.
    pub fn drain(&self) {
        self.end_sources(Phase::Draining);
    }

    /// Ends the sources; events that are under way are finished, but no state is emitted and nothing
    /// is committed. `join` gives [`ErrorKind::Stopped`].
    pub fn stop(&self) {
        self.end_sources(Phase::Stopping);
    }

    /// Ends the run at once and drops what is under way. `join` gives [`ErrorKind::Cancelled`].
    pub fn cancel(&self) {
        if let Some((threads, _)) = &self.threads {
            let cancelled = FlowError::new(ErrorKind::Cancelled, "the run was cancelled");
            threads.run.core.fail(cancelled);
        }
    }

    /// Fires the windows whose trigger waits for a signal of this name, see
    /// [`Trigger::on_signal`](crate::Trigger::on_signal): each that has something new gives a pane,
    /// early or late, whose trigger is the name. Returns at once; what waits is woken. A run that is
    /// over has no windows.
    ///
    /// # Errors
    /// If no window of the run waits for a signal of this name. The error lists the names there are.
    ///
    /// ```
    /// use flow::{Flow, Trigger, Window};
    ///
    /// let windows = Flow::from_iter(0u64..).partition().window(Window::global());
    /// let sums = windows.trigger(Trigger::on_signal("report")).reduce(|| 0, |sum, x| *sum += x);
    /// let running = sums.on_trigger(|sum, pane| Some((pane.trigger(), *sum))).start()?;
    /// running.fire("report")?;
    /// assert!(running.fire("repeat").is_err());
    /// running.drain();
    /// running.join()?;
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn fire(&self, name: &str) -> Result<(), FlowError> {
        let site = Site::here("fire");
        match &self.threads {
            Some((threads, _)) => {
                threads.run.signals.raise(name).map_err(|error| error.with_site(site))
            }
            None => Ok(()),
        }
    }

    /// The plan and counters as they stand.
    pub fn metrics(&self) -> Metrics {
        self.meter.metrics()
    }

    fn end_sources(&self, phase: Phase) {
        if let Some((threads, _)) = &self.threads {
            threads.run.end_sources(phase);
        }
    }
}

impl<R> Drop for Handle<R> {
    fn drop(&mut self) {
        self.cancel();
        if let Some((threads, _)) = self.threads.take() {
            threads.join();
            threads.run.clear();
        }
    }
}
