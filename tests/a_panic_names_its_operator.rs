//! A panic in any closure, iterator, hash or `Drop` of the user's becomes an error that names the
//! operator and the caller's line. Nothing hangs, nothing is left behind.

mod support;

use flow::{
    Aggregator, BoxError, Collect, Demand, ErrorKind, Executor, Flow, FlowError, Part, Produced,
    Producer, Sequenced, Sink,
};
use std::hash::{Hash, Hasher};
use std::io::{self, Read};
use std::iter;
use std::panic::{self, panic_any};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use support::{Lives, Living, alone, executors, in_time, no_thread_is_left};

/// What panics carry.
#[derive(Debug, PartialEq)]
struct Payload(u64);

/// Panics at the event that is chosen for it.
fn boom(at: u64) -> u64 {
    if at == 300 {
        panic_any(Payload(at));
    }
    at
}

/// 500 events with lives that are counted.
fn living(lives: &Lives, executor: Executor) -> Flow<impl Sequenced<Item = Living> + use<>> {
    let lives = lives.clone();
    Flow::from_range(0..500u64).stages(2).on(executor).map(move |x| lives.number(x))
}

/// A flow that panics, and the operator that is to be named.
struct Case {
    operator: &'static str,
    run: fn(&Lives, Executor) -> Result<(), FlowError>,
}

fn case(operator: &'static str, run: fn(&Lives, Executor) -> Result<(), FlowError>) -> Case {
    Case { operator, run }
}

/// Runs cases on all executors and looks at what they leave.
fn check(cases: Vec<Case>) {
    let _alone = alone();
    quiet();
    for Case { operator, run } in cases {
        for executor in executors() {
            let said = format!("{operator} on {executor:?}");
            let lives = Lives::default();
            let counted = lives.clone();
            let result = in_time(move || run(&counted, executor));
            let error = result.expect_err(&said);
            assert_eq!(error.kind(), ErrorKind::Panic, "{said}: {error}");
            assert_eq!(error.operator(), Some(operator), "{said}: {error}");
            assert_named(&error, operator);
            assert!(error.stage().is_some(), "{said}");
            let payload = error.into_panic().expect("a panic has a payload");
            assert_eq!(payload.downcast_ref(), Some(&Payload(300)), "{said}");
            assert_eq!(lives.left(), 0, "{said}: events are left");
            no_thread_is_left();
        }
    }
}

/// Checks that the place which the error names is a call of the operator in this file.
fn assert_named(error: &FlowError, operator: &str) {
    let at = error.location().expect("a place is named");
    assert!(at.file().ends_with("a_panic_names_its_operator.rs"), "{error}");
    let line = include_str!("a_panic_names_its_operator.rs").lines().nth(at.line() as usize - 1);
    let named = &line.unwrap()[at.column() as usize - 1..];
    let named = named.strip_prefix("Flow::").unwrap_or(named);
    assert!(named.starts_with(operator), "{error}: {named}");
}

/// Keeps the panics that are meant out of the output.
fn quiet() {
    panic::set_hook(Box::new(|panic| {
        if panic.payload().downcast_ref::<Payload>().is_none() {
            eprintln!("{panic}");
        }
    }));
}

#[test]
fn in_per_event_operators() {
    check(vec![
        case("map", |lives, on| living(lives, on).map(|x| boom(x.number)).run()),
        case("filter", |lives, on| living(lives, on).filter(|x| boom(x.number) > 0).run()),
        case("filter_map", |lives, on| {
            living(lives, on).filter_map(|x| Some(boom(x.number))).run()
        }),
        case("inspect", |lives, on| living(lives, on).inspect(|x| _ = boom(x.number)).run()),
        case("map_init", |lives, on| {
            living(lives, on).map_init(|| boom(300), |init, x| *init + x.number).run()
        }),
        case("map_init", |lives, on| living(lives, on).map_init(|| 0, |_, x| boom(x.number)).run()),
    ]);
}

