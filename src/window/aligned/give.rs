//! How windows that never change are told of time, and give their panes.

use super::{Aligned, Step};
use crate::time::Timestamp;
use crate::window::fold::{Folding, Mode};
use crate::window::kind::WindowKind;
use crate::window::machine::Machine;
use crate::window::rules::{Counters, Head, first_of};
use crate::window::trigger::{OnTime, Triggering};
use crate::window::{Pane, Timing};

impl<W, K, F, R, M> Machine<K, F::Out> for Aligned<W, K, F, R, M>
where
    W: WindowKind,
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
            match &mut self.step {
                Step::Nothing => {
                    if !self.advance() {
                        return None;
                    }
                }
                Step::Closing { head, all, entries, bins } => {
                    let rules = &self.rules;
                    let binned = || {
                        let (key, acc) = bins.as_mut()?.pop(&rules.fold)?;
                        Some((key, rules.start_part(acc, 1)))
                    };
                    match entries.next().or_else(binned) {
                        None => {
                            self.spare = bins.take();
                            self.step = Step::Nothing;
                        }
                        Some((key, slot)) => {
                            if (*all || slot.pending > 0)
                                && let Some(pane) = rules.last_of(head, key, slot, &mut self.ready)
                            {
                                return Some(pane);
                            }
                        }
                    }
                }
                Step::Signalled { name, windows, window, position } => {
                    let Some(at) = *window else {
                        self.step = Step::Nothing;
                        continue;
                    };
                    let open = &mut self.windows[at as usize];
                    let Some((key, slot)) = open.table.get_mut(*position) else {
                        (*window, *position) = (windows.next(), 0);
                        continue;
                    };
                    *position += 1;
                    if slot.pending > 0 {
                        let timing = if open.late { Timing::Late } else { Timing::Early };
                        let head = Head { window: open.span, timing, trigger: name };
                        let panes = self.rules.fire(&head, key, slot);
                        if let Some(pane) = first_of(panes, &mut self.ready) {
                            return Some(pane);
                        }
                    }
                }
                Step::Passing { window, position } => {
                    let open = &mut self.windows[*window as usize];
                    let Some((key, slot)) = open.table.get_mut(*position) else {
                        self.step = Step::Nothing;
                        continue;
                    };
                    *position += 1;
                    if slot.pending > 0 || self.rules.trigger.on_time() == OnTime::Always {
                        let head = Head {
                            window: open.span,
                            timing: Timing::OnTime,
                            trigger: "watermark",
                        };
                        let panes = self.rules.fire(&head, key, slot);
                        if let Some(pane) = first_of(panes, &mut self.ready) {
                            return Some(pane);
                        }
                    }
                }
            }
        }
    }

    #[inline]
    fn pending(&self) -> bool {
        let nothing = self.ready.is_empty() && matches!(self.step, Step::Nothing);
        !nothing || self.ticked || self.passed != self.target
    }

    fn watermark(&mut self, to: Timestamp) {
        debug_assert!(!self.pending(), "told before everything was given");
        if !W::BY_CLOCK {
            self.target = self.target.max(to);
        }
    }

    fn clock(&mut self, now: Timestamp) {
        debug_assert!(!self.pending(), "told before everything was given");
        self.now = self.now.max(now);
        self.ticked = R::CLOCKED && self.next_clock().is_some_and(|due| due <= now);
        if W::BY_CLOCK {
            self.target = self.target.max(now);
        }
    }

    fn signal(&mut self, name: &'static str) {
        debug_assert!(!self.pending(), "told before everything was given");
        let open = self.aging.values().chain(self.fresh.values()).copied();
        let hears =
            |window: &u32| self.rules.trigger.hears(name, self.windows[*window as usize].late);
        let mut windows = open.filter(hears).collect::<Vec<_>>().into_iter();
        let window = windows.next();
        self.step = Step::Signalled { name, windows, window, position: 0 };
    }

    fn end(&mut self) {
        self.target = Timestamp::MAX;
    }

    fn passed(&self) -> Timestamp {
        self.passed
    }

    fn next_timer(&mut self) -> Option<Timestamp> {
        let timer = self.next_clock();
        if !W::BY_CLOCK {
            return timer;
        }
        let end = self.fresh.first_key_value().map(|(&(end, _), _)| end);
        let expiry = self.aging.first_key_value().map(|(&(expiry, ..), _)| expiry);
        timer.into_iter().chain(end).chain(expiry).min()
    }

    fn counters(&self) -> Counters {
        self.counters
    }

    fn held(&self) -> usize {
        let open = self.fresh.values().chain(self.aging.values());
        let open = open.map(|window| &self.windows[*window as usize]);
        open.map(|open| open.table.len() + open.bins.as_ref().map_or(0, |bins| bins.len())).sum()
    }
}
