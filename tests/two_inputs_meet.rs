//! Where two flows meet: a side that waits holds up nothing that is there, one that is not wanted any
//! more stops, memory stays within the demand, everything is dropped, and errors name the verb.

mod support;

use crossbeam_channel::unbounded;
use flow::{Collect, ErrorKind, Executor, Flow, FlowError, Meter, Node};
use std::cmp::Ordering;
use std::hash::{Hash, Hasher};
use std::panic::{self, panic_any};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering as Order};
use support::{Counter, Lives, Living, alone, executors, in_time, no_thread_is_left, until};

/// An endless flow that counts what it gives.
fn counted(given: &Counter) -> Flow<impl flow::Sequenced<Item = u64> + use<>> {
    let given = given.clone();
    Flow::from_iter((0u64..).inspect(move |_| _ = given.up())).max_demand(4)
}

#[test]
fn the_longer_side_of_a_zip_is_ahead_by_its_demand_only() {
    let _alone = alone();
    for executor in executors() {
        for swapped in [false, true] {
            let (given, on) = (Counter::default(), executor.clone());
            let counting = given.clone();
            let pairs = in_time(move || {
                let (short, long) = (Flow::from_vec(vec![7u64, 8]), counted(&counting));
                if swapped {
                    long.zip(short).max_demand(2).in_flight(3).on(on).count()
                } else {
                    short.zip(long).max_demand(2).in_flight(3).on(on).count()
                }
            });
            assert_eq!(pairs.unwrap(), 2);
            // Two were paired and one perhaps waited for its partner; the feeder may have 4 ahead, its
            // stage 3, the last edge 2, and each of them a batch at hand.
            assert!(given.get() <= 3 + 2 * (4 + 3 + 2), "{} on {executor:?}", given.get());
        }
    }
}

/// How far a source may read ahead where so many are taken, and the edge behind it.
fn ahead(taken: usize) -> usize {
    2 * taken.max(2 * std::thread::available_parallelism().map_or(1, usize::from).max(4))
}

#[test]
fn both_sides_of_a_zip_know_how_many_are_taken() {
    let _alone = alone();
    for executor in executors() {
        for n in [0, 1, 3, 300] {
            let (given, on) = (Counter::default(), executor.clone());
            let counting = given.clone();
            let taken = in_time(move || {
                let side = || {
                    let counting = counting.clone();
                    Flow::from_iter((0u64..).inspect(move |_| _ = counting.up()))
                };
                side().zip(side()).take(n).on(on).count()
            });
            assert_eq!(taken.unwrap(), n as u64);
            let most = 2 * (n + 1 + ahead(n));
            assert!(given.get() <= most, "{} for {n} on {executor:?}", given.get());
        }
    }
}

#[test]
fn a_taker_behind_a_join_stops_both_sides() {
    let _alone = alone();
    for executor in executors() {
        let (given, on) = (Counter::default(), executor.clone());
        let counting = given.clone();
        let found = in_time(move || {
            let few = Flow::from_vec(vec![1u64, 2, 3]).key_by(|x| *x);
            let probe = counted(&counting).max_demand(4).key_by(|x| x % 4);
            let join = probe.join(few).stages(2).max_demand(4).on(on);
            join.take_any(3).collect::<Vec<_>>()
        });
        assert_eq!(found.unwrap().len(), 3);
        assert!(given.get() <= 100, "{} on {executor:?}", given.get());
    }
}

