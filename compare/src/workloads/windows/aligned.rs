//! Windows of event time by hand, as one writes them for a system that moves events and tells how
//! far time has come, but has no such windows: what all peers share.

use std::collections::VecDeque;

use super::{DISORDER, Event, SECOND, Slot, Table, Total, add};

/// Events that one source makes in a step.
const STEP: usize = 4_096;

/// Some events of a key in a second: the second, the key, their sum, their count.
pub(super) type Partial = (i64, u32, u64, u64);

/// One source, which may sum up by second and key what it sends.
pub(super) struct Source<E> {
    events: E,
    highest: i64,
    /// The sums of the seconds that are not over; none where every event is sent.
    sums: Option<Seconds>,
    ended: bool,
}

impl<E: Iterator<Item = Event>> Source<E> {
    /// Every event is sent.
    pub(super) fn plain(events: E) -> Self {
        Source { events, highest: i64::MIN / 2, sums: None, ended: false }
    }

    /// One partial sum for each key and second.
    pub(super) fn summing(events: E) -> Self {
        Source { sums: Some(Seconds::default()), ..Source::plain(events) }
    }

    /// Adds what is to be sent next. Gives the first second that may still come; none where the
    /// source has ended.
    pub(super) fn step(&mut self, batch: &mut Vec<Partial>) -> Option<i64> {
        if self.ended {
            return None;
        }
        let mut made = 0;
        for event in self.events.by_ref().take(STEP) {
            made += 1;
            self.highest = self.highest.max(event.at);
            let partial = partial(event);
            match &mut self.sums {
                Some(sums) => sums.add(partial),
                None => batch.push(partial),
            }
        }
        self.ended = made < STEP;
        let open = (self.highest - DISORDER).div_euclid(SECOND);
        let over = if self.ended { i64::MAX } else { open };
        while let Some((second, table)) = self.sums.as_mut().and_then(|sums| sums.pop(over)) {
            batch.extend(table.into_iter().map(|(key, (sum, n))| (second, key, sum, n)));
        }
        Some(open)
    }
}

pub(super) fn partial(event: Event) -> Partial {
    (event.at.div_euclid(SECOND), event.key, event.value.into(), 1)
}

/// The tables of some seconds, in order: two or three, where nobody is far behind.
#[derive(Clone, Default)]
pub(super) struct Seconds {
    tables: VecDeque<(i64, Table)>,
    /// The place of the second that was used last: it is looked up once for a run of events.
    last: usize,
}

impl Seconds {
    #[inline]
    pub(super) fn add(&mut self, (second, key, sum, count): Partial) {
        if self.tables.get(self.last).is_none_or(|(known, _)| *known != second) {
            self.find(second);
        }
        add(self.tables[self.last].1.entry(key).or_default(), sum, count);
    }

    #[cold]
    fn find(&mut self, second: i64) {
        self.last = self.tables.partition_point(|(known, _)| *known < second);
        if self.tables.get(self.last).is_none_or(|(known, _)| *known != second) {
            self.tables.insert(self.last, (second, Table::default()));
        }
    }

    /// The first second, if it is before `end`.
    fn pop(&mut self, end: i64) -> Option<(i64, Table)> {
        self.tables.pop_front_if(|(second, _)| *second < end)
    }
}

/// Windows of `N` seconds, one for each second. Sums can be taken back, so a window is the one before
/// it, with a second more and a second less.
#[derive(Clone, Default)]
pub(super) struct Windows<const N: i64> {
    open: Seconds,
    /// The seconds of the last window, and what they come to.
    closed: VecDeque<(i64, Table)>,
    window: Table,
    /// The second that is closed next.
    next: Option<i64>,
    totals: Vec<Total>,
}

impl<const N: i64> Windows<N> {
    #[inline]
    pub(super) fn add(&mut self, partial: Partial) {
        self.open.add(partial);
    }

    /// No second before this one comes again.
    pub(super) fn close_before(&mut self, end: i64) {
        while let Some((second, table)) = self.open.pop(end) {
            for empty in self.next.unwrap_or(second)..second {
                self.close(empty, Table::default());
            }
            self.close(second, table);
        }
    }

    /// Nothing comes any more.
    pub(super) fn end(mut self) -> Vec<Total> {
        self.close_before(i64::MAX);
        if let Some(next) = self.next {
            (next..next + N - 1).for_each(|second| self.close(second, Table::default()));
        }
        self.totals
    }

    /// What has been closed since the last time.
    #[cfg(feature = "peers")]
    pub(super) fn take(&mut self) -> Vec<Total> {
        std::mem::take(&mut self.totals)
    }

    fn close(&mut self, second: i64, table: Table) {
        self.next = Some(second + 1);
        let total =
            |start| move |(key, (sum, count)): (u32, Slot)| Total { key, start, sum, count };
        if N == 1 {
            self.totals.extend(table.into_iter().map(total(second)));
            return;
        }
        if let Some((_, left)) = self.closed.pop_front_if(|(known, _)| *known == second - N) {
            for (key, (sum, count)) in left {
                let slot = self.window.get_mut(&key).expect("it was added");
                *slot = (slot.0 - sum, slot.1 - count);
                if slot.1 == 0 {
                    self.window.remove(&key);
                }
            }
        }
        for (key, (sum, count)) in &table {
            add(self.window.entry(*key).or_default(), *sum, *count);
        }
        self.closed.push_back((second, table));
        let start = second - N + 1;
        self.totals.extend(self.window.iter().map(|(key, slot)| (*key, *slot)).map(total(start)));
    }
}
