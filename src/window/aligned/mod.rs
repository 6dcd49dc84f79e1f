//! Windows that never change: by window first, then by key.
//!
//! **Invariant.** Every open window is in `fresh` until the watermark passes its end and its pane at
//! the watermark has been given (or begun), and in `aging` from then until it expires; it is in neither
//! once its last panes are being given. Every open window has a key. `run` is a span of timestamps
//! whose windows are `current`, all of them open.
//!
//! So an event that follows one of the same windows costs a comparison and one probe; a watermark that
//! closes nothing costs two looks at the first entry of a tree; and a jump over a year without events
//! costs nothing.

mod bins;
mod give;
mod take;

pub(crate) use bins::{BINS, Binned, bin_of};

use bins::Bins;

use super::fold::{Folding, Mode};
use super::kind::{Assign, WindowKind};
use super::rules::{Counters, Head, Rules, Slot};
use super::timers::{Timer, Timers};
use super::trigger::{OnTime, Triggering};
use super::{Pane, Span, Timing};
use crate::state::{Entries, Table};
use crate::time::Timestamp;
use std::collections::{BTreeMap, VecDeque};
use std::{fmt, mem, vec};

/// The windows of all keys of one partition.
pub struct Aligned<W, K, F: Folding, R: Triggering, M: Mode<F>> {
    kind: W,
    rules: Rules<F, R, M>,
    windows: Vec<Open<K, F, R, M>>,
    free: Vec<u32>,
    /// The bins of the window that closed last, for one that needs some: the same memory again.
    /// None once a window has closed that needed none.
    spare: Option<BinsOf<K, F>>,
    /// By end and start.
    fresh: BTreeMap<(Timestamp, Timestamp), u32>,
    /// By expiry, start and end.
    aging: BTreeMap<(Timestamp, Timestamp, Timestamp), u32>,
    timers: Box<Timers<Due>>,
    run: Span,
    current: Vec<u32>,
    /// Into how many windows the events of the run come too late.
    missed: u64,
    spans: Vec<Span>,
    /// Up to where everything has been given, and to where it is to be.
    passed: Timestamp,
    target: Timestamp,
    now: Timestamp,
    /// Whether the clock may have passed a timer.
    ticked: bool,
    step: Step<K, Slot<F, R, M>, BinsOf<K, F>>,
    ready: VecDeque<Pane<K, F::Out>>,
    counters: Counters,
}

/// An open window.
struct Open<K, F: Folding, R: Triggering, M: Mode<F>> {
    span: Span,
    /// Whether its pane at the watermark has been given, or its time has passed.
    late: bool,
    /// Which of the windows that have been in this place.
    serial: u64,
    table: Table<K, Slot<F, R, M>>,
    /// What was folded elsewhere, where there are many keys. Nothing fires before such a window closes.
    bins: Option<BinsOf<K, F>>,
}

type BinsOf<K, F> = Box<Bins<K, <F as Folding>::Acc, F>>;

/// A timer of the clock. It is stale if its slot is due at another time or the window is gone.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Due {
    at: Timestamp,
    start: Timestamp,
    window: u32,
    position: u32,
    serial: u64,
}

/// What is being given.
enum Step<K, S, B> {
    Nothing,
    /// The panes at the watermark of a window that stays.
    Passing {
        window: u32,
        position: usize,
    },
    /// What hears a signal, of the windows that are left.
    Signalled {
        name: &'static str,
        windows: vec::IntoIter<u32>,
        window: Option<u32>,
        position: usize,
    },
    /// The last panes of a window that is gone; `all` of its keys, or those where something is left.
    Closing {
        head: Head,
        all: bool,
        entries: Entries<K, S>,
        /// Further keys.
        bins: Option<B>,
    },
}

impl<W: fmt::Debug, K, F: Folding, R: Triggering, M: Mode<F>> fmt::Debug
    for Aligned<W, K, F, R, M>
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Aligned").field("kind", &self.kind).field("passed", &self.passed).finish()
    }
}

impl<W: WindowKind, K, F: Folding, R: Triggering, M: Mode<F>> Aligned<W, K, F, R, M> {
    pub(crate) fn new(kind: W, fold: F, trigger: R, lateness: i64) -> Self {
        Aligned {
            kind,
            rules: Rules::new(fold, trigger, lateness),
            windows: Vec::new(),
            free: Vec::new(),
            spare: None,
            fresh: BTreeMap::new(),
            aging: BTreeMap::new(),
            timers: Box::new(Timers::new(1)),
            run: Span::NONE,
            current: Vec::new(),
            missed: 0,
            spans: Vec::new(),
            passed: Timestamp::MIN,
            target: Timestamp::MIN,
            now: Timestamp(0),
            ticked: false,
            step: Step::Nothing,
            ready: VecDeque::new(),
            counters: Counters::default(),
        }
    }

    /// Finds the windows of an event, and opens those that are new.
    #[cold]
    fn locate<E>(&mut self, event: &E, at: Timestamp)
    where
        W: Assign<E>,
    {
        self.spans.clear();
        self.current.clear();
        self.missed = 0;
        self.run = self.kind.windows(event, at, &mut self.spans);
        for nth in 0..self.spans.len() {
            let span = self.spans[nth];
            match self.find(span) {
                Some(window) => self.current.push(window),
                None => self.missed += 1,
            }
        }
    }