#[test]
fn in_operators_that_give_many() {
    check(vec![
        case("flat_map", |lives, on| living(lives, on).flat_map(|x| [boom(x.number)]).run()),
        case("flat_map", |lives, on| {
            living(lives, on).flat_map(|x| iter::once_with(move || boom(x.number))).run()
        }),
        case("flatten", |lives, on| {
            living(lives, on).map(|x| iter::once_with(move || boom(x.number))).flatten().run()
        }),
        case("flat_map_emit", |lives, on| {
            living(lives, on).map(|x| x).flat_map_emit(|x, out| out.emit(boom(x.number))).run()
        }),
        case("flat_map_emit", |_, on| {
            let lines = Flow::from_lines(io::Cursor::new("line\n".repeat(500))).on(on);
            lines.flat_map_emit(|line, out| out.emit(boom(296 + line.len() as u64))).run()
        }),
    ]);
}

#[test]
fn in_verbs_along_an_order() {
    check(vec![
        case("scan", |lives, on| living(lives, on).scan(|| boom(300), |_, x| Some(x)).run()),
        case("scan", |lives, on| living(lives, on).scan(|| 0, |_, x| Some(boom(x.number))).run()),
        case("map_while", |lives, on| living(lives, on).map_while(|x| Some(boom(x.number))).run()),
        case("take_while", |lives, on| {
            living(lives, on).take_while(|x| boom(x.number) < 1000).run()
        }),
        case("skip_while", |lives, on| {
            living(lives, on).skip_while(|x| boom(x.number) < 1000).run()
        }),
        case("dedup", |lives, on| living(lives, on).map(|x| Touchy(x.number)).dedup().run()),
        case("dedup_by_key", |lives, on| living(lives, on).dedup_by_key(|x| boom(x.number)).run()),
        case("dedup_by", |lives, on| {
            living(lives, on).map(|x| x.number).dedup_by(|_, x| boom(*x) > 1000).run()
        }),
    ]);
}

/// A number that does not like to be compared with 300.
#[derive(Clone)]
struct Touchy(u64);

impl PartialEq for Touchy {
    fn eq(&self, other: &Touchy) -> bool {
        self.0 == boom(other.0)
    }
}

#[test]
fn in_batches() {
    check(vec![
        case("map_batch", |lives, on| {
            living(lives, on).map_batch(|batch| batch.iter().map(|x| boom(x.number)).max()).run()
        }),
        case("map_batch", |lives, on| {
            living(lives, on).map_batch(|x| x.into_iter().map(|x| boom(x.number))).ordered().run()
        }),
        case("for_each_batch", |lives, on| {
            living(lives, on).for_each_batch(|batch| batch.iter().for_each(|x| _ = boom(x.number)))
        }),
    ]);
}

#[test]
fn in_terminals_that_search_and_compare() {
    check(vec![
        case("find_any", |lives, on| {
            living(lives, on).find_any(|x| boom(x.number) > 1000).map(drop)
        }),
        case("any", |lives, on| living(lives, on).any(|x| boom(x.number) > 1000).map(drop)),
        case("all", |lives, on| living(lives, on).all(|x| boom(x.number) < 1000).map(drop)),
        case("find_first", |lives, on| {
            living(lives, on).find_first(|x| boom(x.number) > 1000).map(drop)
        }),
        case("position", |lives, on| {
            living(lives, on).position(|x| boom(x.number) > 1000).map(drop)
        }),
        case("min_by_key", |lives, on| living(lives, on).min_by_key(|x| boom(x.number)).map(drop)),
        case("max_by_key", |lives, on| living(lives, on).max_by_key(|x| boom(x.number)).map(drop)),
        case("min_by", |lives, on| {
            let compare = |a: &Living, b: &Living| boom(a.number).cmp(&boom(b.number));
            living(lives, on).ordered().min_by(compare).map(drop)
        }),
        case("max_by", |lives, on| {
            let compare = |a: &Living, b: &Living| boom(a.number).cmp(&boom(b.number));
            living(lives, on).ordered().max_by(compare).map(drop)
        }),
    ]);
}

