//! Sessions: by key, then by time; windows that overlap become one.
//!
//! **Invariant.** The sessions of a key are disjoint, linked from the latest to the earliest, and
//! `heads` has the latest. Every session has one live entry in `timers`, which is not later than what
//! it waits for (its end, or once that has passed its expiry); whoever takes out one that is too early
//! puts in the right one. So an event that makes a session longer touches no queue.

mod give;
mod take;

use super::fold::{Folding, Merge, Mode};
use super::kind::Session;
use super::rules::{Counters, Head, Panes, Rules, Slot};
use super::timers::{Timer, Timers};
use super::trigger::Triggering;
use super::{Pane, Span};
use crate::time::Timestamp;
use hashbrown::HashTable;
use std::collections::VecDeque;
use std::{fmt, mem, vec};

/// No session.
const NONE: u32 = u32::MAX;
/// Into how many buckets the timers of a gap go.
const BUCKETS: i64 = 64;

/// The sessions of all keys of one partition.
pub struct Sessions<K, F: Folding, R: Triggering, M: Mode<F>> {
    gap: i64,
    by_clock: bool,
    rules: Rules<F, R, M>,
    sessions: Vec<Option<Open<K, F, R, M>>>,
    free: Vec<u32>,
    heads: HashTable<u32>,
    timers: Timers<Due>,
    clock: Timers<Due>,
    opened: u64,
    merging: Vec<u32>,
    passed: Timestamp,
    target: Timestamp,
    now: Timestamp,
    /// Whether the clock may have passed a timer.
    ticked: bool,
    /// A signal, and the sessions that are to hear it.
    signalled: Option<(&'static str, vec::IntoIter<u32>)>,
    ready: VecDeque<Pane<K, F::Out>>,
    counters: Counters,
}

/// Time, start, serial number and place of a session.
type Due = (Timestamp, Timestamp, u64, u32);

impl Timer for Due {
    fn at(&self) -> Timestamp {
        self.0
    }
}

/// A session.
struct Open<K, F: Folding, R: Triggering, M: Mode<F>> {
    key: K,
    hash: u64,
    span: Span,
    slot: Slot<F, R, M>,
    /// Whether it has been given at the watermark, or its end has passed.
    late: bool,
    /// The sessions that gave panes and have become this one.
    replaces: Vec<Replaced<F::Out>>,
    serial: u64,
    /// Its live entry among the timers.
    scheduled: (Timestamp, Timestamp),
    later: u32,
    earlier: u32,
}

/// A session that gave panes and has become another one.
struct Replaced<V> {
    span: Span,
    panes: u32,
    value: Option<V>,
}

impl<K, F: Folding, R: Triggering, M: Mode<F>> fmt::Debug for Sessions<K, F, R, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let open = self.sessions.len() - self.free.len();
        f.debug_struct("Sessions").field("open", &open).field("passed", &self.passed).finish()
    }
}

impl<K, F: Folding, R: Triggering, M: Mode<F>> Sessions<K, F, R, M> {
    pub(crate) fn new(kind: Session, by_clock: bool, fold: F, trigger: R, lateness: i64) -> Self {
        Sessions {
            gap: kind.gap,
            by_clock,
            rules: Rules::new(fold, trigger, lateness),
            sessions: Vec::new(),
            free: Vec::new(),
            heads: HashTable::new(),
            timers: Timers::new(kind.gap / BUCKETS),
            clock: Timers::new(1),
            opened: 0,
            merging: Vec::new(),
            passed: Timestamp::MIN,
            target: Timestamp::MIN,
            now: Timestamp(0),
            ticked: false,
            signalled: None,
            ready: VecDeque::new(),
            counters: Counters::default(),
        }
    }

    fn open(&mut self, place: u32) -> &mut Open<K, F, R, M> {
        live(&mut self.sessions, place)
    }

    /// Links a session in between its neighbours, of which either may be missing.
    fn link(&mut self, place: u32, later: u32, earlier: u32) {
        if earlier != NONE {
            self.open(earlier).later = place;
        }
        if later != NONE {
            self.open(later).earlier = place;
            return;
        }
        let hash = self.open(place).hash;
        let Sessions { heads, sessions, .. } = self;
        match heads.find_mut(hash, |head| *head == earlier) {
            Some(head) => *head = place,
            None => {
                heads.insert_unique(hash, place, |head| {
                    sessions[*head as usize].as_ref().map_or(0, |open| open.hash)
                });
            }
        }
    }

    /// Takes a session out.
    fn remove(&mut self, place: u32) -> Open<K, F, R, M> {
        let open = self.sessions[place as usize].take().expect("a session that is open");
        self.free.push(place);
        if open.earlier != NONE {
            self.open(open.earlier).later = open.later;
        }
        if open.later != NONE {
            self.open(open.later).earlier = open.earlier;
        } else if open.earlier != NONE {
            if let Some(head) = self.heads.find_mut(open.hash, |head| *head == place) {
                *head = open.earlier;
            }
        } else if let Ok(head) = self.heads.find_entry(open.hash, |head| *head == place) {
            head.remove();
        }
        open
    }

    /// Puts in a timer if what a session waits for is sooner than what is in.
    fn schedule(&mut self, place: u32) {
        let open = live(&mut self.sessions, place);
        let wanted = open.wanted(&self.rules);
        if wanted < open.scheduled {
            self.reschedule(place);
        }
    }

