//! A stage at run time: what its instances share, and the one task that every instance is.
//!
//! An instance is an input and a fused kernel. The task moves events from the one to the other
//! within the room that the kernel gives, and never further: there is no other queue.

use super::core::{Core, Cx, Phase};
use super::meter::StageCounters;
use super::task::{Step, Task, TaskRef};
use crate::kernel::{Finish, Kernel, Make};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

/// Where an instance stands: which one of how many, and the task that it is.
#[derive(Clone, Debug)]
pub struct Place {
    pub(crate) instance: usize,
    pub(crate) instances: usize,
    pub(crate) task: TaskRef,
    pub(crate) stage: Arc<Stage>,
}

/// What the instances of one stage share.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) counters: StageCounters,
    /// Started and not yet over.
    live: AtomicUsize,
    started: AtomicUsize,
    instances: OnceLock<Box<[TaskRef]>>,
    /// How many events an operator of this stage may put together.
    pub(crate) batch: usize,
}

impl Stage {
    pub(crate) fn new(batch: usize) -> Arc<Self> {
        Arc::new(Stage {
            counters: StageCounters::default(),
            live: AtomicUsize::new(0),
            started: AtomicUsize::new(0),
            instances: OnceLock::new(),
            batch,
        })
    }

    /// Sets the instances, of which the first `started` count from the beginning.
    pub(crate) fn begin(&self, instances: Box<[TaskRef]>, started: usize) {
        for task in &instances[..started] {
            task.core().task_lives();
        }
        self.live.store(started, Ordering::SeqCst);
        self.started.store(started, Ordering::SeqCst);
        self.counters.started(started);
        let _set_once = self.instances.set(instances);
    }

    /// Starts one more instance, if there is one. Called by a live instance only, so that the stage
    /// cannot come to its end meanwhile.
    pub(crate) fn start_sibling(&self) -> bool {
        let instances = self.instances();
        if self.started.load(Ordering::SeqCst) >= instances.len() {
            return false;
        }
        let next = self.started.fetch_add(1, Ordering::SeqCst);
        let Some(sibling) = instances.get(next) else {
            return false;
        };
        self.live.fetch_add(1, Ordering::SeqCst);
        sibling.core().task_lives();
        self.counters.started(1);
        sibling.notify();
        true
    }

    /// How many instances were started. Only those that have not come to the end of their input start
    /// others, so it is final when as many have.
    pub(crate) fn started(&self) -> usize {
        self.started.load(Ordering::SeqCst).min(self.instances().len())
    }

    /// Wakes all instances that were started: something has changed for all of them.
    pub(crate) fn wake_all(&self) {
        let started = self.started.load(Ordering::SeqCst);
        self.instances().iter().take(started).for_each(TaskRef::notify);
    }

    pub(crate) fn has_siblings_to_start(&self) -> bool {
        self.started.load(Ordering::SeqCst) < self.instances().len()
    }

    pub(crate) fn instances(&self) -> &[TaskRef] {
        self.instances.get().map_or(&[], |instances| instances)
    }

    /// One instance is over. True: it was the last.
    fn leave(&self) -> bool {
        self.live.fetch_sub(1, Ordering::SeqCst) == 1
    }
}