#[test]
fn in_terminals_that_accumulate() {
    check(vec![
        case("fold", |lives, on| {
            living(lives, on).fold(|| boom(300), |_, _| {}, |_, _| {}).map(drop)
        }),
        case("fold", |lives, on| {
            living(lives, on).fold(|| 0, |sum, x| *sum += boom(x.number), |_, _| {}).map(drop)
        }),
        case("reduce_with", |lives, on| {
            let op = |a: Living, b: Living| if boom(b.number) > 7 { a } else { b };
            living(lives, on).ordered().reduce_with(op).map(drop)
        }),
        case("try_fold", |lives, on| {
            let f = |sum: &mut u64, x: Living| -> Result<(), BoxError> {
                *sum += boom(x.number);
                Ok(())
            };
            living(lives, on).try_fold(|| 0, f, |_, _| Ok(())).map(drop)
        }),
        case("try_reduce", |lives, on| {
            let op = |a: u64, b: u64| Ok::<_, BoxError>(a + boom(b));
            living(lives, on).map(|x| x.number).ordered().try_reduce(|| 0, op).map(drop)
        }),
        case("try_reduce", |lives, on| {
            let op = |a: u64, b: u64| Ok::<_, BoxError>(a + b);
            living(lives, on).map(|x| x.number).try_reduce(|| boom(300), op).map(drop)
        }),
        case("try_for_each", |lives, on| {
            living(lives, on).try_for_each(|x| {
                boom(x.number);
                Ok::<_, BoxError>(())
            })
        }),
    ]);
}

#[test]
fn in_the_merging_of_what_instances_have_folded() {
    let _alone = alone();
    quiet();
    for executor in executors() {
        let parted = || Flow::from_range(0..500u64).on(executor.clone()).partition().stages(2);
        let merge = |_: &mut u64, _| panic_any(Payload(300));
        let try_merge = |_: &mut u64, _| -> Result<(), BoxError> { panic_any(Payload(300)) };
        let failed = [
            ("fold", parted().fold(|| 0, |_, _| {}, merge)),
            ("try_fold", parted().try_fold(|| 0, |_, _| Ok(()), try_merge)),
        ];
        for (operator, failed) in failed {
            let error = failed.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Panic, "{error}");
            assert_eq!(error.operator(), Some(operator), "{error}");
            assert_named(&error, operator);
        }
        no_thread_is_left();
    }
}

#[test]
fn behind_a_suspended_iterator() {
    check(vec![
        case("flat_map", |lives, on| {
            let many = living(lives, on).flat_map(|x| (0..=x.number).map(boom));
            many.partition().max_demand(1).run()
        }),
        case("map", |lives, on| {
            let many = living(lives, on).flat_map(|x| vec![x.number; 50]);
            many.map(boom).partition().max_demand(3).run()
        }),
    ]);
}

#[test]
fn in_routing() {
    check(vec![
        case("partition", |lives, on| living(lives, on).map(Hashed).partition().run()),
        case("partition_by", |lives, on| living(lives, on).partition_by(|x| boom(x.number)).run()),
        case("partition_by", |lives, on| {
            living(lives, on).partition_by(|x| HashedNumber(x.number)).run()
        }),
        case("partition_with", |lives, on| {
            living(lives, on).partition_with(|x, n| boom(x.number) as usize % n).run()
        }),
    ]);
}

#[test]
fn in_reductions() {
    check(vec![
        case("reduce", |lives, on| {
            living(lives, on)
                .partition_by(|x| x.number)
                .reduce(|| boom(300), |_, _| ())
                .emit_state()
                .run()
        }),
        case("reduce", |lives, on| {
            let partitions = living(lives, on).partition_by(|x| x.number);
            partitions.reduce(|| 0, |acc, x| *acc = boom(x.number)).emit_state().run()
        }),
        case("reduce", |lives, on| {
            let partitions = living(lives, on).partition_by(|x| x.number);
            let reduced = partitions.reduce(Vec::new, |all, x| all.push(x));
            reduced.on_trigger(|_, _| [boom(300)]).run()
        }),
        case("reduce", |lives, on| {
            let partitions = living(lives, on).partition_by(|x| x.number);
            let reduced = partitions.reduce(Vec::new, |all, x| all.push(x));
            reduced.on_trigger(|_, _| iter::once_with(|| boom(300))).run()
        }),
        case("reduce", |lives, on| {
            let partitions = living(lives, on).partition_by(|x| x.number);
            let reduced = partitions.reduce(|| Exploding(Vec::new()), |all, x| all.0.push(x));
            reduced.emit_items().run()
        }),
    ]);
}

