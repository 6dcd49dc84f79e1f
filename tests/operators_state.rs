//! What keeps state: the aggregates and verbs per key, reductions that emit, `unique`, `sorted` and
//! `k_smallest` with their kin; in every setup, against the iterators and maps that they stand for.

mod common;

use common::{Check, Setup, case, equal, run_all, same, same_events, some_of};
use flow::{Aggregator, Flow, FlowError};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};

/// Numbers in no order, many of them more than once.
fn mixed(setup: &Setup) -> Vec<u64> {
    (0..setup.size as u64).map(|x| x * 7919 % 1013 % 601).collect()
}

/// A flow of them.
macro_rules! mixed {
    ($setup:expr) => {
        $setup.source(Flow::from_vec(mixed($setup)))
    };
}

/// The numbers of each key, in their order.
fn groups(setup: &Setup, key: impl Fn(u64) -> u64) -> BTreeMap<u64, Vec<u64>> {
    let mut groups = BTreeMap::<u64, Vec<u64>>::new();
    for x in mixed(setup) {
        groups.entry(key(x)).or_default().push(x);
    }
    groups
}

/// What becomes of every group.
fn each<V>(
    groups: BTreeMap<u64, Vec<u64>>,
    f: impl Fn(Vec<u64>) -> V,
) -> impl Iterator<Item = (u64, V)> {
    groups.into_iter().map(move |(key, group)| (key, f(group)))
}

fn descending(mut values: Vec<u64>) -> Vec<u64> {
    values.sort_unstable_by_key(|x| Reverse(*x));
    values
}

fn ascending(mut values: Vec<u64>) -> Vec<u64> {
    values.sort_unstable();
    values
}

fn first(values: Vec<u64>, n: usize) -> Vec<u64> {
    values.into_iter().take(n).collect()
}

#[test]
fn aggregates_per_key() {
    run_all(&[
        case("min, max, mean", |s| {
            let keyed = || mixed!(s).key_by(|x| x % 7);
            let min = s.stage(keyed().min(|x| x + 1));
            let want = each(groups(s, |x| x % 7), |g| g.iter().min().map_or(0, |x| x + 1));
            same_events(min.collect::<Vec<_>>()?, want)?;
            let max = s.stage(keyed().max(|x| *x as f64 / 2.0)).map(|(k, x)| (k, x.to_bits()));
            let half = |x: &u64| (*x as f64 / 2.0).to_bits();
            let want = each(groups(s, |x| x % 7), |g| g.iter().max().map_or(0, half));
            same_events(max.collect::<Vec<_>>()?, want)?;
            let mean = s.stage(keyed().mean(|x| *x)).map(|(k, x)| (k, x.to_bits()));
            let mean_of = |g: Vec<u64>| g.iter().sum::<u64>() as f64 / g.len() as f64;
            let want = each(groups(s, |x| x % 7), |g| mean_of(g).to_bits());
            same_events(mean.collect::<Vec<_>>()?, want)
        }),
        case("top_k", |s| {
            for k in [0, 1, 3, 10_000] {
                let top = s.stage(mixed!(s).key_by(|x| x % 5).top_k(k, |x| *x));
                let want = each(groups(s, |x| x % 5), |g| first(descending(g), k));
                same_events(top.collect::<Vec<_>>()?, want)?;
            }
            Ok(())
        }),
        case("distinct, count_distinct", |s| {
            let distinct = s.stage(mixed!(s).key_by(|x| x % 5).distinct(|x| x / 9));
            let want = || each(groups(s, |x| x % 5), |g| g.iter().map(|x| x / 9).collect());
            let got = distinct.map(|(k, set)| (k, set.into_iter().collect::<BTreeSet<_>>()));
            same_events(got.collect::<Vec<_>>()?, want())?;
            let many = s.stage(mixed!(s).key_by(|x| x % 5).count_distinct(|x| x / 9));
            let want = want().map(|(k, set)| (k, set.len() as u64));
            same_events(many.collect::<Vec<_>>()?, want)
        }),
        case("aggregate, all that merge", |s| {
            let all = mixed!(s).key_by(|x| x % 3).aggregate(|a| {
                (
                    a.min_by(|x| *x, |x, y| y.cmp(x)),
                    a.max_by(|x| *x, |x, y| y.cmp(x)),
                    a.top_k(2, |x| *x),
                    a.bottom_k(2, |x| *x),
                    a.reduce_with(|x| *x, |x, y| x ^ y),
                    a.count_distinct(|x| *x),
                    a.count(),
                )
            });
            assert!(s.stage(all.clone()).explain().to_string().contains("pre-aggregated"));
            let want = each(groups(s, |x| x % 3), |g| {
                let (up, down) = (ascending(g.clone()), descending(g.clone()));
                let xor = g.iter().fold(0, |xor, x| xor ^ x);
                let distinct = g.iter().collect::<HashSet<_>>().len() as u64;
                let count = g.len() as u64;
                (down[0], up[0], first(down, 2), first(up, 2), xor, distinct, count)
            });
            same_events(s.stage(all).collect::<Vec<_>>()?, want)
        }),
    ]);
}

