//! How events with times, and watermarks, come to the partitions of keyed windows.

use super::HasTime;
use super::folders::{Fronting, Numbering};
use super::open::Open;
use super::parts::{Fronts, Left, Partial, Parts};
use crate::error::Site;
use crate::kernel::culprit::{Guard, guarded};
use crate::kernel::{Finish, Kernel, Make, Mark, Push};
use crate::ops::exchange::scale;
use crate::ops::keyed::{KeyOf, TakeKey};
use crate::runtime::Place;
use crate::runtime::edge::{EdgeOptions, Inbox, Outlet};
use crate::runtime::task::TaskRef;
use crate::state::{LocalHash, RoutingHash};
use crate::time::Timestamp;
use crate::window::{Binned, Span};
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What a partition gets: an event, several in one, or what one of its inputs says about time.
#[derive(Clone, Copy, Debug)]
pub(super) enum Moment<T, P, B> {
    /// An event with its time.
    Event(Timestamp, T),
    /// Events of one key in one part of time, folded.
    Part(Span, P),
    /// Several of those, of keys of one bin.
    Bin(Span, B),
    /// What an input does not fall behind any more.
    Watermark(From, Timestamp),
    /// An input has nothing for now.
    Idle(From),
}

/// One of the inputs of a partition: the instance of this number, of so many, of one side.
#[derive(Clone, Copy, Debug)]
pub(super) struct From {
    pub(super) side: u32,
    pub(super) instance: u32,
    pub(super) instances: u32,
}

/// An event on its way to its key, or a part of the key's accumulator.
pub(super) type ToKey<S, T, A> = Moment<(u64, S, T), Partial<S, A>, Vec<Binned<S, A>>>;

/// Bins travel with so many records, if an edge carries as many.
const BIN: usize = 512;
/// If it carries fewer than this, there are none.
const LEAST: usize = 32;

/// How many records of a bin an edge carries at a time, 0 where none: as many as credit is there for once
/// all that has been sent is handled.
fn bin_size(edge: EdgeOptions) -> usize {
    let most = BIN.min(edge.batch).min(edge.min_demand + 1);
    if most < LEAST { 0 } else { most }
}

/// How many events something is.
fn events<S, T, A>(moment: &ToKey<S, T, A>) -> usize {
    match moment {
        Moment::Bin(_, bin) => bin.len(),
        _ => 1,
    }
}

/// The inboxes of all partitions.
type Inboxes<S, T, A> = Arc<[Arc<Inbox<ToKey<S, T, A>>>]>;

/// Where the windows are that the sides of an exchange send to.
pub struct Doors<X: KeyOf<T>, T, O: Open<X, T, D>, D> {
    pub(super) inboxes: Inboxes<X::Stored, T, O::Part>,
    pub(super) open: Arc<O>,
    pub(super) site: Site,
    /// How many sides have not come to their end.
    pub(super) sides: Arc<AtomicUsize>,
    pub(super) drive: PhantomData<fn() -> D>,
}

impl<X: KeyOf<T>, T, O: Open<X, T, D>, D> fmt::Debug for Doors<X, T, O, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Doors({})", self.inboxes.len())
    }
}

impl<X: KeyOf<T>, T, O: Open<X, T, D>, D> Clone for Doors<X, T, O, D> {
    fn clone(&self) -> Self {
        Doors {
            inboxes: Arc::clone(&self.inboxes),
            open: Arc::clone(&self.open),
            site: self.site,
            sides: Arc::clone(&self.sides),
            drive: PhantomData,
        }
    }
}

/// Makes the sending ends of one side of an exchange by key.
pub(super) struct ByKeyMake<X: KeyOf<T>, T, O: Open<X, T, D>, D> {
    pub(super) to: Doors<X, T, O, D>,
    /// Which of the sides it is.
    pub(super) side: u32,
    pub(super) key: Arc<X>,
    pub(super) hash: RoutingHash,
    pub(super) key_site: Site,
}

impl<X: KeyOf<T>, T: Send, O: Open<X, T, D>, D> Make for ByKeyMake<X, T, O, D> {
    type Kernel = ByKey<X, T, O, D>;

