//! Sums by 10 million keys: every table is far larger than any cache, so what counts is how often
//! memory is waited for.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, Mutex};

use flow::{Flow, FlowError};
use foldhash::fast::RandomState;
use rayon::prelude::*;

use super::{pairs, sum};
use crate::harness::{Workload, timed};
use crate::peers::{Shuffle, absorb, channels};
use crate::workloads::common::{Claims, mix, on_two_threads};
use crate::workloads::int_table::Table;

/// Events for each key.
const EVENTS: u64 = 5;
/// Parts into which the limit divides the keys: the table of one of them fits the second-level cache.
const PARTITIONS: usize = 256;

type Map = HashMap<u64, u64, RandomState>;

/// The only workload of this file.
pub(crate) fn workload() -> Workload<u64> {
    let workload = Workload::new(
        "exchange-10m-keys",
        "Sums by key of pairs of integers, five for each of 10 million keys.",
        |options| Ok(options.scaled(50_000_000)),
        |end| *end,
    )
    .flow("flow", "`key_by` and `sum`", |end| {
        timed(|| flow(*end).expect("the flow runs"), |parts| pairs(parts))
    })
    .peer("crossbeam", super::CROSSBEAM, |end| {
        timed(|| channels::shuffle(&Pairs::new(*end)), |maps| super::maps(maps))
    })
    .peer("rayon", "keys divided over 256 maps while folding, then merged map by map", |end| {
        timed(|| rayon(*end), |maps| super::maps(maps))
    });
    #[cfg(feature = "peers")]
    let workload = workload
        .peer("tokio", super::TOKIO, |end| {
            let job = Pairs::new(*end);
            timed(|| crate::peers::tokio::shuffle(&job), |maps| super::maps(maps))
        })
        .peer("timely", super::TIMELY, |end| {
            let job = Pairs::new(*end);
            timed(|| crate::peers::timely::shuffle(&job), |maps| super::maps(maps))
        })
        .peer("renoir", "`group_by` and `fold`, batches of 4,096; nothing summed before", |end| {
            timed(|| renoir(*end), |parts| pairs(parts))
        });
    workload
        .limit(
            "limit",
            "two threads append everything to 256 partitions (all events in memory), then sum each \
             partition in the cache",
            |end| timed(|| limit(*end), |tables| sum(tables.iter().flat_map(Table::pairs))),
        )
        .aside("seq", "the plain loop, one thread, foldhash", |end| {
            timed(
                || vec![(0..*end).map(|i| pair(i, *end)).fold(Map::default(), add)],
                |maps| super::maps(maps),
            )
        })
}

/// The `i`-th of `end` pairs.
#[inline]
fn pair(i: u64, end: u64) -> (u64, u64) {
    let random = mix(i);
    let keys = end / EVENTS + 1;
    // Keys are spread over all of `u64`, as those of a user are.
    (mix(((u128::from(random) * u128::from(keys)) >> 64) as u64 + 1), random & 0xff)
}

fn add(mut sums: Map, (key, value): (u64, u64)) -> Map {
    *sums.entry(key).or_insert(0) += value;
    sums
}

/// Bits that a table does not look at.
fn partition(key: u64) -> usize {
    (key >> 56) as usize % PARTITIONS
}

fn rayon(end: u64) -> Vec<Map> {
    let folded: Vec<Vec<Map>> = (0..end as usize)
        .into_par_iter()
        .with_min_len(end as usize / 16 + 1)
        .fold(
            || vec![Map::default(); PARTITIONS],
            |mut maps, i| {
                let (key, value) = pair(i as u64, end);
                *maps[partition(key)].entry(key).or_insert(0) += value;
                maps
            },
        )
        .collect();
    let mut columns: Vec<Vec<Map>> = (0..PARTITIONS).map(|_| Vec::new()).collect();
    for maps in folded {
        columns.iter_mut().zip(maps).for_each(|(column, map)| column.push(map));
    }
    let merge = |one, other| absorb(one, other, |sum: &mut u64, more| *sum += more);
    let merged = columns.into_par_iter().filter_map(|maps| maps.into_iter().reduce(merge));
    merged.collect()
}

#[derive(Clone)]
struct Pairs {
    claims: Arc<Claims>,
    end: u64,
}

impl Pairs {
    fn new(end: u64) -> Self {
        Pairs { claims: Arc::new(Claims::new(end, channels::SHARE)), end }
    }
}

impl Shuffle for Pairs {
    type Event = (u64, u64);
    type State = Map;

    fn take(&self, batch: &mut Vec<(u64, u64)>) -> bool {
        let chunk = self.claims.next();
        batch.extend(chunk.clone().into_iter().flatten().map(|i| pair(i, self.end)));
        chunk.is_some()
    }

    fn owner((key, _): &(u64, u64)) -> u64 {
        *key
    }

    fn fold(sums: &mut Map, (key, value): (u64, u64)) {
        *sums.entry(key).or_insert(0) += value;
    }
}

#[cfg(feature = "peers")]
fn renoir(end: u64) -> Vec<Vec<(u64, u64)>> {
    use crate::peers::renoir::{Gathered, batches, run};
    let gathered = Gathered::new();
    let mut place = gathered.place();
    run(|context| {
        let events = context.stream_par_iter(0..end).batch_mode(batches());
        let sums = events
            .map(move |i| pair(i, end))
            .group_by(|pair| pair.0)
            .fold(0, |sum, pair| *sum += pair.1);
        sums.unkey().for_each(move |sum| place.push(sum));
    });
    gathered.take()
}

fn flow(end: u64) -> Result<Vec<Vec<(u64, u64)>>, FlowError> {
    Flow::from_range(0..end)
        .map(move |i| pair(i, end))
        .key_by(|pair| pair.0)
        .sum(|pair| pair.1)
        .into_partitions()
}

fn limit(end: u64) -> Vec<Table> {
    let claims = Claims::new(end, 64 * 1024);
    let appended = on_two_threads(|_| {
        let room = end as usize / PARTITIONS / 2 * 9 / 8;
        let mut parts: Vec<_> = (0..PARTITIONS).map(|_| Vec::with_capacity(room)).collect();
        let mut append = |chunk: Range<u64>| {
            chunk.map(|i| pair(i, end)).for_each(|pair| parts[partition(pair.0)].push(pair));
        };
        claims.iter().for_each(&mut append);
        parts
    });
    let [first, second] = appended;
    let parts: Vec<_> = first.into_iter().zip(second).map(|both| Mutex::new(Some(both))).collect();
    let claims = Claims::new(PARTITIONS as u64, 1);
    let keys = (end / EVENTS) as usize / PARTITIONS + 64;
    let tables = on_two_threads(|_| {
        let take = |nth: u64| parts[nth as usize].lock().expect("no contestant panics").take();
        let aggregate = |(one, other): (Vec<_>, Vec<_>)| {
            let mut table = Table::new(keys);
            one.into_iter().chain(other).for_each(|(key, value)| table.add(key, value));
            table
        };
        claims.iter().flatten().filter_map(take).map(aggregate).collect::<Vec<_>>()
    });
    tables.into_iter().flatten().collect()
}
