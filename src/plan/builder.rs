//! Collects the tasks of a run while the typed tree is taken apart, from its terminals upwards.

use crate::error::{ErrorKind, FlowError, Site};
use crate::kernel::Make;
use crate::plan::options::StageOptions;
use crate::runtime::core::{Core, StageHead};
use crate::runtime::meter::EdgeCounters;
use crate::runtime::signals::Signals;
use crate::runtime::stage::{Input, Instance, Place, Stage};
use crate::runtime::task::{Home, Slot, Task, TaskRef};
use crate::runtime::worker::Run;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// The run that is being built.
pub struct Builder<'env> {
    core: Arc<Core>,
    slots: Vec<Slot<'env>>,
    stages: Vec<StageHead>,
    ready: Vec<TaskRef>,
    /// Who listens for signals.
    pub(crate) signals: Arc<Signals>,
    pub(crate) watched_stages: Vec<Arc<Stage>>,
    pub(crate) edge_counters: Vec<Arc<EdgeCounters>>,
    /// The next stage that is opened runs on the thread that reads the flow; how far it may then
    /// run ahead of the reader goes in here.
    reader_runs_next_stage: Option<Arc<AtomicUsize>>,
    readers_task: Option<(usize, Arc<AtomicUsize>)>,
    /// The terminal whose flow is being built.
    terminal: Option<Site>,
    branchings: Vec<Branching>,
    /// The branchings that flows come from, in the order in which these were built.
    branches: Vec<usize>,
    refused: Option<FlowError>,
}

/// A flow that several flows come from.
struct Branching {
    id: usize,
    site: Site,
    /// The terminal that runs the first of them.
    terminal: Option<Site>,
    /// How many of them have not been built.
    missing: usize,
}

/// A stage whose instances have handles but no tasks yet: what edges into it need.
pub(crate) struct OpenStage {
    pub(crate) shared: Arc<Stage>,
    pub(crate) tasks: Vec<TaskRef>,
}

impl<'env> Builder<'env> {
    pub(crate) fn new(core: Core) -> Self {
        Builder {
            core: Arc::new(core),
            slots: Vec::new(),
            stages: Vec::new(),
            ready: Vec::new(),
            signals: Arc::default(),
            watched_stages: Vec::new(),
            edge_counters: Vec::new(),
            reader_runs_next_stage: None,
            readers_task: None,
            terminal: None,
            branchings: Vec::new(),
            branches: Vec::new(),
            refused: None,
        }
    }

    pub(crate) fn core(&self) -> &Arc<Core> {
        &self.core
    }

    /// The stage of the terminal, which is opened next, has one instance, and the reader of the flow
    /// is to run it. Returns which task that will be.
    pub(crate) fn reader_runs_next_stage(&mut self, ahead: Arc<AtomicUsize>) -> usize {
        self.reader_runs_next_stage = Some(ahead);
        self.slots.len()
    }

    /// How many of the events that may be in flight the reader of the flow may hold, if it is the
    /// reader that runs this task: an eighth.
    pub(crate) fn held_by_reader(&self, in_flight: usize, task: usize) -> usize {
        match &self.readers_task {
            Some((id, ahead)) if *id == task => {
                let held = in_flight / 8;
                ahead.store(held, Ordering::Relaxed);
                held
            }
            _ => 0,
        }
    }

    /// Opens the stage of a source: one instance per worker, unless its options say otherwise.
    pub(crate) fn open_source(&mut self, options: &StageOptions, head: Site) -> OpenStage {
        let instances = options.stages.unwrap_or(self.core.workers);
        self.open(options, head, instances)
    }

    /// Opens a stage of partitions: one per core, unless its options say otherwise.
    pub(crate) fn open_partitions(&mut self, options: &StageOptions, head: Site) -> OpenStage {
        let instances = options.stages.unwrap_or(self.core.partitions);
        self.open(options, head, instances)
    }

    /// Opens a stage: its instances can be named before they exist.
    pub(crate) fn open(
        &mut self,
        options: &StageOptions,
        head: Site,
        instances: usize,
    ) -> OpenStage {
        let number = self.stages.len();
        self.stages.push(StageHead { name: options.name.clone(), operator: head.operator });
        let shared = Stage::new(options.edge().batch);
        if self.core.observed {
            self.watched_stages.push(Arc::clone(&shared));
        }
        let tasks = (0..instances)
            .map(|_| {
                let handle = TaskRef::new(self.slots.len(), number, &self.core);
                let task = Mutex::new(None);
                self.slots.push(Slot { handle: handle.clone(), task });
                handle
            })
            .collect::<Vec<_>>();
        if let Some(ahead) = self.reader_runs_next_stage.take() {
            debug_assert_eq!(instances, 1, "a reader runs one instance");
            tasks[0].move_to(Home::Reader);
            self.readers_task = Some((tasks[0].id(), ahead));
        }
        OpenStage { shared, tasks }
    }

