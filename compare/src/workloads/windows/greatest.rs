//! Sliding windows of an aggregate that cannot take back what it has folded: the greatest reading of ten
//! seconds, every second.

use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;
use std::time::Duration;

use flow::{Flow, FlowError, Timestamp, Window};
use foldhash::fast::RandomState;

use super::{DISORDER, Event, Events, KEYS, SECOND, Total, sample};
use crate::harness::Workload;
use crate::peers::{Timed, channels};
#[cfg(feature = "peers")]
use crate::peers::{renoir, timely};
use crate::workloads::common::{mix, on_two_threads};

/// Seconds that a window has.
const N: i64 = 10;

/// The only workload of this file.
pub(crate) fn workload() -> Workload<u64> {
    let about = "The greatest reading per key of ten seconds, every second; events out of order.";
    let workload = Workload::new(
        "windows-sliding-max",
        about,
        |options| Ok(options.scaled(50_000_000)),
        |end| *end,
    )
    .flow("flow", "`timestamps`, `key_by`, `window`, `max`", |end| {
        sample(|| vec![with_flow(*end).expect("the flow runs")])
    })
    .peer("crossbeam", channels::TIMED, |&end| sample(|| channels::timed(&Job { end })));
    #[cfg(feature = "peers")]
    let workload = workload
        .peer("timely", timely::TIMED, |&end| sample(|| timely::timed(&Job { end })))
        .peer("renoir", renoir::TIMED, |&end| sample(|| renoir::timed(&Job { end })));
    workload
        .limit("limit", "a thread for each source, an array for each second", |end| {
            sample(|| vec![limit(*end)])
        })
        .aside("seq", "one loop, a map for each second", |end| sample(|| vec![seq(*end)]))
}

/// What is read: no event says by itself that it is among the greatest.
#[inline]
fn reading(event: &Event) -> u64 {
    mix(event.at as u64 ^ u64::from(event.value) << 32) >> 40
}

fn total(key: u32, start: i64, greatest: u64) -> Total {
    Total { key, start, sum: greatest, count: 1 }
}

/// The greatest of each key in some seconds.
#[derive(Clone, Default)]
struct Seconds {
    tables: BTreeMap<i64, HashMap<u32, u64, RandomState>>,
    /// The first window that has not been given.
    next: Option<i64>,
}

impl Seconds {
    #[inline]
    fn add(&mut self, event: &Event) {
        let table = self.tables.entry(event.at.div_euclid(SECOND)).or_default();
        let greatest = table.entry(event.key).or_default();
        *greatest = reading(event).max(*greatest);
    }

    /// Gives all windows that end by this time.
    fn close(&mut self, time: i64, totals: &mut Vec<Total>) {
        let (Some(first), Some(last)) =
            (self.tables.keys().next().copied(), self.tables.keys().next_back().copied())
        else {
            return;
        };
        let mut start = self.next.unwrap_or(first + 1 - N);
        while start <= last && (start + N).saturating_mul(SECOND) <= time {
            let mut all = HashMap::<u32, u64, RandomState>::default();
            for (key, value) in self.tables.range(start..start + N).flat_map(|(_, table)| table) {
                let greatest = all.entry(*key).or_default();
                *greatest = *value.max(greatest);
            }
            totals.extend(all.into_iter().map(|(key, greatest)| total(key, start, greatest)));
            self.tables.remove(&start);
            start += 1;
            self.next = Some(start);
        }
    }
}

fn seq(end: u64) -> Vec<Total> {
    let (mut seconds, mut totals) = (Seconds::default(), Vec::new());
    let (mut highest, mut closed) = (i64::MIN / 2, 0);
    for event in Events::<1_000>::all(end) {
        seconds.add(&event);
        highest = highest.max(event.at);
        if highest - DISORDER >= closed + SECOND {
            closed = (highest - DISORDER) / SECOND * SECOND;
            seconds.close(closed, &mut totals);
        }
    }
    seconds.close(i64::MAX, &mut totals);
    totals
}

/// By hand, for whoever moves events.
#[derive(Clone)]
struct Job {
    end: u64,
}

impl Timed for Job {
    type Event = Event;
    type Source = Events<1_000>;
    type State = Seconds;
    type Result = Total;

