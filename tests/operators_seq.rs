//! The verbs along one order, batches, and the terminals that search, compare and accumulate: in every
//! setup, against the iterators that they stand for.

mod common;

use common::{Setup, case, equal, run_all, same, same_events};
use flow::{BoxError, Flow, FlowError, MinMax};
use std::cmp::Reverse;
use std::iter;
use std::sync::Mutex;

/// The numbers of a setup, some of them equal to the one before.
fn runs(setup: &Setup) -> Vec<u64> {
    setup.numbers().into_iter().map(|x| x / 3 * 7 % 11).collect()
}

/// Checks a verb that keeps the order behind sources of all kinds, and before ends of all kinds.
macro_rules! along {
    ($s:ident, |$flow:ident| $made:expr, |$events:ident| $want:expr) => {{
        let slice = runs($s);
        let numbers = || runs($s).into_iter();
        let source = || $s.source(Flow::from_slice(&slice)).map(|x| *x);
        let want = |$events: Vec<u64>| {
            let $events = $events.into_iter();
            $want.collect::<Vec<_>>()
        };
        let plain = || {
            let $flow = source();
            $made
        };
        same(plain().collect::<Vec<_>>()?, want(runs($s)))?;
        same_events(plain().with_iter(|got| got.collect::<Vec<_>>())?, want(runs($s)))?;
        let read = plain().ordered().with_iter(|got| got.collect::<Vec<_>>())?;
        same(read, want(runs($s)))?;
        same(plain().ordered().in_flight(3).collect::<Vec<_>>()?, want(runs($s)))?;
        same_events($s.stage(plain().partition()).collect::<Vec<_>>()?, want(runs($s)))?;
        same_events(plain().partition().stages(2).collect::<Vec<_>>()?, want(runs($s)))?;
        same_events(plain().boxed().collect::<Vec<_>>()?, want(runs($s)))?;
        {
            let $flow = $s.source(Flow::from_iter(numbers()));
            same($made.collect::<Vec<_>>()?, want(runs($s)))?;
        }
        {
            let mut numbers = numbers();
            let $flow = $s.source(Flow::from_iter(iter::from_fn(move || numbers.next())));
            same($made.map(|x| x).collect::<Vec<_>>()?, want(runs($s)))?;
        }
        {
            let $flow = source().map(|x| x + 1).ordered().map(|x| x * 3);
            same($made.collect::<Vec<_>>()?, want(numbers().map(|x| x * 3 + 3).collect()))?;
        }
        {
            let $flow = source().filter(|x| x % 2 == 0).flat_map(|x| [x, x + 1, x + 1]);
            let events = numbers().filter(|x| x % 2 == 0).flat_map(|x| [x, x + 1, x + 1]);
            same($made.collect::<Vec<_>>()?, want(events.collect()))
        }
    }};
}