    /// Gives the instances of an open stage their tasks. The first `started` of them count from the
    /// beginning; the others are started by them as work is worth it.
    pub(crate) fn fill<I, M>(
        &mut self,
        stage: OpenStage,
        started: usize,
        make: M,
        mut input: impl FnMut(usize, &TaskRef, &Arc<Stage>) -> I,
    ) where
        M: Make + 'env,
        I: Input<M::Kernel> + 'env,
    {
        make.planned(stage.tasks.len());
        let make = Arc::new(make);
        self.fill_with(stage, started, &mut |place| {
            let input = input(place.instance, &place.task, &place.stage);
            Box::new(Instance::new(input, Arc::clone(&make), place))
        });
    }

    /// What of [`fill`](Self::fill) is the same for all stages: compiled once, not for every flow.
    fn fill_with(
        &mut self,
        stage: OpenStage,
        started: usize,
        task_at: &mut dyn FnMut(Place) -> Box<dyn Task + 'env>,
    ) {
        let instances = stage.tasks.len();
        for (instance, task) in stage.tasks.iter().enumerate() {
            let shared = Arc::clone(&stage.shared);
            let place = Place { instance, instances, task: task.clone(), stage: shared };
            self.slots[task.id()].task = Mutex::new(Some(task_at(place)));
        }
        stage.shared.begin(stage.tasks.into_boxed_slice(), started);
    }

    /// As [`fill`](Self::fill), for a stage that begins with a source: its first instance is ready
    /// when the run begins.
    pub(crate) fn fill_source<I, M>(
        &mut self,
        stage: OpenStage,
        make: M,
        mut input: impl FnMut(&TaskRef, &Arc<Stage>) -> I,
    ) where
        M: Make + 'env,
        I: Input<M::Kernel> + 'env,
    {
        self.start_with(stage.tasks[0].clone());
        self.fill(stage, 1, make, |_, task, shared| input(task, shared));
    }

    /// A task that is ready when the run begins.
    pub(crate) fn start_with(&mut self, task: TaskRef) {
        self.ready.push(task);
    }

    /// Counters of one more edge.
    pub(crate) fn edge_counters(&mut self) -> Arc<EdgeCounters> {
        let counters = Arc::new(EdgeCounters::default());
        if self.core.observed {
            self.edge_counters.push(Arc::clone(&counters));
        }
        counters
    }

    /// What is built from here on is run by this terminal.
    pub(crate) fn begin(&mut self, terminal: Site) {
        self.terminal = Some(terminal);
    }

    /// One of the flows that come from a branching is being built, which itself comes from `earlier`
    /// ones. True: it is the last of them.
    pub(crate) fn branch_of(
        &mut self,
        id: usize,
        outputs: usize,
        site: Site,
        earlier: &[usize],
    ) -> bool {
        self.branches.push(id);
        self.branches.extend(earlier);
        let known = self.branchings.iter().position(|branching| branching.id == id);
        let at = known.unwrap_or_else(|| {
            let terminal = self.terminal;
            self.branchings.push(Branching { id, site, terminal, missing: outputs });
            self.branchings.len() - 1
        });
        self.branchings[at].missing -= 1;
        self.branchings[at].missing == 0
    }

    /// How many branches have been built.
    pub(crate) fn branches(&self) -> usize {
        self.branches.len()
    }

    /// Refuses the run where two inputs of an operator that may wait for one of them come from the
    /// same branching, which may be full of what the other one is to have. `first` and `second` are
    /// what [`branches`](Self::branches) was before each input was built.
    pub(crate) fn check_apart(&mut self, site: Site, first: usize, second: usize) {
        let (left, right) = (&self.branches[first..second], &self.branches[second..]);
        let common = left.iter().find(|id| right.contains(id));
        if let Some(id) = common
            && let Some(Branching { site: Site { operator, at }, .. }) =
                self.branchings.iter().find(|branching| branching.id == *id)
        {
            let why = format!(
                "both inputs come from `{operator}` at {at}, which could wait for one of them to \
                 be read while the other one is waited for here"
            );
            self.refused.get_or_insert(FlowError::new(ErrorKind::Option, why).with_site(site));
        }
    }

    /// Refuses what cannot be run.
    pub(crate) fn check(&mut self) -> Result<(), FlowError> {
        if let Some(error) = self.refused.take() {
            return Err(error);
        }
        let Some(branching) = self.branchings.iter().find(|branching| branching.missing > 0) else {
            return Ok(());
        };
        let Site { operator, at } = branching.site;
        let why = format!(
            "not all flows that come from `{operator}` at {at} are run: run them together as jobs, \
             an unwanted one into `Ignore`"
        );
        let error = FlowError::new(ErrorKind::Option, why);
        Err(error.with_site(branching.terminal.unwrap_or(branching.site)))
    }

    /// The finished run, with its first tasks scheduled.
    pub(crate) fn finish(self) -> Run<'env> {
        for task in &self.ready {
            task.notify();
        }
        self.core.name_stages(self.stages);
        let mut run = Run::new(self.core, self.slots, self.ready);
        run.signals = self.signals;
        run
    }
}

impl fmt::Debug for Builder<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").field("tasks", &self.slots.len()).finish_non_exhaustive()
    }
}
