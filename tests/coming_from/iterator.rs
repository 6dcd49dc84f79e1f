//! What `Iterator` has.

use crate::page::{Page, in_order, rows, same};
use flow::{Collect, Flow};
use std::collections::BTreeSet;
use std::iter;

pub(crate) fn rows(page: &mut Page) {
    page.table(
        "Iterator",
        "`it` and `other_it` are iterators over numbers, `flow` and `other` flows of the same.",
        "Iterator",
    );
    rows! {page, (
        it = [3u64, 1, 4, 1, 5, 9, 2, 6].into_iter(),
        other_it = [2u64, 7, 1, 8, 2, 8, 1, 8].into_iter(),
        flow = Flow::from_vec(vec![3u64, 1, 4, 1, 5, 9, 2, 6]),
        other = Flow::from_vec(vec![2u64, 7, 1, 8, 2, 8, 1, 8]),
        vec = vec![3u64, 1, 4],
        slice = &[3u64, 1, 4][..],
        text = "one\ntwo",
    );
    in_order 0..5u64 => Flow::from_range(0..5u64), "workers claim parts of it";
    in_order vec.into_iter() => Flow::from_vec(vec), "workers claim parts of it";
    in_order slice.iter() => Flow::from_slice(slice), "borrowed; `.map(\\|x\\| *x)` for `copied()`";
    in_order text.lines() => Flow::from_text(text), "borrowed; also in parallel";
    in_order it.cycle().take(20) => Flow::from_iter(it.cycle()).take(20), "any iterator is a source, read by one thread, endless or not";
    in_order iter::successors(Some(1u64), |x| Some(2 * x)).take(5) => Flow::from_iter(iter::successors(Some(1u64), |x| Some(2 * x))).take(5), "so are `from_fn`, `repeat_with`, `once`";
    in_order it.map(|x| x + 1) => flow.map(|x| x + 1), "in parallel; the closure is `Fn`";
    in_order it.filter(|x| x % 2 == 0) => flow.filter(|x| x % 2 == 0), "";
    in_order it.filter_map(|x| x.checked_sub(3)) => flow.filter_map(|x| x.checked_sub(3)), "";
    in_order it.flat_map(|x| 0..x) => flow.flat_map(|x| 0..x), "suspended where a consumer has no demand; `flat_map_emit` where the items borrow from the event";
    in_order [vec![1, 2], vec![3]].into_iter().flatten() => Flow::from_vec(vec![vec![1, 2], vec![3]]).flatten(), "";
    in_order it.inspect(|x| assert!(*x < 10)) => flow.inspect(|x| assert!(*x < 10)), "";
    in_order it.take(3) => flow.take(3), "reads little ahead; needs an order, `take_any` does not";
    in_order it.take_while(|x| *x < 5) => flow.take_while(|x| *x < 5), "needs an order";
    in_order it.skip(2) => flow.skip(2), "needs an order";
    in_order it.skip_while(|x| *x != 4) => flow.skip_while(|x| *x != 4), "needs an order";
    in_order it.step_by(3) => flow.step_by(3), "needs an order; 0 is refused by the terminal, without a panic";
    in_order it.map_while(|x| x.checked_sub(1)) => flow.map_while(|x| x.checked_sub(1)), "needs an order";
    in_order it.scan(0, |sum, x| { *sum += x; Some(*sum) }) => flow.scan(|| 0, |sum, x| { *sum += x; Some(*sum) }), "needs an order; the state is made by a closure, once per run";
    in_order it.enumerate() => flow.enumerate(), "needs an order; counts in `u64`";
    in_order it.zip(other_it) => flow.zip(other), "needs an order";
    in_order it.chain(other_it) => flow.chain(other), "both need an order; the second may read ahead within its demand; `merge` mixes them";
    same it.collect::<Vec<_>>() => flow.collect::<Vec<_>>()?, "in the source's order";
    same it.collect::<BTreeSet<_>>() => flow.collect::<BTreeSet<_>>()?, "anything that is `FromIterator`";
    same it.map(|x| x.checked_sub(2).ok_or(x)).collect::<Result<Vec<_>, _>>() => flow.map(|x| x.checked_sub(2).ok_or(x)).try_collect::<Vec<_>>()?, "the first error of the order; reading stops there. The outer `Result` is the run's";
    same it.partition::<Vec<_>, _>(|x| x % 2 == 0) => { let (even, odd) = flow.ordered().split_by(|x| x % 2 == 0); flow::run((even.to(Collect::<Vec<_>>::new()), odd.to(Collect::<Vec<_>>::new())))? }, "two flows that run together; `ordered()` keeps an order over both. `partition` means something else here";
    same it.map(|x| (x, x * x)).unzip::<_, _, Vec<_>, Vec<_>>() => { let (x, squares) = flow.ordered().map(|x| (x, x * x)).unzip(); flow::run((x.to(Collect::<Vec<_>>::new()), squares.to(Collect::<Vec<_>>::new())))? }, "two flows that run together";
    same it.for_each(drop) => flow.for_each(drop)?, "called by several workers, in no order";
    same it.try_for_each(|x| if x < 10 { Ok(()) } else { Err("large") }).is_ok() => flow.try_for_each(|x| if x < 10 { Ok(()) } else { Err("large") }).is_ok(), "the error is the `source()` of the run's";
    same { let mut sum = 0; for x in it { sum += x } sum } => { let mut sum = 0; for x in flow.ordered() { sum += x? } sum }, "results as they come, each a `Result`; `with_iter` where something is borrowed";
    same it.fold(0, |bits, x| bits | x) => flow.fold(|| 0, |bits, x| *bits |= x, |bits, part| *bits |= part)?, "parts are folded in parallel and then merged, in no promised order; behind `ordered()` there is one part";
    same it.try_fold(0u64, |sum, x| sum.checked_add(x)) => flow.try_fold(|| 0u64, |sum, x| { *sum = sum.checked_add(x).ok_or("overflow")?; Ok::<_, &str>(()) }, |sum, part| { *sum += part; Ok(()) }).ok(), "closures return `Result`";
    same it.reduce(|a, b| 10 * a.max(b)) => flow.stages(1).reduce_with(|a, b| 10 * a.max(b))?, "with one instance as there; with several, `op` must not mind how events are grouped and ordered";
    same it.sum::<u64>() => flow.sum::<u64>()?, "sums of parts are summed";
    same it.product::<u64>() => flow.reduce_with(|a, b| a * b)?.unwrap_or(1), "";
    same it.count() => flow.count()?, "a `u64`";
    same it.min() => flow.min()?, "";
    same it.max_by_key(|x| x % 5) => flow.max_by_key(|x| x % 5)?, "of equal ones the one that `Iterator` takes; also `min_by_key`, `min_by`, `max_by`";
    same it.next() => flow.first()?, "needs an order";
    same it.last() => flow.last()?, "needs an order";
    same it.nth(2) => flow.nth(2)?, "needs an order";
    same it.find(|x| *x > 4) => flow.find_first(|x| *x > 4)?, "needs an order, and looks in parallel; `find_any` does not";
    same it.find_map(|x| x.checked_sub(5)) => flow.filter_map(|x| x.checked_sub(5)).first()?, "";
    same it.position(|x| x == 9) => flow.position(|x| x == 9)?, "needs an order; stops there";
    same it.any(|x| x > 8) => flow.any(|x| x > 8)?, "stops at the first";
    same it.all(|x| x < 8) => flow.all(|x| x < 8)?, "stops at the first";
    same it.eq(other_it) => flow.zip(other).all(|(x, y)| x == y)?, "where both are equally long; `cmp`, `lt` and their kin: collect both";
    none "it.rev()", "a flow may have no end; reverse its source: `Flow::from_iter(it.rev())`";
    none "it.peekable()", "`scan` remembers what was before; `with_iter(\\|it\\| it.peekable() ..)` looks ahead";
    none "it.by_ref()", "a flow is consumed; its source may be borrowed: `Flow::from_iter(&mut it)`";
    none "it.size_hint(), it.len()", "how many events come is not known before they do; `explain` shows the plan, a `Meter` what came";
    none "it.is_sorted()", "`with_iter(\\|it\\| it.is_sorted())`";
    }
}
