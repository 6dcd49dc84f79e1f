//! What itertools has.

use crate::page::{Page, any_order, in_order, rows, same, same_items};
use flow::{Collect, Flow};
use itertools::Itertools;
use std::collections::HashMap;

pub(crate) fn rows(page: &mut Page) {
    page.table(
        "itertools",
        "What sorts, groups or counts needs no order and works in parallel.",
        "itertools",
    );
    rows! {page, (
        it = [3u64, 1, 4, 1, 5, 9, 2, 6, 6].into_iter(),
        other_it = [2u64, 7, 1, 8, 2, 8, 1, 8, 2].into_iter(),
        flow = Flow::from_vec(vec![3u64, 1, 4, 1, 5, 9, 2, 6, 6]),
        other = Flow::from_vec(vec![2u64, 7, 1, 8, 2, 8, 1, 8, 2]),
    );
    in_order it.dedup() => flow.dedup(), "needs an order";
    in_order it.dedup_by(|a, b| a % 2 == b % 2) => flow.dedup_by(|a, b| a % 2 == b % 2), "needs an order; also `dedup_by_key`";
    any_order it.unique() => flow.unique(), "passed on at once, in no order; keeps a copy of each in the partition it belongs to";
    any_order it.unique_by(|x| x % 3) => flow.stages(1).unique_by(|x| x % 3), "with several instances any one of each";
    in_order it.sorted() => flow.sorted(), "not stable; instances sort, one merges";
    in_order it.sorted_by(|a, b| b.cmp(a)) => flow.sorted_by(|a, b| b.cmp(a)), "";
    in_order it.sorted_by_key(|x| 10 - x) => flow.sorted_by_key(|x| 10 - x), "";
    in_order it.k_smallest(3) => flow.k_smallest(3), "keeps `2 k` per instance; also `_by` and `_by_key`";
    in_order it.k_largest(3) => flow.k_largest(3), "the largest first; also `_by` and `_by_key`";
    same it.chunks(4).into_iter().map(|chunk| chunk.collect_vec()).collect_vec() => flow.chunks(4).collect::<Vec<_>>()?, "vectors; `map_batch` takes what is at hand instead";
    same_items it.counts() => flow.key_by(|x| *x).count().collect::<HashMap<_, _>>()?, "counted where the events are, merged where they belong";
    same_items it.into_group_map_by(|x| x % 2) => flow.stages(1).group_by(|x| x % 2).collect::<HashMap<_, _>>()?, "without `stages(1)` a group is in any order";
    any_order it.into_grouping_map_by(|x| x % 2).sum() => flow.key_by(|x| x % 2).sum(|x| *x), "";
    any_order it.into_grouping_map_by(|x| x % 2).max() => flow.key_by(|x| x % 2).max(|x| *x), "several at once: `aggregate(\\|a\\| (a.min(f), a.max(f)))`";
    any_order it.into_grouping_map_by(|x| x % 2).fold(0, |sum, _, x| sum + x) => flow.key_by(|x| x % 2).fold(|| 0, |sum, x| *sum += x), "every event travels to its key's partition";
    any_order it.into_grouping_map_by(|x| x % 2).reduce(|a, _, b| a.max(b)) => flow.key_by(|x| x % 2).reduce_with(|a, b| a.max(b)), "";
    any_order it.duplicates() => flow.key_by(|x| *x).count().filter(|(_, n)| *n > 1).map(|(x, _)| x), "when all are counted";
    in_order it.sorted().merge(other_it.sorted()) => flow.sorted().merge_sorted(other.sorted()), "both must be sorted; also `merge_sorted_by`";
    in_order [0..3u64, 1..5].into_iter().kmerge() => Flow::merge_all_sorted([0..3u64, 1..5].map(Flow::from_range), |a, b| a.cmp(b)), "";
    in_order it.interleave(other_it) => flow.zip(other).flat_map(|(a, b)| [a, b]), "where both are equally long";
    in_order it.cartesian_product(other_it) => flow.cross(other), "the argument is collected, the other side is not";
    in_order it.tuple_windows::<(_, _)>() => flow.scan(|| None, |before, x| Some(before.replace(x).map(|before| (before, x)))).flatten(), "";
    in_order it.combinations(2) => Flow::from_iter(it.combinations(2)), "an iterator as a source; so are `permutations` and `powerset`";
    in_order it.map(|x| x.checked_sub(2).ok_or(x)).map_ok(|x| x + 1) => flow.map(|x| x.checked_sub(2).ok_or(x)).map_ok(|x| x + 1), "also `map_err`";
    in_order it.map(|x| x.checked_sub(2).ok_or(x)).filter_ok(|x| x % 2 == 0) => flow.map(|x| x.checked_sub(2).ok_or(x)).filter_ok(|x| x % 2 == 0), "";
    same it.map(|x| x.checked_sub(2).ok_or(x)).partition_result::<Vec<_>, Vec<_>, _, _>() => { let (good, bad) = flow.ordered().map(|x| x.checked_sub(2).ok_or(x)).split_results(); flow::run((good.to(Collect::<Vec<_>>::new()), bad.to(Collect::<Vec<_>>::new())))? }, "also in place of `partition_map`";
    same { let (a, b) = it.tee(); (a.collect_vec(), b.collect_vec()) } => { let [a, b] = flow.ordered().broadcast(); flow::run((a.to(Collect::<Vec<_>>::new()), b.to(Collect::<Vec<_>>::new())))? }, "the slower branch sets the pace: nothing piles up";
    same it.minmax().into_option() => flow.minmax()?.into_pair(), "";
    same it.tree_reduce(|a, b| a + b) => flow.reduce_with(|a, b| a + b)?, "";
    same it.position_max() => flow.enumerate().max_by_key(|(_, x)| *x)?.map(|(at, _)| at), "";
    same it.all_equal() => flow.dedup().take(2).count()? < 2, "";
    same it.join(", ") => flow.ordered().with_iter(|it| it.join(", "))?, "an iterator over the results, as they come";
    same Itertools::intersperse(it, 0).collect_vec() => flow.ordered().with_iter(|it| Itertools::intersperse(it, 0).collect_vec())?, "likewise `pad_using`, `with_position`, `tuples`, `coalesce`, `multipeek`";
    none "it.chunk_by(f)", "adjacent runs: `through` with a `ProducerConsumer` that keeps the run, or `with_iter`; `group_by` groups all of a key";
    none "it.zip_longest(other_it)", "`enumerate` both and `full_join` them by the number";
    none "it.min_set(), it.max_set()", "`fold` into a vector that is emptied when a better one comes";
    none "it.all_unique()", "compare `unique().count()` with the number of events";
    none "it.exactly_one()", "`take(2).collect::<Vec<_>>()`";
    }
}
