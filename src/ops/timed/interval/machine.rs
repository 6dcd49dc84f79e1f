//! The state of an interval join: what has come of both sides, by key and time.
//!
//! **Invariant.** A row is kept from when it comes until no partner of it is expected any more: a left
//! one at `l` while the watermark is at most `l + max(upper, 0)`, a right one at `r` while it is at most
//! `r + max(-lower, 0)`. A key is kept while it has a row. A pair is given when its second row comes.
//!
//! The rows of a key and side lie in the order of their times, those of one time as they came. Events are
//! nearly in order, so a row is put down at the end or not far from it, and the first one is freed first.
//! Each such list has one live timer, that of its first row. Where rows without a match are not given, nobody
//! sees when a row is freed: they are kept up to a 64th longer, and those of a while are freed together.

use super::rows::{Row, Side};
use crate::time::Timestamp;
use crate::window::{Counters, Machine, Pane, Span, Take, Timer, Timers, Timing};
use hashbrown::HashTable;
use itertools::{Either, EitherOrBoth};

/// Into how many buckets the timers of the time go for which rows are kept.
const BUCKETS: i64 = 64;

/// The rows of one key. Where there is none any more it is free, with its memory.
struct Rows<K, L, R> {
    key: Option<K>,
    hash: u64,
    left: Side<L>,
    right: Side<R>,
}

/// When the first row of a side is freed, which row it is, whose, and of which side (left: true).
type Due = (Timestamp, u64, u32, bool);

impl Timer for Due {
    fn at(&self) -> Timestamp {
        self.0
    }
}

/// The rows of one partition.
pub struct Intervals<K, L, R> {
    /// From `l + lower` to `l + upper`, both included.
    lower: i64,
    upper: i64,
    /// Whether rows without a match are given when they are freed: left ones, right ones.
    outer: (bool, bool),
    keys: Vec<Rows<K, L, R>>,
    free: Vec<u32>,
    /// Where the rows of a key are.
    index: HashTable<u32>,
    timers: Timers<Due>,
    /// The timers of rows that nobody waits for are at times whose lowest bits are these.
    together: i64,
    /// How many rows have come, and how many of them are held.
    rows: u64,
    held: usize,
    /// The row that came last, as far as its partners are not given.
    matching: Option<Matching>,
    passed: Timestamp,
    target: Timestamp,
    counters: Counters,
}

/// A row and where its next partner may be.
struct Matching {
    key: u32,
    left: bool,
    row: usize,
    next: usize,
    last: Timestamp,
}

impl<K, L, R> std::fmt::Debug for Intervals<K, L, R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Intervals({} rows)", self.held)
    }
}

/// `at + by`, up to the ends of time.
fn plus(at: Timestamp, by: i64) -> Timestamp {
    Timestamp(at.0.saturating_add(by))
}

/// `at - by`, up to the ends of time.
fn minus(at: Timestamp, by: i64) -> Timestamp {
    Timestamp(at.0.saturating_sub(by))
}

impl<K: Eq, L, R> Intervals<K, L, R> {
    pub(super) fn new(lower: i64, upper: i64, outer: (bool, bool)) -> Self {
        let kept = upper.max(lower.saturating_neg()).max(0);
        Intervals {
            lower,
            upper,
            outer,
            keys: Vec::new(),
            free: Vec::new(),
            index: HashTable::new(),
            timers: Timers::new(kept / BUCKETS),
            together: (1 << (kept / BUCKETS).max(1).ilog2()) - 1,
            rows: 0,
            held: 0,
            matching: None,
            passed: Timestamp::MIN,
            target: Timestamp::MIN,
            counters: Counters::default(),
        }
    }

    /// How many keys there are.
    #[cfg(test)]
    pub(super) fn keys(&self) -> usize {
        self.index.len()
    }

    /// For how long the rows of a side are kept.
    #[inline]
    fn kept_for(&self, left: bool) -> i64 {
        let ahead = if left { self.upper } else { self.lower.saturating_neg() };
        ahead.max(0)
    }

    /// Where the rows of a key are; a new place if it is not known.
    #[inline]
    fn place(&mut self, hash: u64, key: K) -> u32 {
        let Intervals { keys, free, index, .. } = self;
        let same = |at: &u32| {
            let rows = &keys[*at as usize];
            rows.hash == hash && rows.key.as_ref() == Some(&key)
        };
        if let Some(at) = index.find(hash, same) {
            return *at;
        }
        let at = free.pop().unwrap_or_else(|| {
            keys.push(Rows { key: None, hash, left: Side::new(), right: Side::new() });
            (keys.len() - 1) as u32
        });
        index.insert_unique(hash, at, |at| keys[*at as usize].hash);
        let rows = &mut keys[at as usize];
        (rows.key, rows.hash) = (Some(key), hash);
        at
    }

    /// The next pair of the row that came last.
    #[inline]
    fn pair(&mut self) -> Option<Pane<K, EitherOrBoth<L, R>>>
    where
        K: Clone,
        L: Clone,
        R: Clone,
    {
        let Matching { key, left: of_left, row, next, last } = self.matching.as_mut()?;
        let Rows { key, left, right, .. } = &mut self.keys[*key as usize];
        let (l, r) = if *of_left { (*row, *next) } else { (*next, *row) };
        // Those of a row that came last are there, the other one may not be.
        let (left, right) = (left.get_mut(l)?, right.get_mut(r)?);
        if (if *of_left { right.at } else { left.at }) > *last {
            return None;
        }
        *next += 1;
        (left.matched, right.matched) = (true, true);
        let found = EitherOrBoth::Both(left.value.clone(), right.value.clone());
        Some(pane(key.clone()?, left.at.max(right.at), found))
    }

