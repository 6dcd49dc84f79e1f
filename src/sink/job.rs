//! A flow with its sink is a job; jobs are run, alone or together.

use super::{PartMake, Parts, Sink, sink_failed};
use crate::error::{ErrorKind, FlowError, Site};
use crate::kernel::culprit::caught;
use crate::meter::{Meter, Watched};
use crate::ops::{Flow, Node};
use crate::plan::{Builder, Executor, Outline, Plan, RunOptions};
use crate::runtime::worker::Run;
use std::fmt;
use std::sync::Arc;

impl<N: Node> Flow<N> {
    /// Sends the events into a sink: your own, or a closure. Nothing runs yet.
    ///
    /// ```
    /// use flow::Flow;
    ///
    /// let job = Flow::from_range(0..3u64).to(|x| println!("{x}"));
    /// job.run()?;
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn to<S: Sink<N::Item>>(self, sink: S) -> Job<N, S> {
        self.into_sink(Site::here("to"), sink)
    }

    pub(crate) fn into_sink<S: Sink<N::Item>>(self, site: Site, sink: S) -> Job<N, S> {
        Job { flow: self, sink, site }
    }
}

/// Runs several jobs as one run: they share workers, and end together; if one fails, all do.
///
/// # Errors
/// The first cause, if the run fails.
///
/// ```
/// use flow::{Collect, Flow};
///
/// let small = Flow::from_range(0..3u64).to(Collect::<Vec<_>>::new());
/// let large = Flow::from_range(7..9u64).to(Collect::<Vec<_>>::new());
/// assert_eq!(flow::run((small, large))?, (vec![0, 1, 2], vec![7, 8]));
/// # Ok::<(), flow::FlowError>(())
/// ```
pub fn run<J: Jobs>(jobs: J) -> Result<J::Output, FlowError> {
    let (run, mut outcome) = compile_jobs(jobs)?;
    run.to_end();
    run.finish()?;
    outcome.commit().map_err(|error| run.core.with_seed(error))
}

/// A flow with its sink, not yet run.
#[must_use = "a job does nothing until it is run, alone or with others"]
pub struct Job<N, S> {
    pub(super) flow: Flow<N>,
    sink: S,
    pub(super) site: Site,
}

impl<N: Node, S> fmt::Debug for Job<N, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Job {:?}", self.flow)
    }
}

impl<N: Node, S: Sink<N::Item>> Job<N, S> {
    /// Runs this job.
    ///
    /// # Errors
    /// The first cause, if the run fails.
    pub fn run(self) -> Result<S::Output, FlowError> {
        run(self)
    }

    /// What this job will be compiled into.
    pub fn explain(&self) -> Plan {
        self.flow.explain()
    }
}

/// Jobs that are run together: one, or a tuple of up to eight.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a job",
    label = "only jobs can be run together",
    note = "a job is a flow with its sink: end each flow with `.to(sink)`, such as `.to(Collect::<Vec<_>>::new())`",
    note = "up to eight jobs are run as a tuple; tuples may be nested"
)]
pub trait Jobs: Sized {
    /// What they give together.
    type Output;
    #[doc(hidden)]
    type Outcome: Outcome<Output = Self::Output>;

    #[doc(hidden)]
    fn options(&mut self) -> RunOptionsOf;

    #[doc(hidden)]
    fn describe(&self, outline: &mut Outline);

    #[doc(hidden)]
    fn build<'env>(self, builder: &mut Builder<'env>) -> Result<Self::Outcome, FlowError>
    where
        Self: 'env;
}

#[doc(hidden)]
#[derive(Debug, Default)]
pub struct RunOptionsOf(pub(crate) RunOptions);

/// What is left of jobs that have run.
#[doc(hidden)]
pub trait Outcome {
    type Output;

    fn commit(&mut self) -> Result<Self::Output, FlowError>;
}

#[doc(hidden)]
pub struct SinkOutcome<T, S: Sink<T>>(Arc<Parts<T, S>>);

impl<T, S: Sink<T>> fmt::Debug for SinkOutcome<T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SinkOutcome")
    }
}

impl<T, S: Sink<T>> Outcome for SinkOutcome<T, S> {
    type Output = S::Output;

    fn commit(&mut self) -> Result<S::Output, FlowError> {
        self.0.commit()
    }
}

impl<N: Node, S: Sink<N::Item>> Jobs for Job<N, S> {
    type Output = S::Output;
    type Outcome = SinkOutcome<N::Item, S>;

    fn options(&mut self) -> RunOptionsOf {
        let mut run = std::mem::take(&mut self.flow.run);
        run.check_stage(&self.flow.stage);
        RunOptionsOf(run)
    }

    fn describe(&self, outline: &mut Outline) {
        self.flow.describe(outline);
    }

