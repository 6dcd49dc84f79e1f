//! The operator that drives the state machines of windows, and gives their panes while there is room.

use super::Stamped;
use super::clocks::Clocks;
use super::exchange::{Moment, ToKey};
use super::late::{Given, LateEvent};
use super::open::Open;
use crate::error::Site;
use crate::kernel::culprit::guarded;
use crate::kernel::{Finish, Mark, Operator, Push, Spec};
use crate::ops::keyed::KeyOf;
use crate::runtime::Place;
use crate::runtime::signals::{Listeners, Post};
use crate::runtime::tally::Tally;
use crate::runtime::task::TaskRef;
use crate::time::{Change, Timestamp};
use crate::window::{Machine, Pane};
use std::collections::VecDeque;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

/// What windows give.
pub(super) type GivenOf<X, T, V> =
    Given<Stamped<Pane<<X as KeyOf<T>>::Out, V>>, <X as KeyOf<T>>::Out, T>;

/// Windows as the plan holds them.
pub(super) struct Windows<X, O, D, T> {
    pub(super) open: Arc<O>,
    /// Whether late events go anywhere.
    pub(super) diverts: bool,
    pub(super) sides: usize,
    pub(super) site: Site,
    /// The instances that listen for signals, where a trigger does.
    pub(super) listeners: Option<Arc<Listeners>>,
    pub(super) types: PhantomData<fn(X, T) -> D>,
}

impl<X, T, O, D> Spec for Windows<X, O, D, T>
where
    T: Send,
    X: KeyOf<T>,
    O: Open<X, T, D>,
{
    type Operator = WindowsInstance<X, O, D, T>;

    fn start(&self, place: &Place) -> Self::Operator {
        WindowsInstance {
            machine: self.open.open(place),
            diverts: self.diverts,
            tally: Tally::new(place),
            missed: 0,
            clocks: Clocks::new(self.sides),
            by_number: self.open.by_number(),
            latest: Timestamp::MIN,
            ready: None,
            passing: None,
            idles: false,
            waiting: VecDeque::new(),
            post: self.listeners.as_ref().map(|listeners| listeners.join(&place.task)),
            ended: false,
            now: 0,
            due: None,
            unread: 0,
            task: place.task.clone(),
            site: self.site,
            types: PhantomData,
        }
    }
}

/// The windows of one partition, with the pane that there was no room for and what came since.
pub(super) struct WindowsInstance<X: KeyOf<T>, O: Open<X, T, D>, D, T> {
    machine: O::Machine,
    diverts: bool,
    tally: Tally,
    /// How often an event was too late for a window, when it was said last.
    missed: u64,
    /// The watermarks of all inputs.
    clocks: Clocks,
    /// Whether windows are of a number of events; then the latest time of one.
    by_number: bool,
    latest: Timestamp,
    ready: Option<Pane<X::Stored, O::Out>>,
    /// A watermark whose panes are being given: it goes on behind them.
    passing: Option<Timestamp>,
    /// All inputs are idle: this is told behind the watermark.
    idles: bool,
    waiting: VecDeque<ToKey<X::Stored, T, O::Part>>,
    /// Where signals come.
    post: Option<Arc<Post>>,
    ended: bool,
    /// The time that the windows were told last, in ticks.
    now: u64,
    /// When the next timer of a window is due, on the run's clock.
    due: Option<u64>,
    /// How many events may still come before the clock is read again.
    unread: u32,
    task: TaskRef,
    site: Site,
    types: PhantomData<fn(T) -> D>,
}

/// Nanoseconds in a tick of processing time.
const TICK: u64 = 1_000_000;
/// How many events of a batch come at what counts as the same time.
const SAME_TIME: u32 = 32;

impl<X: KeyOf<T>, O: Open<X, T, D>, D, T> WindowsInstance<X, O, D, T> {
    /// Handles what came. Nothing may be held.
    #[inline(always)]
    fn handle<K>(&mut self, moment: ToKey<X::Stored, T, O::Part>, next: &mut K)
    where
        K: Push<GivenOf<X, T, O::Out>>,
    {
        if O::CLOCKED && self.asks_time() && self.read_clock() {
            self.give(next);
            if self.ready.is_some() {
                return self.waiting.push_front(moment);
            }
        }
        match moment {
            Moment::Event(at, (hash, key, event)) => {
                if self.by_number {
                    self.latest = self.latest.max(at);
                }
                let machine = &mut self.machine;
                let late = guarded(&self.site, || O::event(machine, hash, key, at, event));
                if let Some((key, event)) = late {
                    self.give_late(key, at, event, next);
                }
            }
            Moment::Part(part, partial) => {
                let machine = &mut self.machine;
                if !guarded(&self.site, || O::take_part(machine, part, partial)) {
                    self.tally.dropped += 1;
                }
            }
            Moment::Bin(part, bin) => {
                let machine = &mut self.machine;
                self.tally.dropped +=
                    guarded(&self.site, || O::take_bin(machine, part, bin)) as u64;
            }
            Moment::Watermark(from, to) => {
                let change = self.clocks.advance(from, to);
                self.advance(change);
            }
            Moment::Idle(from) => {
                let change = self.clocks.idle(from);
                self.advance(change);
            }
        }
        self.give(next);
    }

    /// Gives an event that came too late. There is room for it: there was for what it came with.
    #[cold]
    fn give_late<K>(&mut self, key: X::Stored, at: Timestamp, event: T, next: &mut K)
    where
        K: Push<GivenOf<X, T, O::Out>>,
    {
        if self.diverts {
            self.tally.diverted += 1;
            let (key, watermark) = (X::out(key), self.machine.passed());
            let late = LateEvent { key, at, event, watermark };
            next.push(Given::Late(late));
        } else {
            self.tally.dropped += 1;
        }
    }