    /// Frees the next row that is not needed any more; gives it if it had no match and is wanted.
    fn free(&mut self) -> Option<Option<Pane<K, EitherOrBoth<L, R>>>>
    where
        K: Clone,
    {
        let by = match self.target {
            Timestamp::MAX => Timestamp::MAX,
            Timestamp::MIN => return None,
            to => Timestamp(to.0 - 1),
        };
        let keys = &mut self.keys;
        let timer = self.timers.pop(by, |timer| holds(keys, timer))?;
        let (until, _, at, of_left) = timer;
        let (target, kept) = (self.target, self.kept_for(of_left));
        let over = |at| plus(at, kept) < target || target == Timestamp::MAX;
        let rows = &mut self.keys[at as usize];
        let (freed, many) = if of_left {
            let (row, many) = rows.left.free(self.outer.0, over);
            (row.map(EitherOrBoth::Left), many)
        } else {
            let (row, many) = rows.right.free(self.outer.1, over);
            (row.map(EitherOrBoth::Right), many)
        };
        self.held -= many;
        let given = freed.and_then(|freed| Some(pane(rows.key.clone()?, until, freed)));
        if rows.left.is_empty() && rows.right.is_empty() {
            rows.key = None;
            if let Ok(entry) = self.index.find_entry(rows.hash, |known| *known == at) {
                entry.remove();
            }
            self.free.push(at);
        } else {
            self.schedule(at, of_left);
        }
        Some(given)
    }

    /// Sets the timer of a side's first row, if there is one.
    fn schedule(&mut self, at: u32, left: bool) {
        let rows = &self.keys[at as usize];
        let first = if left { rows.left.first() } else { rows.right.first() };
        if let Some((time, row)) = first {
            let wanted = if left { self.outer.0 } else { self.outer.1 };
            let until = plus(time, self.kept_for(left));
            let until = if wanted { until } else { Timestamp(until.0 | self.together) };
            let timer = (until, row, at, left);
            self.timers.push(timer, |timer| holds(&self.keys, timer));
        }
    }
}

/// Whether a timer is that of its side's first row.
fn holds<K, L, R>(keys: &[Rows<K, L, R>], (_, row, at, left): &Due) -> bool {
    let rows = &keys[*at as usize];
    let first = if *left { rows.left.first() } else { rows.right.first() };
    first.is_some_and(|(_, first)| first == *row)
}

/// A result with its time.
fn pane<K, V>(key: K, at: Timestamp, value: V) -> Pane<K, V> {
    let (window, timing) = (Span::new(at, plus(at, 1)), Timing::OnTime);
    let (index, last, retraction, replaces, trigger) = (0, true, false, Vec::new(), "pair");
    Pane { key, window, value, timing, index, last, retraction, replaces, trigger }
}

impl<K: Clone + Eq, L, R> Intervals<K, L, R> {
    /// Frees rows until one is to be given, or the watermark has been passed.
    #[inline(never)]
    fn free_all(&mut self) -> Option<Pane<K, EitherOrBoth<L, R>>> {
        while let Some(freed) = self.free() {
            if freed.is_some() {
                return freed;
            }
        }
        self.passed = self.target;
        None
    }
}

impl<K, L, R> Machine<K, EitherOrBoth<L, R>> for Intervals<K, L, R>
where
    K: Clone + Eq + Send,
    L: Clone + Send,
    R: Clone + Send,
{
    #[inline]
    fn next(&mut self) -> Option<Pane<K, EitherOrBoth<L, R>>> {
        if self.matching.is_some() {
            let pair = self.pair();
            if pair.is_some() {
                return pair;
            }
            self.matching = None;
        }
        if self.passed == self.target { None } else { self.free_all() }
    }

    #[inline]
    fn pending(&self) -> bool {
        self.matching.is_some() || self.passed != self.target
    }

    fn watermark(&mut self, to: Timestamp) {
        self.target = self.target.max(to);
    }

    fn clock(&mut self, _now: Timestamp) {}

    fn end(&mut self) {
        self.target = Timestamp::MAX;
    }

    fn passed(&self) -> Timestamp {
        self.passed
    }

    fn next_timer(&mut self) -> Option<Timestamp> {
        None
    }

    fn counters(&self) -> Counters {
        self.counters
    }

    fn held(&self) -> usize {
        self.held
    }
}

impl<K, L, R> Take<K, EitherOrBoth<L, R>, Either<L, R>, Either<L, R>> for Intervals<K, L, R>
where
    K: Clone + Eq + Send,
    L: Clone + Send,
    R: Clone + Send,
{
    fn event(
        &mut self,
        hash: u64,
        key: K,
        at: Timestamp,
        event: Either<L, R>,
    ) -> Result<(), (K, Either<L, R>)> {
        if !self.counters.count(1, u64::from(at >= self.passed), u64::from(at < self.passed)) {
            return Err((key, event));
        }
        let (place, left) = (self.place(hash, key), event.is_left());
        self.rows += 1;
        self.held += 1;
        let (row, rows) = (self.rows, &mut self.keys[place as usize]);
        // A right one at `r` has partners from `r - upper` to `r - lower`.
        let (row, next, last) = match event {
            Either::Left(value) => {
                let row = rows.left.insert(Row { at, row, value, matched: false });
                (row, rows.right.from(plus(at, self.lower)), plus(at, self.upper))
            }
            Either::Right(value) => {
                let row = rows.right.insert(Row { at, row, value, matched: false });
                (row, rows.left.from(minus(at, self.upper)), minus(at, self.lower))
            }
        };
        if row == 0 {
            self.schedule(place, left);
        }
        self.matching = Some(Matching { key: place, left, row, next, last });
        Ok(())
    }
}
