//! Sliding windows that fire once, of a fold that merges: by key, then by slice.
//!
//! The starts and ends of all windows cut time into slices, at most two per distance of windows. An
//! event is folded into the slice it is in, once; a window is what its slices give together, merged
//! when it closes. Only closed windows are in the past: an event that comes late for some of its
//! windows still goes into its slice.
//!
//! **Invariant.** The slices of a key are in the order of time, every key has one, and a slice is in
//! `slices` as long as a window that it is part of is to come.

use super::fold::{Fold, Folding, Merge};
use super::kind::Sliding;
use super::machine::{Machine, Take, TakeParts};
use super::rules::Counters;
use super::{Pane, Span, Timing};
use crate::time::Timestamp;
use hashbrown::HashTable;
use std::borrow::Borrow;
use std::collections::{BTreeSet, VecDeque};
use std::fmt;

/// The windows of all keys of one partition.
pub struct Sliced<K, F: Folding> {
    kind: Sliding,
    fold: F,
    keys: Vec<Key<K, F::Acc>>,
    index: HashTable<u32>,
    /// The starts of slices that have events.
    slices: BTreeSet<Timestamp>,
    run: Span,
    /// How many windows the events of the run are in, and for how many of them they are late.
    windows: u64,
    missed: u64,
    /// End and start of the window that was closed last.
    closed: (Timestamp, Timestamp),
    passed: Timestamp,
    target: Timestamp,
    closing: Option<Closing>,
    counters: Counters,
}

struct Key<K, A> {
    key: K,
    hash: u64,
    slices: VecDeque<(Timestamp, A)>,
}

/// A window that is being given.
#[derive(Clone, Copy)]
struct Closing {
    window: Span,
    /// The first slice that later windows need.
    keep: Timestamp,
    /// The next key.
    position: usize,
}

impl<K, F: Folding> fmt::Debug for Sliced<K, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sliced").field("kind", &self.kind).field("passed", &self.passed).finish()
    }
}

impl<K, F: Folding> Sliced<K, F> {
    pub(crate) fn new(kind: Sliding, fold: F) -> Self {
        Sliced {
            kind,
            fold,
            keys: Vec::new(),
            index: HashTable::new(),
            slices: BTreeSet::new(),
            run: Span::NONE,
            windows: 0,
            missed: 0,
            closed: (Timestamp::MIN, Timestamp::MIN),
            passed: Timestamp::MIN,
            target: Timestamp::MIN,
            closing: None,
            counters: Counters::default(),
        }
    }

    /// The windows around a slice that are to come, the first of them first.
    fn to_come(&self, slice: Timestamp) -> impl Iterator<Item = Span> {
        let (passed, closed) = (self.passed, self.closed);
        self.kind
            .containing(slice)
            .filter(move |window| window.end() > passed && (window.end(), window.start()) > closed)
    }

    #[cold]
    fn locate(&mut self, at: Timestamp) {
        let slice = self.kind.slice(at);
        self.windows = self.kind.containing(at).count() as u64;
        let to_come = self.to_come(at).count() as u64;
        self.missed = self.windows - to_come;
        self.run = slice;
        if to_come > 0 {
            self.slices.insert(slice.start());
        }
    }

    /// Begins the next window that the watermark has passed; false if there is none.
    fn advance(&mut self) -> bool {
        let first = self.slices.first().and_then(|slice| self.to_come(*slice).next());
        let Some(window) = first.filter(|window| window.end() <= self.target) else {
            self.passed = self.target;
            return false;
        };
        self.run = Span::NONE;
        self.closed = (window.end(), window.start());
        while let Some(slice) = self.slices.first() {
            if self.to_come(*slice).next().is_some() {
                break;
            }
            self.slices.pop_first();
        }
        let keep = self.slices.first().copied().unwrap_or(Timestamp::MAX);
        self.closing = Some(Closing { window, keep, position: 0 });
        true
    }

    /// The value of the key at a position in a window; drops slices that no later one needs.
    fn value(&mut self, Closing { window, keep, position }: Closing) -> Option<F::Out>
    where
        F: Merge<Acc: Clone>,
    {
        let slices = &mut self.keys[position].slices;
        let mut value: Option<F::Acc> = None;
        let mut add = |acc| match &mut value {
            Some(value) => self.fold.merge(value, acc),
            None => value = Some(acc),
        };
        while slices.front().is_some_and(|(start, _)| *start < keep) {
            slices.pop_front().into_iter().for_each(|(_, acc)| add(acc));
        }
        let others = slices.iter().take_while(|(start, _)| *start < window.end());
        others.for_each(|(_, acc)| add(acc.clone()));
        value.map(|acc| self.fold.finish(acc))
    }