/// Nothing is known to come, and yet what is there comes out.
#[test]
fn results_come_while_a_side_waits() {
    let _alone = alone();
    for executor in [1, 2, 4].map(Executor::threads) {
        in_time(move || {
            // The second flow of a chain waits.
            let (hold, waiting) = unbounded::<u64>();
            let chain = Flow::from_vec(vec![1, 2]).chain(Flow::from_channel(waiting));
            let sum = chain.on(executor.clone()).with_iter(|read| {
                let first = [read.next(), read.next()];
                hold.send(3).unwrap();
                let third = read.next();
                drop(hold);
                (first, third, read.next())
            });
            assert_eq!(sum.unwrap(), ([Some(1), Some(2)], Some(3), None));

            // One side of a zip has much, the other one gives now and then.
            let (give, given) = unbounded::<u64>();
            let zip = Flow::from_range(0..100_000u64).zip(Flow::from_channel(given));
            let pairs = zip.on(executor.clone()).with_iter(|read| {
                let next = |x: u64| {
                    give.send(x).unwrap();
                    read.next()
                };
                (0..200).map(next).collect::<Vec<_>>()
            });
            assert!(pairs.unwrap().into_iter().eq((0..200).map(|x| Some((x, x)))));

            // A join answers each event that streams past.
            let (ask, asked) = unbounded::<u64>();
            let names = Flow::from_range(0..1000u64).key_by(|x| *x);
            let join = Flow::from_channel(asked).key_by(|x| x / 2).join(names).stages(3);
            let answers = join.on(executor.clone()).with_iter(|read| {
                let next = |x: u64| {
                    ask.send(x).unwrap();
                    read.next().unwrap()
                };
                (0..200).map(next).collect::<Vec<_>>()
            });
            assert!(answers.unwrap().into_iter().eq((0..200).map(|x| (x / 2, x, x / 2))));
        });
    }
    no_thread_is_left();
}

/// A thing that may be cloned, and whose lives are counted, with the most that there were at once.
#[derive(Debug)]
struct Thing(Arc<(AtomicUsize, AtomicUsize)>);

impl Thing {
    fn new(lives: &Arc<(AtomicUsize, AtomicUsize)>) -> Self {
        let now = lives.0.fetch_add(1, Order::SeqCst) + 1;
        lives.1.fetch_max(now, Order::SeqCst);
        Thing(Arc::clone(lives))
    }
}

impl Clone for Thing {
    fn clone(&self) -> Self {
        Thing::new(&self.0)
    }
}

impl Drop for Thing {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Order::SeqCst);
    }
}

/// A million pairs of one key, of which only some are there at once.
#[test]
fn a_key_with_a_million_pairs_is_answered_within_the_demand() {
    let _alone = alone();
    for (executor, each) in
        [(Executor::threads(1), 1000), (Executor::threads(3), 200), (Executor::simulation(3), 150)]
    {
        for (verb, each) in [("join", each), ("full_join", each / 3), ("cross", each / 3)] {
            let lives = Arc::default();
            let side = |many: u64| {
                let lives = Arc::clone(&lives);
                Flow::from_range(0..many).map(move |_| Thing::new(&lives))
            };
            let (left, right) = (side(each), side(each));
            let on = executor.clone();
            let pairs = in_time(move || match verb {
                "join" => {
                    let join = left.key_by(|_| 0).join(right.key_by(|_| 0)).max_demand(1).on(on);
                    join.partition_by(|_| 0).max_demand(1).count()
                }
                "full_join" => {
                    let join = left.key_by(|_| 0).full_join(right.key_by(|_| 0)).max_demand(1);
                    join.on(on).partition_by(|_| 0).max_demand(1).count()
                }
                _ => left.cross(right).on(on).partition_by(|_| 0).max_demand(1).count(),
            });
            assert_eq!(pairs.unwrap(), each * each, "{verb}");
            assert_eq!(lives.0.load(Order::SeqCst), 0, "{verb}: things are left");
            let most = lives.1.load(Order::SeqCst) as u64;
            // Both sides, for a cross also a claim of the source, and some pairs.
            assert!(most <= 2 * each + 200, "{verb} on {executor:?}: {most} at once");
        }
    }
}

/// What panics carry.
#[derive(Debug, PartialEq)]
struct Payload;

fn boom(at: u64) -> u64 {
    if at == 300 {
        panic_any(Payload);
    }
    at
}

/// A number that panics where it is cloned.
#[derive(Debug)]
struct Touchy(Living);

impl Clone for Touchy {
    fn clone(&self) -> Self {
        boom(self.0.number);
        unreachable!("only that which panics is cloned")
    }
}

/// A key that panics where it is compared.
struct Key(u64);

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        boom(self.0) == other.0
    }
}

impl Eq for Key {}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

