//! What a user can set on a stage and on a run, and what it resolves to.

use super::executor::Executor;
use crate::error::{ErrorKind, FlowError, Site};
use crate::meter::Meter;
use crate::runtime::clock::nanos;
use crate::runtime::credit::Credits;
use crate::runtime::edge::EdgeOptions;
use crate::runtime::task::TaskRef;
use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

/// The default of `max_demand`: events in flight on an edge.
const MAX_DEMAND: usize = 4096;
/// The largest batch, whatever the demand.
const BATCH: usize = 1024;
/// How long a partial batch waits for company while its consumer is busy.
const LINGER: Duration = Duration::from_millis(1);

/// The options of one stage.
#[derive(Clone, Debug, Default)]
pub struct StageOptions {
    pub(crate) stages: Option<usize>,
    pub(crate) max_demand: Option<usize>,
    pub(crate) min_demand: Option<usize>,
    pub(crate) in_flight: Option<usize>,
    pub(crate) linger: Option<Duration>,
    pub(crate) name: Option<Cow<'static, str>>,
    /// Where the demand was set last: for whoever has to hear that it cannot be.
    pub(crate) demand_set: Option<Site>,
    /// How many results of this stage are wanted, where that is known: a bound of `in_flight`.
    pub(crate) wanted: Option<usize>,
    /// The tokens of the ordered region that this stage is in, taken by its source.
    pub(crate) tokens: Option<Arc<Credits<TaskRef>>>,
}

impl StageOptions {
    /// What the edge into this stage may carry.
    pub(crate) fn edge(&self) -> EdgeOptions {
        let max_demand = self.max_demand.unwrap_or(MAX_DEMAND);
        let min_demand = self.min_demand.unwrap_or(max_demand / 2);
        EdgeOptions {
            max_demand,
            min_demand,
            batch: (max_demand - min_demand).clamp(1, BATCH),
            linger: nanos(self.linger.unwrap_or(LINGER)),
        }
    }

    /// How far the source of an ordered region may be ahead of its reader.
    pub(crate) fn in_flight(&self, partitions: usize) -> usize {
        let in_flight = self.in_flight.unwrap_or(MAX_DEMAND);
        // A few for every core, so that it stays parallel where most events are filtered out.
        let wanted = self.wanted.map(|wanted| wanted.max(2 * partitions));
        wanted.map_or(in_flight, |wanted| wanted.min(in_flight))
    }

    /// The options of a stage that turns out to be part of this one: what was set last counts.
    pub(crate) fn absorb(self, later: StageOptions) -> StageOptions {
        StageOptions {
            stages: later.stages.or(self.stages),
            max_demand: later.max_demand.or(self.max_demand),
            min_demand: later.min_demand.or(self.min_demand),
            in_flight: later.in_flight.or(self.in_flight),
            linger: later.linger.or(self.linger),
            demand_set: later.demand_set.or(self.demand_set),
            name: later.name.or(self.name),
            wanted: later.wanted.or(self.wanted),
            tokens: later.tokens.or(self.tokens),
        }
    }

    /// Why the demand that is set cannot be, if it cannot.
    pub(crate) fn demand_refused(&self) -> Option<String> {
        let max = self.max_demand.unwrap_or(MAX_DEMAND);
        match self.min_demand {
            Some(min) if min >= max => Some(format!(
                "min_demand ({min}) must be below max_demand ({max}), or nothing would ever be asked for"
            )),
            _ => None,
        }
    }
}

/// The options of a whole run, and the first option that was refused.
#[derive(Clone, Debug, Default)]
pub(crate) struct RunOptions {
    pub(crate) executor: Option<Executor>,
    pub(crate) meters: Vec<Meter>,
    pub(crate) refused: Option<Box<Refusal>>,
}

/// An option that cannot be, and where it was set.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    pub(crate) site: Site,
    pub(crate) why: String,
}

impl RunOptions {
    pub(crate) fn refuse(&mut self, site: Site, why: String) {
        self.refused.get_or_insert_with(|| Box::new(Refusal { site, why }));
    }

    /// The options of a run of two flows: what the first one sets, else the second.
    /// Refuses the demand of a stage whose options are complete, if it cannot be.
    pub(crate) fn check_stage(&mut self, stage: &StageOptions) {
        if let (Some(site), Some(why)) = (stage.demand_set, stage.demand_refused()) {
            self.refuse(site, why);
        }
    }

    pub(crate) fn or(mut self, mut other: RunOptions) -> RunOptions {
        self.meters.append(&mut other.meters);
        RunOptions {
            executor: self.executor.or(other.executor),
            meters: self.meters,
            refused: self.refused.or(other.refused),
        }
    }

    pub(crate) fn check(&mut self) -> Result<(), FlowError> {
        match self.refused.take() {
            None => Ok(()),
            Some(refusal) => {
                Err(FlowError::new(ErrorKind::Option, refusal.why).with_site(refusal.site))
            }
        }
    }
}