    const DISORDER: i64 = DISORDER;

    fn source(&self, nth: usize) -> Events<1_000> {
        Events::of_source(nth as u64, self.end)
    }

    fn time(event: &Event) -> i64 {
        event.at
    }

    fn owner(event: &Event) -> u64 {
        event.key.into()
    }

    fn fold(seconds: &mut Seconds, event: Event) {
        seconds.add(&event);
    }

    fn passed(seconds: &mut Seconds, time: i64, totals: &mut Vec<Total>) {
        seconds.close(time, totals);
    }
}

/// A thread per source, with an array for each open second; the one that leaves a second as the last
/// gives the window that is complete then.
fn limit(end: u64) -> Vec<Total> {
    let merged = Mutex::new(Merged::default());
    on_two_threads(|source| {
        let mut open: Vec<(i64, Vec<u64>)> = Vec::new();
        // The second that the last event was in, and where it is.
        let (mut range, mut at) = (0..0, 0);
        let mut highest = i64::MIN / 2;
        for event in Events::<1_000>::of_source(source as u64, end) {
            if !range.contains(&event.at) {
                let second = event.at.div_euclid(SECOND);
                range = second * SECOND..(second + 1) * SECOND;
                let passed = highest - DISORDER;
                while open.first().is_some_and(|(first, _)| (first + 1) * SECOND <= passed) {
                    merged.lock().expect("nobody panics").add(open.remove(0));
                }
                at = open.partition_point(|(open, _)| *open < second);
                if open.get(at).is_none_or(|(open, _)| *open != second) {
                    open.insert(at, (second, vec![0; KEYS]));
                }
            }
            highest = highest.max(event.at);
            let greatest = &mut open[at].1[event.key as usize];
            *greatest = reading(&event).max(*greatest);
        }
        let mut merged = merged.lock().expect("nobody panics");
        open.into_iter().for_each(|second| merged.add(second));
    });
    merged.into_inner().expect("nobody panics").end()
}

/// Seconds that one thread has left, or both.
#[derive(Default)]
struct Merged {
    /// With how many threads have left them.
    seconds: BTreeMap<i64, (Vec<u64>, u32)>,
    next: Option<i64>,
    totals: Vec<Total>,
}

impl Merged {
    fn add(&mut self, (second, table): (i64, Vec<u64>)) {
        let (all, threads) = self.seconds.entry(second).or_insert_with(|| (vec![0; KEYS], 0));
        all.iter_mut().zip(table).for_each(|(all, greatest)| *all = greatest.max(*all));
        *threads += 1;
        if *threads == 2 {
            self.close_till(second + 1 - N, second + 1 - N);
        }
    }

    /// Gives all windows up to the one that begins last; `first` is where the first one may begin.
    fn close_till(&mut self, last: i64, first: i64) {
        for start in self.next.unwrap_or(first)..=last {
            let mut greatest = vec![0; KEYS];
            for (_, (table, _)) in self.seconds.range(start..start + N) {
                greatest.iter_mut().zip(table).for_each(|(all, one)| *all = *one.max(all));
            }
            self.seconds.remove(&start);
            let known = greatest.into_iter().enumerate().filter(|(_, greatest)| *greatest > 0);
            self.totals.extend(known.map(|(key, greatest)| total(key as u32, start, greatest)));
            self.next = Some(start + 1);
        }
    }

    fn end(mut self) -> Vec<Total> {
        let (first, last) = (self.seconds.keys().next(), self.seconds.keys().next_back());
        if let (Some(&first), Some(&last)) = (first, last) {
            self.close_till(last, first + 1 - N);
        }
        self.totals
    }
}

fn with_flow(end: u64) -> Result<Vec<Total>, FlowError> {
    Flow::from_generators([0, 1].map(|source| Events::<1_000>::of_source(source, end)))
        .timestamps(
            |event| Timestamp(event.at),
            |w| w.bounded(Duration::from_millis(DISORDER as u64)),
        )
        .key_by(|event| event.key)
        .window(Window::sliding(Duration::from_secs(N as u64), Duration::from_secs(1)))
        .max(reading)
        .map(|pane| total(pane.key, pane.window.start().0.div_euclid(SECOND), pane.value))
        .collect()
}