/// A hash that depends on the order of the events.
struct Chain;

impl Aggregator<u64> for Chain {
    type Acc = u64;
    type Output = u64;
    const MERGES: bool = false;

    fn first(&self, event: &u64) -> u64 {
        *event
    }

    fn add(&self, acc: &mut u64, event: &u64) {
        *acc = acc.wrapping_mul(31) ^ event;
    }

    fn finish(&self, acc: u64) -> u64 {
        acc
    }
}

fn chain(group: &[u64]) -> u64 {
    group[1..].iter().fold(group[0], |acc, x| acc.wrapping_mul(31) ^ x)
}

#[test]
fn what_keeps_the_order_of_one_instance() {
    run_all(&[
        case("aggregate, all that do not merge", |s| {
            let flow = mixed!(s).stages(1).key_by(|x| x % 6).aggregate(|a| {
                (a.first(|x| *x), a.last(|x| *x), a.collect_vec(|x| x + 1), Chain, a.count())
            });
            assert!(!s.stage(flow.clone()).explain().to_string().contains("pre-aggregated"));
            let want = each(groups(s, |x| x % 6), |g| {
                let (first, last, count) = (g[0], g[g.len() - 1], g.len() as u64);
                (first, last, g.iter().map(|x| x + 1).collect(), chain(&g), count)
            });
            same_events(s.stage(flow).collect::<Vec<_>>()?, want)
        }),
        case("first, last, collect_vec", |s| {
            let keyed = || mixed!(s).stages(1).key_by(|x| x % 6);
            let want = || groups(s, |x| x % 6);
            let firsts = s.stage(keyed().first()).collect::<Vec<_>>()?;
            same_events(firsts, each(want(), |g| g[0]))?;
            let lasts = s.stage(keyed().last()).collect::<Vec<_>>()?;
            same_events(lasts, each(want(), |g| g[g.len() - 1]))?;
            same_events(s.stage(keyed().collect_vec()).collect::<Vec<_>>()?, want())
        }),
        case("reduce_with, in one order", |s| {
            let flow = mixed!(s).stages(1).key_by(|x| x % 6);
            let flow = flow.reduce_with(|acc, x| acc.wrapping_mul(31) ^ x);
            same_events(
                s.stage(flow).collect::<Vec<_>>()?,
                each(groups(s, |x| x % 6), |g| chain(&g)),
            )
        }),
        case("unique_by keeps the first", |s| {
            let pairs = || mixed(s).into_iter().zip(0..).collect::<Vec<(u64, u64)>>();
            let flow = s.source(Flow::from_vec(pairs())).stages(1).unique_by(|pair| pair.0);
            let mut seen = HashSet::new();
            let want = pairs().into_iter().filter(|pair| seen.insert(pair.0));
            same_events(s.stage(flow).collect::<Vec<_>>()?, want)
        }),
    ]);
}

#[test]
fn groups_of_any_order() {
    run_all(&[
        case("group_by", |s| {
            let flow = s.stage(mixed!(s).group_by(|x| x % 11));
            let flow = flow.map(|(key, group)| (key, ascending(group)));
            let want = each(groups(s, |x| x % 11), ascending);
            same_events(flow.collect::<Vec<_>>()?, want)
        }),
        case("group_by of what has no Clone", |s| {
            struct Plain(u64);
            let flow = s.stage(mixed!(s).map(Plain).group_by(|x| x.0 % 11));
            let flow = flow.map(|(key, group)| (key, group.iter().map(|x| x.0).sum::<u64>()));
            let want = each(groups(s, |x| x % 11), |g| g.iter().sum());
            same_events(flow.collect::<Vec<_>>()?, want)
        }),
        case("first and last are any of the group", |s| {
            for flow in [
                mixed!(s).key_by(|x| x % 4).first().boxed(),
                mixed!(s).key_by(|x| x % 4).last().boxed(),
            ] {
                let got = flow.collect::<BTreeMap<u64, u64>>()?;
                let groups = groups(s, |x| x % 4);
                equal(got.len(), groups.len())?;
                equal(got.iter().all(|(key, x)| groups[key].contains(x)), true)?;
            }
            Ok(())
        }),
        case("reduce_with", |s| {
            let flow = s.stage(mixed!(s).key_by(|x| x % 8).reduce_with(u64::max));
            let want = each(groups(s, |x| x % 8), |g| g.into_iter().fold(0, u64::max));
            same_events(flow.collect::<Vec<_>>()?, want)
        }),
    ]);
}

