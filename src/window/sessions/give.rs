//! How sessions are told of time, and give their panes.

use super::{Open, Sessions, give, is_due, is_scheduled, live};
use crate::time::Timestamp;
use crate::window::fold::{Folding, Mode};
use crate::window::machine::Machine;
use crate::window::rules::{Counters, Head};
use crate::window::trigger::{OnTime, Triggering};
use crate::window::{Pane, Timing};
use std::mem;

impl<K, F, R, M> Machine<K, F::Out> for Sessions<K, F, R, M>
where
    K: Clone + Send,
    F: Folding,
    R: Triggering,
    M: Mode<F>,
{
    fn next(&mut self) -> Option<Pane<K, F::Out>> {
        while self.ready.is_empty() {
            if !self.advance() {
                return None;
            }
        }
        self.ready.pop_front()
    }

    #[inline]
    fn pending(&self) -> bool {
        let nothing = self.ready.is_empty() && self.signalled.is_none();
        !nothing || self.ticked || self.passed != self.target
    }

    fn watermark(&mut self, to: Timestamp) {
        debug_assert!(!self.pending(), "told before everything was given");
        if !self.by_clock {
            self.target = self.target.max(to);
        }
    }

    fn clock(&mut self, now: Timestamp) {
        debug_assert!(!self.pending(), "told before everything was given");
        self.now = self.now.max(now);
        self.ticked = R::CLOCKED && self.next_clock().is_some_and(|due| due <= now);
        if self.by_clock {
            self.target = self.target.max(now);
        }
    }

    fn signal(&mut self, name: &'static str) {
        debug_assert!(!self.pending(), "told before everything was given");
        let open = self.sessions.iter().enumerate();
        let open = open.filter_map(|(place, open)| Some((place as u32, open.as_ref()?)));
        let hears = |open: &Open<K, F, R, M>| self.rules.trigger.hears(name, open.late);
        let new = open.filter(|(_, open)| open.slot.pending > 0 && hears(open));
        let mut places: Vec<_> =
            new.map(|(place, open)| (open.span.end(), open.span.start(), place)).collect();
        places.sort_unstable();
        let places: Vec<u32> = places.into_iter().map(|(_, _, place)| place).collect();
        self.signalled = Some((name, places.into_iter()));
    }

    fn end(&mut self) {
        self.target = Timestamp::MAX;
    }

    fn passed(&self) -> Timestamp {
        self.passed
    }

    fn next_timer(&mut self) -> Option<Timestamp> {
        let clock = self.next_clock();
        let Sessions { timers, sessions, by_clock, .. } = self;
        let end = if *by_clock { timers.next(|due| is_scheduled(sessions, due)) } else { None };
        clock.into_iter().chain(end).min()
    }

    fn counters(&self) -> Counters {
        self.counters
    }

    fn held(&self) -> usize {
        self.sessions.len() - self.free.len()
    }
}

impl<K, F: Folding, R: Triggering, M: Mode<F>> Sessions<K, F, R, M> {
    /// Gives the next panes that are due; false if there are none.
    fn advance(&mut self) -> bool
    where
        K: Clone,
    {
        if self.fire_signal() || self.ticked && self.fire_clock() {
            return true;
        }
        self.ticked = false;
        while let Some((at, start, _, place)) = self.next_due() {
            if live(&mut self.sessions, place).wanted(&self.rules) > (at, start) {
                self.reschedule(place);
                continue;
            }
            self.due(place);
            if !self.ready.is_empty() {
                return true;
            }
        }
        self.passed = self.target;
        false
    }

    /// The watermark passes the end of a session, or its expiry.
    fn due(&mut self, place: u32)
    where
        K: Clone,
    {
        let (passed, target) = (self.passed, self.target);
        let Sessions { sessions, rules, ready, .. } = self;
        let open = live(sessions, place);
        let (on_time, expires) = (rules.trigger.on_time(), rules.expiry(open.span) <= target);
        let closing_always = rules.trigger.always_closes();
        let head = if open.late {
            let timing = if passed < open.span.end() { Timing::OnTime } else { Timing::Late };
            Head { window: open.span, timing, trigger: "close" }
        } else {
            Head { window: open.span, timing: Timing::OnTime, trigger: "watermark" }
        };
        let was_late = mem::replace(&mut open.late, true);
        if was_late || (on_time != OnTime::Never && expires) {
            let all = closing_always || (!was_late && on_time == OnTime::Always);
            let Open { key, slot, replaces, .. } = self.remove(place);
            if all || slot.pending > 0 {
                let panes = self.rules.last(&head, key, slot);
                give(&mut self.ready, &head, replaces, panes);
            }
            return;
        }
        let fires = on_time == OnTime::Always || on_time == OnTime::IfNew && open.slot.pending > 0;
        if fires {
            open.fire(&head, rules, ready);
        }
        self.reschedule(place);
    }

    /// Fires the first timer that the clock has passed; false if there is none.
    fn fire_clock(&mut self) -> bool
    where
        K: Clone,
    {
        let Sessions { sessions, rules, ready, clock, now, .. } = self;
        while let Some((_, _, _, place)) = clock.pop(*now, |due| is_due(sessions, rules, due)) {
            let open = live(sessions, place);
            let Some((_, trigger)) = rules.trigger.due(&open.slot.state) else {
                continue;
            };
            if open.slot.pending == 0 {
                rules.trigger.reset(&mut open.slot.state);
                continue;
            }
            let timing = if open.late { Timing::Late } else { Timing::Early };
            open.fire(&Head { window: open.span, timing, trigger }, rules, ready);
            if !ready.is_empty() {
                return true;
            }
        }
        false
    }

    /// Fires the next session that hears a signal; false if there is none.
    fn fire_signal(&mut self) -> bool
    where
        K: Clone,
    {
        let Sessions { sessions, rules, ready, signalled, .. } = self;
        let Some((trigger, places)) = signalled else {
            return false;
        };
        let Some(place) = places.next() else {
            *signalled = None;
            return false;
        };
        let open = live(sessions, place);
        let timing = if open.late { Timing::Late } else { Timing::Early };
        open.fire(&Head { window: open.span, timing, trigger }, rules, ready);
        true
    }
}
