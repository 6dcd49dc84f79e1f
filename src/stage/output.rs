//! What a stage emits, until its consumers have asked for it: the buffer, its bound, the dispatcher.

use super::dispatch::{Consumers, Dispatcher};
use super::mailbox::{Counters, Downstream, Id};
use super::reason::Reason;
use super::subscription::Request;
use crate::error::{BoxError, ErrorKind, FlowError};
use std::collections::VecDeque;
use std::sync::Arc;

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
    /// What was emitted and not handed out.
    pub(crate) buffer: VecDeque<T>,
    /// How many of these have been counted.
    counted: usize,
    /// Nothing, where a stage does not emit.
    outlet: Option<Box<Outlet<T>>>,
}

struct Outlet<T> {
    consumers: Consumers<T>,
    dispatcher: Box<dyn Dispatcher<T>>,
    bound: usize,
    overflow: Overflow,
    /// Demand is held back until everything is wired.
    accumulates: bool,
}

/// How many events may be buffered where nothing is said.
pub(crate) const BUFFER: usize = 10_000;

impl<T> Output<T> {
    pub(crate) fn none() -> Self {
        Output { buffer: VecDeque::new(), counted: 0, outlet: None }
    }

    pub(crate) fn new(
        dispatcher: Box<dyn Dispatcher<T>>,
        bound: usize,
        overflow: Overflow,
        accumulates: bool,
    ) -> Self {
        let consumers = Consumers::new();
        let outlet = Outlet { consumers, dispatcher, bound, overflow, accumulates };
        Output { buffer: VecDeque::new(), counted: 0, outlet: Some(Box::new(outlet)) }
    }

    /// How many more events the consumers can take than are there.
    pub(crate) fn room(&self) -> usize {
        match &self.outlet {
            None => usize::MAX,
            Some(outlet) if outlet.accumulates => 0,
            Some(outlet) => {
                outlet.dispatcher.wanted(&outlet.consumers).saturating_sub(self.buffer.len())
            }
        }
    }

    /// Whether more may be emitted although nobody has asked for it.
    pub(crate) fn has_buffer(&self) -> bool {
        self.outlet.as_ref().is_none_or(|outlet| {
            outlet.overflow != Overflow::Block || self.buffered() < outlet.bound.max(1)
        })
    }

    pub(crate) fn buffered(&self) -> usize {
        self.buffer.len() + self.outlet.as_ref().map_or(0, |outlet| outlet.dispatcher.held())
    }

    /// Hands out what was asked for; what is then beyond the bound is treated as the policy says.
    pub(crate) fn dispatch(&mut self, counters: &Counters) -> Result<(), FlowError> {
        let Some(outlet) = &mut self.outlet else {
            return Ok(());
        };
        if self.buffer.is_empty() && outlet.dispatcher.held() == 0 {
            return Ok(());
        }
        counters.emitted(self.buffer.len() - self.counted);
        self.counted = self.buffer.len();
        while !outlet.accumulates {
            outlet
                .dispatcher
                .dispatch(&mut self.buffer, &mut outlet.consumers)
                .map_err(not_dispatched)?;
            let sent = outlet.consumers.flush();
            counters.sent(sent.events);
            if sent.gone.is_empty() {
                break;
            }
            for (_, partition, events) in sent.gone {
                let dropped = outlet.dispatcher.returned(events, partition, &mut self.buffer);
                counters.dropped(dropped);
            }
        }
        let beyond = self.buffer.len().saturating_sub(outlet.bound);
        if beyond > 0 {
            match outlet.overflow {
                Overflow::Block => {}
                Overflow::KeepFirst => self.buffer.truncate(outlet.bound),
                Overflow::KeepLast => drop(self.buffer.drain(..beyond)),
                Overflow::Fail => {
                    let why = format!("more than {} events are buffered", outlet.bound);
                    return Err(FlowError::new(ErrorKind::Limit, why));
                }
            }
            if outlet.overflow != Overflow::Block {
                counters.dropped(beyond);
            }
        }
        self.counted = self.buffer.len();
        counters.dropped(outlet.dispatcher.dropped());
        counters.holds(self.buffer.len() + outlet.dispatcher.held());
        Ok(())
    }

    pub(crate) fn accumulate(&mut self, accumulates: bool) {
        if let Some(outlet) = &mut self.outlet {
            outlet.accumulates = accumulates;
        }
    }

    /// A new consumer, unless there is a reason against it.
    pub(crate) fn add(&mut self, request: Request<T>) -> Result<(), (Request<T>, String)> {
        let Some(outlet) = &mut self.outlet else {
            return Err((request, "it emits nothing".to_owned()));
        };
        let selects = request.selector.is_some() && !outlet.dispatcher.selects();
        let selects = selects.then(|| "its producer does not broadcast: no selector".to_owned());
        if let Some(why) = outlet.dispatcher.refuses(request.partition).or(selects) {
            return Err((request, why));
        }
        outlet.consumers.add(request);
        Ok(())
    }

    pub(crate) fn give(&mut self, id: Id, credit: usize, spare: VecDeque<T>) {
        if let Some(outlet) = &mut self.outlet {
            outlet.consumers.give(id, credit, spare);
        }
    }

    /// Takes a consumer out; returns how it is told.
    pub(crate) fn remove(&mut self, id: Id) -> Option<Arc<dyn Downstream<T>>> {
        self.outlet.as_mut()?.consumers.remove(id)
    }

    pub(crate) fn has_consumers(&self) -> bool {
        self.outlet.as_ref().is_some_and(|outlet| !outlet.consumers.is_empty())
    }

    /// Events that a consumer did not handle.
    pub(crate) fn give_back(
        &mut self,
        events: VecDeque<T>,
        partition: Option<usize>,
        counters: &Counters,
    ) {
        if let Some(outlet) = &mut self.outlet
            && !events.is_empty()
        {
            counters.came_back(events.len());
            let before = self.buffer.len();
            counters.dropped(outlet.dispatcher.returned(events, partition, &mut self.buffer));
            self.counted = (self.counted + self.buffer.len()).saturating_sub(before);
        }
    }

    /// Tells all consumers that nothing more comes.
    pub(crate) fn end(&mut self, reason: &Reason, counters: &Counters) {
        counters.emitted(self.buffer.len().saturating_sub(self.counted));
        if let Some(outlet) = &mut self.outlet {
            // Where it failed while it dispatched.
            let sent = outlet.consumers.flush();
            counters.sent(sent.events);
            sent.gone.iter().for_each(|(.., events)| counters.dropped(events.len()));
            for (id, downstream) in outlet.consumers.drain() {
                downstream.ended(id, reason.clone());
            }
            counters.dropped(outlet.dispatcher.dropped());
        }
        counters.dropped(self.buffered());
        counters.holds(0);
    }
}

fn not_dispatched(why: BoxError) -> FlowError {
    FlowError::new(ErrorKind::Routing, "events were not dispatched").with_source(why)
}