/// 500 events with lives that are counted.
fn living(lives: &Lives) -> Flow<impl flow::Sequenced<Item = Living> + use<>> {
    let lives = lives.clone();
    Flow::from_range(0..500u64).stages(2).map(move |x| lives.number(x))
}

/// A flow that panics, the operator that is to be named, and what calls it.
type Case = (&'static str, &'static str, fn(&Lives, Executor) -> Result<u64, FlowError>);

#[test]
fn a_panic_names_the_verb_and_leaves_nothing() {
    let _alone = alone();
    panic::set_hook(Box::new(|panic| {
        if panic.payload().downcast_ref::<Payload>().is_none() {
            eprintln!("{panic}");
        }
    }));
    let cases: Vec<Case> = vec![
        ("key_by", "left key", |l, on| {
            let right = living(l).key_by(|x| x.number);
            living(l).key_by(|x| boom(x.number)).join_map(right, |_, _, _| ()).on(on).count()
        }),
        ("key_by", "right key", |l, on| {
            let right = living(l).key_by(|x| boom(x.number));
            living(l).key_by(|x| x.number).semi_join(right).on(on).count()
        }),
        ("join_map", "closure", |l, on| {
            let right = living(l).key_by(|x| x.number);
            let left = living(l).key_by(|x| x.number);
            left.join_map(right, |k, l, _| boom(*k) + l.number).on(on).count()
        }),
        ("join", "clone of what is held", |l, on| {
            let right = living(l).filter(|x| x.number == 300).map(Touchy);
            let (left, right) =
                (living(l).map(Arc::new).key_by(|x| x.number), right.key_by(|x| x.0.number));
            left.join(right).on(on).count()
        }),
        ("left_join", "clone of what streams past", |l, on| {
            let touchy = living(l).filter(|x| x.number == 300).map(Touchy);
            let right = Flow::from_vec(vec![300u64, 300]).key_by(|x| *x);
            touchy.key_by(|x| x.0.number).left_join(right).on(on).count()
        }),
        ("anti_join", "comparison of keys", |l, on| {
            let right = living(l).key_by(|x| Key(x.number));
            let left = living(l).key_by(|x| Key(x.number));
            left.anti_join(right).on(on).count()
        }),
        ("merge_sorted_by", "comparison", |l, on| {
            let by = |a: &Living, b: &Living| boom(a.number).cmp(&b.number);
            living(l).merge_sorted_by(living(l), by).on(on).count()
        }),
        ("merge_sorted", "comparison", |l, on| {
            struct Sorted(Living);
            impl PartialEq for Sorted {
                fn eq(&self, other: &Self) -> bool {
                    self.0.number == other.0.number
                }
            }
            impl Eq for Sorted {}
            impl PartialOrd for Sorted {
                fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
                    Some(self.cmp(other))
                }
            }
            impl Ord for Sorted {
                fn cmp(&self, other: &Self) -> Ordering {
                    boom(self.0.number).cmp(&other.0.number)
                }
            }
            living(l).map(Sorted).merge_sorted(living(l).map(Sorted)).on(on).count()
        }),
        ("cross_map", "closure", |l, on| {
            let small = living(l).filter(|x| x.number % 100 == 0);
            living(l).cross_map(small, |_, b| boom(b.number)).on(on).count()
        }),
        ("cross", "clone", |l, on| {
            let small = Flow::from_vec(vec![1u8, 2]);
            let touchy = living(l).filter(|x| x.number == 300).map(Touchy);
            touchy.cross(small).on(on).count()
        }),
        ("map", "before a zip", |l, on| {
            living(l).zip(living(l).map(|x| boom(x.number))).on(on).count()
        }),
        ("map", "behind a chain", |l, on| {
            living(l).chain(living(l)).map(|x| boom(x.number)).on(on).count()
        }),
    ];
    for (operator, what, run) in cases {
        for executor in executors() {
            let said = format!("{operator}, {what}, on {executor:?}");
            let lives = Lives::default();
            let living = lives.clone();
            let error = in_time(move || run(&living, executor)).expect_err(&said);
            assert_eq!(error.kind(), ErrorKind::Panic, "{said}: {error}");
            assert_eq!(error.operator(), Some(operator), "{said}: {error}");
            assert!(error.location().unwrap().file().ends_with("two_inputs_meet.rs"), "{error}");
            assert!(error.into_panic().unwrap().is::<Payload>(), "{said}");
            assert_eq!(lives.left(), 0, "{said}: events are left");
            no_thread_is_left();
        }
    }
}

