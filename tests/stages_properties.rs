//! Properties of stages under random wiring: consumers join, leave, crash and take their time, in
//! thousands of simulated runs. A seed that fails, fails again.
//!
//! - Nothing is handled twice, and nothing is lost but what is counted.
//! - Along one subscription events keep their order where nobody leaves; batches are as was asked for,
//!   and no more is under way than was asked for.
//! - When producers are finite and everything is asked for, everything comes to its end.

mod stage_support;
mod support;

use flow::stage::{
    Batch, Cancel, Consumer, Outlet, Overflow, Reason, StageCounts, StageRef, Stages, Subscribe,
    Subscription, SubscriptionId,
};
use flow::{BoxError, Demand, Emitter, Executor, Produced, Producer, ProducerConsumer};
use stage_support::{Log, on, reason};
use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::panic::resume_unwind;
use std::sync::{Arc, Mutex};

/// What a seed says.
struct Seed(u64);

impl Seed {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % bound as u64).unwrap()
    }

    fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    fn of<T: Copy, const N: usize>(&mut self, all: [T; N]) -> T {
        all[self.below(N)]
    }
}

/// Which dispatcher a stage has.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Demand,
    Broadcast,
    Partition(usize),
}

/// Whatever a stage is.
trait Node: Send {
    fn counts(&self) -> StageCounts;
    fn over(&self) -> Option<Reason>;
    fn stop(&self);
    fn hold(&self, holds: bool);
    fn outlet(&self) -> Option<Outlet<u64>>;
    fn take(&self, how: Subscribe<u64>) -> Option<Subscription>;
    fn take_instead(&self, of: &Subscription, how: Subscribe<u64>) -> Option<Subscription>;
}

macro_rules! node {
    ($stage:ty, $outlet:expr, $take:expr, $instead:expr) => {
        impl Node for $stage {
            fn counts(&self) -> StageCounts {
                self.counts()
            }

            fn over(&self) -> Option<Reason> {
                self.over()
            }

            fn stop(&self) {
                self.stop();
            }

            fn hold(&self, holds: bool) {
                if holds { self.accumulate() } else { self.forward() }
            }

            fn outlet(&self) -> Option<Outlet<u64>> {
                let outlet: fn(&Self) -> Option<Outlet<u64>> = $outlet;
                outlet(self)
            }

            fn take(&self, how: Subscribe<u64>) -> Option<Subscription> {
                let take: fn(&Self, Subscribe<u64>) -> Option<Subscription> = $take;
                take(self, how)
            }

            fn take_instead(&self, of: &Subscription, how: Subscribe<u64>) -> Option<Subscription> {
                let take: fn(&Self, &Subscription, Subscribe<u64>) -> Option<Subscription> =
                    $instead;
                take(self, of, how)
            }
        }
    };
}

node!(StageRef<Source, Infallible, u64>, |stage| Some(stage.outlet()), |_, _| None, |_, _, _| None);
node!(
    StageRef<Middle, u64, u64>,
    |stage| Some(stage.outlet()),
    |stage, how| stage.subscribe(how).ok(),
    |stage, of, how| stage.resubscribe(of, how).ok()
);
node!(
    StageRef<Taker, u64>,
    |_| None,
    |stage, how| stage.subscribe(how).ok(),
    |stage, of, how| stage.resubscribe(of, how).ok()
);

struct Edge {
    subscription: Subscription,
    giver: usize,
    taker: usize,
    batch: usize,
    /// What it may have under way: what was asked for by hand, or the demand.
    asked: usize,
    handled: usize,
    manual: bool,
}

/// All stages of one run, and the seed that says what happens to them.
struct World {
    seed: Seed,
    /// Nobody leaves.
    calm: bool,
    /// Nothing happens any more.
    quiet: bool,
    nodes: Vec<Box<dyn Node>>,
    kinds: Vec<Kind>,
    takers: Vec<usize>,
    edges: Vec<Edge>,
}

type Shared = Arc<Mutex<World>>;

