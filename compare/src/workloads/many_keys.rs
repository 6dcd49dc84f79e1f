//! Windows of event time as in `windows`, but of a million keys: two in three events begin with a key,
//! so there is little to fold before events come together, and every table is larger than a cache.

use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;
use std::time::Duration;

use flow::{Flow, FlowError, Timestamp, Window};
use foldhash::fast::RandomState;

use super::common::on_two_threads;
use super::windows::{DISORDER, Events, SECOND, Slot, Total, add, peers, sample, total};
use crate::harness::Workload;

const KEYS: u64 = 1_000_000;

/// Fixed windows of a second.
pub(crate) fn workload() -> Workload<u64> {
    let about = "Sum and count per key and second, of a million keys; events out of order.";
    let workload = Workload::new(
        "windows-keys-1m",
        about,
        |options| Ok(options.scaled(20_000_000)),
        |end| *end,
    )
    .flow("flow", "`timestamps`, `key_by`, `window`, `aggregate`", |end| {
        sample(|| vec![with_flow(*end).expect("the flow runs")])
    });
    peers::add::<1, KEYS>(workload)
        .limit("limit", "a thread for each source; seconds in 128 parts, folded when left", |end| {
            sample(|| vec![limit(*end)])
        })
        .aside("seq", "one loop, a map for each second", |end| sample(|| vec![seq(*end)]))
}

/// A map for every second that is open.
fn seq(end: u64) -> Vec<Total> {
    let mut seconds = BTreeMap::<i64, HashMap<u32, Slot, RandomState>>::new();
    let (mut totals, mut highest) = (Vec::new(), i64::MIN / 2);
    for event in Events::<KEYS>::all(end) {
        let table = seconds.entry(event.at.div_euclid(SECOND)).or_default();
        add(table.entry(event.key).or_default(), event.value.into(), 1);
        highest = highest.max(event.at);
        while let Some(first) = seconds.first_entry()
            && (first.key() + 1) * SECOND + DISORDER <= highest
        {
            let (start, table) = first.remove_entry();
            totals.extend(table.into_iter().map(|(key, slot)| of(key, start, slot)));
        }
    }
    for (start, table) in seconds {
        totals.extend(table.into_iter().map(|(key, slot)| of(key, start, slot)));
    }
    totals
}

fn of(key: u32, start: i64, (sum, count): Slot) -> Total {
    Total { key, start, sum, count }
}

/// The bits of a mixed key that choose its part: 128 of them, so that the table of a part fits a cache.
const BITS: u32 = 7;

/// What has come of one second from one source, by part: nothing is folded yet.
type Parts = Vec<Vec<(u32, u32)>>;

/// A thread per source, which appends every event to its part of its second. The thread that leaves a
/// second as the last folds it, part by part, in one small table that is used again and again.
fn limit(end: u64) -> Vec<Total> {
    let left = Mutex::new(BTreeMap::<i64, Parts>::new());
    let totals = on_two_threads(|source| {
        let mut open: Vec<(i64, Parts)> = Vec::new();
        let (mut range, mut at) = (0..0, 0);
        let mut highest = i64::MIN / 2;
        let mut fold = Fold::default();
        for event in Events::<KEYS>::of_source(source as u64, end) {
            if !range.contains(&event.at) {
                let second = event.at.div_euclid(SECOND);
                range = second * SECOND..(second + 1) * SECOND;
                while open
                    .first()
                    .is_some_and(|(first, _)| (first + 1) * SECOND + DISORDER <= highest)
                {
                    fold.leave(&left, open.remove(0));
                }
                at = open.partition_point(|(open, _)| *open < second);
                if open.get(at).is_none_or(|(open, _)| *open != second) {
                    let room = 500_000 >> BITS;
                    let part = || Vec::with_capacity(room + room / 8);
                    open.insert(at, (second, (0..1 << BITS).map(|_| part()).collect()));
                }
            }
            highest = highest.max(event.at);
            let part = (place(event.key) >> (32 - BITS)) as usize;
            open[at].1[part].push((event.key, event.value));
        }
        open.into_iter().for_each(|second| fold.leave(&left, second));
        fold.totals
    });
    let mut left = left.into_inner().expect("nobody panics");
    let mut fold = Fold::default();
    while let Some((second, parts)) = left.pop_first() {
        fold.both(second, &parts, &[]);
    }
    totals.into_iter().flatten().chain(fold.totals).collect()
}

/// Spreads keys over parts and tables.
#[inline]
fn place(key: u32) -> u32 {
    key.wrapping_mul(0x9e37_79b9)
}

#[derive(Default)]
struct Fold {
    /// Open addressing: the key, plus one where there is one, with its sum and count.
    table: Vec<(u32, u32, u64)>,
    totals: Vec<Total>,
}

impl Fold {
    /// A source has left a second: if it is the last one, what both have had is folded.
    fn leave(&mut self, left: &Mutex<BTreeMap<i64, Parts>>, (second, parts): (i64, Parts)) {
        let mut known = left.lock().expect("nobody panics");
        match known.remove(&second) {
            None => _ = known.insert(second, parts),
            Some(others) => {
                drop(known);
                self.both(second, &parts, &others);
            }
        }
    }

    fn both(&mut self, start: i64, parts: &Parts, others: &[Vec<(u32, u32)>]) {
        for (nth, part) in parts.iter().enumerate() {
            let other = others.get(nth).map_or(&[][..], |other| other);
            let size = ((part.len() + other.len()) * 2).next_power_of_two();
            self.table.clear();
            self.table.resize(size, (0, 0, 0));
            let mask = size - 1;
            for &(key, value) in part.iter().chain(other) {
                let mut at = place(key).wrapping_mul(0x85eb_ca6b) as usize >> 9 & mask;
                loop {
                    let slot = &mut self.table[at];
                    if slot.0 == key + 1 || slot.0 == 0 {
                        *slot = (key + 1, slot.1 + 1, slot.2 + u64::from(value));
                        break;
                    }
                    at = (at + 1) & mask;
                }
            }
            let used = self.table.iter().filter(|slot| slot.0 > 0);
            self.totals.extend(used.map(|&(key, n, sum)| of(key - 1, start, (sum, n.into()))));
        }
    }
}

fn with_flow(end: u64) -> Result<Vec<Total>, FlowError> {
    Flow::from_generators([0, 1].map(|source| Events::<KEYS>::of_source(source, end)))
        .timestamps(
            |event| Timestamp(event.at),
            |w| w.bounded(Duration::from_millis(DISORDER as u64)),
        )
        .key_by(|event| event.key)
        .window(Window::fixed(Duration::from_secs(1)))
        .aggregate(|a| (a.sum(|event| u64::from(event.value)), a.count()))
        .map(total)
        .collect()
}
