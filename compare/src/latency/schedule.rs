//! When events come, and how late results are.

use std::fmt;
use std::hint;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use crate::report::three_digits;
use crate::workloads::mix;

const KEYS: u64 = 1_000;
/// The length of a window, in milliseconds.
pub(super) const WINDOW: i64 = 10;
/// What is not counted: threads start, tables grow.
pub(super) const WARM_UP: Duration = Duration::from_millis(500);

/// One event.
#[derive(Clone, Copy)]
pub(super) struct Event {
    pub(super) index: u64,
    pub(super) key: u32,
    /// When it comes, in milliseconds since the beginning.
    pub(super) at: i64,
}

/// When every event comes.
#[derive(Clone, Copy)]
pub(super) struct Schedule {
    began: Instant,
    /// Events per second.
    rate: f64,
    events: u64,
    paced: bool,
}

impl Schedule {
    /// Events at this rate, from now on.
    pub(super) fn paced(rate: f64, seconds: f64) -> Self {
        Schedule { began: Instant::now(), rate, events: (rate * seconds) as u64, paced: true }
    }

    /// The same as fast as they are read.
    pub(super) fn unpaced(rate: f64, seconds: f64) -> Self {
        Schedule { paced: false, ..Schedule::paced(rate, seconds) }
    }

    pub(super) fn events(&self) -> u64 {
        self.events
    }

    /// When an event comes.
    fn time(&self, index: u64) -> Duration {
        Duration::from_secs_f64(index as f64 / self.rate)
    }

    fn event(&self, index: u64) -> Event {
        let key = ((mix(index) >> 32) * KEYS) >> 32;
        Event { index, key: key as u32, at: (index as f64 * 1e3 / self.rate) as i64 }
    }

    /// How many events have come.
    fn due(&self) -> u64 {
        let passed = self.began.elapsed().as_secs_f64() * self.rate;
        if self.paced { (passed as u64 + 1).min(self.events) } else { self.events }
    }

    /// Every `step`-th event, for one of so many sources.
    pub(super) fn source(&self, nth: u64, step: u64) -> Source {
        Source { schedule: *self, next: nth, step, due: 0 }
    }
}

/// The events of one source, as they come.
#[derive(Clone)]
pub(super) struct Source {
    schedule: Schedule,
    next: u64,
    step: u64,
    /// How many had come when it looked at the clock last: it looks again when it has given those.
    due: u64,
}

impl Source {
    /// The next event, if it has come.
    #[inline]
    pub(super) fn poll(&mut self) -> Option<Event> {
        if self.next >= self.due {
            self.due = self.schedule.due();
            if self.next >= self.due {
                return None;
            }
        }
        let event = self.schedule.event(self.next);
        self.next += self.step;
        Some(event)
    }

    pub(super) fn is_over(&self) -> bool {
        self.next >= self.schedule.events
    }

    /// The time before which it gives nothing any more, in milliseconds.
    #[cfg(feature = "peers")]
    pub(super) fn passed(&self) -> i64 {
        self.schedule.event(self.next).at
    }
}

/// Waits for each event.
impl Iterator for Source {
    type Item = Event;

    #[inline]
    fn next(&mut self) -> Option<Event> {
        loop {
            match self.poll() {
                None if !self.is_over() => hint::spin_loop(),
                event => return event,
            }
        }
    }
}

/// How late results were.
#[derive(Clone)]
pub(super) struct Latencies {
    schedule: Option<Schedule>,
    nanos: Histogram<u64>,
}

impl Default for Latencies {
    /// Of nothing, where they are only gathered.
    fn default() -> Self {
        let nanos = Histogram::new(3).expect("three digits are possible");
        Latencies { schedule: None, nanos }
    }
}

impl Latencies {
    pub(super) fn new(schedule: &Schedule) -> Self {
        Latencies { schedule: Some(*schedule), ..Latencies::default() }
    }

    /// A window is there. Those that only the end of the events has closed do not count.
    pub(super) fn window(&mut self, end: i64) {
        let Some(schedule) = &self.schedule else { return };
        let closing = (end as f64 * schedule.rate / 1e3).ceil() as u64;
        if closing < schedule.events {
            self.event(closing);
        }
    }

    /// What an event has made is there.
    #[inline]
    pub(super) fn event(&mut self, index: u64) {
        let Some(schedule) = &self.schedule else { return };
        // Where nobody waits as well: what it costs to measure is part of the maximum rate.
        let passed = schedule.began.elapsed();
        let due = schedule.time(index);
        if due >= WARM_UP {
            let late = passed.saturating_sub(due);
            self.nanos.record(late.as_nanos() as u64).expect("it grows as it must");
        }
    }

    pub(super) fn add(&mut self, other: Latencies) {
        self.nanos.add(other.nanos).expect("it grows as it must");
    }

    #[cfg(feature = "peers")]
    pub(super) fn all(parts: impl IntoIterator<Item = Latencies>) -> Self {
        parts.into_iter().fold(Latencies::default(), |mut all, part| {
            all.add(part);
            all
        })
    }
}

/// The cells of a row.
impl fmt::Display for Latencies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = |nanos: u64| three_digits(nanos as f64 / 1e3);
        for quantile in [0.5, 0.99, 0.999] {
            write!(f, " {} |", micros(self.nanos.value_at_quantile(quantile)))?;
        }
        write!(f, " {} |", micros(self.nanos.max()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_share_out_all_events_none_before_its_time() {
        let schedule = Schedule::paced(100_000.0, 0.02);
        let mut indices = Vec::new();
        for nth in 0..2 {
            for event in schedule.source(nth, 2) {
                assert!(schedule.began.elapsed() >= schedule.time(event.index));
                indices.push(event.index);
            }
        }
        indices.sort_unstable();
        assert_eq!(indices, (0..2_000).collect::<Vec<_>>());
    }

    #[test]
    fn a_window_is_late_since_the_event_behind_it() {
        let began = Instant::now() - Duration::from_secs(2);
        let schedule = Schedule { began, ..Schedule::paced(1_000.0, 1.5) };
        let mut latencies = Latencies::new(&schedule);
        latencies.window(1_000);
        assert!(latencies.nanos.max() >= 1_000_000_000);
        latencies.window(100);
        latencies.window(1_500);
        assert_eq!(latencies.nanos.len(), 1);
    }
}