impl World {
    fn how(&mut self, giver: usize) -> (Subscribe<u64>, usize, usize, bool) {
        let max = self.seed.of([1, 2, 3, 10, 100]);
        let min = self.seed.below(max);
        let manual = self.seed.once_in(4);
        let modes = [Cancel::Transient, Cancel::Temporary, Cancel::Permanent];
        let cancel = if self.calm { modes[0] } else { self.seed.of(modes) };
        let how = Subscribe::to(self.nodes[giver].outlet().unwrap());
        let how = how.max_demand(max).min_demand(min).cancel(cancel);
        let how = match self.kinds[giver] {
            Kind::Demand => how,
            Kind::Broadcast if self.seed.once_in(2) => {
                let rest = self.seed.below(3) as u64;
                how.selector(move |event| event % 3 != rest)
            }
            Kind::Broadcast => how,
            Kind::Partition(partitions) => how.partition(self.seed.below(partitions)),
        };
        let how = if manual { how.manual() } else { how };
        (how, max - min, if manual { 0 } else { max }, manual)
    }

    fn givers(&self) -> usize {
        self.kinds.len()
    }

    fn subscribe(&mut self, taker: usize, giver: usize) {
        let (how, batch, asked, manual) = self.how(giver);
        if let Some(subscription) = self.nodes[taker].take(how) {
            self.edges.push(Edge { subscription, giver, taker, batch, asked, handled: 0, manual });
        }
    }

    /// Something happens to some stage.
    fn happens(&mut self) {
        let giver = self.seed.below(self.givers());
        let taker = self.takers[self.seed.below(self.takers.len())];
        let edge = self.seed.below(self.edges.len().max(1));
        let what = self.seed.below(if self.calm { 4 } else { 9 });
        match what {
            0 | 1 => {
                let events = self.seed.below(20);
                if let Some(edge) = self.edges.get_mut(edge).filter(|edge| edge.manual) {
                    edge.asked += events;
                    edge.subscription.ask(events);
                }
            }
            2 => {
                let holds = self.seed.once_in(3);
                self.nodes[giver].hold(holds);
            }
            // A middle stage takes only from those before it.
            3 | 4 if taker > giver => self.subscribe(taker, giver),
            5 => {
                if let Some(edge) = self.edges.get(edge) {
                    edge.subscription.cancel();
                }
            }
            6 if self.seed.once_in(3) => self.nodes[taker].stop(),
            7 => {
                if let Some(taker) = self.edges.get(edge).map(|edge| edge.taker)
                    && taker > giver
                {
                    let (how, batch, asked, manual) = self.how(giver);
                    let old = self.edges[edge].subscription.clone();
                    if let Some(subscription) = self.nodes[taker].take_instead(&old, how) {
                        self.edges.push(Edge {
                            subscription,
                            giver,
                            taker,
                            batch,
                            asked,
                            handled: 0,
                            manual,
                        });
                    }
                }
            }
            _ => {}
        }
    }
}

/// A stage is handed a batch: no more is under way than was asked for.
fn handed(world: &Shared, by: SubscriptionId, events: usize) {
    let mut world = world.lock().unwrap();
    let Some(at) = world.edges.iter().position(|edge| edge.subscription.id() == by) else {
        return;
    };
    let giver = world.edges[at].giver;
    let edges = world.edges.iter().filter(|edge| edge.giver == giver);
    let may: usize =
        edges.clone().map(|edge| edge.asked - if edge.manual { edge.handled } else { 0 }).sum();
    let handled: usize = edges.map(|edge| edge.handled).sum();
    let counts = world.nodes[giver].counts();
    let under_way = counts.events_out as usize - counts.given_back as usize - handled;
    assert!(under_way <= may, "{under_way} are under way, {may} were asked for");
    world.edges[at].handled += events;
}

fn sometimes(world: &Shared, times: usize) {
    let mut world = world.lock().unwrap();
    if !world.quiet && world.seed.once_in(times) {
        world.happens();
    }
}

/// Gives so many numbers, sometimes more than it is asked for.
struct Source {
    next: u64,
    end: u64,
    world: Shared,
}

impl Producer for Source {
    type Item = u64;

    fn produce(&mut self, demand: &mut Demand<'_, u64>) -> Result<Produced, BoxError> {
        let (bursts, pauses) = {
            let mut world = self.world.lock().unwrap();
            (world.seed.once_in(6), world.seed.once_in(6))
        };
        let n = if bursts { 17 } else { demand.events() };
        for _ in 0..n {
            if self.next == self.end {
                return Ok(Produced::Done);
            }
            demand.emit(self.next);
            self.next += 1;
        }
        Ok(if pauses { Produced::Pending } else { Produced::More })
    }
}

