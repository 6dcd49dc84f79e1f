//! Windows of event time: 50 million events of 1,000 keys, out of order by less than 100 ms, a
//! million for each second of their time, from two sources that are not in step.
//!
//! A window may close when *both* sources have passed its end, so every contestant keeps what each
//! has seen, and none may sort the input or wait for its end. The events are made on the fly, by the
//! same code everywhere: that is part of what is measured.

mod aligned;
mod channels;
pub(crate) mod greatest;
pub(super) mod peers;
#[cfg(feature = "peers")]
mod renoir;
#[cfg(feature = "peers")]
mod timely;

use std::collections::{BTreeMap, HashMap, btree_map::Entry};
use std::sync::Mutex;
use std::time::Duration;

use flow::{Flow, FlowError, Pane, Timestamp, Window};
use foldhash::fast::RandomState;
use rayon::prelude::*;

use super::common::{mix, on_two_threads};
use crate::harness::{Sample, Workload, timed};

const KEYS: usize = 1_000;
pub(super) const DISORDER: i64 = 100;
pub(super) const SECOND: i64 = 1_000;
const EVENTS_PER_MILLISECOND: u64 = 1_000;

/// Fixed windows of a second.
pub(crate) fn fixed() -> Workload<u64> {
    let about = "Sum and count per key and second, of events out of order by less than 100 ms.";
    workload::<1>("windows-fixed", about)
}

/// Sliding windows of ten seconds, every second.
pub(crate) fn sliding() -> Workload<u64> {
    let about = "Sum and count per key over ten seconds, every second; events out of order.";
    workload::<10>("windows-sliding", about)
}

/// With `N` the seconds that a window has.
fn workload<const N: i64>(name: &'static str, about: &'static str) -> Workload<u64> {
    let workload = Workload::new(name, about, |options| Ok(options.scaled(50_000_000)), |end| *end)
        .flow("flow", "`timestamps`, `key_by`, `window`, `aggregate`", |end| {
            sample(|| vec![with_flow::<N>(*end).expect("the flow runs")])
        })
        .peer("rayon", "has no notion of time: keeps all seconds until the end", |end| {
            sample(|| vec![rayon::<N>(*end)])
        });
    peers::add::<N, 1_000>(workload)
        .limit("limit", "a thread for each source, an array for each second", |end| {
            sample(|| vec![limit::<N>(*end)])
        })
        .aside("seq", "one loop, a map for each second", |end| sample(|| vec![seq::<N>(*end)]))
}

pub(super) fn sample(work: impl FnOnce() -> Vec<Vec<Total>>) -> Sample {
    timed(work, |lists| lists.iter().flatten().map(Total::checksum).fold(0, u64::wrapping_add))
}

#[derive(Clone, Copy)]
pub(super) struct Event {
    /// In milliseconds.
    pub(super) at: i64,
    pub(super) key: u32,
    pub(super) value: u32,
}

/// Every `step`-th event of all, with so many keys.
#[derive(Clone)]
pub(super) struct Events<const KEYS: u64 = 1_000> {
    next: u64,
    end: u64,
    step: u64,
}

/// The `index`-th event.
#[inline]
pub(super) fn event<const KEYS: u64>(index: u64) -> Event {
    let random = mix(index);
    let delay = ((random >> 32) * DISORDER as u64) >> 32;
    let key = ((random & 0xffff_ffff) * KEYS) >> 32;
    let at = (index / EVENTS_PER_MILLISECOND) as i64 - delay as i64;
    Event { at, key: key as u32, value: (random >> 8) as u32 & 0xff }
}

impl<const KEYS: u64> Events<KEYS> {
    /// All events, in one sequence.
    pub(super) fn all(end: u64) -> Self {
        Events { next: 0, end, step: 1 }
    }

    /// The events of one of two sources.
    pub(super) fn of_source(source: u64, end: u64) -> Self {
        Events { next: source, end, step: 2 }
    }
}

impl<const KEYS: u64> Iterator for Events<KEYS> {
    type Item = Event;