    /// The open window with these bounds; none if it has expired.
    fn find(&mut self, span: Span) -> Option<u32> {
        let (start, end, expiry) = (span.start(), span.end(), self.rules.expiry(span));
        if self.passed >= expiry {
            return None;
        }
        let late = self.passed >= end;
        let known = if late {
            self.aging.get(&(expiry, start, end))
        } else {
            self.fresh.get(&(end, start))
        };
        if known.is_some() {
            return known.copied();
        }
        let window = match self.free.pop() {
            Some(window) => {
                let open = &mut self.windows[window as usize];
                (open.span, open.late) = (span, late);
                window
            }
            None => {
                let table = Table::new();
                self.windows.push(Open { span, late, serial: 0, table, bins: None });
                self.windows.len() as u32 - 1
            }
        };
        if late {
            self.aging.insert((expiry, start, end), window);
        } else {
            self.fresh.insert((end, start), window);
        }
        Some(window)
    }

    /// Takes a window's keys, of which all are to be given or those where something is left, and gives
    /// its place back.
    fn close(&mut self, window: u32, head: Head, all: bool) {
        self.run = Span::NONE;
        self.free.push(window);
        let open = &mut self.windows[window as usize];
        open.serial += 1;
        let mut table = mem::take(&mut open.table);
        let mut bins = open.bins.take();
        if let Some(bins) = &mut bins {
            bins.take(mem::take(&mut table), Rules::<F, R, M>::unfired);
        }
        self.step = Step::Closing { head, all, entries: table.into_iter(), bins };
    }

    /// Begins what is due next; false if nothing is.
    fn advance(&mut self) -> bool
    where
        K: Clone,
    {
        if self.ticked && self.fire_timer() {
            return true;
        }
        self.ticked = false;
        let passing = self.fresh.first_key_value().map(|(&(end, start), _)| (end, start));
        let expiring = self.aging.first_key_value().map(|(&(expiry, start, _), _)| (expiry, start));
        let target = self.target;
        let due = |timer: Option<(Timestamp, Timestamp)>| timer.filter(|(at, _)| *at <= target);
        match (due(passing), due(expiring)) {
            (None, None) => {
                self.passed = target;
                false
            }
            (Some(passing), Some(expiring)) if expiring < passing => self.expire(),
            (Some(_), _) => self.pass(),
            (None, Some(_)) => self.expire(),
        }
    }

    /// The watermark passes the end of the first fresh window.
    fn pass(&mut self) -> bool {
        let Some((_, window)) = self.fresh.pop_first() else {
            return false;
        };
        let open = &mut self.windows[window as usize];
        let (span, on_time) = (open.span, self.rules.trigger.on_time());
        let expiry = self.rules.expiry(span);
        if on_time != OnTime::Never && expiry <= self.target {
            let all = on_time == OnTime::Always || self.rules.trigger.always_closes();
            let head = Head { window: span, timing: Timing::OnTime, trigger: "watermark" };
            self.close(window, head, all);
            return true;
        }
        open.late = true;
        self.aging.insert((expiry, span.start(), span.end()), window);
        if on_time != OnTime::Never {
            self.step = Step::Passing { window, position: 0 };
        }
        true
    }

    /// The first aging window expires.
    fn expire(&mut self) -> bool {
        let Some((_, window)) = self.aging.pop_first() else {
            return false;
        };
        let span = self.windows[window as usize].span;
        // The window's end may be passed by the same watermark.
        let timing = if self.passed < span.end() { Timing::OnTime } else { Timing::Late };
        let head = Head { window: span, timing, trigger: "close" };
        self.close(window, head, self.rules.trigger.always_closes());
        true
    }

    /// Fires the first timer that the clock has passed; false if there is none.
    fn fire_timer(&mut self) -> bool
    where
        K: Clone,
    {
        let Aligned { timers, windows, rules, ready, now, .. } = self;
        while let Some(due) = timers.pop(*now, |due| due.holds(windows, rules)) {
            let open = &mut windows[due.window as usize];
            let Some((key, slot)) = open.table.get_mut(due.position as usize) else {
                continue;
            };
            let Some((_, trigger)) = rules.trigger.due(&slot.state) else {
                continue;
            };
            if slot.pending == 0 {
                rules.trigger.reset(&mut slot.state);
                continue;
            }
            let timing = if open.late { Timing::Late } else { Timing::Early };
            let head = Head { window: open.span, timing, trigger };
            ready.extend(rules.fire(&head, key, slot).into_iter().flatten());
            return true;
        }
        false
    }

    /// When the clock is to fire something.
    fn next_clock(&mut self) -> Option<Timestamp> {
        let Aligned { timers, windows, rules, .. } = self;
        timers.next(|due| due.holds(windows, rules))
    }
}

impl Timer for Due {
    fn at(&self) -> Timestamp {
        self.at
    }
}

impl Due {
    /// Whether it is not stale.
    fn holds<K, F: Folding, R: Triggering, M: Mode<F>>(
        &self,
        windows: &[Open<K, F, R, M>],
        rules: &Rules<F, R, M>,
    ) -> bool {
        let open = &windows[self.window as usize];
        let slot = open.table.get(self.position as usize);
        let due = slot.and_then(|slot| rules.trigger.due(&slot.state));
        open.serial == self.serial && due.is_some_and(|(at, _)| at == self.at)
    }
}
