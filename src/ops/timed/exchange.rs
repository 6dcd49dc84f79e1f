//! How events with times, and watermarks, come to the partitions of keyed windows.

use super::HasTime;
use crate::error::Site;
use crate::kernel::culprit::guarded;
use crate::kernel::{Finish, Kernel, Make, Mark, Push};
use crate::ops::exchange::scale;
use crate::ops::keyed::{KeyOf, TakeKey};
use crate::runtime::Place;
use crate::runtime::edge::{Inbox, Outlet};
use crate::state::RoutingHash;
use crate::time::Timestamp;
use std::fmt;
use std::sync::Arc;

/// What a partition gets: an event, or what one of its inputs says about time.
#[derive(Clone, Copy, Debug)]
pub(super) enum Moment<T> {
    /// An event with its time.
    Event(Timestamp, T),
    /// What the input of this number, of so many, does not fall behind any more.
    Watermark(u32, u32, Timestamp),
    /// The input of this number, of so many, has nothing for now.
    Idle(u32, u32),
}

/// An event on its way to its key.
pub(super) type ToKey<S, T> = Moment<(u64, S, T)>;

/// Makes the sending ends of an exchange by key.
pub(super) struct ByKeyMake<X: KeyOf<T>, T> {
    pub(super) inboxes: Arc<[Arc<Inbox<ToKey<X::Stored, T>>>]>,
    pub(super) key: Arc<X>,
    pub(super) hash: RoutingHash,
    pub(super) site: Site,
}

impl<X: KeyOf<T>, T: Send> Make for ByKeyMake<X, T> {
    type Kernel = ByKey<X, T>;

    fn make(&self, place: &Place) -> ByKey<X, T> {
        let outlets = self.inboxes.iter().map(|inbox| Outlet::new(inbox.attach(&place.task)));
        ByKey {
            outlets: outlets.collect(),
            batch: self.inboxes.first().map_or(1, |inbox| inbox.options().batch),
            key: Arc::clone(&self.key),
            hash: self.hash,
            site: self.site,
            blocked: false,
            input: (place.instance as u32, place.instances as u32),
        }
    }
}

/// One instance's sending end.
pub(super) struct ByKey<X: KeyOf<T>, T> {
    outlets: Box<[Outlet<ToKey<X::Stored, T>>]>,
    batch: usize,
    key: Arc<X>,
    hash: RoutingHash,
    site: Site,
    /// Some outlet is full and has no credit.
    blocked: bool,
    /// Which instance this is, of how many.
    input: (u32, u32),
}

impl<X: KeyOf<T>, T> fmt::Debug for ByKey<X, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ByKey(to {})", self.outlets.len())
    }
}

impl<X: KeyOf<T>, T: Send> Kernel for ByKey<X, T> {
    #[inline]
    fn room(&mut self) -> usize {
        if self.blocked { 0 } else { self.batch }
    }

    fn resume(&mut self) {
        let mut blocked = false;
        for outlet in &mut self.outlets {
            blocked |= !outlet.flush_full();
        }
        self.blocked = blocked;
    }

    fn closed(&self) -> bool {
        self.outlets.iter().all(Outlet::closed)
    }

    fn mark(&mut self, mark: Mark) {
        let (input, inputs) = self.input;
        let moment = |mark| match mark {
            Mark::Watermark(to) => Some(Moment::Watermark(input, inputs, to)),
            Mark::Idle => Some(Moment::Idle(input, inputs)),
            Mark::Claimed { .. } | Mark::Settled => None,
        };
        for outlet in &mut self.outlets {
            if let Some(moment) = moment(mark) {
                self.blocked |= !outlet.push(moment);
            }
        }
    }

    fn quiet(&mut self, now: u64) -> Option<u64> {
        self.outlets.iter_mut().filter_map(|outlet| outlet.quiet(now)).min()
    }

    fn end(&mut self, _finish: Finish) -> bool {
        let mut through = true;
        for outlet in &mut self.outlets {
            through &= outlet.flush();
        }
        through
    }

    fn close(self, last: bool) {
        if last {
            self.outlets.iter().for_each(Outlet::end);
        }
    }
}

impl<X: KeyOf<T>, T: Send, E: HasTime<Value = T>> Push<E> for ByKey<X, T> {
    #[inline(always)]
    fn push(&mut self, event: E) {
        let (at, value) = event.split();
        let (hash, key) = guarded(&self.site, || self.key.visit(&value, self.hash, TakeKey));
        let to = scale(hash, self.outlets.len());
        self.blocked |= !self.outlets[to].push(Moment::Event(at, (hash, key, value)));
    }
}