#[test]
fn verbs_along_an_order() {
    run_all(&[
        case("scan", |s| {
            along!(
                s,
                |flow| flow.scan(
                    || 0,
                    |sum, x| {
                        *sum += x;
                        Some(*sum)
                    }
                ),
                |events| events.scan(0, |sum, x| {
                    *sum += x;
                    Some(*sum)
                })
            )
        }),
        case("scan to an end", |s| {
            let end = 2 * s.size as u64;
            let step = move |sum: &mut u64, x: u64| {
                *sum += x;
                (*sum <= end).then_some(*sum)
            };
            along!(s, |flow| flow.scan(|| 0, step), |events| events.scan(0, step))
        }),
        case("enumerate", |s| along!(s, |flow| flow.enumerate(), |events| (0..).zip(events))),
        case("take_while", |s| {
            along!(s, |flow| flow.take_while(|x| *x < 9), |events| events.take_while(|x| *x < 9))?;
            along!(s, |flow| flow.take_while(|_| true), |events| events)?;
            along!(s, |flow| flow.take_while(|_| false), |events| events.take(0))
        }),
        case("map_while", |s| {
            let less = |x: u64| x.checked_sub(1);
            along!(s, |flow| flow.map_while(less), |events| events.map_while(less))?;
            along!(s, |flow| flow.map(|x| x + 1).map_while(less), |events| events)
        }),
        case("skip", |s| {
            for n in [0, 1, s.size / 2, s.size, 2 * s.size, usize::MAX] {
                along!(s, |flow| flow.skip(n), |events| events.skip(n))?;
            }
            Ok(())
        }),
        case("skip_while", |s| {
            along!(s, |flow| flow.skip_while(|x| *x < 9), |events| events.skip_while(|x| *x < 9))?;
            along!(s, |flow| flow.skip_while(|_| true), |events| events.take(0))
        }),
        case("step_by", |s| {
            for n in [1, 2, 7, s.size.max(1), usize::MAX] {
                along!(s, |flow| flow.step_by(n), |events| events.step_by(n))?;
            }
            Ok(())
        }),
        case("chunks", |s| {
            for n in [1, 2, 7, 1025, s.size.max(1), usize::MAX] {
                along!(s, |flow| flow.chunks(n), |events| {
                    events
                        .collect::<Vec<_>>()
                        .chunks(n)
                        .map(<[u64]>::to_vec)
                        .collect::<Vec<_>>()
                        .into_iter()
                })?;
            }
            Ok(())
        }),
        case("one behind the other", |s| {
            along!(
                s,
                |flow| flow.skip(1).enumerate().step_by(2).take_while(|x| x.0 < 900).chunks(3),
                |events| {
                    let events = (0..).zip(events.skip(1)).step_by(2).take_while(|x| x.0 < 900);
                    events
                        .collect::<Vec<_>>()
                        .chunks(3)
                        .map(<[_]>::to_vec)
                        .collect::<Vec<_>>()
                        .into_iter()
                }
            )?;
            along!(s, |flow| flow.chunks(4).flatten().skip(2).take(5).skip(1), |events| events
                .skip(2)
                .take(5)
                .skip(1))
        }),
    ]);
}

#[test]
fn runs_of_equal_events() {
    run_all(&[
        case("dedup", |s| {
            along!(s, |flow| flow.dedup(), |events| {
                let mut events: Vec<_> = events.collect();
                events.dedup();
                events.into_iter()
            })
        }),
        case("dedup_by_key", |s| {
            along!(s, |flow| flow.dedup_by_key(|x| x / 4), |events| {
                let mut events: Vec<_> = events.collect();
                events.dedup_by_key(|x| *x / 4);
                events.into_iter()
            })
        }),
        case("dedup_by", |s| {
            along!(s, |flow| flow.dedup_by(|kept, x| kept.abs_diff(*x) < 3), |events| {
                let mut events: Vec<_> = events.collect();
                events.dedup_by(|x, kept| kept.abs_diff(*x) < 3);
                events.into_iter()
            })
        }),
        case("dedup of what cannot be copied", |s| {
            struct NoCopy(u64);
            let flow = s.source(Flow::from_vec(runs(s))).map(NoCopy).dedup_by_key(|x| x.0);
            let mut want = runs(s);
            want.dedup();
            same(flow.map(|x| x.0).collect::<Vec<_>>()?, want)
        }),
    ]);
}

