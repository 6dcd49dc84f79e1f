//! The consumers of a stage, with what each has asked for.

use super::Select;
use crate::stage::mailbox::{Downstream, Id};
use crate::stage::subscription::Request;
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

/// The consumers of a stage, in the order in which they subscribed.
pub struct Consumers<T> {
    all: Vec<One<T>>,
    /// Which of them have something staged.
    touched: bool,
}

struct One<T> {
    id: Id,
    downstream: Arc<dyn Downstream<T>>,
    credit: usize,
    staged: VecDeque<T>,
    selector: Option<Box<dyn Select<T>>>,
    partition: Option<usize>,
}

/// What became of sending.
pub(crate) struct Sent<T> {
    pub(crate) events: usize,
    /// Consumers that were gone, with what had been meant for them.
    pub(crate) gone: Vec<(Id, Option<usize>, VecDeque<T>)>,
}

impl<T> Consumers<T> {
    pub(crate) fn new() -> Self {
        Consumers { all: Vec::new(), touched: false }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// How many events a consumer has asked for and not been sent.
    pub fn credit(&self, consumer: usize) -> usize {
        self.all[consumer].credit
    }

    /// The partition that a consumer takes, if it said so.
    pub fn partition(&self, consumer: usize) -> Option<usize> {
        self.all[consumer].partition
    }

    /// Sends an event to a consumer that has asked for one.
    ///
    /// # Panics
    /// Without credit.
    pub fn send(&mut self, consumer: usize, event: T) {
        let to = &mut self.all[consumer];
        to.credit = to.credit.checked_sub(1).expect("a consumer is sent what it asked for");
        to.staged.push_back(event);
        self.touched = true;
    }

    /// Sends a consumer the first `n` events.
    ///
    /// # Panics
    /// With less credit, or fewer events.
    pub fn send_first(&mut self, consumer: usize, n: usize, events: &mut VecDeque<T>) {
        let to = &mut self.all[consumer];
        to.credit = to.credit.checked_sub(n).expect("a consumer is sent what it asked for");
        if n == events.len() && to.staged.is_empty() {
            // All of them: the buffers change places.
            std::mem::swap(events, &mut to.staged);
        } else {
            to.staged.extend(events.drain(..n));
        }
        self.touched = true;
    }

    /// Sends a consumer copies of those of the first `n` events that it selects.
    pub(super) fn send_copies(
        &mut self,
        consumer: usize,
        n: usize,
        events: &VecDeque<T>,
        selected: &mut Vec<bool>,
    ) where
        T: Clone,
    {
        let to = &mut self.all[consumer];
        let before = to.staged.len();
        match &mut to.selector {
            None => to.staged.extend(events.range(..n).cloned()),
            Some(selector) => {
                selector.select(events, n, selected);
                let kept = events.range(..n).zip(&*selected).filter(|(_, selected)| **selected);
                to.staged.extend(kept.map(|(event, _)| event.clone()));
            }
        }
        to.credit -= to.staged.len() - before;
        self.touched = true;
    }

    pub(super) fn selects(&self, consumer: usize) -> bool {
        self.all[consumer].selector.is_some()
    }

    pub(crate) fn add(&mut self, request: Request<T>) {
        let Request { id, downstream, selector, partition, credit } = request;
        let staged = VecDeque::new();
        let at = self.all.partition_point(|one| one.id < id);
        self.all.insert(at, One { id, downstream, credit, staged, selector, partition });
    }

    pub(crate) fn give(&mut self, id: Id, credit: usize, spare: VecDeque<T>) {
        if let Some(to) = self.position(id).map(|at| &mut self.all[at]) {
            to.credit = to.credit.saturating_add(credit);
            if to.staged.capacity() < spare.capacity() && to.staged.is_empty() {
                to.staged = spare;
            }
        }
    }

    /// Takes a consumer out; returns how it is told.
    pub(crate) fn remove(&mut self, id: Id) -> Option<Arc<dyn Downstream<T>>> {
        let at = self.position(id)?;
        Some(self.all.remove(at).downstream)
    }

    pub(crate) fn drain(&mut self) -> impl Iterator<Item = (Id, Arc<dyn Downstream<T>>)> + '_ {
        self.all.drain(..).map(|one| (one.id, one.downstream))
    }

    /// Sends what is staged.
    pub(crate) fn flush(&mut self) -> Sent<T> {
        let mut sent = Sent { events: 0, gone: Vec::new() };
        if !std::mem::take(&mut self.touched) {
            return sent;
        }
        for one in &mut self.all {
            if one.staged.is_empty() {
                continue;
            }
            let events = one.staged.len();
            match one.downstream.events(one.id, std::mem::take(&mut one.staged)) {
                Ok(()) => sent.events += events,
                Err(back) => {
                    // Its leaving is on the way; until then it gets nothing.
                    one.credit = 0;
                    sent.gone.push((one.id, one.partition, back));
                }
            }
        }
        sent
    }

    fn position(&self, id: Id) -> Option<usize> {
        self.all.binary_search_by_key(&id, |one| one.id).ok()
    }
}

impl<T> fmt::Debug for Consumers<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.all.iter().map(|one| (one.id, one.credit))).finish()
    }
}
