//! What all machines share: how a window (of a key) folds, and how it fires.

use super::fold::{Fired, Fold, Folding, Keeping, Merge, Mode};
use super::trigger::{OnTime, PaneView, Triggering, TriggeringOn};
use super::{Pane, Span, Timing};
use crate::time::Timestamp;
use std::borrow::Borrow;
use std::collections::VecDeque;
use std::marker::PhantomData;

/// The fold, the trigger, the mode and the allowed lateness of windows.
#[derive(Debug)]
pub(crate) struct Rules<F, R, M> {
    pub(crate) fold: F,
    pub(crate) trigger: R,
    /// In ticks, not negative; `i64::MAX` keeps windows for ever.
    pub(crate) lateness: i64,
    mode: PhantomData<fn() -> M>,
}

/// What is counted. `assigned` is always `folded + late_for_window`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Events.
    pub events: u64,
    /// Events times the windows that each belongs to.
    pub assigned: u64,
    /// Assignments that were folded.
    pub folded: u64,
    /// Assignments to windows that were closed already.
    pub late_for_window: u64,
    /// Events that were late for all of their windows, and were handed back.
    pub late: u64,
    /// Events that belong to no window.
    pub outside: u64,
}

impl Counters {
    /// Counts events that go into `folded` windows and are late for `missed` others; whether there is
    /// anything more to do with them than to hand them back.
    #[inline]
    pub(crate) fn count(&mut self, events: u64, folded: u64, missed: u64) -> bool {
        self.events += events;
        self.assigned += events * (folded + missed);
        self.folded += events * folded;
        self.late_for_window += events * missed;
        if folded > 0 {
            return true;
        }
        let late = if missed > 0 { events } else { 0 };
        self.late += late;
        self.outside += events - late;
        late == 0
    }
}

/// The state of one window of one key.
pub(crate) struct Slot<F: Folding, R: Triggering, M: Mode<F>> {
    held: M::Held,
    pub(super) state: R::State,
    /// Events since the last firing.
    pub(super) pending: u32,
    /// Panes until now.
    pub(super) index: u32,
}

/// Whether windows can fire more than once, so that it must be said how their panes relate: with
/// [`Once`](super::Once) as mode some of them would be left out.
pub(crate) fn needs_mode(trigger: &impl Triggering, lateness: i64) -> bool {
    !trigger.fires_once() || trigger.on_time() == OnTime::Never || lateness > 0
}

/// What a pane says about its window.
#[derive(Clone, Copy, Debug)]
pub struct Head {
    /// What it covers.
    pub window: Span,
    /// When it fires, seen from its end.
    pub timing: Timing,
    /// What fired it.
    pub trigger: &'static str,
}

impl Head {
    /// The last pane of a window that everything is in.
    pub(crate) const CLOSE: Head =
        Head { window: Span::ALL, timing: Timing::OnTime, trigger: "close" };
}

/// The panes of one firing, in order.
pub(super) type Panes<K, V> = [Option<Pane<K, V>>; 2];

/// Gives the first of two panes and keeps the second.
pub(super) fn first_of<K, V>(
    [one, other]: Panes<K, V>,
    ready: &mut VecDeque<Pane<K, V>>,
) -> Option<Pane<K, V>> {
    match (one, other) {
        (Some(one), other) => {
            ready.extend(other);
            Some(one)
        }
        (None, other) => other,
    }
}

impl<F, R, M> Rules<F, R, M> {
    pub(crate) fn new(fold: F, trigger: R, lateness: i64) -> Self {
        Rules { fold, trigger, lateness: lateness.max(0), mode: PhantomData }
    }
}

impl<F: Folding, R: Triggering, M: Mode<F>> Rules<F, R, M> {
    /// When a window is forgotten.
    #[inline]
    pub(super) fn expiry(&self, window: Span) -> Timestamp {
        window.end().plus(self.lateness)
    }

    /// Whether windows close with their pane at the watermark.
    pub(super) fn closes_at_once(&self) -> bool {
        self.lateness == 0 && self.trigger.on_time() != OnTime::Never
    }