#[test]
fn batches() {
    run_all(&[
        case("map_batch", |s| {
            along!(s, |flow| flow.map_batch(|batch| batch), |events| events)?;
            along!(
                s,
                |flow| flow.map_batch(|batch| batch.into_iter().filter(|x| x % 2 == 0)),
                |events| events.filter(|x| x % 2 == 0)
            )?;
            along!(
                s,
                |flow| flow.map_batch(|batch| batch.into_iter().flat_map(|x| 0..x)),
                |events| events.flat_map(|x| 0..x)
            )
        }),
        case("map_batch behind map_batch", |s| {
            along!(
                s,
                |flow| flow
                    .map_batch(|batch| batch.into_iter().flat_map(|x| 0..x))
                    .map_batch(|batch| batch.into_iter().flat_map(|x| [x, x])),
                |events| events.flat_map(|x| 0..x).flat_map(|x| [x, x])
            )
        }),
        case("how large batches are", |s| {
            let batch = (s.max_demand - s.min_demand).min(1024);
            let sizes = s.source(Flow::from_iter(s.numbers())).map_batch(|batch| [batch.len()]);
            let sizes = sizes.collect::<Vec<_>>()?;
            equal(sizes.iter().sum(), s.size)?;
            equal(sizes.into_iter().find(|size| *size == 0 || *size > batch), None)
        }),
        case("map_batch behind an edge", |s| {
            let flow = s.stage(s.source(Flow::from_vec(runs(s))).partition());
            let batch = (s.max_demand - s.min_demand).min(1024);
            let flow = flow.map_batch(move |events| {
                assert!(!events.is_empty() && events.len() <= batch);
                events
            });
            same_events(s.stage(flow.partition()).collect::<Vec<_>>()?, runs(s))
        }),
        case("for_each_batch", |s| {
            let all = Mutex::new(Vec::new());
            let flow = s.stage(s.source(Flow::from_vec(runs(s))).partition());
            flow.for_each_batch(|batch| {
                assert!(!batch.is_empty());
                all.lock().unwrap().append(batch);
            })?;
            same_events(all.into_inner()?.into_iter().collect::<Vec<u64>>(), runs(s))?;
            let all = Mutex::new(0);
            let flow = s.source(Flow::from_range(0..s.size as u64)).flat_map(|x| [x, x]);
            flow.for_each_batch(|batch| *all.lock().unwrap() += batch.len())?;
            equal(all.into_inner()?, 2 * s.size)
        }),
    ]);
}

/// A few events to look for: before all, in between, the last, and one that is not there.
fn wanted(s: &Setup) -> [u64; 4] {
    let size = s.size as u64;
    [0, size / 2, size.saturating_sub(1), size]
}

#[test]
fn terminals_that_search() {
    run_all(&[
        case("find_any", |s| {
            for x in wanted(s) {
                let range = 0..s.size as u64;
                let there = range.contains(&x).then_some(x);
                let flow = s.source(Flow::from_range(range.clone()));
                equal(flow.find_any(|y| *y == x)?, there)?;
                let flow = s.stage(s.source(Flow::from_range(range)).partition());
                equal(flow.find_any(|y| *y == x)?, there)?;
            }
            let some = s.source(Flow::from_iter(s.numbers())).find_any(|x| x % 2 == 1)?;
            equal(some.is_some_and(|x| x % 2 == 1), s.size > 1)
        }),
        case("any, all", |s| {
            for x in wanted(s) {
                let there = (x as usize) < s.size;
                equal(s.source(Flow::from_vec(s.numbers())).any(|y| y == x)?, there)?;
                equal(s.source(Flow::from_vec(s.numbers())).all(|y| y != x)?, !there)?;
                let flow = s.stage(s.source(Flow::from_iter(s.numbers())).partition());
                equal(flow.any(|y| y == x)?, there)?;
            }
            Ok(())
        }),
        case("find_first, position", |s| {
            for x in wanted(s) {
                let flow = || s.source(Flow::from_iter(s.numbers()));
                let want = s.numbers().into_iter().find(|y| *y >= x);
                equal(flow().find_first(|y| *y >= x)?, want)?;
                equal(flow().ordered().find_first(|y| *y >= x)?, want)?;
                equal(flow().position(|y| y >= x)?, want)?;
                let want = s.numbers().into_iter().filter(|y| y % 3 == 1).position(|y| y >= x);
                let flow = flow().filter(|y| y % 3 == 1);
                equal(flow.position(|y| y >= x)?, want.map(|at| at as u64))?;
            }
            Ok(())
        }),
        case("first, last, nth", |s| {
            let flow = || s.source(Flow::from_vec(s.numbers())).filter(|x| x % 3 == 1);
            let want = || s.numbers().into_iter().filter(|x| x % 3 == 1);
            equal(flow().first()?, want().next())?;
            equal(flow().last()?, want().next_back())?;
            equal(flow().ordered().map(|x| x).last()?, want().next_back())?;
            equal(flow().flat_map(|x| [x, x + 1]).last()?, want().next_back().map(|x| x + 1))?;
            for n in [0, 1, s.size / 4, s.size, usize::MAX] {
                equal(flow().nth(n)?, want().nth(n))?;
                equal(flow().skip(2).nth(n)?, want().skip(2).nth(n))?;
            }
            Ok(())
        }),
    ]);
}

