//! How sessions take events.

use super::{NONE, Open, Sessions, is_due, live};
use crate::time::Timestamp;
use crate::window::fold::{Fold, Merge, Mode};
use crate::window::machine::{Machine, Take};
use crate::window::rules::Head;
use crate::window::trigger::{PaneView, TriggeringOn};
use crate::window::{Span, Timing};
use std::borrow::Borrow;

impl<K, F, R, M, E, T> Take<K, F::Out, E, T> for Sessions<K, F, R, M>
where
    K: Clone + Eq + Send,
    T: Borrow<E>,
    F: Fold<T> + Merge,
    R: TriggeringOn<E>,
    M: Mode<F>,
{
    fn event(&mut self, hash: u64, key: K, at: Timestamp, event: T) -> Result<(), (K, T)> {
        debug_assert!(!self.pending(), "told before everything was given");
        let at = if self.by_clock { self.now } else { at };
        // So that every session has a timestamp.
        let at = at.min(Span::ALL.max_timestamp());
        let new = Span::new(at, Timestamp(at.0.saturating_add(self.gap)));
        let Sessions { heads, sessions, merging, .. } = self;
        let head = heads.find(hash, |head| {
            sessions[*head as usize].as_ref().is_some_and(|open| open.key == key)
        });
        // Later sessions first: all that overlap stand together.
        let (mut later, mut earlier) = (NONE, head.copied().unwrap_or(NONE));
        merging.clear();
        while earlier != NONE {
            let open = live(sessions, earlier);
            if open.span.end() <= new.start() {
                break;
            }
            if open.span.overlaps(new) {
                merging.push(earlier);
                if open.span.start() <= new.start() {
                    break;
                }
            } else {
                later = earlier;
            }
            earlier = open.earlier;
        }
        // First merge, then judge: what a live session reaches is not late.
        if merging.is_empty() {
            let expiry = self.rules.expiry(new);
            if self.passed >= expiry {
                self.counters.count(1, 0, 1);
                return Err((key, event));
            }
        }
        self.counters.count(1, 1, 0);
        let (now, found) = (self.now, !self.merging.is_empty());
        let (place, due, fires) = if found {
            let place = self.merge(new);
            let Sessions { sessions, rules, .. } = self;
            let open = live(sessions, place);
            let (window, late) = (open.span, open.late);
            let view = |pending| PaneView { window, pending, late, at, now };
            let due = if R::CLOCKED { rules.trigger.due(&open.slot.state) } else { None };
            (place, due, rules.add(&mut open.slot, event, view))
        } else {
            let late = self.passed >= new.end();
            let view = |pending| PaneView { window: new, pending, late, at, now };
            let (slot, fires) = self.rules.start(event, view);
            let open = Open {
                key,
                hash,
                span: new,
                slot,
                late,
                replaces: Vec::new(),
                serial: self.opened,
                scheduled: (Timestamp::MAX, Timestamp::MAX),
                later,
                earlier,
            };
            self.opened += 1;
            let place = match self.free.pop() {
                Some(place) => {
                    self.sessions[place as usize] = Some(open);
                    place
                }
                None => {
                    self.sessions.push(Some(open));
                    self.sessions.len() as u32 - 1
                }
            };
            self.link(place, later, earlier);
            (place, None, fires)
        };
        self.schedule(place);
        let Sessions { sessions, rules, ready, clock, .. } = self;
        let open = live(sessions, place);
        if let Some(trigger) = fires {
            let timing = if open.late { Timing::Late } else { Timing::Early };
            open.fire(&Head { window: open.span, timing, trigger }, rules, ready);
        } else if R::CLOCKED
            && let Some((at, name)) = rules.trigger.due(&open.slot.state)
            && (due != Some((at, name)) || found)
        {
            let due = (at, open.span.start(), open.serial, place);
            clock.push(due, |due| is_due(sessions, rules, due));
        }
        Ok(())
    }
}
