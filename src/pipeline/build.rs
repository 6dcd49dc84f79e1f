//! Building a pipeline: its options.

use super::attempts::Policy;
use super::batch::Batch;
use super::batcher::Batcher;
use super::ledger::DeadLetters;
use super::process::{Process, Route};
use super::pull::PartitionBy;
use super::rate::Rate;
use super::running::PipelineRef;
use super::source::Source;
use super::wiring::{Begin, Wiring};
use crate::error::{BoxError, ErrorKind, FlowError, Site};
use crate::ops::{DeadLetter, Retry};
use crate::stage::Stages;
use crate::state::RoutingHash;
use std::fmt;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

/// Messages from a [`Source`], processed one by one, collected into batches, handled, and settled with
/// the source: see the [module](crate::pipeline).
#[must_use = "a pipeline does nothing before `start`"]
pub struct Pipeline<S: Source, U> {
    pub(super) sources: Vec<S>,
    pub(super) process: Process<S::Item, U>,
    pub(super) name: Option<Arc<str>>,
    pub(super) processors: Option<usize>,
    pub(super) max_demand: usize,
    pub(super) in_flight: usize,
    pub(super) in_flight_bytes: usize,
    pub(super) partition: Option<PartitionBy<S::Item>>,
    pub(super) rate: Option<Rate>,
    pub(super) policy: Policy,
    pub(super) source_retry: Retry,
    pub(super) dead_letters: Option<DeadLetters<S>>,
    pub(super) route: Option<Route<U>>,
    pub(super) batchers: Vec<Begin<S, U>>,
    pub(super) names: Vec<Arc<str>>,
    pub(super) refused: Option<FlowError>,
    pub(super) site: Site,
}