/// What a stopped run has not seen to its end says nothing about what is missing.
#[test]
fn a_stopped_join_says_nothing_of_what_has_no_match() {
    let _alone = alone();
    for executor in [1, 3].map(Executor::threads) {
        for build_left in [false, true] {
            for drain in [false, true] {
                let on = executor.clone();
                let (probe, probed) = unbounded::<u64>();
                let (matched, missing) = (Counter::default(), Counter::default());
                let (matching, lacking) = (matched.clone(), missing.clone());
                let see = move |(_, l, r): (u64, Option<u64>, Option<u64>)| {
                    if l.is_some() && r.is_some() {
                        matching.up()
                    } else {
                        lacking.up()
                    };
                };
                let held = Flow::from_vec(vec![1u64, 2]).key_by(|x| *x);
                let streams = Flow::from_channel(probed).key_by(|x| *x);
                let row = |(k, found): (u64, flow::EitherOrBoth<u64, u64>)| {
                    let (l, r) = found.left_and_right();
                    (k, l, r)
                };
                let handle = if build_left {
                    held.full_join(streams).build_left().on(on).map(row).to(see).start()
                } else {
                    streams.full_join(held).on(on).map(row).to(see).start()
                };
                let handle = handle.unwrap();
                probe.send(1).unwrap();
                until("the match is there", || matched.get() == 1);
                if drain {
                    handle.drain()
                } else {
                    handle.stop()
                }
                let ended = in_time(move || handle.join());
                if drain {
                    ended.unwrap();
                    assert_eq!((matched.get(), missing.get()), (1, 1));
                } else {
                    assert_eq!(ended.unwrap_err().kind(), ErrorKind::Stopped);
                    assert_eq!((matched.get(), missing.get()), (1, 0));
                }
            }
        }
    }
}

/// What is held when a run is stopped was not all there is.
#[test]
fn a_join_that_is_stopped_while_it_collects_finds_nothing() {
    let _alone = alone();
    for executor in [1, 3].map(Executor::threads) {
        let (hold, held) = unbounded::<u64>();
        let seen = Counter::default();
        let seeing = seen.clone();
        let came = Counter::default();
        let coming = came.clone();
        let right = Flow::from_channel(held).inspect(move |_| _ = coming.up()).key_by(|x| *x);
        let left = Flow::from_vec(vec![1u64, 2]).key_by(|x| *x);
        let join = left.left_join(right).on(executor).to(move |_| _ = seeing.up());
        let handle = join.start().unwrap();
        hold.send(7).unwrap();
        until("something is held", || came.get() == 1);
        handle.stop();
        let ended = in_time(move || handle.join());
        assert_eq!(ended.unwrap_err().kind(), ErrorKind::Stopped);
        assert_eq!(seen.get(), 0);
    }
}

#[test]
fn the_plan_shows_both_inputs_and_the_meter_counts_them() {
    let _alone = alone();
    let meter = Meter::new();
    let left = Flow::from_range(0..10u64).named("left").key_by(|x| x % 3);
    let right = Flow::from_range(0..21u64).named("right").key_by(|x| x % 5);
    let join = left.join(right).stages(2).max_demand(8).observe(&meter);
    let plan = join.explain();
    let names: Vec<_> = plan.stages().iter().filter_map(|stage| stage.name.as_deref()).collect();
    assert_eq!(names, ["right", "left"]);
    let edges: Vec<_> =
        plan.edges().iter().map(|e| (e.from, e.to, e.routing, e.max_demand)).collect();
    assert_eq!(edges, [(0, 1, "by key", 8), (1, 2, "held, shared", usize::MAX)]);
    assert_eq!(plan.stages().iter().map(|stage| stage.instances).collect::<Vec<_>>()[1..], [2, 2]);
    join.count().unwrap();
    let metrics = meter.metrics();
    let came: Vec<_> = metrics.edges().iter().map(|e| (e.events_in, e.events_out)).collect();
    assert_eq!(came, [(21, 21), (21, 21)]);
    let stages: Vec<_> = metrics.stages().iter().map(|s| (s.name.as_str(), s.events_in)).collect();
    assert_eq!(stages, [("right", 21), ("2: join", 21), ("left", 10)]);
}