/// What it has handled: by which subscription, in which batches.
type Handled = Log<(SubscriptionId, Vec<u64>)>;

/// Takes a batch, writes it down, and fails at its time.
fn take(
    batch: Batch<'_, u64>,
    handled: &Handled,
    world: &Shared,
    fails_after: &mut usize,
) -> Result<Vec<u64>, BoxError> {
    let from = batch.from();
    let batch: Vec<u64> = batch.collect();
    handed(world, from, batch.len());
    handled.push((from, batch.clone()));
    sometimes(world, 8);
    *fails_after = fails_after.saturating_sub(1);
    match *fails_after {
        0 if batch[0].is_multiple_of(2) => resume_unwind(Box::new("crashes")),
        0 => Err("fails".into()),
        _ => Ok(batch),
    }
}

/// Passes on what it gets, several times or not at all.
struct Middle {
    times: usize,
    next: u64,
    fails_after: usize,
    handled: Handled,
    ends: Log<()>,
    world: Shared,
}

impl ProducerConsumer for Middle {
    type In = u64;
    type Out = u64;

    fn handle(&mut self, _: u64, _: &mut Emitter<'_, u64>) -> Result<(), BoxError> {
        unreachable!("batches are taken whole")
    }

    fn handle_batch(
        &mut self,
        batch: Batch<'_, u64>,
        out: &mut Emitter<'_, u64>,
    ) -> Result<(), BoxError> {
        for _ in take(batch, &self.handled, &self.world, &mut self.fails_after)? {
            for _ in 0..self.times {
                out.emit(self.next);
                self.next += 1;
            }
        }
        Ok(())
    }

    fn end(&mut self, _: &mut Emitter<'_, u64>) -> Result<(), BoxError> {
        self.ends.push(());
        Ok(())
    }
}

struct Taker {
    fails_after: usize,
    handled: Handled,
    ends: Log<()>,
    world: Shared,
}

impl Consumer for Taker {
    type Item = u64;

    fn handle(&mut self, _: u64) -> Result<(), BoxError> {
        unreachable!("batches are taken whole")
    }

    fn handle_batch(&mut self, batch: Batch<'_, u64>) -> Result<(), BoxError> {
        take(batch, &self.handled, &self.world, &mut self.fails_after).map(drop)
    }

    fn end(&mut self) -> Result<(), BoxError> {
        self.ends.push(());
        Ok(())
    }
}

/// A stage that emits, as the seed wants it.
macro_rules! give {
    ($run:expr, $launch:expr, $kind:expr) => {{
        let policies = [Overflow::Block, Overflow::Block, Overflow::KeepFirst, Overflow::KeepLast];
        let mut world = $run.world.lock().unwrap();
        let policy = world.seed.of(policies);
        let bound = world.seed.of([0, 5, 10_000]);
        let launch = $launch.unlinked().buffer(bound, policy);
        let launch = if world.seed.once_in(3) { launch.accumulate() } else { launch };
        let ends = world.seed.once_in(5) && !world.calm;
        let launch = if ends { launch.end_when_alone() } else { launch };
        match $kind {
            Kind::Demand => launch,
            Kind::Broadcast => launch.broadcast(),
            Kind::Partition(partitions) => launch.partition(partitions, move |event| {
                (event % 7 != 0).then_some((event % partitions as u64) as usize)
            }),
        }
    }};
}

/// One run, and what is looked at when it is over.
struct Run {
    stages: Stages,
    world: Shared,
    /// By stage: what it has handled, and how often it was told of its end.
    handled: BTreeMap<usize, (Handled, Log<()>)>,
}

impl Run {
    fn new(seed: u64, calm: bool) -> Self {
        let stages = on(Executor::simulation(seed));
        let world = World {
            seed: Seed(seed ^ 0x5eed),
            calm,
            quiet: false,
            nodes: Vec::new(),
            kinds: Vec::new(),
            takers: Vec::new(),
            edges: Vec::new(),
        };
        let mut run = Run { stages, world: Arc::new(Mutex::new(world)), handled: BTreeMap::new() };
        run.build();
        run
    }

    fn below(&self, bound: usize) -> usize {
        self.world.lock().unwrap().seed.below(bound)
    }

    fn kind(&self) -> Kind {
        let mut world = self.world.lock().unwrap();
        match world.seed.below(4) {
            0 => Kind::Broadcast,
            1 => Kind::Partition(1 + world.seed.below(3)),
            _ => Kind::Demand,
        }
    }

