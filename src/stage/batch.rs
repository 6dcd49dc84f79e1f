//! The events that a stage is handed at once.

use super::mailbox::Id;
use super::subscription::SubscriptionId;
use std::collections::vec_deque::Drain;
use std::fmt;

/// Events that a stage is handed at once, in order: an iterator over them. At most
/// `max_demand - min_demand` of the subscription.
pub struct Batch<'a, T> {
    pub(crate) events: Drain<'a, T>,
    pub(crate) from: Id,
}

impl<T> Batch<'_, T> {
    /// The subscription that they came by.
    pub fn from(&self) -> SubscriptionId {
        SubscriptionId(self.from)
    }
}

impl<T> Iterator for Batch<'_, T> {
    type Item = T;

    #[inline]
    fn next(&mut self) -> Option<T> {
        self.events.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.events.size_hint()
    }

    #[inline]
    fn fold<B, F: FnMut(B, T) -> B>(self, init: B, f: F) -> B {
        self.events.fold(init, f)
    }
}

impl<T> ExactSizeIterator for Batch<'_, T> {}

impl<T> fmt::Debug for Batch<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Batch({} events)", self.events.len())
    }
}
