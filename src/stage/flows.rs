//! A flow as a stage: nothing of it runs before somebody asks, and it is read as it is asked for.
//!
//! The flow has threads of its own; the stage looks into its last edge when it is asked, and is woken
//! when there is something. So neither waits for the other, and a stage that is told to end can.

use super::batch::Batch;
use super::ends::Inlet;
use super::events::Events;
use super::launch::Launch;
use super::mailbox::Lives;
use super::reason::Reason;
use super::reference::StageRef;
use super::role::Role;
use super::scope::Scope;
use super::shared::Shared;
use super::subscription::Subscribe;
use crate::error::{BoxError, ErrorKind, FlowError, Site};
use crate::ops::{Flow, Node};
use crate::plan::Executor;
use crate::sink::{Look, Polled};
use crate::source::{Demand, FromStages, Produced, Producer};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use std::task::Waker;

/// A flow as a stage: see [`Scope::flow`].
pub struct Flows<T: Send + 'static> {
    reading: Reading<T>,
    bell: Option<Waker>,
    shared: Arc<Shared>,
}

enum Reading<T> {
    /// Not yet asked.
    Planned(Box<dyn FnOnce() -> Result<Polled<T>, FlowError> + Send>),
    Running(Polled<T>),
    Over,
}

impl<T: Send + 'static> fmt::Debug for Flows<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Flows")
    }
}

impl Scope {
    /// A stage that emits what a flow gives, as it is asked for: nothing is read before the first
    /// consumer asks, and then no further ahead than the flow's edges carry
    /// ([`max_demand`](Flow::max_demand)).
    ///
    /// It ends with the flow, and fails with it, with the same error. [Draining](StageRef::drain) it
    /// drains the flow: its sources end, and what is under way still comes, with all state; stopping it
    /// cancels the flow. A flow has threads of its own, one worker per core where it has no executor;
    /// where these stages are simulated, so is the flow.
    ///
    /// ```
    /// use flow::Flow;
    /// use flow::stage::Stages;
    ///
    /// let stages = Stages::new();
    /// let words = Flow::from_lines("to be or not to be".as_bytes())
    ///     .flat_map(|line| line.split(' ').map(str::to_owned).collect::<Vec<_>>());
    /// let words = stages.flow(words).start();
    /// assert_eq!(words.outlet().iter().count(), 6);
    /// stages.join()?;
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn flow<N>(&self, flow: Flow<N>) -> Launch<Flows<N::Item>>
    where
        N: Node<Item: 'static> + 'static,
    {
        launch(flow, &self.shared, Site::here("flow"))
    }
}

fn launch<N>(mut flow: Flow<N>, shared: &Arc<Shared>, site: Site) -> Launch<Flows<N::Item>>
where
    N: Node<Item: 'static> + 'static,
{
    flow.run.executor = Some(shared.executor_of(flow.run.executor.take()));
    let planned = Box::new(move || flow.compile_for_poller(site).map(Polled::new));
    let flows =
        Flows { reading: Reading::Planned(planned), bell: None, shared: Arc::clone(shared) };
    Launch::new(shared, flows, site)
}

impl<T: Send + 'static> Role for Flows<T> {
    type Stage = Flows<T>;
    type In = Infallible;
    type Out = T;
    const PRODUCES: bool = true;
    const FAILS: ErrorKind = ErrorKind::Source;
    const VERB: &'static str = "flow";

    fn stage(&mut self) -> &mut Flows<T> {
        self
    }

    fn handle(
        &mut self,
        _events: Batch<'_, Infallible>,
        _out: &mut VecDeque<T>,
    ) -> Result<(), BoxError> {
        Ok(())
    }

    fn produce(&mut self, demand: &mut Demand<'_, T>) -> Result<Produced, BoxError> {
        let polled = match std::mem::replace(&mut self.reading, Reading::Over) {
            Reading::Planned(compile) => compile()?,
            Reading::Running(polled) => polled,
            Reading::Over => return Ok(Produced::Done),
        };
        let Reading::Running(polled) = self.reading.put(Reading::Running(polled)) else {
            return Ok(Produced::Done);
        };
        let bell = demand.bell(&mut self.bell);
        while demand.events() > 0 {
            match polled.look(bell) {
                Look::Events => {
                    let events = demand.events().min(polled.at_hand().len());
                    demand.extend(polled.at_hand().drain(..events));
                }
                Look::Nothing if polled.let_time_pass() => {}
                Look::Nothing => return Ok(Produced::Pending),
                Look::Again => return Ok(Produced::More),
                Look::End => {
                    if let Reading::Running(polled) = self.reading.put_over() {
                        polled.close()?;
                    }
                    return Ok(Produced::Done);
                }
            }
        }
        Ok(Produced::More)
    }

    fn ends_when_drained(&mut self) -> bool {
        match &self.reading {
            Reading::Running(polled) if polled.is_started() => {
                polled.drain();
                false
            }
            _ => true,
        }
    }
}

impl<T> Reading<T> {
    fn put(&mut self, reading: Reading<T>) -> &mut Reading<T> {
        *self = reading;
        self
    }

    fn put_over(&mut self) -> Reading<T> {
        std::mem::replace(self, Reading::Over)
    }
}

impl<T: Send + 'static> Drop for Flows<T> {
    /// Told to end before the flow did: its threads are waited for by who waits for all stages.
    fn drop(&mut self) {
        if let Reading::Running(polled) = self.reading.put_over() {
            polled.cancel();
            self.shared.close_at_end(move || drop(polled.close()));
        }
    }
}

