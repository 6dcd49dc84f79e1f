//! How windows that never change take events, and parts that were folded elsewhere.

use super::bins::{Bin, Binned, Bins, Distinct};
use super::{Aligned, BinsOf, Due, Open};
use crate::time::Timestamp;
use crate::window::fold::{Fold, Folding, Merge, Mode};
use crate::window::kind::{Assign, Deal, Parted};
use crate::window::machine::{Machine, Take, TakeBins, TakeParts};
use crate::window::rules::{Head, Rules};
use crate::window::trigger::{PaneView, Triggering, TriggeringOn};
use crate::window::{Span, Timing};
use std::borrow::Borrow;
use std::mem;

impl<W, K, F, R, M, E, T> Take<K, F::Out, E, T> for Aligned<W, K, F, R, M>
where
    W: Assign<E> + Deal<K, T>,
    K: Clone + Eq + Send,
    T: Borrow<E>,
    F: Fold<T>,
    R: TriggeringOn<E>,
    M: Mode<F>,
{
    #[inline]
    fn event(&mut self, hash: u64, key: K, at: Timestamp, event: T) -> Result<(), (K, T)> {
        debug_assert!(!self.pending(), "told before everything was given");
        let at = if W::BY_CLOCK { self.now } else { at };
        if !self.run.contains(at) {
            self.locate(event.borrow(), at);
        }
        let windows = self.current.len() as u64;
        if !self.counters.count(1, windows, self.missed) {
            return Err((key, event));
        }
        let Aligned { kind, rules, windows, current, timers, now, ready, .. } = self;
        kind.deal(key, event, current, |window, key, event| {
            let open = &mut windows[window as usize];
            let (span, late) = (open.span, open.late);
            let view = |pending| PaneView { window: span, pending, late, at, now: *now };
            let mut event = Some(event);
            let mut fires = None;
            let position = open.table.position(hash, key, |key| {
                let event = event.take().expect("a key is made once");
                let (slot, begins) = rules.start(event, view);
                fires = begins;
                (key, slot)
            });
            let Some((key, slot)) = open.table.get_mut(position) else {
                return;
            };
            if let Some(event) = event {
                let due = if R::CLOCKED { rules.trigger.due(&slot.state) } else { None };
                fires = rules.add(slot, event, view);
                if R::CLOCKED && due == rules.trigger.due(&slot.state) && fires.is_none() {
                    return;
                }
            }
            if let Some(trigger) = fires {
                let timing = if late { Timing::Late } else { Timing::Early };
                let head = Head { window: span, timing, trigger };
                ready.extend(rules.fire(&head, key, slot).into_iter().flatten());
            } else if R::CLOCKED
                && let Some((at, _)) = rules.trigger.due(&slot.state)
            {
                let (start, serial, position) = (span.start(), open.serial, position as u32);
                let due = Due { at, start, window, position, serial };
                timers.push(due, |due| due.holds(windows, rules));
            }
        });
        Ok(())
    }
}

impl<W, K, F, R, M> TakeParts<K, F::Out, F::Acc> for Aligned<W, K, F, R, M>
where
    W: Parted + Assign<()> + Deal<K, F::Acc>,
    K: Clone + Eq + Send,
    F: Merge,
    R: Triggering,
    M: Mode<F>,
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
        self.turn_to(part);
        let count = self.current.len() as u64;
        if !self.counters.count(events.into(), count, self.missed) {
            return Err((key, acc));
        }
        let Aligned { kind, rules, windows, current, spare, .. } = self;
        kind.deal(key, acc, current, |window, key, acc| {
            let open = &mut windows[window as usize];
            if open.bins.is_none()
                && Bins::<K, F::Acc, F>::pay(open.table.len())
                && rules.closes_at_once()
            {
                open.begin_bins(spare);
            }
            let Open { table, bins, .. } = open;
            if let Some(bins) = bins {
                return bins.push(&rules.fold, (hash as u32, key, acc));
            }
            let mut acc = Some(acc);
            let position = table.position(hash, key, |key| {
                let acc = acc.take().expect("a key is made once");
                (key, rules.start_part(acc, events))
            });
            if let (Some(acc), Some((_, slot))) = (acc, table.get_mut(position)) {
                rules.add_part(slot, acc, events);
            }
        });
        Ok(())
    }
}

impl<W, K, F, R, M> TakeBins<K, F::Out, F::Acc> for Aligned<W, K, F, R, M>
where
    W: Parted + Assign<()> + Deal<K, F::Acc>,
    K: Clone + Eq + Send,
    F: Merge,
    R: Triggering,
    M: Mode<F>,
{
    fn bin(&mut self, part: Span, bin: Vec<Binned<K, F::Acc>>) -> usize {
        debug_assert!(!self.pending(), "told before everything was given");
        self.turn_to(part);
        let Aligned { rules, windows, current, spare, counters, .. } = self;
        if let [window] = current[..]
            && rules.closes_at_once()
        {
            counters.count(bin.len() as u64, 1, 0);
            let open = &mut windows[window as usize];
            open.begin_bins(spare).push_all(&rules.fold, bin);
            return 0;
        }
        let late = bin.into_iter().filter_map(|(hash, key, acc)| {
            // Of a hash, tables only go by the low half.
            self.part(hash.into(), key, part, 1, acc).err()
        });
        late.count()
    }
}

impl<W, K, F, R, M> Aligned<W, K, F, R, M>
where
    W: Assign<()>,
    F: Folding,
    R: Triggering,
    M: Mode<F>,
{
    /// Finds the windows of a part, unless they are those of the one before.
    #[inline]
    fn turn_to(&mut self, part: Span) {
        let at = if W::BY_CLOCK { self.now } else { part.start() };
        if !self.run.contains(at) {
            self.locate(&(), at);
        }
    }
}

impl<K, F: Folding, R: Triggering, M: Mode<F>> Open<K, F, R, M> {
    /// Goes over to bins, if that has not been done.
    fn begin_bins(&mut self, spare: &mut Option<BinsOf<K, F>>) -> &mut Bins<K, F::Acc, F>
    where
        K: Eq,
        F: Merge,
    {
        let Open { table, bins, .. } = self;
        bins.get_or_insert_with(|| {
            let fold = |fold: &F, place: &mut Distinct<K, F::Acc>, bin: &mut Bin<K, F::Acc>| {
                place.fold(bin, |into, from| fold.merge(into, from));
            };
            let mut bins = spare.take().unwrap_or_else(|| Box::new(Bins::new(fold)));
            bins.take(mem::take(table), Rules::<F, R, M>::unfired);
            bins
        })
    }
}