    fn make(&self, place: &Place) -> ByKey<X, T, O, D> {
        let Doors { inboxes, open, site, sides, .. } = &self.to;
        let outlet = |inbox: &Arc<Inbox<_>>| Outlet::weighing(inbox.attach(&place.task), events);
        let outlets = inboxes.iter().map(outlet);
        let edge = inboxes.first().map(|inbox| inbox.options());
        let bin = edge.filter(|_| open.in_bins()).map_or(0, bin_size);
        ByKey {
            outlets: Outlets { all: outlets.collect(), blocked: false },
            batch: edge.map_or(1, |edge| edge.batch),
            key: Arc::clone(&self.key),
            hash: self.hash,
            key_site: self.key_site,
            parts: Parts::new(open.part(Timestamp(0)).is_some(), O::again, bin, inboxes.len()),
            said: None,
            task: place.task.clone(),
            linger: edge.map_or(0, |edge| edge.linger),
            since: None,
            granularity: open.granularity(),
            open: Arc::clone(open),
            site: *site,
            sides: Arc::clone(sides),
            input: From {
                side: self.side,
                instance: place.instance as u32,
                instances: place.instances as u32,
            },
            drive: PhantomData,
        }
    }
}

/// The ways to all partitions.
pub(super) struct Outlets<S, T, A> {
    all: Box<[Outlet<ToKey<S, T, A>>]>,
    /// Some outlet is full and has no credit.
    blocked: bool,
}

impl<S, T, A> Outlets<S, T, A> {
    #[inline(always)]
    fn send(&mut self, hash: u64, moment: ToKey<S, T, A>) {
        let to = scale(hash, self.all.len());
        self.blocked |= !self.all[to].push(moment);
    }

    /// Begins with a key in one of the numbered parts at hand.
    #[inline(never)]
    fn begin(
        &mut self,
        parts: &mut Parts<S, A>,
        (at, local): (Timestamp, u64),
        partial: Partial<S, A>,
    ) where
        S: Eq,
    {
        parts.begin(at, local, partial, self.partials());
    }

    /// Begins with a key in the front table at hand.
    #[inline(never)]
    pub(super) fn put(&mut self, fronts: &mut Fronts<S, A>, hash: u64, key: S, acc: A) {
        let to = scale(hash, self.all.len());
        fronts.put(hash, key, acc, to, |part, left| self.leave(part, left));
    }

    /// Sends what leaves a part.
    #[inline]
    fn leave(&mut self, part: Span, left: Left<S, A>) {
        match left {
            Left::One(partial) => self.send(partial.0, Moment::Part(part, partial)),
            Left::Bin(to, bin) => {
                let events = bin.len();
                self.blocked |= !self.all[to].push_heavy(Moment::Bin(part, bin), events);
            }
        }
    }

    fn partials(&mut self) -> impl FnMut(Span, Left<S, A>) {
        |part, left| self.leave(part, left)
    }

    fn send_all(&mut self, moment: impl Fn() -> ToKey<S, T, A>) {
        for outlet in &mut self.all {
            self.blocked |= !outlet.push(moment());
        }
    }
}

/// One instance's sending end.
pub(super) struct ByKey<X: KeyOf<T>, T, O: Open<X, T, D>, D> {
    outlets: Outlets<X::Stored, T, O::Part>,
    batch: usize,
    key: Arc<X>,
    hash: RoutingHash,
    key_site: Site,
    parts: Parts<X::Stored, O::Part>,
    /// The watermark that was sent last, since the input was idle.
    said: Option<Timestamp>,
    /// To which multiples watermarks are rounded down.
    granularity: i64,
    task: TaskRef,
    /// How long events of windows by the clock may be folded before they travel, in nanoseconds.
    linger: u64,
    /// Since when there have been some.
    since: Option<u64>,
    open: Arc<O>,
    site: Site,
    sides: Arc<AtomicUsize>,
    input: From,
    drive: PhantomData<fn() -> D>,
}

impl<X: KeyOf<T>, T, O: Open<X, T, D>, D> fmt::Debug for ByKey<X, T, O, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ByKey(to {})", self.outlets.all.len())
    }
}

impl<X: KeyOf<T>, T: Send, O: Open<X, T, D>, D> Kernel for ByKey<X, T, O, D> {
    #[inline]
    fn room(&mut self) -> usize {
        if O::BY_CLOCK {
            self.leave_in_time();
        }
        if self.outlets.blocked { 0 } else { self.batch }
    }

    fn resume(&mut self) {
        let mut blocked = false;
        for outlet in &mut self.outlets.all {
            blocked |= !outlet.flush_full();
        }
        self.outlets.blocked = blocked;
    }

    fn closed(&self) -> bool {
        self.outlets.all.iter().all(Outlet::closed)
    }