impl<N: Node<Item: 'static> + 'static> Flow<N> {
    /// Starts the flow as a stage that running consumers subscribe to, by demand: see
    /// [`Scope::flow`]. Gives the handle of that stage; it is over when the flow is. What becomes of the
    /// consumers then is theirs to say: by default one ends when all that it takes from have.
    ///
    /// # Errors
    /// If there is no consumer.
    ///
    /// ```
    /// use flow::Flow;
    /// use flow::stage::{Stages, consume_with};
    ///
    /// let stages = Stages::new();
    /// let print = stages.consumer(consume_with(|n: u64| Ok(println!("{n}")))).start();
    /// Flow::from_range(0..10u64).map(|n| n * n).into_stages([&print])?;
    /// stages.join()?;
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn into_stages<I>(
        self,
        consumers: impl IntoIterator<Item = I>,
    ) -> Result<StageRef<Flows<N::Item>, Infallible, N::Item>, FlowError>
    where
        I: Into<Inlet<N::Item>>,
    {
        let site = Site::here("into_stages");
        let consumers: Vec<Inlet<_>> = consumers.into_iter().map(Into::into).collect();
        let Some(first) = consumers.first() else {
            return Err(FlowError::new(ErrorKind::Option, "there is no consumer").with_site(site));
        };
        let stage = launch(self, &first.shared, site).accumulate().start();
        for consumer in &consumers {
            consumer.subscribe_at(Subscribe::to(&stage), site)?;
        }
        // Nobody gets anything before all have subscribed.
        stage.forward();
        Ok(stage)
    }

    /// Sends the events through running stages, and goes on with what these emit: when the flow is
    /// read it is started as a stage (see [`Scope::flow`]), each of `through` subscribes to it, and what
    /// follows subscribes to each of them.
    ///
    /// The flow ends when all of `through` have, which by default end when all that they take from
    /// have: one that takes from others, too, lets the flow go on. A failure of the flow fails them. Where
    /// what follows wants no more, what comes before is stopped.
    ///
    /// ```
    /// use flow::Flow;
    /// use flow::stage::{Stages, transform_with};
    ///
    /// let stages = Stages::new();
    /// let double = transform_with(|n: u64, out| Ok(out.emit(n * 2)));
    /// let double = stages.producer_consumer(double).start();
    /// let sum = Flow::from_range(0..10u64).through_stages([&double]).map(|n| n + 1).sum::<u64>()?;
    /// assert_eq!(sum, 100);
    /// stages.join()?;
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn through_stages<'a, S, T>(
        self,
        through: impl IntoIterator<Item = &'a StageRef<S, N::Item, T>>,
    ) -> Flow<FromStages<ThroughStages<T>>>
    where
        S: 'static,
        T: Send + 'static,
    {
        let site = Site::here("through_stages");
        let through: Vec<_> = through.into_iter().cloned().collect();
        let mut producers = Vec::new();
        if let Some(first) = through.first() {
            let shared = Arc::clone(first.shared());
            let outlets = through.iter().map(Subscribe::from).collect();
            let inlets: Vec<Inlet<_>> = through.iter().map(Inlet::from).collect();
            let events = Events::of_all(outlets, Arc::clone(&shared), site);
            let before = Before::Planned(Box::new(move || {
                let stage = launch(self, &shared, site).unlinked().accumulate().start();
                for inlet in &inlets {
                    inlet.subscribe_at(Subscribe::to(&stage), site)?;
                }
                stage.forward();
                Ok(stage.lives())
            }));
            producers.push(ThroughStages { events, before });
        }
        Flow::of(FromStages::new(producers, site))
    }
}

/// What comes out of running stages that a flow is sent through: see [`Flow::through_stages`].
pub struct ThroughStages<T: Send + 'static> {
    events: Events<T>,
    before: Before,
}

enum Before {
    Planned(Box<dyn FnOnce() -> Result<Arc<dyn Lives>, FlowError> + Send>),
    Started(Arc<dyn Lives>),
    Refused,
}

impl<T: Send + 'static> fmt::Debug for ThroughStages<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ThroughStages")
    }
}

#[diagnostic::do_not_recommend]
impl<T: Send + 'static> Producer for ThroughStages<T> {
    type Item = T;

    fn produce(&mut self, demand: &mut Demand<'_, T>) -> Result<Produced, BoxError> {
        match std::mem::replace(&mut self.before, Before::Refused) {
            Before::Planned(start) => self.before = Before::Started(start()?),
            before => self.before = before,
        }
        self.events.produce(demand)
    }
}

impl<T: Send + 'static> Drop for ThroughStages<T> {
    fn drop(&mut self) {
        if let Before::Started(flow) = &self.before {
            flow.stop(Reason::Shutdown);
        }
    }
}

impl Shared {
    /// What runs a flow within these stages: a simulation within a simulation.
    fn executor_of(&self, chosen: Option<Executor>) -> Executor {
        let simulated = self.core().simulation(|simulation| simulation.seed());
        match (chosen, simulated) {
            (Some(chosen), Some(_)) if chosen.is_simulation() => chosen,
            (_, Some(seed)) => Executor::simulation(seed),
            (Some(chosen), None) => chosen,
            (None, None) => Executor::all_cores(),
        }
    }
}
