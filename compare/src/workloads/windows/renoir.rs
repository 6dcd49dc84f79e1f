//! The windows on renoir: its own, and by hand.
//!
//! Its own windows begin at the first event of each key instead of at multiples of their length, and
//! an event before that is dropped; so their sums are others.

use ::renoir::operator::{Operator, StreamElement};
use ::renoir::prelude::EventTimeWindow;
use ::renoir::{KeyedStream, StreamContext};

use super::aligned::{Partial, Windows, partial};
use super::{DISORDER, Event, SECOND, Total};
use crate::peers::renoir::{Gathered, batches, run};

/// Events after which a source says how far time has come: everyone who keeps a window looks at it
/// then.
const EVERY: u32 = 16_384;

pub(super) const OWN: &str = "`window(EventTimeWindow)`, batches of 4,096, a watermark each 16,384 \
                              events; its windows begin at the first event of a key, and what comes \
                              before that is dropped, so its sums differ";
pub(super) const BY_HAND: &str = "`rich_map_custom` with aligned windows by hand, batches of 4,096, a \
                                  watermark each 16,384 events";

/// The partial sum of one event each, by key, with times.
fn partials<E>(
    context: &StreamContext,
    source: impl FnOnce(u64) -> E + Clone + Send + 'static,
) -> KeyedStream<impl Operator<Out = (u32, Partial)> + 'static>
where
    E: Iterator<Item = Event> + Send + 'static,
{
    let (mut highest, mut seen) = (i64::MIN / 2, 0);
    context
        .stream_par_iter(move |nth, _| source(nth))
        .batch_mode(batches())
        .map(|event| (event.at, partial(event)))
        .add_timestamps(
            |(at, _)| *at,
            move |_, at| {
                highest = highest.max(*at);
                seen = (seen + 1) % EVERY;
                (seen == 0).then_some(highest - DISORDER)
            },
        )
        .map(|(_, partial)| partial)
        .group_by(|partial| partial.1)
}

/// Its own windows.
pub(super) fn own<const N: i64, E>(
    source: impl FnOnce(u64) -> E + Clone + Send + 'static,
) -> Vec<Vec<Total>>
where
    E: Iterator<Item = Event> + Send + 'static,
{
    let gathered = Gathered::new();
    let mut place = gathered.place();
    run(|context| {
        let window = EventTimeWindow::sliding(N * SECOND, SECOND);
        let sums = partials(context, source).window(window).fold(
            (i64::MAX, 0, 0),
            |(start, sum, count), partial| {
                *start = partial.0.min(*start);
                *sum += partial.2;
                *count += partial.3;
            },
        );
        sums.unkey().for_each(move |(key, (start, sum, count))| {
            place.push(Total { key, start, sum, count });
        });
    });
    gathered.take()
}

/// Aligned windows, in an operator that is called with every element.
pub(super) fn by_hand<const N: i64, E>(
    source: impl FnOnce(u64) -> E + Clone + Send + 'static,
) -> Vec<Vec<Total>>
where
    E: Iterator<Item = Event> + Send + 'static,
{
    let gathered = Gathered::new();
    let mut place = gathered.place();
    run(|context| {
        let (mut windows, mut ended) = (Windows::<N>::default(), false);
        let closed = partials(context, source).rich_map_custom(move |mut elements| {
            // The end is passed on behind the windows that it has closed.
            if std::mem::take(&mut ended) {
                return StreamElement::FlushAndRestart;
            }
            loop {
                match elements.next() {
                    StreamElement::Timestamped((_, partial), _)
                    | StreamElement::Item((_, partial)) => windows.add(partial),
                    StreamElement::Watermark(time) => {
                        windows.close_before((time + 1).div_euclid(SECOND));
                        return StreamElement::Timestamped(windows.take(), time);
                    }
                    StreamElement::FlushAndRestart => {
                        ended = true;
                        return StreamElement::Item(std::mem::take(&mut windows).end());
                    }
                    StreamElement::FlushBatch => return StreamElement::FlushBatch,
                    StreamElement::Terminate => return StreamElement::Terminate,
                }
            }
        });
        closed.for_each(move |totals| totals.into_iter().for_each(|total| place.push(total)));
    });
    gathered.take()
}