/// Where an instance gets its events from.
pub(crate) trait Input<K>: Send {
    /// Pushes at most `room` events (`room` > 0) into the kernel.
    fn pull(&mut self, kernel: &mut K, room: usize, cx: &mut Cx<'_>) -> Pull;

    /// Learns how long the last pull took, in nanoseconds, its events' whole way included.
    fn took(&mut self, _nanos: u64, _cx: &Cx<'_>) {}

    /// Nobody wants anything any more: tells those who produce it.
    fn cancel(&mut self) {}
}

/// What came of a pull.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pull {
    /// So many events were pushed; there may be more.
    Some(usize),
    /// Nothing for now; something will wake the task.
    Wait,
    /// The next pull may block: not on a worker.
    Blocks,
    /// The input has ended.
    End,
}

/// One instance of a stage as a task.
pub(crate) struct Instance<I, M: Make> {
    flow: Fed<I, M::Kernel>,
    make: Arc<M>,
    course: Course,
}

/// An input with the kernel that it feeds.
struct Fed<I, K> {
    input: I,
    /// From the first run to the end.
    kernel: Option<K>,
}

/// How far an instance is.
struct Course {
    place: Place,
    ending: Ending,
    /// The last time for which a timer was set.
    timer: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    NotYet,
    Emitting,
    Closing,
}

impl<I, M: Make> Instance<I, M> {
    pub(crate) fn new(input: I, make: Arc<M>, place: Place) -> Self {
        let course = Course { place, ending: Ending::NotYet, timer: 0 };
        Instance { flow: Fed { input, kernel: None }, make, course }
    }
}

impl<I, M> Task for Instance<I, M>
where
    M: Make,
    I: Input<M::Kernel>,
{
    fn run(&mut self, cx: &mut Cx<'_>) -> Step {
        if self.flow.kernel.is_none() {
            self.flow.kernel = Some(self.make.make(&self.course.place));
        }
        self.course.run(&mut self.flow, cx)
    }
}

/// What a [`Course`] needs of an instance. Called once per claim or batch, not once per event, so that
/// what decides is compiled once and not for every stage of every flow.
trait Steps {
    fn kernel(&mut self) -> Option<&mut dyn Kernel>;