    fn mark(&mut self, mark: Mark) {
        let input = self.input;
        match mark {
            Mark::Watermark(to) => {
                let to = if self.granularity > 1 { to.floor(self.granularity) } else { to };
                if self.said.is_some_and(|said| to <= said) {
                    return;
                }
                self.said = Some(to);
                self.parts.pass(to, self.outlets.partials());
                self.outlets.send_all(|| Moment::Watermark(input, to));
            }
            Mark::Idle => {
                self.said = None;
                if O::BY_CLOCK {
                    self.parts.leave(Timestamp::MAX, &mut self.outlets.partials());
                } else {
                    self.parts.idle(self.outlets.partials());
                }
                self.outlets.send_all(|| Moment::Idle(input));
            }
            Mark::Claimed { .. } | Mark::Settled => {}
        }
    }

    fn quiet(&mut self, now: u64) -> Option<u64> {
        if O::BY_CLOCK {
            // The window that they are in is the one of the time at which they come.
            self.since = None;
            self.parts.leave(Timestamp::MAX, &mut self.outlets.partials());
        }
        self.outlets.all.iter_mut().filter_map(|outlet| outlet.quiet(now)).min()
    }

    fn end(&mut self, _finish: Finish) -> bool {
        self.parts.leave(Timestamp::MAX, &mut self.outlets.partials());
        let mut through = true;
        for outlet in &mut self.outlets.all {
            through &= outlet.flush();
        }
        through
    }

    fn close(self, last: bool) {
        if last && self.sides.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.outlets.all.iter().for_each(Outlet::end);
        }
    }
}

impl<X: KeyOf<T>, T, O: Open<X, T, D>, D> ByKey<X, T, O, D> {
    /// What goes by the clock leaves when it has been folded for long enough.
    fn leave_in_time(&mut self) {
        if self.parts.is_empty() {
            return;
        }
        let now = self.task.core().clock.now();
        if now >= self.since.get_or_insert(now).saturating_add(self.linger) {
            self.since = None;
            self.parts.leave(Timestamp::MAX, &mut self.outlets.partials());
        }
    }

    /// Finds the part of a time, which is not the one before; false where there is none.
    fn locate(&mut self, at: Timestamp) -> bool {
        let ByKey { parts, open, outlets, .. } = self;
        parts.locate(at, |at| open.part(at), outlets.partials())
    }

    /// Folds an event in the numbered parts at hand.
    #[inline(always)]
    fn fold(&mut self, at: Timestamp, event: &T) {
        let ByKey { outlets, key, hash, key_site, parts, open, site, .. } = self;
        let guard = Guard::of(key_site);
        let (numbered, routing) = (&mut parts.numbered, *hash);
        let folding = Numbering { numbered, at, routing, open: &**open, site, event };
        let begun = key.visit(event, LocalHash, folding);
        guard.done();
        if let Some((local, partial)) = begun {
            guarded(key_site, || outlets.begin(parts, (at, local), partial));
        }
    }

    /// Folds an event in the front table at hand.
    #[inline(always)]
    fn fold_in_front(&mut self, event: &T) {
        let ByKey { outlets, key, hash, key_site, parts, open, site, .. } = self;
        let guard = Guard::of(key_site);
        let fronts = &mut parts.fronts;
        key.visit(event, *hash, Fronting { fronts, outlets, open: &**open, site, event });
        guard.done();
    }
}

impl<X, T, E, O, D> Push<E> for ByKey<X, T, O, D>
where
    X: KeyOf<T>,
    T: Send,
    E: HasTime<Value = T>,
    O: Open<X, T, D>,
{
    #[inline(always)]
    fn push(&mut self, event: E) {
        let (at, value) = event.split();
        let in_front = self.parts.fronts.run.contains(at);
        if !in_front && !self.parts.numbered.holds(at) && !self.locate(at) {
            let guard = Guard::of(&self.key_site);
            let (hash, key) = self.key.visit(&value, self.hash, TakeKey);
            guard.done();
            return self.outlets.send(hash, Moment::Event(at, (hash, key, value)));
        }
        if self.parts.numbered.holds(at) {
            self.fold(at, &value);
        } else {
            self.fold_in_front(&value);
        }
    }

    #[inline(always)]
    fn push_usual(&mut self, event: E) -> Result<(), E> {
        if self.parts.numbered.holds(event.at()) {
            let (at, value) = event.split();
            self.fold(at, &value);
        } else if self.parts.fronts.run.contains(event.at()) {
            self.fold_in_front(&event.split().1);
        } else {
            return Err(event);
        }
        Ok(())
    }
}
