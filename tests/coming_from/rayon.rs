//! What rayon has.

use crate::page::{self, Page, rows, same, same_items};
use flow::{Collect, Executor, Flow, FlowError, Node};
use rayon::prelude::*;
use std::collections::HashMap;
use std::fmt::Debug;

/// The flow has the events in the order of the parallel iterator.
fn in_order<N: Node<Item: Debug>>(
    there: impl ParallelIterator<Item: Debug>,
    here: Flow<N>,
) -> Result<(), FlowError> {
    page::in_order(there.collect::<Vec<_>>(), here)
}

/// The flow has the events of the parallel iterator.
fn any_order<N: Node<Item: Debug>>(
    there: impl ParallelIterator<Item: Debug>,
    here: Flow<N>,
) -> Result<(), FlowError> {
    page::any_order(there.collect::<Vec<_>>(), here)
}

pub(crate) fn rows(page: &mut Page) {
    page.table(
        "rayon",
        "`par` is a parallel iterator, `flow` a flow of the same. rayon splits what is in \
         memory, and returns when all is done; a flow is fed by demand, may be endless, gives results as \
         they come, and never runs one stage on the stack of another. `from_par_iter` and `into_par_iter` (feature \
         `rayon`) go from one to the other.",
        "rayon",
    );
    rows! {page, (
        vec = vec![3u64, 1, 4, 1, 5, 9, 2, 6],
        par = vec![3u64, 1, 4, 1, 5, 9, 2, 6].into_par_iter(),
        other_par = vec![2u64, 7, 1, 8, 2, 8, 1, 8].into_par_iter(),
        flow = Flow::from_vec(vec![3u64, 1, 4, 1, 5, 9, 2, 6]),
        other = Flow::from_vec(vec![2u64, 7, 1, 8, 2, 8, 1, 8]),
        slice = &[3u64, 1, 4][..],
        text = "one\ntwo",
        it = [3u64, 1, 4].into_iter(),
    );
    in_order (0..100u64).into_par_iter() => Flow::from_range(0..100u64), "";
    in_order vec.into_par_iter() => Flow::from_vec(vec), "";
    in_order slice.par_iter() => Flow::from_slice(slice), "";
    in_order text.par_lines() => Flow::from_text(text), "files and readers: `from_files`, `from_lines`";
    any_order it.par_bridge() => Flow::from_iter(it), "keeps the order, which `par_bridge` does not; read by demand";
    in_order par.map(|x| x + 1) => flow.map(|x| x + 1), "";
    in_order par.filter(|x| x % 2 == 0) => flow.filter(|x| x % 2 == 0), "";
    in_order par.filter_map(|x| x.checked_sub(3)) => flow.filter_map(|x| x.checked_sub(3)), "";
    in_order par.flat_map_iter(|x| 0..x) => flow.flat_map(|x| 0..x), "one instance handles what one event gives; `rebalance()` behind it shares that out";
    in_order par.map_init(String::new, |buffer, x| { buffer.clear(); *buffer += &x.to_string(); buffer.len() }) => flow.map_init(String::new, |buffer, x| { buffer.clear(); *buffer += &x.to_string(); buffer.len() }), "once per instance, not per split";
    in_order par.inspect(|x| assert!(*x < 10)) => flow.inspect(|x| assert!(*x < 10)), "";
    in_order par.take(3) => flow.take(3), "";
    same par.take_any(3).count() => flow.take_any(3).count()?, "exactly three, and little is read for them";
    in_order par.skip(2) => flow.skip(2), "";
    in_order par.enumerate() => flow.enumerate(), "also behind a `filter`";
    in_order par.zip(other_par) => flow.zip(other), "also behind a `filter`";
    in_order par.chain(other_par) => flow.chain(other), "";
    in_order par.chunks(3) => flow.chunks(3), "`par_chunks` of a slice: `Flow::from_iter(slice.chunks(n))`";
    same par.collect::<Vec<_>>() => flow.collect::<Vec<_>>()?, "";
    same par.sum::<u64>() => flow.sum::<u64>()?, "";
    same par.count() => flow.count()?, "";
    same par.max() => flow.max()?, "also `min` and `_by`, `_by_key`";
    same par.reduce(|| 0, |a, b| a.max(b)) => flow.reduce_with(|a, b| a.max(b))?.unwrap_or(0), "";
    same par.reduce_with(|a, b| a.max(b)) => flow.reduce_with(|a, b| a.max(b))?, "";
    same par.fold(|| 0, |sum, x| sum + x).reduce(|| 0, |a, b| a + b) => flow.fold(|| 0, |sum, x| *sum += x, |sum, part| *sum += part)?, "one accumulator per instance";
    same_items par.fold(HashMap::new, |mut counts, x| { *counts.entry(x % 3).or_insert(0) += 1; counts }).reduce(HashMap::new, |mut all, part| { part.into_iter().for_each(|(x, n)| *all.entry(x).or_insert(0) += n); all }) => flow.key_by(|x| x % 3).count().collect::<HashMap<_, _>>()?, "no map is merged into another";
    same par.map(Some).try_reduce(|| 0u64, |a, b| a.checked_add(b)) => flow.try_reduce(|| 0u64, |a, b| a.checked_add(b).ok_or("overflow")).ok(), "closures return `Result`";
    same par.map(|x| x.checked_sub(1).ok_or(x)).collect::<Result<Vec<_>, _>>() => flow.map(|x| x.checked_sub(1).ok_or(x)).try_collect::<Vec<_>>()?, "of several errors the first in the source's order, not any";
    same par.try_for_each(|x| if x < 10 { Ok(()) } else { Err("large") }).is_ok() => flow.try_for_each(|x| if x < 10 { Ok(()) } else { Err("large") }).is_ok(), "";
    same par.for_each(drop) => flow.for_each(drop)?, "";
    same par.find_any(|x| *x == 9) => flow.find_any(|x| *x == 9)?, "";
    same par.find_first(|x| *x > 4) => flow.find_first(|x| *x > 4)?, "";
    same par.position_first(|x| x == 9) => flow.position(|x| x == 9)?, "";
    same par.any(|x| x > 8) => flow.any(|x| x > 8)?, "";
    same par.partition::<Vec<_>, Vec<_>, _>(|x| x % 2 == 0) => { let (even, odd) = flow.ordered().split_by(|x| x % 2 == 0); flow::run((even.to(Collect::<Vec<_>>::new()), odd.to(Collect::<Vec<_>>::new())))? }, "";
    same { vec.par_sort_unstable(); vec } => flow.sorted().collect::<Vec<_>>()?, "`par_sort_unstable` is faster on a slice; this sorts what comes along";
    same rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap().install(|| par.sum::<u64>()) => flow.on(Executor::threads(2)).sum::<u64>()?, "threads are the run's own, and end with it";
    none "par.with_min_len(n), par.with_max_len(n)", "claims grow with the measured cost of an event; `max_demand(n)` bounds what is on the way";
    none "par.while_some()", "`map_while`, or `try_map`";
    none "par.find_last(f), par.rev()", "reverse the source";
    none "slice.par_iter_mut()", "`Flow::from_iter(slice.iter_mut())`, or `from_par_iter(slice.par_iter_mut())`";
    none "par.panic_fuse()", "a panic ends the run as it is, and is the terminal's error";
    none "rayon::join, rayon::scope", "a flow inside a closure runs on that worker; rayon may be used in closures as well";
    }
}