    fn fails_after(&self) -> usize {
        let calm = self.world.lock().unwrap().calm;
        if calm || self.below(3) > 0 { usize::MAX } else { 1 + self.below(10) }
    }

    fn build(&mut self) {
        for _ in 0..1 + self.below(3) {
            let first = self.next_numbers();
            let source =
                Source { next: first, end: first + self.below(120) as u64, world: self.world() };
            let kind = self.kind();
            let launch = self.stages.producer(source);
            let stage = give!(self, launch, kind).start();
            self.add(Box::new(stage), Some(kind), false);
        }
        for _ in 0..self.below(3) {
            let (handled, ends) = (Log::new(), Log::new());
            let middle = Middle {
                times: self.below(4),
                next: self.next_numbers(),
                fails_after: self.fails_after(),
                handled: handled.clone(),
                ends: ends.clone(),
                world: self.world(),
            };
            let kind = self.kind();
            let launch = self.stages.producer_consumer(middle);
            let stage = give!(self, launch, kind).start();
            let at = self.add(Box::new(stage), Some(kind), true);
            self.handled.insert(at, (handled, ends));
        }
        for _ in 0..1 + self.below(4) {
            let fails_after = self.fails_after();
            self.taker(fails_after);
        }
        // Everybody takes from somebody.
        let takers = self.world.lock().unwrap().takers.clone();
        for taker in takers {
            for _ in 0..1 + self.below(2) {
                let givers = self.world.lock().unwrap().givers().min(taker);
                let giver = self.below(givers);
                self.world.lock().unwrap().subscribe(taker, giver);
            }
        }
    }

    fn world(&self) -> Shared {
        Arc::clone(&self.world)
    }

    fn next_numbers(&self) -> u64 {
        (self.world.lock().unwrap().nodes.len() as u64) << 32
    }

    fn taker(&mut self, fails_after: usize) -> usize {
        let (handled, ends) = (Log::new(), Log::new());
        let taker = Taker {
            fails_after,
            handled: handled.clone(),
            ends: ends.clone(),
            world: self.world(),
        };
        let stage = self.stages.consumer(taker).unlinked().start();
        let at = self.add(Box::new(stage), None, true);
        self.handled.insert(at, (handled, ends));
        at
    }

    fn add(&self, node: Box<dyn Node>, kind: Option<Kind>, takes: bool) -> usize {
        let mut world = self.world.lock().unwrap();
        let at = world.nodes.len();
        world.nodes.push(node);
        world.kinds.extend(kind);
        if takes {
            world.takers.push(at);
        }
        at
    }

    /// Lets things happen, and then asks for everything.
    fn run_to_its_end(&mut self) {
        for _ in 0..self.below(30) {
            self.stages.settle();
            self.world.lock().unwrap().happens();
        }
        for _ in 0..6 {
            let lives: Vec<usize> = {
                let mut world = self.world.lock().unwrap();
                world.quiet = true;
                for edge in world.edges.iter_mut().filter(|edge| edge.manual) {
                    edge.asked += 100_000;
                    edge.subscription.ask(100_000);
                }
                let givers = 0..world.givers();
                givers.clone().for_each(|giver| world.nodes[giver].hold(false));
                givers.filter(|giver| world.nodes[*giver].over().is_none()).collect()
            };
            for giver in lives {
                let kind = self.world.lock().unwrap().kinds[giver];
                let partitions = if let Kind::Partition(n) = kind { n } else { 1 };
                for partition in 0..partitions {
                    let taker = self.taker(usize::MAX);
                    let mut world = self.world.lock().unwrap();
                    let how = Subscribe::to(world.nodes[giver].outlet().unwrap());
                    let how = how.cancel(Cancel::Temporary);
                    let how = if kind == Kind::Partition(partitions) {
                        how.partition(partition)
                    } else {
                        how
                    };
                    let subscription = world.nodes[taker].take(how).unwrap();
                    let (batch, asked, manual) = (500, 1000, false);
                    world.edges.push(Edge {
                        subscription,
                        giver,
                        taker,
                        batch,
                        asked,
                        handled: 0,
                        manual,
                    });
                }
            }
            self.stages.advance(std::time::Duration::from_millis(200));
        }
    }