impl<S: Source, U: Send + 'static> Pipeline<S, U> {
    /// From one source, with what is done with every message. The closure is lent the message, so that
    /// it can be tried again and [buried](Pipeline::dead_letters); what it returns goes on.
    ///
    /// An error, or a panic, fails this message and no other.
    #[track_caller]
    pub fn new(
        source: S,
        process: impl Fn(&S::Item) -> Result<U, BoxError> + Send + Sync + 'static,
    ) -> Self {
        Self::at(Site::here("pipeline"), vec![source], process)
    }

    /// From several sources, each settled with its own.
    #[track_caller]
    pub fn from_sources(
        sources: impl IntoIterator<Item = S>,
        process: impl Fn(&S::Item) -> Result<U, BoxError> + Send + Sync + 'static,
    ) -> Self {
        Self::at(Site::here("pipeline"), sources.into_iter().collect(), process)
    }

    fn at(
        site: Site,
        sources: Vec<S>,
        process: impl Fn(&S::Item) -> Result<U, BoxError> + Send + Sync + 'static,
    ) -> Self {
        let second = Duration::from_secs(1);
        let source_retry = Retry::exponential(second / 10).up_to(5 * second).times(10);
        let mut pipeline = Pipeline {
            process: Box::new(process),
            name: None,
            processors: None,
            max_demand: 10,
            in_flight: 10_000,
            in_flight_bytes: usize::MAX,
            partition: None,
            rate: None,
            policy: Policy::default(),
            source_retry,
            dead_letters: None,
            route: None,
            batchers: Vec::new(),
            names: Vec::new(),
            refused: None,
            site,
            sources,
        };
        if pipeline.sources.is_empty() {
            pipeline.refuse(site, "a pipeline needs a source");
        }
        pipeline
    }

    fn refuse(&mut self, site: Site, why: impl Into<String>) {
        self.refused
            .get_or_insert_with(|| FlowError::new(ErrorKind::Option, why.into()).with_site(site));
    }

    #[track_caller]
    fn at_least_one(&mut self, what: &'static str, n: usize) -> usize {
        if n == 0 {
            self.refuse(Site::here(what), format!("{what} must be at least 1"));
        }
        n
    }

    /// Names the pipeline: its stages' names in errors begin with it.
    pub fn named(mut self, name: impl Into<Arc<str>>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// How many messages are processed at the same time: twice as many as there are cores, where
    /// nothing is said. 0 is refused.
    ///
    /// They run on the workers of the [`Stages`]. Where processing waits (for a database, say), give
    /// these as many workers as may wait: `Stages::on(Executor::threads(n))`.
    #[track_caller]
    pub fn processors(mut self, processors: usize) -> Self {
        self.processors = Some(self.at_least_one("processors", processors));
        self
    }

    /// How many messages a processor is sent ahead: 10 where nothing is said. 0 is refused.
    #[track_caller]
    pub fn max_demand(mut self, messages: usize) -> Self {
        self.max_demand = self.at_least_one("max_demand", messages);
        self
    }

    /// How many messages of one source may be pulled and not settled: 10,000 where nothing is said. It
    /// bounds everything, also what waits for another attempt and what stands in open batches. A source
    /// that emits more than it was asked for exceeds it by so much. 0 is refused.
    #[track_caller]
    pub fn in_flight(mut self, messages: usize) -> Self {
        self.in_flight = self.at_least_one("in_flight", messages);
        self
    }

    /// How many bytes of one source may be: no limit where nothing is said. Counts what sources emit
    /// [with a size](super::Pull::emit_sized). 0 is refused.
    #[track_caller]
    pub fn in_flight_bytes(mut self, bytes: usize) -> Self {
        self.in_flight_bytes = self.at_least_one("in_flight_bytes", bytes);
        self
    }

    /// Messages with the same key are processed one after the other, in their source's order, and so
    /// are their batches: also where one of them is tried again, for which those behind it wait. One
    /// that has failed for good does not stop those behind it.
    ///
    /// Keys are divided over processors and handlers by their hash, so a slow one slows those that
    /// share its place.
    #[track_caller]
    pub fn partition_by<K: Hash>(
        mut self,
        key: impl Fn(&S::Item) -> K + Send + Sync + 'static,
    ) -> Self {
        let hash = RoutingHash::default();
        let hash = move |event: &S::Item| hash.hash(&key(event));
        self.partition = Some((Box::new(hash), Site::here("partition_by")));
        self
    }

    /// Takes no more messages than this [`Rate`] allows.
    pub fn rate(mut self, rate: &Rate) -> Self {
        self.rate = Some(rate.clone());
        self
    }

    /// A message that fails is tried again. Without it, one attempt is made. A panic is final. What waits
    /// is bounded by [`in_flight`](Pipeline::in_flight), not by the [window](Retry::window).
    pub fn retry(mut self, retry: Retry) -> Self {
        self.policy.retry = Some(retry);
        self
    }

    /// Only where it failed with such an error: others are final.
    pub fn retry_if(mut self, only_if: impl Fn(&BoxError) -> bool + Send + Sync + 'static) -> Self {
        self.policy.only_if = Some(Box::new(only_if));
        self
    }

    /// How often in a row [`Source::pull`] or [`Source::settle`] is called again after an error. Then
    /// the pipeline fails: at once if it cannot settle, drained if it cannot pull. Where nothing is
    /// said, 10 times, with waits from 0.1 to 5 s.
    pub fn source_retry(mut self, retry: Retry) -> Self {
        self.source_retry = retry;
        self
    }

    /// Takes messages that have failed for good, as they were pulled. One that was taken is settled as
    /// done, since it is in good hands; where this returns an error or panics, as failed.
    #[track_caller]
    pub fn dead_letters(
        mut self,
        take: impl Fn(DeadLetter<S::Item, FlowError>) -> Result<(), BoxError> + Send + Sync + 'static,
    ) -> Self {
        self.dead_letters =
            Some(DeadLetters { take: Box::new(take), site: Site::here("dead_letters") });
        self
    }

    /// The batcher of a value, by its name. `None`: the message is done. A name that there is not fails
    /// the message. Needed where there are several batchers.
    #[track_caller]
    pub fn route(mut self, route: impl Fn(&U) -> Option<&str> + Send + Sync + 'static) -> Self {
        self.route = Some((Box::new(route), Site::here("route")));
        self
    }

    /// Collects values into batches and handles them. Without any, a message is done when it was
    /// processed.
    ///
    /// An error of the handler, or a panic, fails the batch; see [`Batch::fail`] for single values.
    ///
    /// ```
    /// use flow::pipeline::{MemoryQueue, Pipeline};
    /// use flow::{BoxError, Retry, stage::Stages};
    /// use std::time::Duration;
    ///
    /// let queue: MemoryQueue<u32> = (1..=40).collect();
    /// let stages = Stages::new();
    /// let pipeline = Pipeline::new(queue.source(), |n: &u32| Ok(*n))
    ///     .batcher(
    ///         "store",
    ///         |batches| batches.size(10).within(Duration::from_millis(50)).key_by(|n| n % 2),
    ///         |batch| {
    ///             assert!(batch.len() <= 10 && batch.iter().all(|n| n % 2 == *batch.key()));
    ///             Ok(())
    ///         },
    ///     )
    ///     .start(&stages)?;
    /// assert_eq!(pipeline.join()?.counts.batches(), 4);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn batcher<K>(
        mut self,
        name: impl Into<Arc<str>>,
        options: impl FnOnce(Batcher<U>) -> Batcher<U, K>,
        handle: impl Fn(&mut Batch<U, K>) -> Result<(), BoxError> + Send + Sync + 'static,
    ) -> Self
    where
        K: Hash + Eq + Clone + Send + 'static,
    {
        let (site, name) = (Site::here("batcher"), name.into());
        let options = options(Batcher::new());
        if options.size == 0 || options.handlers == 0 {
            self.refuse(site, format!("batcher `{name}`: size and handlers must be at least 1"));
        }
        if self.names.contains(&name) {
            self.refuse(site, format!("there are two batchers `{name}`"));
        }
        let number = self.names.len();
        self.names.push(Arc::clone(&name));
        let begin = move |wiring: &Wiring<'_, S, U>| {
            wiring.begin(number, &name, options, Box::new(handle), site)
        };
        self.batchers.push(Box::new(begin));
        self
    }

    /// Starts it: its stages are some of `stages`, and a failure of its is theirs.
    ///
    /// # Errors
    /// If an option was refused; then nothing was started.
    pub fn start(mut self, stages: &Stages) -> Result<PipelineRef<S>, FlowError> {
        let site = self.site;
        if self.route.is_none() && self.batchers.len() > 1 {
            self.refuse(site, "several batchers need a `route`");
        }
        if let Some(refused) = self.refused {
            return Err(refused);
        }
        Ok(self.wire(stages))
    }
}

impl<S: Source, U> fmt::Debug for Pipeline<S, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pipeline")
            .field("sources", &self.sources.len())
            .field("processors", &self.processors)
            .field("batchers", &self.names)
            .finish_non_exhaustive()
    }
}
