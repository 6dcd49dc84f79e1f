//! Sessions of event time: 20 million events of 100,000 keys, out of order by less than 100 ms, from two
//! sources; a session ends where its key has nothing for 40 ms.

mod peers;

use std::sync::{Mutex, mpsc};
use std::time::Duration;

use flow::{Flow, FlowError, Timestamp, Window};

use super::common::on_two_threads;
use super::windows::{DISORDER, Event, Events, Total, sample};
use crate::harness::Workload;

const KEYS: u64 = 100_000;
const GAP: i64 = 40;

/// Sum and count per session of a key.
pub(crate) fn workload() -> Workload<u64> {
    let about = "Sum and count per session of a key, which 40 ms without an event end.";
    let workload = Workload::new(
        "windows-sessions",
        about,
        |options| Ok(options.scaled(20_000_000)),
        |end| *end,
    )
    .flow("flow", "`timestamps`, `key_by`, `window(session)`, `aggregate`", |end| {
        sample(|| vec![with_flow(*end).expect("the flow runs")])
    });
    peers::add(workload)
        .limit("limit", "a thread for each source and half of the keys, events sent over", |end| {
            sample(|| vec![limit(*end)])
        })
        .aside("seq", "one loop, the open sessions of each key", |end| sample(|| vec![seq(*end)]))
}

/// The sessions of one key that can still grow: few, in the order of time.
type Open = Vec<Session>;

#[derive(Clone, Copy)]
struct Session {
    start: i64,
    /// Its last event.
    last: i64,
    sum: u64,
    count: u64,
}

/// Adds an event to the sessions of its key: it begins one, makes one longer or joins two.
#[inline]
fn fold(open: &mut Open, event: &Event) {
    let (mut start, mut last) = (event.at, event.at);
    let (mut sum, mut count) = (u64::from(event.value), 1);
    if let [only] = &mut open[..]
        && only.start <= event.at
        && event.at < only.last + GAP
    {
        only.last = only.last.max(event.at);
        only.sum += sum;
        only.count += 1;
        return;
    }
    open.retain(|known| {
        let apart = known.last + GAP <= event.at || event.at + GAP <= known.start;
        if !apart {
            (start, last) = (start.min(known.start), last.max(known.last));
            (sum, count) = (sum + known.sum, count + known.count);
        }
        apart
    });
    let at = open.partition_point(|known| known.start < start);
    open.insert(at, Session { start, last, sum, count });
}

/// Gives the sessions that nothing can come to any more.
fn close(key: usize, open: &mut Open, passed: i64, totals: &mut Vec<Total>) {
    open.retain(|session| {
        let stays = session.last + GAP > passed;
        if !stays {
            let Session { start, sum, count, .. } = *session;
            totals.push(Total { key: key as u32, start, sum, count });
        }
        stays
    });
}

/// How often one looks for sessions that are over, in milliseconds.
const SWEEP: i64 = 250;

fn seq(end: u64) -> Vec<Total> {
    let mut keys = vec![Open::new(); KEYS as usize];
    let (mut totals, mut highest, mut swept) = (Vec::new(), i64::MIN / 2, i64::MIN / 2);
    for event in Events::<KEYS>::all(end) {
        fold(&mut keys[event.key as usize], &event);
        highest = highest.max(event.at);
        if highest >= swept + SWEEP {
            swept = highest;
            let sweep = |(key, open)| close(key, open, highest - DISORDER, &mut totals);
            keys.iter_mut().enumerate().for_each(sweep);
        }
    }
    let sweep = |(key, open)| close(key, open, i64::MAX, &mut totals);
    keys.iter_mut().enumerate().for_each(sweep);
    totals
}

/// A thread per half of the keys and per source: each keeps its own half's events and sends the others
/// over, in batches with its watermark.
fn limit(end: u64) -> Vec<Total> {
    const BATCH: usize = 4_096;
    let ways: [_; 2] = std::array::from_fn(|_| mpsc::sync_channel::<Batch>(16));
    let [(to_first, from_second), (to_second, from_first)] = ways;
    let ends = [(to_second, from_second), (to_first, from_first)];
    let ends = ends.map(|end| Mutex::new(Some(end)));
    let totals = on_two_threads(|source| {
        let end_of = ends[source].lock().expect("nobody panics").take();
        let (to, from) = end_of.expect("one thread each");
        let mut half =
            Half { source, keys: vec![Open::new(); KEYS as usize / 2], totals: Vec::new() };
        let mut highest = [i64::MIN / 2; 2];
        let mut swept = i64::MIN / 2;
        let mut away = Vec::with_capacity(BATCH);
        for event in Events::<KEYS>::of_source(source as u64, end) {
            highest[source] = highest[source].max(event.at);
            if event.key as usize % 2 == source {
                half.fold(&event);
                continue;
            }
            away.push(event);
            if away.len() == BATCH {
                let full = std::mem::replace(&mut away, Vec::with_capacity(BATCH));
                half.send(&to, &from, (full, highest[source]), &mut highest[1 - source]);
                for batch in from.try_iter() {
                    half.take(batch, &mut highest[1 - source]);
                }
                let passed = highest[0].min(highest[1]) - DISORDER;
                if passed >= swept + SWEEP {
                    swept = passed;
                    half.sweep(passed);
                }
            }
        }
        half.send(&to, &from, (away, i64::MAX / 2), &mut highest[1 - source]);
        drop(to);
        for batch in from {
            half.take(batch, &mut highest[1 - source]);
        }
        half.sweep(i64::MAX);
        half.totals
    });
    totals.into_iter().flatten().collect()
}

/// Events of the other thread's keys, and how far this one has come.
type Batch = (Vec<Event>, i64);

/// Every second key.
struct Half {
    source: usize,
    keys: Vec<Open>,
    totals: Vec<Total>,
}

impl Half {
    #[inline]
    fn fold(&mut self, event: &Event) {
        fold(&mut self.keys[event.key as usize / 2], event);
    }

    /// Takes what the other thread sends, with its watermark.
    fn take(&mut self, (events, theirs): Batch, highest: &mut i64) {
        events.iter().for_each(|event| self.fold(event));
        *highest = theirs;
    }

    /// Sends; while there is no room, takes what comes: so neither waits for ever, and none is far ahead.
    fn send(
        &mut self,
        to: &mpsc::SyncSender<Batch>,
        from: &mpsc::Receiver<Batch>,
        mut batch: Batch,
        highest: &mut i64,
    ) {
        while let Err(mpsc::TrySendError::Full(back)) = to.try_send(batch) {
            batch = back;
            match from.recv() {
                Ok(theirs) => self.take(theirs, highest),
                // The other one has sent all and reads.
                Err(_) => return to.send(batch).expect("it reads to the end"),
            }
        }
    }

    fn sweep(&mut self, passed: i64) {
        for (nth, open) in self.keys.iter_mut().enumerate() {
            close(nth * 2 + self.source, open, passed, &mut self.totals);
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
        .window(Window::session(Duration::from_millis(GAP as u64)))
        .aggregate(|a| (a.sum(|event| u64::from(event.value)), a.count()))
        .map(|pane| {
            let (sum, count) = pane.value;
            Total { key: pane.key, start: pane.window.start().0, sum, count }
        })
        .collect()
}
