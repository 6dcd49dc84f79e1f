//! A panic in a closure, an order, a hash or an equality that keyed verbs, `unique`, `sorted`,
//! `k_smallest` or `reduce_and_emit` call becomes an error that names the operator and the caller's
//! line. Nothing hangs, nothing is left behind.

mod support;

use flow::{ErrorKind, Executor, Flow, FlowError, Node, TotalOrd};
use std::cmp::Ordering;
use std::hash::{Hash, Hasher};
use std::panic::{self, panic_any};
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
fn living(lives: &Lives, executor: Executor) -> Flow<impl Node<Item = Living> + use<>> {
    let lives = lives.clone();
    Flow::from_range(0..500u64).stages(2).on(executor).map(move |x| lives.number(x))
}

/// An event whose order panics, now and then, and whose hash or equality may.
#[derive(Debug)]
struct Touchy {
    living: Living,
    hashes: bool,
}

impl Ord for Touchy {
    fn cmp(&self, other: &Self) -> Ordering {
        boom(self.living.number.max(other.living.number)).cmp(&other.living.number)
    }
}

impl PartialOrd for Touchy {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Touchy {
    fn eq(&self, other: &Self) -> bool {
        boom(300) == other.living.number
    }
}

impl Eq for Touchy {}

impl Hash for Touchy {
    fn hash<H: Hasher>(&self, state: &mut H) {
        if self.hashes {
            boom(self.living.number).hash(state);
        }
    }
}

impl TotalOrd for Touchy {
    fn total_cmp(&self, other: &Self) -> Ordering {
        self.cmp(other)
    }
}

fn touchy(living: Living) -> Touchy {
    Touchy { living, hashes: true }
}

/// All hash alike, so that their equality is asked.
fn alike(living: Living) -> Touchy {
    Touchy { living, hashes: false }
}

/// A key whose hash panics.
#[derive(PartialEq, Eq)]
struct Key(u64);

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        boom(self.0).hash(state);
    }
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
    panic::set_hook(Box::new(|panic| {
        if panic.payload().downcast_ref::<Payload>().is_none() {
            eprintln!("{panic}");
        }
    }));
    for Case { operator, run } in cases {
        for executor in executors() {
            let said = format!("{operator} on {executor:?}");
            let lives = Lives::default();
            let counted = lives.clone();
            let error = in_time(move || run(&counted, executor)).expect_err(&said);
            assert_eq!(error.kind(), ErrorKind::Panic, "{said}: {error}");
            assert_eq!(error.operator(), Some(operator), "{said}: {error}");
            let at = error.location().expect("a place is named");
            let line = include_str!("a_panic_in_state_names_its_operator.rs");
            let line = line.lines().nth(at.line() as usize - 1).unwrap();
            let named = &line[at.column() as usize - 1..];
            assert!(at.file().ends_with("a_panic_in_state_names_its_operator.rs"), "{error}");
            assert!(named.starts_with(operator), "{error}: {named}");
            let payload = error.into_panic().expect("a panic has a payload");
            assert_eq!(payload.downcast_ref(), Some(&Payload(300)), "{said}");
            assert_eq!(lives.left(), 0, "{said}: events are left");
            no_thread_is_left();
        }
    }
}

#[test]
fn in_verbs_per_key() {
    check(vec![
        case("min", |l, on| living(l, on).key_by(|x| x.number % 9).min(|x| boom(x.number)).run()),
        case("max", |l, on| living(l, on).key_by(|x| x.number % 9).max(|x| boom(x.number)).run()),
        case("mean", |l, on| living(l, on).key_by(|x| x.number % 9).mean(|x| boom(x.number)).run()),
        case("top_k", |l, on| {
            living(l, on).key_by(|x| x.number % 9).top_k(2, |x| boom(x.number)).run()
        }),
        case("distinct", |l, on| {
            living(l, on).key_by(|x| x.number % 9).distinct(|x| Key(x.number)).run()
        }),
        case("count_distinct", |l, on| {
            living(l, on).key_by(|x| x.number % 9).count_distinct(|x| boom(x.number)).run()
        }),
        case("reduce_with", |l, on| {
            let keyed = living(l, on).key_by(|x| x.number % 9);
            keyed.reduce_with(|x, y| if boom(y.number) > 0 { x } else { y }).run()
        }),
        case("group_by", |l, on| living(l, on).group_by(|x| boom(x.number)).run()),
        case("group_by", |l, on| living(l, on).group_by(|x| Key(x.number)).run()),
        case("key_by", |l, on| living(l, on).key_by(|x| Key(x.number)).first().run()),
    ]);
}

