//! Windows of a number of events: by key, the events of each counted from 0. Time plays no part.
//!
//! **Invariant.** A key's `open` windows hold its latest event, the one that will be full first in
//! front. A key stays, with its count, until the end.

use super::fold::{Fold, Folding, Mode};
use super::kind::{Counts, Deal};
use super::machine::{Machine, Take};
use super::rules::{Counters, Head, Rules, Slot, first_of};
use super::timers::{Timer, Timers};
use super::trigger::{OnTime, PaneView, Triggering, TriggeringOn};
use super::{Pane, Span, Timing};
use crate::state::{Entries, Table};
use crate::time::Timestamp;
use std::borrow::Borrow;
use std::collections::VecDeque;
use std::{fmt, mem};

/// The windows of all keys of one partition.
pub struct Counted<W, K, F: Folding, R: Triggering, M: Mode<F>> {
    kind: W,
    rules: Rules<F, R, M>,
    keys: Table<K, Ring<Slot<F, R, M>>>,
    /// Time, position of the key, start of the window.
    clock: Timers<(Timestamp, usize, i64)>,
    places: Vec<u32>,
    arming: Vec<(Timestamp, usize, i64)>,
    passed: Timestamp,
    target: Timestamp,
    now: Timestamp,
    /// Whether the clock may have passed a timer.
    ticked: bool,
    ended: Option<Entries<K, Ring<Slot<F, R, M>>>>,
    /// A signal, and the position of the next key that may hear it.
    signalled: Option<(&'static str, usize)>,
    ready: VecDeque<Pane<K, F::Out>>,
    counters: Counters,
}

/// The windows of one key.
struct Ring<S> {
    /// How many events there were.
    seen: i64,
    /// Windows with the position of their first event, which can be before the first one there was.
    open: VecDeque<(i64, S)>,
}

impl<W: fmt::Debug, K, F: Folding, R: Triggering, M: Mode<F>> fmt::Debug
    for Counted<W, K, F, R, M>
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Counted").field("kind", &self.kind).finish_non_exhaustive()
    }
}

impl<W: Counts, K, F: Folding, R: Triggering, M: Mode<F>> Counted<W, K, F, R, M> {
    pub(crate) fn new(kind: W, fold: F, trigger: R) -> Self {
        Counted {
            kind,
            rules: Rules::new(fold, trigger, 0),
            keys: Table::new(),
            clock: Timers::new(1),
            places: Vec::new(),
            arming: Vec::new(),
            passed: Timestamp::MIN,
            target: Timestamp::MIN,
            now: Timestamp(0),
            ticked: false,
            ended: None,
            signalled: None,
            ready: VecDeque::new(),
            counters: Counters::default(),
        }
    }

    fn span(start: i64, size: i64) -> Span {
        Span::new(Timestamp(start.max(0)), Timestamp(start + size))
    }

    /// Fires the first timer that the clock has passed; false if there is none.
    fn fire_clock(&mut self) -> bool
    where
        K: Clone,
    {
        let Counted { kind, rules, keys, clock, now, ready, .. } = self;
        while let Some((_, position, start)) = clock.pop(*now, |due| is_due(keys, rules, due)) {
            let Some((key, ring)) = keys.get_mut(position) else {
                continue;
            };
            let Some((_, slot)) = ring.open.iter_mut().find(|open| open.0 == start) else {
                continue;
            };
            if let Some((_, trigger)) = rules.trigger.due(&slot.state) {
                let window = Self::span(start, kind.size());
                let head = Head { window, timing: Timing::Early, trigger };
                ready.extend(rules.fire(&head, key, slot).into_iter().flatten());
                return true;
            }
        }
        false
    }

    /// Fires what is new of the next key that hears a signal; false if there is none.
    fn fire_signal(&mut self) -> bool
    where
        K: Clone,
    {
        let Counted { kind, rules, keys, ready, signalled, .. } = self;
        let Some((trigger, position)) = signalled else {
            return false;
        };
        let Some((key, ring)) = keys.get_mut(*position) else {
            *signalled = None;
            return false;
        };
        *position += 1;
        for (start, slot) in ring.open.iter_mut().filter(|open| open.1.pending > 0) {
            let window = Self::span(*start, kind.size());
            let head = Head { window, timing: Timing::Early, trigger };
            ready.extend(rules.fire(&head, key, slot).into_iter().flatten());
        }
        true
    }
}

impl Timer for (Timestamp, usize, i64) {
    fn at(&self) -> Timestamp {
        self.0
    }
}

/// Whether a window is to fire at this time of the clock.
fn is_due<K, F: Folding, R: Triggering, M: Mode<F>>(
    keys: &Table<K, Ring<Slot<F, R, M>>>,
    rules: &Rules<F, R, M>,
    &(at, position, start): &(Timestamp, usize, i64),
) -> bool {
    let open = keys.get(position).and_then(|ring| ring.open.iter().find(|open| open.0 == start));
    open.and_then(|(_, slot)| rules.trigger.due(&slot.state)).is_some_and(|due| due.0 == at)
}