    /// The slot of a first event, and the name of what then fires.
    #[inline]
    pub(super) fn start<E, T: Borrow<E>>(
        &self,
        event: T,
        view: impl FnOnce(u32) -> PaneView,
    ) -> (Slot<F, R, M>, Option<&'static str>)
    where
        F: Fold<T>,
        R: TriggeringOn<E>,
    {
        let mut state = R::State::default();
        let fires = self.trigger.event(&mut state, event.borrow(), &view(1));
        let held = M::Held::keep(self.fold.first(event));
        (Slot { held, state, pending: 1, index: 0 }, fires)
    }

    /// Folds an event; the name of what then fires.
    #[inline]
    pub(super) fn add<E, T: Borrow<E>>(
        &self,
        slot: &mut Slot<F, R, M>,
        event: T,
        view: impl FnOnce(u32) -> PaneView,
    ) -> Option<&'static str>
    where
        F: Fold<T>,
        R: TriggeringOn<E>,
    {
        let pending = slot.pending.saturating_add(1);
        let fires = self.trigger.event(&mut slot.state, event.borrow(), &view(pending));
        match slot.held.acc() {
            Some(acc) => self.fold.add(acc, event),
            None => slot.held.refill(self.fold.first(event)),
        }
        slot.pending = pending;
        fires
    }

    /// The slot of events that were folded elsewhere.
    pub(super) fn start_part(&self, acc: F::Acc, events: u32) -> Slot<F, R, M> {
        Slot { held: M::Held::keep(acc), state: R::State::default(), pending: events, index: 0 }
    }

    /// Adds events that were folded elsewhere.
    pub(super) fn add_part(&self, slot: &mut Slot<F, R, M>, acc: F::Acc, events: u32)
    where
        F: Merge,
    {
        match slot.held.acc() {
            Some(into) => self.fold.merge(into, acc),
            None => slot.held.refill(acc),
        }
        slot.pending = slot.pending.saturating_add(events);
    }

    /// Adds what another window has: what is pending adds up, what would fire sooner stays.
    pub(super) fn merge(&self, into: &mut Slot<F, R, M>, from: Slot<F, R, M>)
    where
        F: Merge,
    {
        into.held.merge(&self.fold, from.held);
        self.trigger.merge(&mut into.state, from.state);
        into.pending = into.pending.saturating_add(from.pending);
        into.index = into.index.max(from.index);
    }

    /// Fires, and goes on.
    pub(super) fn fire<K: Clone>(
        &self,
        head: &Head,
        key: &K,
        slot: &mut Slot<F, R, M>,
    ) -> Panes<K, F::Out> {
        slot.pending = 0;
        self.trigger.reset(&mut slot.state);
        match M::fire(&self.fold, &mut slot.held, head, slot.index) {
            Fired { retract: None, insert: None } => [None, None],
            fired => {
                let index = slot.index;
                slot.index += 1;
                panes(head, key.clone(), index, false, fired)
            }
        }
    }

    /// Fires for the last time.
    pub(super) fn last<K: Clone>(
        &self,
        head: &Head,
        key: K,
        slot: Slot<F, R, M>,
    ) -> Panes<K, F::Out> {
        let fired = M::last(&self.fold, slot.held, head, slot.index);
        panes(head, key, slot.index, true, fired)
    }

    /// Fires for the last time; gives the first pane and keeps what follows it.
    #[inline]
    pub(super) fn last_of<K: Clone>(
        &self,
        head: &Head,
        key: K,
        slot: Slot<F, R, M>,
        ready: &mut VecDeque<Pane<K, F::Out>>,
    ) -> Option<Pane<K, F::Out>> {
        match M::last(&self.fold, slot.held, head, slot.index) {
            Fired { retract: None, insert } => {
                insert.map(|value| pane(head, key, value, slot.index, true, false))
            }
            fired => first_of(panes(head, key, slot.index, true, fired), ready),
        }
    }

    /// The accumulator of a window that has not fired and does not before it closes.
    pub(super) fn unfired(slot: Slot<F, R, M>) -> Option<F::Acc> {
        slot.held.into_acc()
    }

    /// Takes back what a window gave last, because it has become another one.
    pub(super) fn withdraw(&self, slot: &mut Slot<F, R, M>) -> Option<F::Out> {
        M::withdraw(&mut slot.held)
    }
}

#[inline(always)]
fn pane<K, V>(
    head: &Head,
    key: K,
    value: V,
    index: u32,
    last: bool,
    retraction: bool,
) -> Pane<K, V> {
    Pane {
        key,
        window: head.window,
        value,
        timing: head.timing,
        index,
        last,
        retraction,
        replaces: Vec::new(),
        trigger: head.trigger,
    }
}

fn panes<K: Clone, V>(head: &Head, key: K, index: u32, last: bool, fired: Fired<V>) -> Panes<K, V> {
    match fired {
        Fired { retract: None, insert } => {
            [insert.map(|value| pane(head, key, value, index, last, false)), None]
        }
        Fired { retract: Some(old), insert } => {
            let retract = pane(head, key.clone(), old, index.saturating_sub(1), false, true);
            [Some(retract), insert.map(|value| pane(head, key, value, index, last, false))]
        }
    }
}