#[test]
fn in_aggregates() {
    check(vec![
        case("aggregate", |l, on| {
            let keyed = living(l, on).key_by(|x| x.number % 9);
            keyed.aggregate(|a| a.reduce_with(|x| x.number, |x, y| boom(x.max(y)))).run()
        }),
        case("aggregate", |l, on| {
            let keyed = living(l, on).key_by(|x| x.number % 9);
            keyed.aggregate(|a| a.min_by(|x| x.number, |x, y| boom(*x.max(y)).cmp(y))).run()
        }),
        case("aggregate", |l, on| {
            let keyed = living(l, on).key_by(|x| x.number % 9);
            keyed.aggregate(|a| (a.last(|x| boom(x.number)), a.count())).run()
        }),
        case("aggregate", |l, on| {
            let keyed = living(l, on).key_by(|x| x.number % 9);
            keyed.aggregate(|a| a.collect_vec(|x| boom(x.number))).run()
        }),
    ]);
}

#[test]
fn in_unique() {
    check(vec![
        case("unique", |l, on| living(l, on).map(|x| Key(x.number)).map(copied).unique().run()),
        case("unique_by", |l, on| living(l, on).unique_by(|x| boom(x.number)).run()),
        case("unique_by", |l, on| living(l, on).unique_by(|x| Key(x.number)).run()),
        case("unique_by", |l, on| {
            let lives = l.clone();
            living(l, on).unique_by(move |x| alike(lives.number(x.number))).run()
        }),
        case("unique", |_, on| Flow::from_range(0..500u64).on(on).map(Cloned).unique().run()),
    ]);
}

/// A key that can be cloned.
fn copied(key: Key) -> Copied {
    Copied(key.0)
}

#[derive(Clone, PartialEq, Eq)]
struct Copied(u64);

impl Hash for Copied {
    fn hash<H: Hasher>(&self, state: &mut H) {
        boom(self.0).hash(state);
    }
}

/// An event whose clone panics.
#[derive(PartialEq, Eq, Hash)]
struct Cloned(u64);

impl Clone for Cloned {
    fn clone(&self) -> Cloned {
        Cloned(boom(self.0))
    }
}

#[test]
fn in_orders() {
    check(vec![
        case("sorted", |l, on| living(l, on).map(touchy).sorted().run()),
        case("sorted_by", |l, on| {
            living(l, on).sorted_by(|x, y| boom(x.number).cmp(&boom(y.number))).run()
        }),
        case("sorted_by_key", |l, on| living(l, on).sorted_by_key(|x| boom(x.number)).run()),
        case("k_smallest", |l, on| living(l, on).map(touchy).k_smallest(3).run()),
        case("k_largest", |l, on| living(l, on).map(touchy).k_largest(1000).run()),
        case("k_smallest_by", |l, on| {
            living(l, on).k_smallest_by(3, |x, y| boom(x.number).cmp(&boom(y.number))).run()
        }),
        case("k_largest_by", |l, on| {
            living(l, on).k_largest_by(3, |x, y| boom(x.number).cmp(&boom(y.number))).run()
        }),
        case("k_smallest_by_key", |l, on| {
            living(l, on).k_smallest_by_key(3, |x| boom(x.number)).run()
        }),
        case("k_largest_by_key", |l, on| {
            living(l, on).k_largest_by_key(9, |x| boom(x.number)).run()
        }),
    ]);
}

/// Sorting does not see it, since every instance has one event; merging does.
#[test]
fn in_the_merging_of_runs() {
    check(vec![case("sorted_by", |_, on| {
        let ones = Flow::from_vec(vec![300u64, 1, 2, 3])
            .on(on)
            .partition_with(|x, n| (x % 10) as usize % n);
        ones.stages(4).sorted_by(|x, y| boom(*x.max(y)).cmp(y)).run()
    })]);
}

#[test]
fn in_reductions_that_emit() {
    check(vec![
        case("reduce_and_emit", |l, on| {
            let flow = living(l, on).partition_by(|x| x.number);
            flow.reduce_and_emit(|| boom(300), |_, x, out| out.emit(x)).emit_none().run()
        }),
        case("reduce_and_emit", |l, on| {
            let flow = living(l, on).partition_by(|x| x.number);
            let flow = flow.reduce_and_emit(
                || (),
                |(), x, out| {
                    if boom(x.number) > 0 {
                        out.emit(x)
                    }
                },
            );
            flow.emit_none().partition_by(|x| x.number).max_demand(1).run()
        }),
        case("reduce_and_emit", |l, on| {
            let flow = living(l, on).partition_by(|x| x.number);
            let flow = flow.reduce_and_emit(|| (), |(), x, out| out.emit(x.number));
            flow.on_trigger(|_, _| Some(boom(300))).run()
        }),
    ]);
}