    #[inline]
    fn next(&mut self) -> Option<Event> {
        let index = self.next;
        self.next += self.step;
        (index < self.end).then(|| event::<KEYS>(index))
    }
}

/// What a window of a key gives.
#[derive(Clone)]
pub(super) struct Total {
    pub(super) key: u32,
    /// The second in which it begins.
    pub(super) start: i64,
    pub(super) sum: u64,
    pub(super) count: u64,
}

impl Total {
    fn checksum(&self) -> u64 {
        let place = mix(u64::from(self.key) << 32 | u64::from(self.start as u32));
        place.wrapping_mul(self.sum << 32 | self.count)
    }
}

/// Sum and count.
pub(super) type Slot = (u64, u64);

#[inline]
pub(super) fn add(slot: &mut Slot, value: u64, count: u64) {
    slot.0 += value;
    slot.1 += count;
}

/// The sums and counts of a second, by key.
type Table = HashMap<u32, Slot, RandomState>;

/// What one loop over the events keeps: a table for every second, closed windows given at once.
fn seq<const N: i64>(end: u64) -> Vec<Total> {
    let (mut seconds, mut totals) = (BTreeMap::<i64, Table>::new(), Vec::new());
    let (mut highest, mut closes) = (i64::MIN / 2, i64::MAX);
    for event in Events::<1_000>::all(end) {
        let second = event.at.div_euclid(SECOND);
        let table = seconds.entry(second).or_default();
        add(table.entry(event.key).or_default(), event.value.into(), 1);
        highest = highest.max(event.at);
        closes = closes.min(second + 1);
        while highest - DISORDER >= closes * SECOND {
            close::<N>(closes - N, &seconds, &mut totals);
            seconds.remove(&(closes - N));
            closes += 1;
        }
    }
    let last = seconds.keys().next_back().copied().unwrap_or(closes - 1);
    (closes - N..=last).for_each(|start| close::<N>(start, &seconds, &mut totals));
    totals
}

/// Gives the window that begins with a second.
fn close<const N: i64>(start: i64, seconds: &BTreeMap<i64, Table>, totals: &mut Vec<Total>) {
    let mut all = Table::default();
    for (key, slot) in seconds.range(start..start + N).flat_map(|(_, table)| table) {
        add(all.entry(*key).or_default(), slot.0, slot.1);
    }
    totals.extend(all.iter().map(|(&key, &(sum, count))| Total { key, start, sum, count }));
}

/// Rayon has no notion of time: everything is kept until the end.
fn rayon<const N: i64>(end: u64) -> Vec<Total> {
    type All = HashMap<(i64, u32), Slot, RandomState>;
    let seconds =
        (0..end).into_par_iter().map(event::<1_000>).fold(All::default, |mut all, event| {
            let place = (event.at.div_euclid(SECOND), event.key);
            add(all.entry(place).or_default(), event.value.into(), 1);
            all
        });
    let seconds = seconds.reduce(All::default, |one, other| {
        let (mut large, small) = if one.len() < other.len() { (other, one) } else { (one, other) };
        small
            .into_iter()
            .for_each(|(place, (sum, n))| add(large.entry(place).or_default(), sum, n));
        large
    });
    let mut all = All::default();
    for ((second, key), (sum, count)) in seconds {
        for start in second - N + 1..=second {
            add(all.entry((start, key)).or_default(), sum, count);
        }
    }
    let total = |((start, key), (sum, count))| Total { key, start, sum, count };
    all.into_iter().map(total).collect()
}