    /// The time of a pane: the last one of its window, where that is a time of events; where it is not,
    /// one that is not late.
    fn time(&self, pane: &Pane<X::Stored, O::Out>) -> Timestamp {
        if self.by_number {
            self.latest.max(self.clocks.watermark())
        } else if O::BY_CLOCK {
            pane.timestamp().max(self.clocks.watermark())
        } else {
            pane.timestamp()
        }
    }

    /// Says what was counted.
    fn publish(&mut self) {
        let missed = self.machine.counters().late_for_window;
        self.tally.late_for_window += missed - std::mem::replace(&mut self.missed, missed);
        self.tally.publish();
    }

    /// Whether the clock is to be read: before a batch and some times within, since that takes as long as
    /// it does to fold an event.
    #[inline]
    fn asks_time(&mut self) -> bool {
        let asks = self.unread == 0;
        self.unread = if asks { SAME_TIME } else { self.unread } - 1;
        asks
    }

    /// Tells the windows what time it is. True: it is later than before.
    fn read_clock(&mut self) -> bool {
        let now = self.task.core().clock.now();
        let later = now / TICK > self.now;
        if later {
            self.now = now / TICK;
            let machine = &mut self.machine;
            guarded(&self.site, || machine.clock(Timestamp(self.now as i64)));
        }
        later
    }

    fn advance(&mut self, change: Change) {
        if let Some(to) = change.watermark {
            guarded(&self.site, || self.machine.watermark(to));
            self.passing = Some(to);
        } else if change.idle == Some(false) {
            // Nobody is waited for behind until a watermark says that somebody is there again.
            self.passing = Some(self.machine.passed());
        }
        self.idles |= change.idle == Some(true);
    }

    /// Whether a signal has come.
    #[inline]
    fn is_told(&self) -> bool {
        self.post.as_ref().is_some_and(|post| post.is_full())
    }

    /// Fires what signals have come for, while there is room.
    fn hear<K>(&mut self, next: &mut K)
    where
        K: Push<GivenOf<X, T, O::Out>>,
    {
        if O::CLOCKED && self.ready.is_none() {
            self.read_clock();
            self.give(next);
        }
        while self.ready.is_none()
            && let Some(name) = self.post.as_ref().and_then(|post| post.take())
        {
            guarded(&self.site, || self.machine.signal(name));
            self.give(next);
        }
    }

    /// Gives panes while there is room.
    #[inline(always)]
    fn give<K>(&mut self, next: &mut K)
    where
        K: Push<GivenOf<X, T, O::Out>>,
    {
        while self.ready.is_some() || self.machine.pending() {
            let machine = &mut self.machine;
            let ready = self.ready.take();
            let Some(pane) = ready.or_else(|| guarded(&self.site, || machine.next())) else {
                break;
            };
            if next.make_room() == 0 {
                if next.closed() {
                    self.waiting.clear();
                }
                // Also where nobody wants it: nothing may be told to windows that have more to give.
                self.ready = Some(pane);
                return;
            }
            let at = self.time(&pane);
            let Pane { key, window, value, timing, index, last, retraction, replaces, trigger } =
                pane;
            let key = X::out(key);
            let value =
                Pane { key, window, value, timing, index, last, retraction, replaces, trigger };
            next.push(Given::Pane(Stamped { at, value }));
        }
        // What is given at the end comes before the last watermark.
        if let Some(passed) = self.passing.take()
            && (passed < Timestamp::MAX || self.ended)
        {
            next.mark(Mark::Watermark(passed));
        }
        if self.idles {
            self.idles = false;
            next.mark(Mark::Idle);
        }
    }
}

impl<X, T, O, D> Operator for WindowsInstance<X, O, D, T>
where
    T: Send,
    X: KeyOf<T>,
    O: Open<X, T, D>,
{
    type In = ToKey<X::Stored, T, O::Part>;
    type Out = GivenOf<X, T, O::Out>;

    #[inline(always)]
    fn push<K: Push<Self::Out>>(&mut self, moment: Self::In, next: &mut K) {
        if self.ready.is_some() {
            return self.waiting.push_back(moment);
        }
        self.handle(moment, next);
    }

    fn holds(&self) -> bool {
        self.ready.is_some() || self.is_told()
    }

    fn room(&mut self, next: usize) -> usize {
        self.unread = 0;
        next
    }

    fn resume<K: Push<Self::Out>>(&mut self, next: &mut K) {
        self.give(next);
        while self.ready.is_none()
            && let Some(moment) = self.waiting.pop_front()
        {
            self.handle(moment, next);
        }
        if self.is_told() {
            self.hear(next);
        }
    }

    fn flush<K: Push<Self::Out>>(&mut self, next: &mut K) {
        self.publish();
        if self.ready.is_some() {
            return;
        }
        if O::CLOCKED {
            self.read_clock();
            self.give(next);
            if self.ready.is_none() {
                let timer = self.machine.next_timer();
                self.due = timer.map(|at| (at.0.max(0) as u64).saturating_mul(TICK));
            }
        }
    }

    fn due(&self) -> Option<u64> {
        self.due
    }

    fn end<K: Push<Self::Out>>(&mut self, finish: Finish, next: &mut K) -> bool {
        self.publish();
        if finish == Finish::Stopped || next.closed() {
            return true;
        }
        if !self.ended {
            self.ended = true;
            guarded(&self.site, || self.machine.end());
            self.passing = Some(Timestamp::MAX);
        }
        self.give(next);
        self.ready.is_none()
    }
}

impl<X: KeyOf<T>, O: Open<X, T, D>, D, T> fmt::Debug for WindowsInstance<X, O, D, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Windows")
    }
}
