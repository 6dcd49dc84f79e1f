//! How sessions are told of time, and give their panes.

use super::{Open, Sessions};
use crate::time::Timestamp;
use crate::window::Pane;
use crate::window::fold::{Folding, Mode};
use crate::window::machine::Machine;
use crate::window::rules::Counters;
use crate::window::trigger::Triggering;

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
        self.ticked = R::CLOCKED && self.first_clock().is_some_and(|due| due.0 <= now);
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
        let timer = self.first_clock().map(|due| due.0);
        let end = self.first_timer().map(|due| due.0);
        timer.into_iter().chain(end.filter(|_| self.by_clock)).min()
    }

    fn counters(&self) -> Counters {
        self.counters
    }

    fn held(&self) -> usize {
        self.sessions.len() - self.free.len()
    }
}