/// Pairs of which some are equal in the first half, numbered in the second.
fn pairs(s: &Setup) -> Vec<(u64, usize)> {
    runs(s).into_iter().zip(0..).collect()
}

/// A pair that is compared by its first half only.
#[derive(Debug)]
struct Half((u64, usize));

impl PartialEq for Half {
    fn eq(&self, other: &Half) -> bool {
        self.0.0 == other.0.0
    }
}

impl Eq for Half {}

impl PartialOrd for Half {
    fn partial_cmp(&self, other: &Half) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Half {
    fn cmp(&self, other: &Half) -> std::cmp::Ordering {
        self.0.0.cmp(&other.0.0)
    }
}

#[test]
fn terminals_that_compare() {
    run_all(&[
        case("min, max", |s| {
            let flow = || s.source(Flow::from_vec(pairs(s))).map(Half);
            let want = || pairs(s).into_iter().map(Half);
            equal(flow().min()?.map(|x| x.0), want().min().map(|x| x.0))?;
            equal(flow().max()?.map(|x| x.0), want().max().map(|x| x.0))?;
            equal(flow().ordered().max()?.map(|x| x.0), want().max().map(|x| x.0))
        }),
        case("min_by_key, max_by_key", |s| {
            let (slice, iter) = (pairs(s), pairs(s).into_iter());
            let flow = || s.source(Flow::from_slice(&slice)).map(|x| *x);
            equal(flow().min_by_key(|x| x.0)?, iter.clone().min_by_key(|x| x.0))?;
            equal(flow().max_by_key(|x| x.0)?, iter.clone().max_by_key(|x| x.0))?;
            let flow = s.source(Flow::from_iter(iter.clone())).flat_map(|x| [x, x]);
            equal(flow.min_by_key(|x| Reverse(x.0))?, iter.min_by_key(|x| Reverse(x.0)))
        }),
        case("min_by, max_by", |s| {
            let compare = |a: &(u64, usize), b: &(u64, usize)| (a.0 % 5).cmp(&(b.0 % 5));
            let flow = || s.source(Flow::from_vec(pairs(s)));
            equal(flow().min_by(compare)?, pairs(s).into_iter().min_by(compare))?;
            equal(flow().max_by(compare)?, pairs(s).into_iter().max_by(compare))?;
            let parted = s.stage(flow().partition());
            let want = pairs(s).into_iter().max_by(compare);
            equal(parted.max_by(compare)?.map(|x| x.0 % 5), want.map(|x| x.0 % 5))
        }),
        case("minmax", |s| {
            let want = || pairs(s).into_iter().map(Half);
            let got = s.source(Flow::from_vec(pairs(s))).map(Half).minmax()?;
            match (s.size, got) {
                (0, MinMax::Empty) => Ok(()),
                (1, MinMax::One(one)) => equal(Some(one.0), want().next().map(|x| x.0)),
                (_, MinMax::Both(min, max)) => {
                    equal(Some(min.0), want().min().map(|x| x.0))?;
                    equal(Some(max.0), want().max().map(|x| x.0))
                }
                (_, got) => Err(format!("{got:?}").into()),
            }?;
            let parted = s.stage(s.source(Flow::from_vec(runs(s))).partition()).minmax()?;
            let want = runs(s).into_iter().min().zip(runs(s).into_iter().max());
            equal(parted.into_pair(), want)
        }),
    ]);
}

/// The error that a failed run was given.
fn given(result: Result<impl Sized, FlowError>) -> Result<Option<std::fmt::Error>, BoxError> {
    let error = result.err().ok_or("it did not fail")?;
    let source = std::error::Error::source(&error).ok_or("it has no source")?;
    Ok(source.downcast_ref().copied())
}

#[test]
fn terminals_that_accumulate() {
    run_all(&[
        case("fold", |s| {
            let flow = s.source(Flow::from_vec(s.numbers()));
            let all = flow.fold(Vec::new, Vec::push, |all, mut more| all.append(&mut more))?;
            same_events(all, s.numbers())?;
            let flow = s.source(Flow::from_iter(s.numbers())).ordered();
            let never = |_: &mut Vec<u64>, _| panic!("there is only one");
            same(flow.fold(Vec::new, Vec::push, never)?, s.numbers())?;
            let flow = s.stage(s.source(Flow::from_vec(s.numbers())).partition());
            equal(
                flow.fold(|| 0, |sum, x| *sum += x, |sum, x| *sum += x)?,
                s.numbers().iter().sum(),
            )
        }),
        case("fold in the order of partitions", |s| {
            let route = |x: &u64, parts: usize| (*x as usize) % parts;
            let flow = || s.stage(s.source(Flow::from_vec(s.numbers())).partition_with(route));
            let lists = flow().fold(
                || vec![Vec::new()],
                |lists: &mut Vec<Vec<u64>>, x| lists[0].push(x),
                |lists, mut more| lists.append(&mut more),
            )?;
            let parts = flow().into_partitions()?;
            equal(lists.len(), parts.len())?;
            lists.into_iter().zip(parts).try_for_each(|(list, part)| same_events(list, part))
        }),
        case("reduce_with", |s| {
            let flow = s.source(Flow::from_vec(s.numbers())).flat_map(|x| [x, 1]);
            let want = s.numbers().into_iter().flat_map(|x| [x, 1]).reduce(|a, b| a + b);
            equal(flow.reduce_with(|a, b| a + b)?, want)?;
            let flow = s.source(Flow::from_iter(s.numbers())).map(|x| x.to_string()).ordered();
            let want = s.numbers().iter().map(u64::to_string).reduce(|a, b| a + &b);
            equal(flow.reduce_with(|a, b| a + &b)?, want)
        }),
        case("try_fold, try_reduce, try_for_each", |s| {
            let flow = || s.source(Flow::from_vec(s.numbers()));
            let sum = Some(s.numbers().iter().sum());
            let add = |sum: &mut u64, x: u64| -> Result<(), std::fmt::Error> {
                *sum += x;
                Ok(())
            };
            equal(Some(flow().try_fold(|| 0, add, add)?), sum)?;
            let add = |a: u64, b: u64| a.checked_add(b).ok_or(std::fmt::Error);
            equal(Some(flow().try_reduce(|| 0, add)?), sum)?;
            let parted = s.stage(flow().partition());
            equal(Some(parted.try_reduce(|| 0, add)?), sum)?;
            let seen = Mutex::new(Vec::new());
            flow().try_for_each(|x| -> Result<(), BoxError> {
                seen.lock().unwrap().push(x);
                Ok(())
            })?;
            same_events(seen.into_inner()?, s.numbers())
        }),
        case("the error of a fallible one", |s| {
            let flow = || s.source(Flow::from_iter(0u64..));
            let at = s.size as u64;
            let fail = move |x: u64| if x == at { Err(std::fmt::Error) } else { Ok(x) };
            let each = flow().try_for_each(move |x| fail(x).map(drop));
            equal(given(each)?, Some(std::fmt::Error))?;
            let fold = flow().try_fold(|| 0, move |_, x| fail(x).map(drop), |_, _: u64| Ok(()));
            equal(given(fold)?, Some(std::fmt::Error))?;
            let reduce = flow().map(|x| x + 1).try_reduce(|| 0, move |_, x| fail(x - 1));
            equal(given(reduce)?, Some(std::fmt::Error))
        }),
        case("an error where accumulators are merged", |s| {
            let parted = || s.source(Flow::from_vec(s.numbers())).partition().stages(2);
            let fold = parted().try_fold(|| 0, |_, _| Ok(()), |_, _: u64| Err(std::fmt::Error));
            equal(given(fold)?, Some(std::fmt::Error))
        }),
    ]);
}

#[test]
fn a_verb_along_an_order_is_in_the_plan_once() {
    let flow = Flow::from_range(0..10u64).stages(2).skip(1).enumerate().map(|x| x.1).chunks(3);
    let plan = flow.explain().to_string();
    assert!(plan.contains("2. skip → enumerate → map → chunks  × 1"), "{plan}");
}
