//! The windows on timely dataflow: its time is the second, its frontier says which of them are over.

use std::cell::RefCell;
use std::rc::Rc;

use ::timely::dataflow::channels::pact::Exchange;
use ::timely::dataflow::operators::generic::operator::Operator;

use super::aligned::{Partial, Source, Windows};
use super::{Event, Total};
use crate::peers::timely::{batches, run};

/// A worker for each of the two sources, which `source` makes by its number.
pub(super) fn windows<const N: i64, E>(
    source: impl Fn(u64) -> Source<E> + Send + Sync + 'static,
) -> Vec<Vec<Total>>
where
    E: Iterator<Item = Event> + 'static,
{
    run(move |scope, worker, totals: Rc<RefCell<Vec<Total>>>| {
        let (mut source, mut open) = (source(worker as u64), i64::MIN);
        let partials = batches(scope, move |time, batch| {
            // What the last step sent still had the time before it. The first event may be in the
            // second before 0.
            time.downgrade(&((open + 1).max(0) as u64));
            let step = source.step(batch);
            open = step.unwrap_or(open);
            step.is_some()
        });
        let owner = Exchange::new(|partial: &Partial| partial.1.into());
        let mut windows = Some(Windows::<N>::default());
        partials.sink(owner, "Windows", move |(input, frontier)| {
            let Some(some) = &mut windows else { return };
            input.for_each(|_, batch| batch.drain(..).for_each(|partial| some.add(partial)));
            match frontier.frontier().first() {
                Some(time) => some.close_before(*time as i64 - 1),
                None => *totals.borrow_mut() = windows.take().map(Windows::end).unwrap_or_default(),
            }
        });
    })
}