#[test]
fn in_keyed_verbs() {
    check(vec![
        case("key_by", |lives, on| living(lives, on).key_by(|x| boom(x.number)).count().run()),
        case("key_by", |lives, on| {
            living(lives, on).key_by(|x| HashedNumber(x.number)).count().run()
        }),
        case("key_by_ref", |lives, on| {
            living(lives, on)
                .key_by_ref(|x| Box::leak(Box::new(boom(x.number))) as &u64)
                .count()
                .run()
        }),
        case("key_each", |lives, on| {
            living(lives, on)
                .map(|x| x.number)
                .key_each::<u64>(|x, keys| keys.add(&boom(*x)))
                .count()
                .run()
        }),
        case("sum", |lives, on| {
            living(lives, on).key_by(|x| x.number % 9).sum(|x| boom(x.number)).run()
        }),
        case("fold", |lives, on| {
            living(lives, on).key_by(|x| x.number % 9).fold(|| boom(300), |_, _| ()).run()
        }),
        case("fold", |lives, on| {
            living(lives, on)
                .key_by(|x| x.number % 9)
                .fold(|| 0, |acc, x| *acc = boom(x.number))
                .run()
        }),
    ]);
}

#[test]
fn in_aggregators() {
    check(vec![
        case("aggregate", |lives, on| {
            living(lives, on).key_by(|x| x.number % 9).aggregate(|_| PanicsIn("add")).run()
        }),
        case("aggregate", |lives, on| {
            living(lives, on).key_by(|x| x.number % 9).aggregate(|_| PanicsIn("finish")).run()
        }),
    ]);
}

#[test]
fn in_the_merging_of_aggregates() {
    quiet();
    let mut merged = 0;
    for seed in 0..20 {
        let lives = Lives::default();
        let events = living(&lives, Executor::simulation(seed)).key_by(|x| x.number % 9);
        // Where one instance sees all events of a key there is nothing to merge.
        if let Err(error) = events.aggregate(|_| PanicsIn("merge")).run() {
            assert_eq!((error.kind(), error.operator()), (ErrorKind::Panic, Some("aggregate")));
            assert_named(&error, "aggregate");
            merged += 1;
        }
        assert_eq!(lives.left(), 0);
    }
    assert!(merged > 0, "nothing was merged");
}

#[test]
fn in_the_beginning_of_an_aggregate() {
    check(vec![case("aggregate", |lives, on| {
        living(lives, on).key_by(|x| x.number % 9).aggregate(|_| PanicsIn("first")).run()
    })]);
}

#[test]
fn in_sinks() {
    check(vec![
        case("for_each", |lives, on| living(lives, on).for_each(|x| _ = boom(x.number))),
        case("to", |lives, on| living(lives, on).to(|x: Living| _ = boom(x.number)).run()),
        case("to", |lives, on| living(lives, on).to(PanicsIn("write")).run()),
        case("sum", |lives, on| living(lives, on).sum::<Summed>().map(drop)),
    ]);
}

#[test]
fn in_the_part_of_a_sink() {
    check(vec![case("to", |lives, on| living(lives, on).to(PanicsIn("part")).run())]);
}

#[test]
fn in_what_comes_before_and_after_a_run() {
    quiet();
    let lives = Lives::default();
    for place in ["prepare", "commit"] {
        let error = living(&lives, Executor::threads(2)).to(PanicsIn(place)).run().unwrap_err();
        assert_eq!((error.kind(), error.operator()), (ErrorKind::Panic, Some("to")), "{place}");
        assert_named(&error, "to");
        assert_eq!(lives.left(), 0);
    }
    let error = living(&lives, Executor::threads(2)).collect::<NeverMade>().unwrap_err();
    assert_eq!((error.kind(), error.operator()), (ErrorKind::Panic, Some("collect")));
    assert_eq!(lives.left(), 0);
}

#[test]
fn in_the_sum_of_parts_as_in_the_sum_of_events() {
    quiet();
    for executor in (0..20).map(Executor::simulation) {
        // Sums overflow where instances add, or where their sums are added.
        let numbers = Flow::from_vec(vec![100u8; 4]).stages(2).on(executor);
        assert_eq!(numbers.sum::<u8>().unwrap_err().kind(), ErrorKind::Panic);
    }
}

/// An earlier panic that the caller caught must not be blamed for a later one.
#[test]
fn of_its_own_run() {
    quiet();
    let lives = Lives::default();
    for place in ["prepare", "commit"] {
        let earlier = living(&lives, Executor::threads(1)).to(PanicsIn(place));
        let _ = panic::catch_unwind(panic::AssertUnwindSafe(|| earlier.run()));
        let later = living(&lives, Executor::threads(1)).map(|x| boom(x.number)).run().unwrap_err();
        assert_eq!(later.operator(), Some("map"), "after a panic in {place}");
    }
}