    fn check(self, about: &str) {
        let Run { stages, world, handled } = self;
        let (mut left, calm) = (0, about.starts_with("calm"));
        {
            let world = world.lock().unwrap();
            // What comes to its end by itself: whoever produces, unless it waits for nobody.
            for giver in 0..world.givers() {
                let depends = world.edges.iter().any(|edge| edge.taker == giver);
                let is_source = !handled.contains_key(&giver);
                if is_source || (calm && depends) {
                    let over = world.nodes[giver].over();
                    let counts = world.nodes[giver].counts();
                    assert!(over.is_some(), "{about}: stage {giver} lives: {counts:?}");
                }
            }
            let all = 0..world.nodes.len();
            left += all.filter(|at| world.nodes[*at].over().is_none()).count();
        }
        assert_eq!(stages.living(), left, "{about}");
        stages.stop();
        stages.join().unwrap_or_else(|error| panic!("{about}: {error}"));
        let world = world.lock().unwrap();
        let mut under_way: BTreeMap<usize, i64> = BTreeMap::new();
        let mut seen: BTreeMap<usize, BTreeSet<u64>> = BTreeMap::new();
        let mut per_edge: BTreeMap<SubscriptionId, Vec<u64>> = BTreeMap::new();
        for (taker, (handled, ends)) in &handled {
            let handled = handled.all();
            let counts = world.nodes[*taker].counts();
            let events: usize = handled.iter().map(|(_, batch)| batch.len()).sum();
            assert_eq!(counts.events_in, events as u64, "{about}: what stage {taker} has taken");
            let ended = world.nodes[*taker].over().map_or("lives", |why| reason(&why));
            // One may be told to end at once just after its end, and one that emits ends without
            // hearing of it when it is alone.
            let may = match ended {
                "normal" if *taker >= world.givers() => 1..=1,
                "normal" | "shutdown" => 0..=1,
                _ => 0..=0,
            };
            assert!(may.contains(&ends.len()), "{about}: {taker} {ended}");
            for (by, batch) in handled {
                let edge = world.edges.iter().find(|edge| edge.subscription.id() == by).unwrap();
                assert_eq!(edge.taker, *taker);
                assert!(batch.len() <= edge.batch, "{about}: a batch of {}", batch.len());
                *under_way.entry(edge.giver).or_default() += batch.len() as i64;
                if world.kinds[edge.giver] != Kind::Broadcast {
                    for event in &batch {
                        let new = seen.entry(edge.giver).or_default().insert(*event);
                        assert!(new, "{about}: {event} is handled twice");
                    }
                }
                per_edge.entry(by).or_default().extend(batch);
            }
        }
        for (by, events) in per_edge {
            let edge = world.edges.iter().find(|edge| edge.subscription.id() == by).unwrap();
            if calm {
                assert!(events.is_sorted_by(|a, b| a < b), "{about}: out of order: {events:?}");
            }
            let once: BTreeSet<&u64> = events.iter().collect();
            assert_eq!(once.len(), events.len(), "{about}: twice by one subscription");
            if edge.manual {
                assert!(events.len() <= edge.asked, "{about}: more than was asked for");
            }
        }
        for (giver, kind) in world.kinds.iter().enumerate() {
            let counts = world.nodes[giver].counts();
            let taken = under_way.get(&giver).copied().unwrap_or_default();
            // What was sent was handled or came back.
            let sent = counts.events_out as i64 - counts.given_back as i64;
            assert_eq!(sent, taken, "{about}: stage {giver} {kind:?}: {counts:?}");
            if *kind != Kind::Broadcast {
                assert_eq!(
                    counts.emitted + counts.given_back,
                    counts.events_out + counts.dropped + counts.buffered,
                    "{about}: stage {giver} {kind:?}: {counts:?}"
                );
            }
            assert_eq!(counts.buffered, 0, "{about}: {counts:?}");
        }
    }
}

fn run(seeds: std::ops::Range<u64>, calm: bool) {
    for seed in seeds {
        let mut run = Run::new(seed, calm);
        run.run_to_its_end();
        run.check(&format!("{} {seed}", if calm { "calm" } else { "wild" }));
    }
}

#[test]
fn where_nobody_leaves_all_is_in_order_and_comes_to_its_end() {
    run(0..2_000, true);
}

#[test]
fn whoever_joins_leaves_or_crashes_nothing_is_lost_or_handled_twice() {
    run(0..3_000, false);
}