#[test]
fn reductions_that_emit() {
    run_all(&[
        case("emit_none", |s| {
            let sum = AtomicU64::new(0);
            let flow = s.stage(mixed!(s).partition());
            let flow = flow.reduce(|| (), |(), x| _ = sum.fetch_add(x, Ordering::Relaxed));
            equal(flow.emit_none().count()?, 0)?;
            equal(sum.into_inner(), mixed(s).iter().sum())
        }),
        case("reduce_and_emit, none in the end", |s| {
            let flow = s.stage(mixed!(s).partition()).reduce_and_emit(
                || 0,
                |count, x, out| {
                    *count += 1;
                    out.extend((0..x % 3).map(|i| x + i));
                },
            );
            let want = mixed(s).into_iter().flat_map(|x| (0..x % 3).map(move |i| x + i));
            same_events(flow.emit_none().collect::<Vec<_>>()?, want)
        }),
        case("reduce_and_emit, in one order", |s| {
            let flow = s.demand(mixed!(s).stages(1).partition()).stages(1).reduce_and_emit(
                Vec::new,
                |seen: &mut Vec<u64>, x, out| {
                    seen.push(x);
                    out.extend((0..x % 4).map(|i| x + i));
                },
            );
            let now = mixed(s).into_iter().flat_map(|x| (0..x % 4).map(move |i| x + i));
            same(flow.emit_items().collect::<Vec<_>>()?, now.chain(mixed(s)))
        }),
        case("reduce_and_emit, behind a slow exchange", |s| {
            let flow = s.stage(mixed!(s).partition()).reduce_and_emit(
                || 0u64,
                |sum, x, out| {
                    *sum += x;
                    out.extend(vec![x; 5]);
                },
            );
            let flow = s.stage(
                flow.on_trigger(|sum, pane| {
                    (0..pane.is_last().into()).map({
                        let sum = *sum;
                        move |_: u64| 1_000_000 + sum
                    })
                })
                .partition(),
            );
            let got = flow.collect::<Vec<_>>()?;
            let (sums, events): (Vec<_>, Vec<_>) = got.into_iter().partition(|x| *x >= 1_000_000);
            equal(sums.len(), s.instances)?;
            equal(sums.iter().map(|x| x - 1_000_000).sum(), mixed(s).iter().sum::<u64>())?;
            same_events(events, mixed(s).into_iter().flat_map(|x| [x; 5]))
        }),
        case("reduce_and_emit, the state as another event", |s| {
            #[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
            enum Event {
                Big(u64),
                Count(u32),
            }
            let flow = s.demand(mixed!(s).partition()).stages(1).reduce_and_emit(
                || 0u32,
                |count, x, out| {
                    *count += 1;
                    if x > 300 {
                        out.emit(Event::Big(x));
                    }
                },
            );
            let big = mixed(s).into_iter().filter(|x| *x > 300).map(Event::Big);
            let want = big.chain([Event::Count(s.size as u32)]);
            let flow = flow.on_trigger(|count, _| Some(Event::Count(*count)));
            same_events(flow.collect::<Vec<_>>()?, want)
        }),
        case("take_any of what is emitted", |s| {
            let flow = s.stage(mixed!(s).partition());
            let flow = flow.reduce_and_emit(|| (), |(), x, out| out.emit(x)).emit_none();
            let n = s.size / 2;
            some_of(flow.take_any(n).collect::<Vec<_>>()?, mixed(s), n)
        }),
    ]);
}

#[test]
fn unique_lets_every_event_through_once() {
    run_all(&[
        case("unique", |s| {
            let flow = s.stage(mixed!(s).unique());
            same_events(flow.collect::<Vec<_>>()?, mixed(s).into_iter().collect::<BTreeSet<_>>())
        }),
        case("unique of what allocates", |s| {
            let flow = s.stage(mixed!(s).map(|x| format!("number {}", x % 50)).unique());
            let want = mixed(s).into_iter().map(|x| format!("number {}", x % 50));
            same_events(flow.collect::<Vec<_>>()?, want.collect::<BTreeSet<_>>())
        }),
        case("unique_by", |s| {
            let flow = s.stage(mixed!(s).unique_by(|x| x % 17)).map(|x| x % 17);
            let want = mixed(s).into_iter().map(|x| x % 17).collect::<BTreeSet<_>>();
            same_events(flow.collect::<Vec<_>>()?, want)
        }),
        case("unique, read as it comes", |s| {
            let flow = s.stage(mixed!(s).unique());
            let mut got = Vec::new();
            flow.with_iter(|events| got.extend(events))?;
            same_events(got, mixed(s).into_iter().collect::<BTreeSet<_>>())
        }),
        case("unique goes on", |s| {
            let flow = s.stage(s.stage(mixed!(s).unique()).map(|x| x % 10).key_by(|x| *x).count());
            let distinct = mixed(s).into_iter().collect::<BTreeSet<_>>();
            let counts = distinct.into_iter().fold(BTreeMap::new(), |mut counts, x| {
                *counts.entry(x % 10).or_insert(0) += 1;
                counts
            });
            same_events(flow.collect::<Vec<_>>()?, counts)
        }),
    ]);
}