#[test]
fn in_sources() {
    check(vec![
        case("from_iter", |_, on| Flow::from_iter((0..500).map(boom)).on(on).run()),
        case("from_iter", |_, on| Flow::from_iter((0..).map(boom)).on(on).run()),
        case("from_iters", |_, on| {
            Flow::from_iters([(0..9).map(boom), (0..500).map(boom)]).on(on).run()
        }),
        case("from_lines", |_, on| Flow::from_lines(PanicsIn("read")).on(on).run()),
        case("from_reader", |_, on| Flow::from_reader(PanicsIn("read")).on(on).run()),
        case("from_stages", |_, on| Flow::from_stages([PanicsIn("produce")]).on(on).run()),
    ]);
}

#[test]
fn in_a_drop_within_a_closure() {
    check(vec![
        case("map", |lives, on| living(lives, on).map(|x| drop(Bomb(x))).run()),
        case("run", |lives, on| living(lives, on).map(Bomb).run()),
        case("count", |lives, on| living(lives, on).map(Bomb).count().map(drop)),
    ]);
}

#[test]
fn in_a_drop_that_a_filter_causes() {
    check(vec![case("filter", |lives, on| living(lives, on).map(Bomb).filter(|_| false).run())]);
}

/// Who wants no more of a flow hears what its rest does when it is dropped.
#[test]
fn in_a_drop_after_an_early_end() {
    let _alone = alone();
    quiet();
    struct Last(Arc<AtomicBool>);
    impl Drop for Last {
        fn drop(&mut self) {
            assert!(!self.0.load(Ordering::SeqCst) || std::thread::panicking(), "dropped");
        }
    }
    for executor in executors() {
        let error = in_time(move || {
            let armed = Arc::new(AtomicBool::new(false));
            let numbers = Flow::from_vec((0..5000).map(|_| Last(Arc::clone(&armed))).collect());
            let read = numbers.on(executor).with_iter(|events| {
                std::mem::forget(events.next());
                armed.store(true, Ordering::SeqCst);
            });
            read.unwrap_err()
        });
        assert_eq!(error.kind(), ErrorKind::Panic);
    }
}

/// What the routing, a failed take or a closed edge drops has no operator of its own.
#[test]
fn in_a_drop_outside_of_all_operators_it_is_a_panic_too() {
    let _alone = alone();
    quiet();
    for executor in executors() {
        let lives = Lives::default();
        let counted = lives.clone();
        let error = in_time(move || {
            living(&counted, executor).map(Bomb).partition_with(|_, _| None).run().unwrap_err()
        });
        assert_eq!(error.kind(), ErrorKind::Panic);
        assert_eq!(error.into_panic().unwrap().downcast_ref(), Some(&Payload(300)));
        assert_eq!(lives.left(), 0);
        no_thread_is_left();
    }
}

#[test]
fn of_two_operators_with_one_name_it_is_the_right_one() {
    quiet();
    let error = Flow::from_range(0..500u64)
        .map(|x| x)
        .map(boom) // this one
        .map(|x| x)
        .run()
        .unwrap_err();
    let line = error.location().unwrap().line() as usize;
    let text = include_str!("a_panic_names_its_operator.rs").lines().nth(line - 1).unwrap();
    assert!(text.contains("// this one"), "{error}");
}

#[test]
fn the_first_of_two_panics_is_told() {
    quiet();
    for executor in executors() {
        let error = Flow::from_range(0..500u64)
            .map(boom)
            .partition()
            .reduce(|| 0, |_, _| ())
            .on_trigger(|_, _| -> Option<u64> { panic!("a failed run does not come to its end") })
            .on(executor)
            .run()
            .unwrap_err();
        assert_eq!(error.operator(), Some("map"));
    }
}

#[test]
fn the_message_says_what_was_said() {
    let said = |error: FlowError| error.to_string();
    panic::set_hook(Box::new(|_| ()));
    let literal = Flow::from_range(0..1u64).map(|_| -> u64 { panic!("said so") }).run();
    assert!(said(literal.unwrap_err()).contains("said so"));
    let made =
        Flow::from_range(0..1u64).named("numbers").map(|x| -> u64 { panic!("said {x}") }).run();
    let error = made.unwrap_err();
    assert_eq!(error.stage(), Some("numbers"));
    assert!(said(error).contains("said 0"));
}