    fn build<'env>(mut self, builder: &mut Builder<'env>) -> Result<Self::Outcome, FlowError>
    where
        Self: 'env,
    {
        caught(self.site, || self.sink.prepare())?
            .map_err(|error| sink_failed(error, self.site))?;
        builder.begin(self.site);
        let parts = Parts::new(self.sink, self.site);
        let make = PartMake(Arc::clone(&parts));
        self.flow.node.build(self.flow.stage, builder, make);
        Ok(SinkOutcome(parts))
    }
}

macro_rules! tuples {
    ($($job:ident $at:tt),+) => {
        impl<$($job: Jobs),+> Jobs for ($($job,)+) {
            type Output = ($($job::Output,)+);
            type Outcome = ($($job::Outcome,)+);

            fn options(&mut self) -> RunOptionsOf {
                let options = RunOptions::default();
                $(let options = options.or(self.$at.options().0);)+
                RunOptionsOf(options)
            }

            fn describe(&self, outline: &mut Outline) {
                $(self.$at.describe(outline);)+
            }

            fn build<'env>(self, builder: &mut Builder<'env>) -> Result<Self::Outcome, FlowError>
            where
                Self: 'env,
            {
                Ok(($(self.$at.build(builder)?,)+))
            }
        }

        impl<$($job: Outcome),+> Outcome for ($($job,)+) {
            type Output = ($($job::Output,)+);

            fn commit(&mut self) -> Result<Self::Output, FlowError> {
                Ok(($(self.$at.commit()?,)+))
            }
        }
    };
}

tuples!(A 0);
tuples!(A 0, B 1);
tuples!(A 0, B 1, C 2);
tuples!(A 0, B 1, C 2, D 3);
tuples!(A 0, B 1, C 2, D 3, E 4);
tuples!(A 0, B 1, C 2, D 3, E 4, F 5);
tuples!(A 0, B 1, C 2, D 3, E 4, F 5, G 6);
tuples!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7);

/// Compiles jobs into a run, and what is left of them when it has run.
pub(super) fn compile_jobs<'env, J: Jobs + 'env>(
    mut jobs: J,
) -> Result<(Run<'env>, J::Outcome), FlowError> {
    let options = jobs.options().0;
    compile(options, jobs, J::describe, J::build)
}

/// Compiles what `build` builds. Refused options come out here, before any source is touched; a
/// meter gets to know the plan.
pub(super) fn compile<'env, F, O>(
    options: RunOptions,
    flow: F,
    describe: impl Fn(&F, &mut Outline),
    build: impl FnOnce(F, &mut Builder<'env>) -> Result<O, FlowError>,
) -> Result<(Run<'env>, O), FlowError> {
    let mut begun = Begun::new(options, &|outline| describe(&flow, outline))?;
    let outcome = build(flow, &mut begun.builder)?;
    Ok((begun.finish()?, outcome))
}

/// A run that is being compiled: what is the same for all flows, and is compiled once for all.
struct Begun<'env> {
    options: RunOptions,
    outline: Option<Outline>,
    builder: Builder<'env>,
}

impl<'env> Begun<'env> {
    fn new(
        mut options: RunOptions,
        describe: &dyn Fn(&mut Outline),
    ) -> Result<Begun<'env>, FlowError> {
        options.check()?;
        let executor = options.executor.as_ref();
        let outline = (!options.meters.is_empty()).then(|| {
            let mut outline = Outline::new(executor, true);
            describe(&mut outline);
            outline
        });
        let builder = Builder::new(Executor::core(executor, outline.is_some()));
        Ok(Begun { options, outline, builder })
    }

    fn finish(self) -> Result<Run<'env>, FlowError> {
        let Begun { options, outline, mut builder } = self;
        builder.check()?;
        if let Some(outline) = outline {
            watch(&options.meters, outline, &builder);
        }
        Ok(builder.finish())
    }
}

fn watch(meters: &[Meter], outline: Outline, builder: &Builder<'_>) {
    let (plan, opened) = outline.finish();
    let watched = Arc::new(Watched {
        plan,
        stages: opened.iter().map(|opened| Arc::clone(&builder.watched_stages[*opened])).collect(),
        edges: builder.edge_counters.iter().rev().cloned().collect(),
        core: Arc::clone(builder.core()),
    });
    meters.iter().for_each(|meter| meter.attach(Arc::clone(&watched)));
}

impl Run<'_> {
    /// Drops what is left and gives the first cause of a failure.
    pub(crate) fn finish(&self) -> Result<(), FlowError> {
        self.clear();
        match self.core.take_failure() {
            Some(error) => Err(error),
            None if self.core.was_stopped() => {
                let stopped = "the run was stopped before its end";
                Err(self.core.with_seed(FlowError::new(ErrorKind::Stopped, stopped)))
            }
            None => Ok(()),
        }
    }
}
