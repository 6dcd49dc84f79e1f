//! The state of an interval join: what has come of both sides, by key and time.
//!
//! **Invariant.** A row is kept from when it comes until no partner of it is expected any more: a left
//! one at `l` while the watermark is at most `l + max(upper, 0)`, a right one at `r` while it is at most
//! `r + max(-lower, 0)`. A key is kept while it has a row. A pair is given when its second row comes.

use crate::time::Timestamp;
use crate::window::{Counters, Machine, Pane, Span, Take, Timing};
use itertools::{Either, EitherOrBoth};
use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;

/// When a row came, and which one it is of those.
type Place = (Timestamp, u64);
/// A row, and whether it has had a match.
type Kept<T> = BTreeMap<Place, (T, bool)>;

/// The rows of one key, and how many keys with its hash came before.
struct Rows<K, L, R> {
    key: K,
    left: Kept<L>,
    right: Kept<R>,
}

/// The rows of one partition.
pub struct Intervals<K, L, R> {
    /// From `l + lower` to `l + upper`, both included.
    lower: i64,
    upper: i64,
    /// Whether rows without a match are given when they are freed: left ones, right ones.
    outer: (bool, bool),
    /// By the key's hash: keys that share one are told apart one by one.
    keys: HashMap<u64, Vec<Rows<K, L, R>>>,
    /// When rows are freed, whose they are (left: true) and where.
    timers: BTreeMap<(Timestamp, u64), (u64, bool, Timestamp)>,
    rows: u64,
    /// The row that came last, as far as its partners are not given.
    matching: Option<Matching>,
    passed: Timestamp,
    target: Timestamp,
    counters: Counters,
}

/// A row and where its next partner may be.
struct Matching {
    hash: u64,
    /// Which of the keys of that hash.
    nth: usize,
    left: bool,
    row: Place,
    next: Bound<Place>,
    last: Timestamp,
}

impl<K, L, R> std::fmt::Debug for Intervals<K, L, R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Intervals({} rows)", self.timers.len())
    }
}

/// `at + by`, up to the ends of time.
fn plus(at: Timestamp, by: i64) -> Timestamp {
    Timestamp(at.0.saturating_add(by))
}

impl<K: Eq, L, R> Intervals<K, L, R> {
    pub(super) fn new(lower: i64, upper: i64, outer: (bool, bool)) -> Self {
        Intervals {
            lower,
            upper,
            outer,
            keys: HashMap::new(),
            timers: BTreeMap::new(),
            rows: 0,
            matching: None,
            passed: Timestamp::MIN,
            target: Timestamp::MIN,
            counters: Counters::default(),
        }
    }

    /// How many keys there are.
    #[cfg(test)]
    pub(super) fn keys(&self) -> usize {
        self.keys.values().map(Vec::len).sum()
    }

    /// Until which watermark a row is kept, that one included.
    fn kept_until(&self, left: bool, at: Timestamp) -> Timestamp {
        let ahead = if left { self.upper } else { self.lower.saturating_neg() };
        plus(at, ahead.max(0))
    }

    /// Which of the keys of a hash it is; a new one if it is not known.
    fn position(&mut self, hash: u64, key: K) -> usize {
        let keys = self.keys.entry(hash).or_default();
        if let Some(nth) = keys.iter().position(|rows| rows.key == key) {
            return nth;
        }
        keys.push(Rows { key, left: BTreeMap::new(), right: BTreeMap::new() });
        keys.len() - 1
    }

