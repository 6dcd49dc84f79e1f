//! Starting the stages of a pipeline, and who subscribes to whom.

use super::batch::Held;
use super::batcher::{Batcher, Collecting, Collector};
use super::build::Pipeline;
use super::handle::{Handle, Handler, Handling};
use super::ledger::Ledger;
use super::message::{Head, Valued};
use super::process::{Processing, Processor};
use super::pull::{Puller, Pulling};
use super::running::{Part, PipelineRef};
use super::source::Source;
use crate::error::Site;
use crate::stage::{Launch, Overflow, Partition, Role, StageRef, Stages, Subscribe};
use std::hash::Hash;
use std::sync::Arc;

/// Starts a batcher and its handlers.
pub(super) type Begin<S, U> = Box<dyn FnOnce(&Wiring<'_, S, U>) -> Vec<Box<dyn Part>> + Send>;

/// What a batcher is started with.
pub(super) struct Wiring<'a, S: Source, U> {
    stages: &'a Stages,
    name: Option<Arc<str>>,
    ledger: Arc<Ledger<S>>,
    processors: Vec<StageRef<Processor<S, U, false>, Head<S>, Valued<S, U>>>,
    ordered: bool,
}

impl<S: Source, U: Send + 'static> Wiring<'_, S, U> {
    fn launch<R: Role>(&self, role: R, name: &str, site: Site) -> Launch<R> {
        launch(self.stages, self.name.as_deref(), role, name, site)
    }

    /// Starts a batcher and its handlers, which get its name.
    pub(super) fn begin<K: Hash + Eq + Clone + Send + 'static>(
        &self,
        number: usize,
        name: &Arc<str>,
        options: Batcher<U, K>,
        handle: Handle<U, K>,
        site: Site,
    ) -> Vec<Box<dyn Part>> {
        let (collecting, handlers, policy) = Collecting::new(name, options, self.ordered, site);
        let handling = Arc::new(Handling { handle, policy, ordered: self.ordered, site });
        let collector = Collector::new(collecting, &self.ledger);
        let mut collector = self.launch(collector, &format!("batcher {name}"), site);
        if self.ordered {
            let by_handler = |held: &Held<S, U, K>| Some(held.batch.handler);
            collector = collector.partition(handlers, by_handler);
        }
        for processor in &self.processors {
            let to = Subscribe::to(processor).max_demand(TO_BATCHER).partition(number);
            collector = collector.subscribe(to);
        }
        let collector = collector.start();
        let mut parts: Vec<Box<dyn Part>> = vec![Box::new(collector.clone())];
        for handler in 0..handlers {
            let to = Subscribe::to(&collector).max_demand(1).min_demand(0);
            let to = if self.ordered { to.partition(handler) } else { to };
            let named = format!("{name} handler {handler}");
            let role = Handler::new(&handling, &self.ledger);
            let stage = self.launch(role, &named, site).subscribe(to).start();
            parts.push(Box::new(stage));
        }
        parts
    }
}

fn launch<R: Role>(
    stages: &Stages,
    pipeline: Option<&str>,
    role: R,
    name: &str,
    site: Site,
) -> Launch<R> {
    let launch = Launch::new(stages.shared(), role, site);
    match pipeline {
        Some(pipeline) => launch.named(format!("{pipeline}: {name}")),
        None => launch.named(name),
    }
}

/// How many values may be under way from a processor to a batcher.
const TO_BATCHER: usize = 100;

impl<S: Source, U: Send + 'static> Pipeline<S, U> {
    /// Starts all stages, those before others first.
    pub(super) fn wire(self, stages: &Stages) -> PipelineRef<S> {
        let site = self.site;
        let ordered = self.partition.is_some();
        let ledger = Arc::new(Ledger::new(self.sources.len(), self.dead_letters));
        let pulling = Arc::new(Pulling {
            in_flight: self.in_flight,
            in_flight_bytes: self.in_flight_bytes,
            rate: self.rate,
            partition: self.partition,
            retry: self.source_retry,
            site,
        });
        let processing = Arc::new(Processing {
            process: self.process,
            policy: self.policy,
            route: self.route,
            batchers: self.names,
            ordered,
            site,
        });
        let n = self.processors.unwrap_or(2 * stages.shared().core().partitions);
        let (name, max) = (self.name.as_deref(), self.max_demand);
        let mut sources = Vec::new();
        for (number, source) in self.sources.into_iter().enumerate() {
            let role = Puller::new(source, number, &pulling, &ledger);
            let mut source = launch(stages, name, role, &format!("source {number}"), site);
            // What comes back from stages that are stopped must not keep it from settling.
            source = source.buffer(usize::MAX, Overflow::Block);
            if ordered {
                let by_key = move |head: &Head<S>| Some((head.key % n as u64) as usize);
                source = source.dispatcher(Partition::new(n, by_key).ahead(max));
            }
            sources.push(source.start());
        }
        let from = |number| {
            sources.iter().map(move |source| {
                let to = Subscribe::to(source).max_demand(max);
                if ordered { to.partition(number) } else { to }
            })
        };
        let named = |number| format!("processor {number}");
        let mut parts: Vec<Box<dyn Part>> = Vec::new();
        if self.batchers.is_empty() {
            for number in 0..n {
                let role = Processor::<S, U, true>::new(&processing, &ledger);
                let mut stage = launch(stages, name, role, &named(number), site);
                stage = from(number).fold(stage, Launch::subscribe);
                parts.push(Box::new(stage.start()));
            }
        } else {
            let batchers = self.batchers.len();
            let mut processors = Vec::new();
            for number in 0..n {
                let role = Processor::<S, U, false>::new(&processing, &ledger);
                let mut stage = launch(stages, name, role, &named(number), site);
                stage = stage.partition(batchers, |valued: &Valued<S, U>| Some(valued.batcher));
                stage = from(number).fold(stage, Launch::subscribe);
                processors.push(stage.start());
            }
            parts.extend(processors.iter().map(|stage| Box::new(stage.clone()) as Box<dyn Part>));
            let ledger = Arc::clone(&ledger);
            let wiring = Wiring { stages, name: self.name.clone(), ledger, processors, ordered };
            parts.extend(self.batchers.into_iter().flat_map(|begin| begin(&wiring)));
        }
        PipelineRef::new(sources, parts, ledger, stages.shared())
    }
}
