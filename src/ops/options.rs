//! Options of a stage and of a run. What cannot be is refused when the flow is compiled, before any
//! source is touched, with the operator's name and the caller's line.

use super::Flow;
use crate::error::Site;
use crate::meter::Meter;
use crate::plan::{Executor, StageOptions};
use std::borrow::Cow;
use std::time::Duration;

impl<N> Flow<N> {
    /// How many instances the stage has that was begun last: by the source, `partition` or `key_by`.
    /// Default: one per core. 0 is refused.
    #[track_caller]
    pub fn stages(self, stages: usize) -> Self {
        let why = (stages == 0).then(|| "a stage needs at least one instance".to_owned());
        self.set(Site::here("stages"), why, |stage| stage.stages = Some(stages))
    }

    /// The most events in flight from each producer to this stage. Default: 4,096. 0 is refused, and
    /// what is not above `min_demand`. Inside a stage there are no edges, so this bounds only what
    /// waits before it; `explain` shows the edges.
    #[track_caller]
    pub fn max_demand(self, events: usize) -> Self {
        let why = (events == 0).then(|| "max_demand must be at least 1".to_owned());
        let site = Site::here("max_demand");
        self.set(site, why, |stage| {
            stage.max_demand = Some(events);
            stage.demand_set = Some(site);
        })
    }

    /// At how many pending events, or fewer, this stage asks for more. Default: half of
    /// `max_demand`. A batch is at most `max_demand - min_demand`, and 1,024.
    #[track_caller]
    pub fn min_demand(self, events: usize) -> Self {
        let site = Site::here("min_demand");
        self.set(site, None, |stage| {
            stage.min_demand = Some(events);
            stage.demand_set = Some(site);
        })
    }

    /// How far the source may be ahead of the reader of an [`ordered`](Flow::ordered) flow, in
    /// events. Default: 4,096. 0 is refused.
    #[track_caller]
    pub fn in_flight(self, events: usize) -> Self {
        let why = (events == 0).then(|| "in_flight must be at least 1".to_owned());
        self.set(Site::here("in_flight"), why, |stage| stage.in_flight = Some(events))
    }

    /// How long a partial batch may wait for company while the consumer that it is for is busy.
    /// Default: 1 ms. A consumer that has nothing to do gets it at once.
    #[track_caller]
    pub fn linger(self, time: Duration) -> Self {
        self.set(Site::here("linger"), None, |stage| stage.linger = Some(time))
    }

    /// Names the stage that was begun last: for errors, `explain` and metrics.
    pub fn named(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.stage.name = Some(name.into());
        self
    }

    /// Runs the flow on this executor instead of the default one.
    #[track_caller]
    pub fn on(mut self, executor: Executor) -> Self {
        if let Some(why) = executor.refused() {
            self.run.refuse(Site::here("on"), why);
        }
        self.run.executor = Some(executor);
        self
    }

    /// Lets `meter` watch the run: the plan, and counters of every stage and edge. Costs two clock
    /// reads per batch.
    pub fn observe(mut self, meter: &Meter) -> Self {
        self.run.meters.push(meter.clone());
        self
    }

    fn set(
        mut self,
        site: Site,
        refused: Option<String>,
        set: impl FnOnce(&mut StageOptions),
    ) -> Self {
        set(&mut self.stage);
        if let Some(why) = refused {
            self.run.refuse(site, why);
        }
        self
    }
}