impl<W, K, F, R, M> Machine<K, F::Out> for Counted<W, K, F, R, M>
where
    W: Counts,
    K: Clone + Send,
    F: Folding,
    R: Triggering,
    M: Mode<F>,
{
    fn next(&mut self) -> Option<Pane<K, F::Out>> {
        loop {
            if let Some(pane) = self.ready.pop_front() {
                return Some(pane);
            }
            let Some(ended) = &mut self.ended else {
                if self.fire_signal() || self.ticked && self.fire_clock() {
                    continue;
                }
                self.ticked = false;
                self.passed = self.target;
                return None;
            };
            let Some((key, mut ring)) = ended.next() else {
                self.ended = None;
                continue;
            };
            // What a full window has shown is not shown again.
            if ring.seen % self.kind.every() == 0 {
                continue;
            }
            if let Some((start, slot)) = ring.open.pop_front() {
                let trigger = &self.rules.trigger;
                let all = trigger.on_time() == OnTime::Always || trigger.always_closes();
                if all || slot.pending > 0 {
                    let window = Self::span(start, self.kind.size());
                    let head = Head { window, timing: Timing::OnTime, trigger: "close" };
                    let panes = self.rules.last(&head, key, slot);
                    if let Some(pane) = first_of(panes, &mut self.ready) {
                        return Some(pane);
                    }
                }
            }
        }
    }

    #[inline]
    fn pending(&self) -> bool {
        let ending = self.ended.is_some() || self.passed != self.target;
        !self.ready.is_empty() || self.ticked || self.signalled.is_some() || ending
    }

    fn watermark(&mut self, to: Timestamp) {
        self.target = self.target.max(to);
    }

    fn clock(&mut self, now: Timestamp) {
        self.now = self.now.max(now);
        self.ticked = R::CLOCKED && self.next_timer().is_some_and(|due| due <= now);
    }

    fn signal(&mut self, name: &'static str) {
        self.signalled = self.rules.trigger.hears(name, false).then_some((name, 0));
    }

    fn end(&mut self) {
        self.target = Timestamp::MAX;
        self.clock.clear();
        self.ended = Some(mem::take(&mut self.keys).into_iter());
    }

    fn passed(&self) -> Timestamp {
        self.passed
    }

    fn next_timer(&mut self) -> Option<Timestamp> {
        let Counted { clock, keys, rules, .. } = self;
        clock.next(|due| is_due(keys, rules, due))
    }

    fn counters(&self) -> Counters {
        self.counters
    }

    fn held(&self) -> usize {
        self.keys.len() + self.ended.as_ref().map_or(0, ExactSizeIterator::len)
    }
}

impl<W, K, F, R, M, E, T> Take<K, F::Out, E, T> for Counted<W, K, F, R, M>
where
    W: Counts + Deal<(), T>,
    K: Clone + Eq + Send,
    T: Borrow<E>,
    F: Fold<T>,
    R: TriggeringOn<E>,
    M: Mode<F>,
{
    fn event(&mut self, hash: u64, key: K, at: Timestamp, event: T) -> Result<(), (K, T)> {
        debug_assert!(!self.pending(), "told before everything was given");
        let (size, every, now) = (self.kind.size(), self.kind.every(), self.now);
        let ring = |key| (key, Ring { seen: 0, open: VecDeque::new() });
        let position = self.keys.position(hash, key, ring);
        let Counted { kind, rules, keys, clock, places, arming, ready, counters, .. } = self;
        let Some((key, ring)) = keys.get_mut(position) else {
            return Ok(());
        };
        let nth = ring.seen;
        ring.seen += 1;
        let known = ring.open.len();
        // Windows end at multiples of `every`. The first event is also in those that would have begun
        // before it.
        let first = if nth == 0 { every - size } else { nth };
        let first =
            if first > nth || nth > 0 && (nth + size) % every != 0 { nth + 1 } else { first };
        let begin = move || (first..=nth).step_by(every as usize);
        places.clear();
        places.extend(0..(known + begin().count()) as u32);
        counters.count(1, places.len() as u64, 0);
        kind.deal((), event, places, |place, (), event| {
            let place = place as usize;
            let start = match ring.open.get(place) {
                Some(open) => open.0,
                None => first + (place - known) as i64 * every,
            };
            let window = Self::span(start, size);
            let view = |pending| PaneView { window, pending, late: false, at, now };
            let (fires, before) = if place < known {
                let slot = &mut ring.open[place].1;
                let before = if R::CLOCKED { rules.trigger.due(&slot.state) } else { None };
                (rules.add(slot, event, view), before)
            } else {
                let (slot, fires) = rules.start(event, view);
                ring.open.push_back((start, slot));
                (fires, None)
            };
            let slot = &mut ring.open[place].1;
            if start + size == nth + 1 {
                // It is full, which is more than any other reason to fire.
            } else if let Some(trigger) = fires {
                let head = Head { window, timing: Timing::Early, trigger };
                ready.extend(rules.fire(&head, key, slot).into_iter().flatten());
            } else if R::CLOCKED
                && let Some(due) = rules.trigger.due(&slot.state)
                && before != Some(due)
            {
                arming.push((due.0, position, start));
            }
        });
        if ring.open.front().is_some_and(|open| open.0 + size == nth + 1)
            && let Some((start, slot)) = ring.open.pop_front()
        {
            let window = Self::span(start, size);
            let head = Head { window, timing: Timing::OnTime, trigger: "full" };
            ready.extend(rules.last(&head, key.clone(), slot).into_iter().flatten());
        }
        for timer in arming.drain(..) {
            clock.push(timer, |timer| is_due(keys, rules, timer));
        }
        Ok(())
    }
}