    fn pull(&mut self, room: usize, cx: &mut Cx<'_>) -> Pull;

    fn took(&mut self, nanos: u64, cx: &Cx<'_>);

    fn cancel(&mut self);

    fn close(&mut self, last: bool);
}

impl<I: Input<K>, K: Kernel> Steps for Fed<I, K> {
    fn kernel(&mut self) -> Option<&mut dyn Kernel> {
        match &mut self.kernel {
            Some(kernel) => Some(kernel),
            None => None,
        }
    }

    fn pull(&mut self, room: usize, cx: &mut Cx<'_>) -> Pull {
        match &mut self.kernel {
            Some(kernel) => self.input.pull(kernel, room, cx),
            None => Pull::End,
        }
    }

    fn took(&mut self, nanos: u64, cx: &Cx<'_>) {
        self.input.took(nanos, cx);
    }

    fn cancel(&mut self) {
        self.input.cancel();
    }

    fn close(&mut self, last: bool) {
        if let Some(kernel) = self.kernel.take() {
            kernel.close(last);
        }
    }
}

impl Course {
    fn run(&mut self, flow: &mut dyn Steps, cx: &mut Cx<'_>) -> Step {
        let mut pulled = 0;
        let step = self.advance(flow, &mut pulled, cx);
        if cx.core.observed {
            cx.lap();
            self.place.stage.counters.ran(pulled, cx.ran());
        }
        step
    }

    fn advance(&mut self, flow: &mut dyn Steps, pulled: &mut u64, cx: &mut Cx<'_>) -> Step {
        loop {
            let Some(kernel) = flow.kernel() else {
                return Step::Done;
            };
            match self.ending {
                Ending::NotYet => {
                    let room = kernel.make_room();
                    if kernel.closed() {
                        // What was wanted is there: it still has to go on its way.
                        flow.cancel();
                        self.ending = Ending::Emitting;
                        continue;
                    }
                    if room == 0 {
                        quiet(kernel, &mut self.timer, cx);
                        return Step::Wait;
                    }
                    let step = match flow.pull(cx.limit(room), cx) {
                        Pull::Some(events) => {
                            *pulled += events as u64;
                            let nanos = cx.lap();
                            flow.took(nanos, cx);
                            if cx.spent() {
                                return Step::Again;
                            }
                            continue;
                        }
                        Pull::Wait => Step::Wait,
                        Pull::Blocks => Step::OwnThread,
                        Pull::End => {
                            self.ending = Ending::Emitting;
                            continue;
                        }
                    };
                    if let Some(kernel) = flow.kernel() {
                        quiet(kernel, &mut self.timer, cx);
                    }
                    return step;
                }
                Ending::Emitting => {
                    if cx.core.is_over() {
                        // A run that failed or was cancelled emits nothing as final.
                        return Step::Wait;
                    }
                    let finish = match cx.core.phase() {
                        Phase::Stopping => Finish::Stopped,
                        _ => Finish::Complete,
                    };
                    if !kernel.end(finish) {
                        quiet(kernel, &mut self.timer, cx);
                        return Step::Wait;
                    }
                    self.ending = Ending::Closing;
                }
                Ending::Closing => {
                    let last = self.place.stage.leave();
                    flow.close(last);
                    return Step::Done;
                }
            }
        }
    }
}

/// The task is about to wait: what is staged goes where it is waited for, and a timer takes care of
/// the rest.
fn quiet(kernel: &mut dyn Kernel, timer: &mut u64, cx: &mut Cx<'_>) {
    cx.lap();
    let now = cx.now();
    if let Some(at) = kernel.quiet(now)
        && (*timer <= now || at < *timer)
    {
        *timer = at.max(now + 1);
        cx.wake_at(*timer);
    }
}

/// How much to claim at once: little at first, and growing until a claim takes [`CLAIM`].
///
/// So a hundred dear events occupy all workers, a hundred million cheap ones do not fight over a
/// counter, and neither needs to be told from the other in advance.
#[derive(Debug)]
pub(crate) struct Pace {
    size: usize,
    least: usize,
    most: usize,
    /// Nanoseconds per event at the last claim that was measured.
    cost: f64,
}

/// The time that one claim should take: 50 µs, in nanoseconds.
const CLAIM: u64 = 50_000;

/// A claim that takes less says nothing about what its events cost: 1 µs, in nanoseconds.
const MEASURABLE: u64 = 1_000;

impl Pace {
    pub(crate) fn new(least: usize, most: usize) -> Self {
        Pace { size: least, least, most: most.max(least), cost: 0.0 }
    }

    pub(crate) fn size(&self) -> usize {
        self.size
    }

    /// How much to claim of what remains: no more than a fair share where it is worth sharing.
    pub(crate) fn claim(&self, remaining: usize, instances: usize) -> usize {
        if self.estimate(remaining) < CLAIM {
            return self.size;
        }
        // A last claim that is too large leaves the other instances without work.
        self.size.min((remaining / (2 * instances)).max(self.least))
    }

    /// Learns from a claim of so many events that took so long.
    pub(crate) fn learn(&mut self, events: usize, nanos: u64) {
        if events == 0 {
            return;
        }
        // What a short claim took is mostly the claiming.
        let measured = if nanos < MEASURABLE { 0 } else { nanos };
        self.cost = measured as f64 / events as f64;
        if events < self.size {
            return;
        }
        self.size = if nanos < CLAIM / 16 {
            self.size * 8
        } else if nanos < CLAIM / 2 {
            self.size * 2
        } else if nanos > CLAIM * 2 {
            self.size / 2
        } else {
            self.size
        }
        .clamp(self.least, self.most);
    }

    /// How long so many events will take, in nanoseconds, as far as is known.
    pub(crate) fn estimate(&self, events: usize) -> u64 {
        (self.cost * events as f64) as u64
    }
}

/// Waking a sleeping worker costs some microseconds; less work than this is not worth it: 20 µs.
pub(crate) const WORTH_A_WAKE: u64 = 20_000;

/// Spreads work over one more instance where what remains is worth it.
pub(crate) fn spread(stage: &Stage, core: &Core, worth_it: impl FnOnce() -> bool) {
    if !stage.has_siblings_to_start() {
        return;
    }
    let start = match core.simulation(|simulation| simulation.interrupts()) {
        Some(start) => start,
        None => core.workers > 1 && worth_it(),
    };
    if start && stage.start_sibling() {
        core.want_helper();
    }
}
