//! Every event to the thread that owns its key.
//!
//! In the first two workloads, 50 million and 20 million events of 1,000 keys, nothing is aggregated
//! on the way. So few keys could be counted where they are made and merged at the end: rayon does
//! that (it has no exchange), and `limit-local` does it by hand; both show what an exchange costs,
//! not a way to do it. The third ([`many`]) has 10 million keys, for which there is no other way.

mod limit;
pub(crate) mod many;

use std::collections::HashMap;
use std::marker::PhantomData;
use std::sync::Arc;

use flow::{Flow, FlowError};
use foldhash::fast::RandomState;
use rayon::prelude::*;

use super::common::{Claims, mix};
use crate::harness::{Workload, timed};
use crate::peers::{Shuffle, absorb, channels};

const KEYS: usize = 1_000;
/// Inputs that a mapper claims at a time.
const CHUNK: u64 = 64 * 1024;

/// How often each key came.
trait Tally: Default + Send + 'static {
    fn add(&mut self, key: u64);
}

/// In an array.
#[derive(Clone)]
struct Counts(Vec<u64>);

impl Default for Counts {
    fn default() -> Self {
        Counts(vec![0; KEYS])
    }
}

impl Tally for Counts {
    fn add(&mut self, key: u64) {
        self.0[key as usize] += 1;
    }
}

/// In a map, as where the keys are not known to be small integers.
type Map = HashMap<u64, u64, RandomState>;

impl Tally for Map {
    fn add(&mut self, key: u64) {
        *self.entry(key).or_insert(0) += 1;
    }
}

const CROSSBEAM: &str =
    "two mappers, two reducers, bounded channels of 16 batches of 1,024; nothing counted before";
#[cfg(feature = "peers")]
const TOKIO: &str = "the same with tasks and tokio's channels, two workers";
#[cfg(feature = "peers")]
const TIMELY: &str = "two workers, `Exchange`, an own operator; nothing counted before";

/// Into arrays of counts: next to nothing is done with an event but to hand it over.
pub(crate) fn into_arrays() -> Workload<u64> {
    let workload = Workload::new(
        "exchange",
        "Integers mapped to 1,000 keys, each key counted by the thread that owns it.",
        |options| Ok(options.scaled(50_000_000)),
        |end| *end,
    )
    .flow("flow", "`partition` and `reduce` into an array", |end| {
        timed(|| flow::<Counts>(*end).expect("the flow runs"), |parts| arrays(parts))
    })
    .peer("crossbeam", CROSSBEAM, |end| {
        timed(|| channels::shuffle(&Keys::<Counts>::new(*end)), |parts| arrays(parts))
    });
    #[cfg(feature = "peers")]
    let workload = workload
        .peer("tokio", TOKIO, |end| {
            let job = Keys::<Counts>::new(*end);
            timed(|| crate::peers::tokio::shuffle(&job), |parts| arrays(parts))
        })
        .peer("timely", TIMELY, |end| {
            let job = Keys::<Counts>::new(*end);
            timed(|| crate::peers::timely::shuffle(&job), |parts| arrays(parts))
        })
        .peer("renoir", crate::peers::renoir::SHUFFLE, |end| {
            let job = Keys::<Counts>::new(*end);
            timed(|| crate::peers::renoir::shuffle(&job), |parts| arrays(parts))
        });
    workload
        .limit("limit", "two threads that map and reduce; half of the events cross", |end| {
            timed(|| limit::moving(*end), |parts| arrays(parts))
        })
        .aside("limit-local", "two threads, counted where they are made: nothing crosses", |end| {
            timed(|| limit::local(*end), |parts| arrays(parts))
        })
        .aside("rayon", "`fold` and `reduce`: nothing crosses", |end| {
            timed(|| vec![rayon(*end)], |parts| arrays(parts))
        })
        .aside("seq", "the plain loop, one thread", |end| {
            timed(|| vec![seq::<Counts>(*end)], |parts| arrays(parts))
        })
}