/// Reads a flow in its order in three ways: at once, one by one, and behind `take`.
fn in_order<N>(flow: Flow<N>, want: &[u64]) -> Check
where
    N: flow::Sequenced<Item = u64> + Clone,
{
    same(flow.clone().collect::<Vec<_>>()?, want.iter().copied())?;
    let read = flow.clone().with_iter(|events| events.collect::<Vec<_>>())?;
    same(read, want.iter().copied())?;
    for n in [0, 1, want.len() / 2, want.len() + 1] {
        same(flow.clone().take(n).collect::<Vec<_>>()?, want.iter().copied().take(n))?;
    }
    same(flow.map(|x| x + 1).ordered().collect::<Vec<_>>()?, want.iter().map(|x| x + 1))
}

#[test]
fn sorted_gives_what_a_sort_gives() {
    run_all(&[
        case("sorted", |s| in_order(s.demand(mixed!(s).sorted()), &ascending(mixed(s)))),
        case("sorted_by", |s| {
            let flow = s.demand(mixed!(s).sorted_by(|x, y| y.cmp(x)));
            in_order(flow, &descending(mixed(s)))
        }),
        case("sorted_by_key", |s| {
            let flow = s.demand(mixed!(s).sorted_by_key(|x| (x % 10, Reverse(*x))));
            let mut want = mixed(s);
            want.sort_by_key(|x| (x % 10, Reverse(*x)));
            in_order(flow, &want)
        }),
        case("sorted behind an exchange, and twice", |s| {
            let flow = s.stage(mixed!(s).partition()).sorted_by(|x, y| y.cmp(x));
            in_order(s.demand(flow.sorted()), &ascending(mixed(s)))
        }),
        case("sorted whatever the stages", |s| {
            in_order(s.stage(mixed!(s).sorted()), &ascending(mixed(s)))
        }),
        case("partitioned again", |s| {
            let flow = s.stage(s.demand(mixed!(s).sorted()).partition());
            same_events(flow.collect::<Vec<_>>()?, mixed(s))
        }),
    ]);
}

#[test]
fn a_few_are_those_that_a_sort_puts_first() {
    const FEW: [usize; 5] = [0, 1, 2, 50, 100_000];
    run_all(&[
        case("k_smallest, k_largest", |s| {
            for k in FEW {
                in_order(mixed!(s).k_smallest(k), &first(ascending(mixed(s)), k))?;
                in_order(mixed!(s).k_largest(k), &first(descending(mixed(s)), k))?;
            }
            Ok(())
        }),
        case("k_smallest_by, k_largest_by", |s| {
            for k in FEW {
                let by = |x: &u64, y: &u64| y.cmp(x);
                in_order(
                    s.demand(mixed!(s).k_smallest_by(k, by)),
                    &first(descending(mixed(s)), k),
                )?;
                in_order(s.demand(mixed!(s).k_largest_by(k, by)), &first(ascending(mixed(s)), k))?;
            }
            Ok(())
        }),
        case("k_smallest_by_key, k_largest_by_key", |s| {
            for k in FEW {
                let key = |x: &u64| (x % 10, *x);
                let mut want = mixed(s);
                want.sort_unstable_by_key(key);
                in_order(mixed!(s).k_smallest_by_key(k, key), &first(want.clone(), k))?;
                want.reverse();
                in_order(mixed!(s).k_largest_by_key(k, key), &first(want, k))?;
            }
            Ok(())
        }),
    ]);
}

#[test]
fn the_plan_says_where_it_runs() -> Result<(), FlowError> {
    let plan = Flow::from_range(0..10u64).stages(3).sorted().map(|x| x).explain().to_string();
    assert!(plan.contains("sorted runs"), "{plan}");
    let plan = Flow::from_range(0..10u64).unique().explain().to_string();
    assert!(plan.contains("by hash"), "{plan}");
    Ok(())
}