    /// The next pair of the row that came last.
    fn pair(&mut self) -> Option<Pane<K, EitherOrBoth<L, R>>>
    where
        K: Clone,
        L: Clone,
        R: Clone,
    {
        let matching = self.matching.as_mut()?;
        let Rows { key, left, right } = self.keys.get_mut(&matching.hash)?.get_mut(matching.nth)?;
        let range = (matching.next, Bound::Included((matching.last, u64::MAX)));
        let ((at, _), found) = if matching.left {
            let (place, (other, seen)) = right.range_mut(range).next()?;
            let (row, matched) = left.get_mut(&matching.row)?;
            (*seen, *matched) = (true, true);
            matching.next = Bound::Excluded(*place);
            (*place, EitherOrBoth::Both(row.clone(), other.clone()))
        } else {
            let (place, (other, seen)) = left.range_mut(range).next()?;
            let (row, matched) = right.get_mut(&matching.row)?;
            (*seen, *matched) = (true, true);
            matching.next = Bound::Excluded(*place);
            (*place, EitherOrBoth::Both(other.clone(), row.clone()))
        };
        Some(pane(key.clone(), at.max(matching.row.0), found))
    }

    /// Frees the next row that is not needed any more; gives it if it had no match and is wanted.
    fn free(&mut self) -> Option<Option<Pane<K, EitherOrBoth<L, R>>>>
    where
        K: Clone,
    {
        let timer = self
            .timers
            .first_entry()
            .filter(|timer| timer.key().0 < self.target || self.target == Timestamp::MAX)?;
        let ((until, row), (hash, left, at)) = timer.remove_entry();
        let keys = self.keys.get_mut(&hash)?;
        let nth = keys.iter().position(|rows| {
            if left {
                rows.left.contains_key(&(at, row))
            } else {
                rows.right.contains_key(&(at, row))
            }
        })?;
        let rows = &mut keys[nth];
        let freed = if left {
            let freed = rows.left.remove(&(at, row)).filter(|(_, seen)| !seen && self.outer.0);
            freed.map(|(row, _)| EitherOrBoth::Left(row))
        } else {
            let freed = rows.right.remove(&(at, row)).filter(|(_, seen)| !seen && self.outer.1);
            freed.map(|(row, _)| EitherOrBoth::Right(row))
        };
        let given = freed.map(|freed| pane(rows.key.clone(), until, freed));
        if rows.left.is_empty() && rows.right.is_empty() {
            keys.swap_remove(nth);
            if keys.is_empty() {
                self.keys.remove(&hash);
            }
        }
        Some(given)
    }
}

/// A result with its time.
fn pane<K, V>(key: K, at: Timestamp, value: V) -> Pane<K, V> {
    let (window, timing) = (Span::new(at, plus(at, 1)), Timing::OnTime);
    let (index, last, retraction, replaces, trigger) = (0, true, false, Vec::new(), "pair");
    Pane { key, window, value, timing, index, last, retraction, replaces, trigger }
}

impl<K, L, R> Machine<K, EitherOrBoth<L, R>> for Intervals<K, L, R>
where
    K: Clone + Eq + Send,
    L: Clone + Send,
    R: Clone + Send,
{
    fn next(&mut self) -> Option<Pane<K, EitherOrBoth<L, R>>> {
        if self.matching.is_some() {
            let pair = self.pair();
            if pair.is_some() {
                return pair;
            }
            self.matching = None;
        }
        while let Some(freed) = self.free() {
            if freed.is_some() {
                return freed;
            }
        }
        self.passed = self.target;
        None
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
        self.timers.len()
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
        let (nth, left) = (self.position(hash, key), event.is_left());
        self.rows += 1;
        let row = (at, self.rows);
        self.timers.insert((self.kept_until(left, at), self.rows), (hash, left, at));
        // A right one at `r` has partners from `r - upper` to `r - lower`.
        let (first, last) = if left {
            (plus(at, self.lower), plus(at, self.upper))
        } else {
            let back = |by: i64| Timestamp(at.0.saturating_sub(by));
            (back(self.upper), back(self.lower))
        };
        if let Some(rows) = self.keys.get_mut(&hash).and_then(|keys| keys.get_mut(nth)) {
            match event {
                Either::Left(event) => _ = rows.left.insert(row, (event, false)),
                Either::Right(event) => _ = rows.right.insert(row, (event, false)),
            }
        }
        let next = Bound::Included((first, 0));
        self.matching = Some(Matching { hash, nth, left, row, next, last });
        Ok(())
    }
}