/// Into hash maps: what users write.
pub(crate) fn into_maps() -> Workload<u64> {
    let workload = Workload::new(
        "exchange-maps",
        "Integers mapped to 1,000 keys, each key counted in a hash map by the thread that owns it.",
        |options| Ok(options.scaled(20_000_000)),
        |end| *end,
    )
    .flow("flow", "`partition` and `reduce` into a map", |end| {
        timed(|| flow::<Map>(*end).expect("the flow runs"), |parts| maps(parts))
    })
    .peer("crossbeam", CROSSBEAM, |end| {
        timed(|| channels::shuffle(&Keys::<Map>::new(*end)), |parts| maps(parts))
    });
    #[cfg(feature = "peers")]
    let workload = workload
        .peer("tokio", TOKIO, |end| {
            let job = Keys::<Map>::new(*end);
            timed(|| crate::peers::tokio::shuffle(&job), |parts| maps(parts))
        })
        .peer("timely", TIMELY, |end| {
            let job = Keys::<Map>::new(*end);
            timed(|| crate::peers::timely::shuffle(&job), |parts| maps(parts))
        })
        .peer("renoir", "`group_by` and `fold`, batches of 4,096; nothing counted before", |end| {
            timed(|| renoir(*end), |parts| pairs(parts))
        });
    workload
        .limit(
            "rayon",
            "`fold` into maps, the larger one absorbs the smaller: nothing crosses",
            |end| timed(|| vec![rayon_into_maps(*end)], |parts| maps(parts)),
        )
        .aside("seq", "the plain loop, one thread", |end| {
            timed(|| vec![seq::<Map>(*end)], |parts| maps(parts))
        })
}

/// Adds up the counts of all threads, key by key.
fn arrays(parts: &[Counts]) -> u64 {
    let total = |key: usize| parts.iter().map(|counts| counts.0[key]).sum::<u64>();
    (0..KEYS).map(|key| mix(key as u64).wrapping_mul(total(key))).fold(0, u64::wrapping_add)
}

fn maps(maps: &[Map]) -> u64 {
    sum(maps.iter().flatten().map(|(key, count)| (*key, *count)))
}

/// Of keys with a value each, in any order.
fn sum(pairs: impl Iterator<Item = (u64, u64)>) -> u64 {
    pairs.map(|(key, value)| mix(key).wrapping_mul(value)).fold(0, u64::wrapping_add)
}

/// The same of lists of them.
fn pairs(lists: &[Vec<(u64, u64)>]) -> u64 {
    sum(lists.iter().flatten().copied())
}

fn key(i: u64) -> u64 {
    mix(i) % KEYS as u64
}

fn seq<T: Tally>(end: u64) -> T {
    (0..end).map(key).fold(T::default(), add)
}

fn add<T: Tally>(mut tally: T, key: u64) -> T {
    tally.add(key);
    tally
}

/// One array for each piece that rayon splits off, merged in pairs.
fn rayon(end: u64) -> Counts {
    (0..end).into_par_iter().map(key).fold(Counts::default, add).reduce(
        Counts::default,
        |mut left, right| {
            left.0.iter_mut().zip(right.0).for_each(|(l, r)| *l += r);
            left
        },
    )
}

/// Rayon splits by need, so there are few maps.
fn rayon_into_maps(end: u64) -> Map {
    let folded = (0..end).into_par_iter().map(key).fold(Map::default, add);
    folded.reduce(Map::default, |one, other| absorb(one, other, |n, more| *n += more))
}

/// Every key to its owner.
struct Keys<T> {
    claims: Arc<Claims>,
    tally: PhantomData<fn() -> T>,
}

impl<T> Keys<T> {
    fn new(end: u64) -> Self {
        Keys { claims: Arc::new(Claims::new(end, channels::SHARE)), tally: PhantomData }
    }
}

impl<T> Clone for Keys<T> {
    fn clone(&self) -> Self {
        Keys { claims: self.claims.clone(), tally: PhantomData }
    }
}

impl<T: Tally> Shuffle for Keys<T> {
    type Event = u64;
    type State = T;

    fn take(&self, batch: &mut Vec<u64>) -> bool {
        let chunk = self.claims.next();
        batch.extend(chunk.clone().into_iter().flatten().map(key));
        chunk.is_some()
    }

    fn owner(key: &u64) -> u64 {
        *key
    }

    fn fold(tally: &mut T, key: u64) {
        tally.add(key);
    }
}

#[cfg(feature = "peers")]
fn renoir(end: u64) -> Vec<Vec<(u64, u64)>> {
    use crate::peers::renoir::{Gathered, batches, run};
    let gathered = Gathered::new();
    let mut place = gathered.place();
    run(|context| {
        let keys = context.stream_par_iter(0..end).batch_mode(batches()).map(key);
        let counts = keys.group_by(|key| *key).fold(0, |count, _| *count += 1);
        counts.unkey().for_each(move |count| place.push(count));
    });
    gathered.take()
}

fn flow<T: Tally>(end: u64) -> Result<Vec<T>, FlowError> {
    Flow::from_range(0..end)
        .map(key)
        .partition()
        .reduce(T::default, |tally, key| tally.add(key))
        .emit_state()
        .collect::<Vec<_>>()
}
