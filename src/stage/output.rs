//! What a stage emits, until its consumers have asked for it: the buffer, its bound, the dispatcher.

use super::dispatch::{Consumers, Dispatcher};
use super::mailbox::{Counters, Downstream, Id};
use super::reason::Reason;
use super::subscription::Request;
use crate::error::BoxError;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// What becomes of events beyond the buffer's bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overflow {
    /// The stage is not asked for more until there is room: what one call emits is kept whole.
    /// Nothing is lost.
    #[default]
    Block,
    /// The oldest are kept, newer ones are dropped and counted.
    KeepFirst,
    /// The newest are kept, older ones are dropped and counted.
    KeepLast,
    /// The stage fails.
    Fail,
}

pub(crate) struct Output<T> {
    consumers: Consumers<T>,
    dispatcher: Box<dyn Dispatcher<T>>,
    /// What was emitted and not handed out.
    pub(crate) buffer: VecDeque<T>,
    bound: usize,
    overflow: Overflow,
    /// Demand is held back until everything is wired.
    pub(crate) accumulates: bool,
}

/// How many events may be buffered where nothing is said.
pub(crate) const BUFFER: usize = 10_000;

impl<T> Output<T> {
    pub(crate) fn new(
        dispatcher: Box<dyn Dispatcher<T>>,
        bound: usize,
        overflow: Overflow,
        accumulates: bool,
    ) -> Self {
        let consumers = Consumers::new();
        let buffer = VecDeque::new();
        Output { consumers, dispatcher, buffer, bound, overflow, accumulates }
    }

    /// How many more events the consumers can take than are there.
    pub(crate) fn room(&self) -> usize {
        if self.accumulates {
            return 0;
        }
        self.dispatcher.wanted(&self.consumers).saturating_sub(self.buffer.len())
    }

    /// Whether more may be emitted although nobody has asked for it.
    pub(crate) fn has_buffer(&self) -> bool {
        self.overflow != Overflow::Block || self.buffered() < self.bound
    }

    pub(crate) fn buffered(&self) -> usize {
        self.buffer.len() + self.dispatcher.held()
    }

    /// Hands out what was asked for; what is then beyond the bound is treated as the policy says.
    pub(crate) fn dispatch(&mut self, counters: &Counters) -> Result<(), BoxError> {
        if !self.accumulates {
            loop {
                self.dispatcher.dispatch(&mut self.buffer, &mut self.consumers)?;
                let sent = self.consumers.flush();
                Counters::add(&counters.events_out, sent.events);
                if sent.gone.is_empty() {
                    break;
                }
                for (_, partition, events) in sent.gone {
                    self.give_back(events, partition, counters);
                }
            }
        }
        let beyond = self.buffer.len().saturating_sub(self.bound);
        if beyond > 0 {
            match self.overflow {
                Overflow::Block => {}
                Overflow::KeepFirst => self.buffer.truncate(self.bound),
                Overflow::KeepLast => drop(self.buffer.drain(..beyond)),
                Overflow::Fail => return Err(format!("more than {} events", self.bound).into()),
            }
            if self.overflow != Overflow::Block {
                Counters::add(&counters.dropped, beyond);
            }
        }
        Counters::add(&counters.dropped, self.dispatcher.dropped());
        counters.buffered.store(self.buffered() as u64, Ordering::Relaxed);
        Ok(())
    }

    pub(crate) fn add(&mut self, request: Request<T>) -> Result<(), (Request<T>, String)> {
        if let Some(why) = self.dispatcher.refuses(request.partition) {
            return Err((request, why));
        }
        self.consumers.add(request);
        Ok(())
    }

    pub(crate) fn give(&mut self, id: Id, credit: usize, spare: VecDeque<T>) {
        self.consumers.give(id, credit, spare);
    }

    /// Takes a consumer out; returns how it is told.
    pub(crate) fn remove(&mut self, id: Id) -> Option<Arc<dyn Downstream<T>>> {
        self.consumers.remove(id)
    }

    pub(crate) fn has_consumers(&self) -> bool {
        !self.consumers.is_empty()
    }

    /// Events that a consumer did not handle.
    pub(crate) fn give_back(
        &mut self,
        events: VecDeque<T>,
        partition: Option<usize>,
        counters: &Counters,
    ) {
        if !events.is_empty() {
            let dropped = self.dispatcher.returned(events, partition, &mut self.buffer);
            Counters::add(&counters.dropped, dropped);
        }
    }

    /// Tells all consumers that nothing more comes.
    pub(crate) fn end(&mut self, reason: &Reason) {
        for (id, downstream) in self.consumers.drain() {
            downstream.ended(id, reason.clone());
        }
    }
}