/// A thread per source, with a private array for each open second. The one that leaves a second as
/// the last adds the two and gives the window that is complete now.
fn limit<const N: i64>(end: u64) -> Vec<Total> {
    let merged = Mutex::new(Merged::<N>::default());
    on_two_threads(|source| {
        let mut open: Vec<(i64, Vec<Slot>)> = Vec::new();
        // The second that the last event was in, and where it is.
        let (mut range, mut at) = (0..0, 0);
        let mut highest = i64::MIN / 2;
        for event in Events::<1_000>::of_source(source as u64, end) {
            if !range.contains(&event.at) {
                let second = event.at.div_euclid(SECOND);
                range = second * SECOND..(second + 1) * SECOND;
                // Two or three seconds are open: their first is the first that may be left.
                while open
                    .first()
                    .is_some_and(|(first, _)| (first + 1) * SECOND + DISORDER <= highest)
                {
                    merged.lock().expect("nobody panics").add(open.remove(0));
                }
                at = open.partition_point(|(open, _)| *open < second);
                if open.get(at).is_none_or(|(open, _)| *open != second) {
                    open.insert(at, (second, vec![(0, 0); KEYS]));
                }
            }
            highest = highest.max(event.at);
            add(&mut open[at].1[event.key as usize], event.value.into(), 1);
        }
        let mut merged = merged.lock().expect("nobody panics");
        open.into_iter().for_each(|table| merged.add(table));
    });
    merged.into_inner().expect("nobody panics").end()
}

/// Seconds that one thread has left, or both.
#[derive(Default)]
struct Merged<const N: i64> {
    /// With how many threads have left them.
    seconds: BTreeMap<i64, (Vec<Slot>, u32)>,
    /// The first window that has not been given.
    next: Option<i64>,
    totals: Vec<Total>,
}

impl<const N: i64> Merged<N> {
    fn add(&mut self, (second, table): (i64, Vec<Slot>)) {
        match self.seconds.entry(second) {
            Entry::Vacant(new) => _ = new.insert((table, 1)),
            Entry::Occupied(mut known) => {
                let (all, threads) = known.get_mut();
                all.iter_mut().zip(table).for_each(|(all, (sum, n))| add(all, sum, n));
                *threads = 2;
                let start = *self.next.get_or_insert(second + 1 - N);
                (start..second + 2 - N).for_each(|start| self.close(start));
                self.next = Some(second + 2 - N);
            }
        }
    }

    fn close(&mut self, start: i64) {
        let mut all = vec![(0, 0); KEYS];
        for (_, (table, _)) in self.seconds.range(start..start + N) {
            all.iter_mut().zip(table).for_each(|(all, (sum, n))| add(all, *sum, *n));
        }
        self.seconds.remove(&start);
        let totals = all.into_iter().enumerate().filter(|(_, (_, count))| *count > 0);
        let total = |(key, (sum, count))| Total { key: key as u32, start, sum, count };
        self.totals.extend(totals.map(total));
    }

    fn end(mut self) -> Vec<Total> {
        let first = self.seconds.keys().next().copied().unwrap_or(0);
        let last = self.seconds.keys().next_back().copied().unwrap_or(-1);
        let start = self.next.unwrap_or(first + 1 - N);
        (start..=last).for_each(|start| self.close(start));
        self.totals
    }
}

fn with_flow<const N: i64>(end: u64) -> Result<Vec<Total>, FlowError> {
    let second = Duration::from_secs(1);
    let keyed = Flow::from_generators([0, 1].map(|source| Events::<1_000>::of_source(source, end)))
        .timestamps(
            |event| Timestamp(event.at),
            |w| w.bounded(Duration::from_millis(DISORDER as u64)),
        )
        .key_by(|event| event.key);
    // A window of one kind or the other is another type.
    if N == 1 {
        let windows = keyed.window(Window::fixed(second));
        windows
            .aggregate(|a| (a.sum(|event| u64::from(event.value)), a.count()))
            .map(total)
            .collect()
    } else {
        let windows = keyed.window(Window::sliding(N as u32 * second, second));
        windows
            .aggregate(|a| (a.sum(|event| u64::from(event.value)), a.count()))
            .map(total)
            .collect()
    }
}

pub(super) fn total(pane: Pane<u32, Slot>) -> Total {
    let (sum, count) = pane.value;
    Total { key: pane.key, start: pane.window.start().0.div_euclid(SECOND), sum, count }
}