#[test]
fn jobs_and_readers_get_it_too() {
    quiet();
    for executor in executors() {
        let read = living(&Lives::default(), executor.clone()).map(|x| boom(x.number)).partition();
        let read = read.with_iter(|events| events.count()).unwrap_err();
        assert_eq!(read.operator(), Some("map"));
        let fails = living(&Lives::default(), executor.clone()).map(|x| boom(x.number));
        let jobs = (Flow::from_iter(0u64..).to(|_| ()), fails.to(Collect::<Vec<_>>::new()));
        assert_eq!(flow::run(jobs).unwrap_err().operator(), Some("map"));
    }
}

/// An event whose hash panics.
struct Hashed(Living);

impl Hash for Hashed {
    fn hash<H: Hasher>(&self, state: &mut H) {
        boom(self.0.number).hash(state);
    }
}

/// A key whose hash panics.
#[derive(PartialEq, Eq)]
struct HashedNumber(u64);

impl Hash for HashedNumber {
    fn hash<H: Hasher>(&self, state: &mut H) {
        boom(self.0).hash(state);
    }
}

/// A collection whose iterator panics.
struct Exploding(Vec<Living>);

impl IntoIterator for Exploding {
    type Item = u64;
    type IntoIter = iter::Map<std::vec::IntoIter<Living>, fn(Living) -> u64>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter().map(|x| boom(x.number))
    }
}

/// Panics when it is dropped.
struct Bomb(Living);

impl Drop for Bomb {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            boom(self.0.number);
        }
    }
}

/// A sum that panics.
struct Summed;

impl iter::Sum<Living> for Summed {
    fn sum<I: Iterator<Item = Living>>(events: I) -> Self {
        events.for_each(|x| _ = boom(x.number));
        Summed
    }
}

impl iter::Sum<Summed> for Summed {
    fn sum<I: Iterator<Item = Summed>>(_sums: I) -> Self {
        Summed
    }
}

/// A collection that cannot be made.
#[derive(Debug)]
struct NeverMade;

impl FromIterator<Living> for NeverMade {
    fn from_iter<I: IntoIterator<Item = Living>>(_events: I) -> Self {
        panic_any(Payload(300))
    }
}

/// A source, a sink and an aggregator that panic in one of their methods.
#[derive(Clone, Copy)]
struct PanicsIn(&'static str);

impl PanicsIn {
    fn enter(&self, method: &str) {
        if self.0 == method {
            panic_any(Payload(300));
        }
    }
}

impl Sink<Living> for PanicsIn {
    type Part = PanicsIn;
    type Output = ();

    fn prepare(&mut self) -> Result<(), BoxError> {
        self.enter("prepare");
        Ok(())
    }

    fn part(self: &Arc<Self>, _instance: usize) -> PanicsIn {
        self.enter("part");
        **self
    }

    fn commit(self: Arc<Self>, _parts: Vec<PanicsIn>) -> Result<(), BoxError> {
        self.enter("commit");
        Ok(())
    }
}

impl Part<Living> for PanicsIn {
    fn write(&mut self, _event: Living) -> Result<(), BoxError> {
        self.enter("write");
        Ok(())
    }
}

impl Aggregator<Living> for PanicsIn {
    type Acc = u64;
    type Output = u64;

    fn first(&self, _event: &Living) -> u64 {
        self.enter("first");
        1
    }

    fn add(&self, acc: &mut u64, _event: &Living) {
        self.enter("add");
        *acc += 1;
    }

    fn merge(&self, acc: &mut u64, from: u64) {
        self.enter("merge");
        *acc += from;
    }

    fn finish(&self, acc: u64) -> u64 {
        self.enter("finish");
        acc
    }
}

impl Read for PanicsIn {
    fn read(&mut self, _buffer: &mut [u8]) -> io::Result<usize> {
        self.enter("read");
        Ok(0)
    }
}

impl Producer for PanicsIn {
    type Item = u64;

    fn produce(&mut self, _demand: &mut Demand<'_, u64>) -> Result<Produced, BoxError> {
        self.enter("produce");
        Ok(Produced::Done)
    }
}