    /// Puts in the timer of what a session waits for.
    fn reschedule(&mut self, place: u32) {
        let Sessions { sessions, rules, timers, .. } = self;
        let open = live(sessions, place);
        open.scheduled = open.wanted(rules);
        let due = (open.scheduled.0, open.scheduled.1, open.serial, place);
        timers.push(due, |due| is_scheduled(sessions, due));
    }

    /// Makes one of all sessions in `merging`, the latest first, that overlap with a new event.
    fn merge(&mut self, new: Span) -> u32
    where
        F: Merge,
    {
        let into = self.merging.pop().expect("at least one session");
        if self.merging.is_empty() {
            let open = live(&mut self.sessions, into);
            open.widen(new.cover(open.span), &self.rules, self.passed);
            return into;
        }
        let mut merging = mem::take(&mut self.merging);
        let cover = merging.iter().fold(new.cover(self.open(into).span), |cover, place| {
            cover.cover(self.open(*place).span)
        });
        let parts: Vec<_> = merging.drain(..).rev().map(|place| self.remove(place)).collect();
        self.merging = merging;
        let Sessions { sessions, rules, passed, .. } = self;
        let open = live(sessions, into);
        open.widen(cover, rules, *passed);
        for mut part in parts {
            part.supersede(rules);
            open.replaces.append(&mut part.replaces);
            rules.merge(&mut open.slot, part.slot);
        }
        into
    }

    /// When the clock is to fire something.
    fn next_clock(&mut self) -> Option<Timestamp> {
        let Sessions { clock, sessions, rules, .. } = self;
        clock.next(|due| is_due(sessions, rules, due))
    }

    /// Takes out the first timer that has been passed.
    fn next_due(&mut self) -> Option<Due> {
        let Sessions { timers, sessions, target, .. } = self;
        timers.pop(*target, |due| is_scheduled(sessions, due))
    }
}

/// Whether a session waits for this timer.
fn is_scheduled<K, F: Folding, R: Triggering, M: Mode<F>>(
    sessions: &[Option<Open<K, F, R, M>>],
    &(at, start, serial, place): &Due,
) -> bool {
    let open = sessions[place as usize].as_ref();
    open.is_some_and(|open| open.serial == serial && open.scheduled == (at, start))
}

/// Whether a session is to fire at this time of the clock.
fn is_due<K, F: Folding, R: Triggering, M: Mode<F>>(
    sessions: &[Option<Open<K, F, R, M>>],
    rules: &Rules<F, R, M>,
    &(at, _, serial, place): &Due,
) -> bool {
    let open = sessions[place as usize].as_ref().filter(|open| open.serial == serial);
    let due = open.and_then(|open| rules.trigger.due(&open.slot.state));
    due.is_some_and(|due| due.0 == at)
}

fn live<K, F: Folding, R: Triggering, M: Mode<F>>(
    sessions: &mut [Option<Open<K, F, R, M>>],
    place: u32,
) -> &mut Open<K, F, R, M> {
    sessions[place as usize].as_mut().expect("a session that is open")
}

impl<K, F: Folding, R: Triggering, M: Mode<F>> Open<K, F, R, M> {
    /// What it waits for.
    fn wanted(&self, rules: &Rules<F, R, M>) -> (Timestamp, Timestamp) {
        let at = if self.late { rules.expiry(self.span) } else { self.span.end() };
        (at, self.span.start())
    }

    /// It becomes longer, or stays what it is.
    fn widen(&mut self, cover: Span, rules: &Rules<F, R, M>, passed: Timestamp) {
        if self.span != cover {
            self.supersede(rules);
            self.span = cover;
            // If more is expected now, it will have a pane at the watermark again.
            self.late = passed >= cover.end();
        }
    }

    /// It is about to become another one: notes what it gave.
    fn supersede(&mut self, rules: &Rules<F, R, M>) {
        if self.slot.index > 0 {
            let value = rules.withdraw(&mut self.slot);
            self.replaces.push(Replaced { span: self.span, panes: self.slot.index, value });
            self.slot.index = 0;
        }
    }

    fn fire(&mut self, head: &Head, rules: &Rules<F, R, M>, ready: &mut VecDeque<Pane<K, F::Out>>)
    where
        K: Clone,
    {
        let panes = rules.fire(head, &self.key, &mut self.slot);
        if panes.iter().any(Option::is_some) {
            give(ready, head, mem::take(&mut self.replaces), panes);
        }
    }
}

/// Gives the panes of a firing; before the value goes what it replaces, where that is taken back.
fn give<K: Clone, V>(
    ready: &mut VecDeque<Pane<K, V>>,
    head: &Head,
    replaces: Vec<Replaced<V>>,
    panes: Panes<K, V>,
) {
    for mut pane in panes.into_iter().flatten() {
        if !pane.retraction {
            pane.replaces = replaces.iter().map(|replaced| replaced.span).collect();
            ready.extend(replaces.into_iter().filter_map(|Replaced { span, panes, value }| {
                Some(Pane {
                    key: pane.key.clone(),
                    window: span,
                    value: value?,
                    timing: head.timing,
                    index: panes - 1,
                    last: false,
                    retraction: true,
                    replaces: Vec::new(),
                    trigger: head.trigger,
                })
            }));
            ready.push_back(pane);
            return;
        }
        ready.push_back(pane);
    }
}