#[test]
fn a_cross_shows_what_it_shares() {
    let _alone = alone();
    let meter = Meter::new();
    let small = Flow::from_range(0..4u64).named("small").filter(|x| x % 2 == 0);
    let cross = Flow::from_range(0..10u64).named("large").cross(small).partition_by(|x| x.1);
    let plan = cross.explain();
    let edges: Vec<_> = plan.edges().iter().map(|e| (e.from, e.to, e.routing)).collect();
    assert_eq!(edges, [(0, 1, "collected, shared"), (1, 2, "by key")]);
    assert!(plan.to_string().contains("collected, shared from 1\n"), "{plan}");
    assert!(plan.mermaid().contains("s0 -->|\"collected, shared\"| s1"), "{}", plan.mermaid());
    cross.observe(&meter).count().unwrap();
    let came: Vec<_> = meter.metrics().edges().iter().map(|e| (e.events_in, e.held)).collect();
    assert_eq!(came, [(2, 0), (20, 0)]);
}

/// The operator that refuses a flow before it runs, and what it says.
fn refused<N: Node>(flow: Flow<N>) -> (&'static str, String) {
    let error = flow.count().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Option);
    assert!(error.location().unwrap().file().ends_with("two_inputs_meet.rs"));
    (error.operator().unwrap(), error.to_string())
}

#[test]
fn what_cannot_be_is_refused() {
    let _alone = alone();
    let flow = || Flow::from_range(0..9u64);
    assert_eq!(refused(flow().zip(flow().stages(0))).0, "stages");
    assert_eq!(refused(flow().chain(flow().max_demand(3).min_demand(3))).0, "min_demand");
    assert_eq!(refused(flow().cross(flow().max_demand(0))).0, "max_demand");
    let join = flow().key_by(|x| *x).join(flow().key_by(|x| *x));
    assert_eq!(refused(join.build_limit(0)).0, "build_limit");
    let none = [flow()].into_iter().skip(1);
    assert_eq!(refused(Flow::merge_all_sorted(none, Ord::cmp)).0, "merge_all_sorted");

    // Both inputs from one flow: each of them could wait for the other.
    let two = || flow().split_by(|x| x % 2 == 0);
    let both = || {
        let (a, b) = flow().ordered().split_by(|x| x % 2 == 0);
        (a.map(|x| x), b.filter(|_| true))
    };
    let (a, b) = both();
    let (operator, said) = refused(a.zip(b));
    assert_eq!(operator, "zip");
    assert!(said.contains("both inputs come from `split_by`"), "{said}");
    let (a, b) = both();
    assert_eq!(refused(a.chain(b)).0, "chain");
    let (a, b) = both();
    assert_eq!(refused(a.merge_sorted(b)).0, "merge_sorted");
    let (a, b) = two();
    assert_eq!(refused(a.key_by(|x| *x).full_join(b.key_by(|x| *x))).0, "full_join");
    let (a, b) = two();
    assert_eq!(refused(a.cross(b.partition())).0, "cross");
}

#[test]
fn a_branch_may_meet_another_flow() {
    let _alone = alone();
    let (even, odd) = Flow::from_range(0..100u64).split_by(|x| x % 2 == 0);
    let names = Flow::from_range(0..10u64).key_by(|x| *x);
    let known = even.key_by(|x| *x).semi_join(names).to(Collect::<Vec<_>>::new());
    let (mut known, odd) = flow::run((known, odd.to(Collect::<Vec<_>>::new()))).unwrap();
    known.sort_unstable();
    assert_eq!((known, odd.len()), (vec![0, 2, 4, 6, 8], 50));
}