    /// Takes out the key at a position; the last one takes its place.
    fn remove(&mut self, position: usize) -> K {
        let last = self.keys.len() - 1;
        let key = self.keys.swap_remove(position);
        if let Ok(entry) = self.index.find_entry(key.hash, |at| *at as usize == position) {
            entry.remove();
        }
        if let Some(moved) = self.keys.get(position)
            && let Some(at) = self.index.find_mut(moved.hash, |at| *at as usize == last)
        {
            *at = position as u32;
        }
        key.key
    }
}

impl<K, F> Machine<K, F::Out> for Sliced<K, F>
where
    K: Clone + Send,
    F: Merge<Acc: Clone>,
{
    fn next(&mut self) -> Option<Pane<K, F::Out>> {
        loop {
            let Some(closing) = self.closing else {
                if self.advance() {
                    continue;
                }
                return None;
            };
            let Closing { window, position, .. } = closing;
            if position == self.keys.len() {
                self.closing = None;
                continue;
            }
            let value = self.value(closing);
            let key = if self.keys[position].slices.is_empty() {
                Some(self.remove(position))
            } else {
                self.closing = Some(Closing { position: position + 1, ..closing });
                None
            };
            if let Some(value) = value {
                return Some(Pane {
                    key: key.unwrap_or_else(|| self.keys[position].key.clone()),
                    window,
                    value,
                    timing: Timing::OnTime,
                    index: 0,
                    last: true,
                    retraction: false,
                    replaces: Vec::new(),
                    trigger: "watermark",
                });
            }
        }
    }

    #[inline]
    fn pending(&self) -> bool {
        self.closing.is_some() || self.passed != self.target
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
        self.keys.iter().map(|key| key.slices.len()).sum()
    }
}

impl<K: Eq, F: Folding> Sliced<K, F> {
    /// Gives what has come to the run's slice of a key, if any of its windows is to come.
    #[inline]
    fn fold<X>(
        &mut self,
        (hash, key): (u64, K),
        at: Timestamp,
        (given, events): (X, u32),
        first: impl FnOnce(&F, X) -> F::Acc,
        add: impl FnOnce(&F, &mut F::Acc, X),
    ) -> Result<(), (K, X)> {
        if !self.run.contains(at) {
            self.locate(at);
        }
        let Sliced { fold, keys, index, run, windows, missed, counters, .. } = self;
        if !counters.count(events.into(), *windows - *missed, *missed) {
            return Err((key, given));
        }
        if missed == windows {
            return Ok(());
        }
        let slice = run.start();
        let Some(&known) = index.find(hash, |at| keys[*at as usize].key == key) else {
            index.insert_unique(hash, keys.len() as u32, |at| keys[*at as usize].hash);
            let slices = VecDeque::from([(slice, first(fold, given))]);
            keys.push(Key { key, hash, slices });
            return Ok(());
        };
        let slices = &mut keys[known as usize].slices;
        match slices.back_mut() {
            Some((last, acc)) if *last == slice => add(fold, acc, given),
            Some((last, _)) if *last > slice => {
                match slices.binary_search_by_key(&slice, |(start, _)| *start) {
                    Ok(at) => add(fold, &mut slices[at].1, given),
                    Err(at) => slices.insert(at, (slice, first(fold, given))),
                }
            }
            _ => slices.push_back((slice, first(fold, given))),
        }
        Ok(())
    }
}

impl<K, F, E, T> Take<K, F::Out, E, T> for Sliced<K, F>
where
    K: Clone + Eq + Send,
    T: Borrow<E>,
    F: Fold<T> + Merge<Acc: Clone>,
{
    #[inline]
    fn event(&mut self, hash: u64, key: K, at: Timestamp, event: T) -> Result<(), (K, T)> {
        debug_assert!(!self.pending(), "told before everything was given");
        self.fold((hash, key), at, (event, 1), F::first, F::add)
    }
}

impl<K, F> TakeParts<K, F::Out, F::Acc> for Sliced<K, F>
where
    K: Clone + Eq + Send,
    F: Merge<Acc: Clone>,
{
    fn part(
        &mut self,
        hash: u64,
        key: K,
        part: Span,
        events: u32,
        acc: F::Acc,
    ) -> Result<(), (K, F::Acc)> {
        debug_assert!(!self.pending(), "told before everything was given");
        self.fold((hash, key), part.start(), (acc, events), |_, acc| acc, F::merge)
    }
}
