//! The three roles as the runtime sees them: one shape, of which a role uses what it has.

use super::Consumer;
use super::batch::Batch;
use super::control::{Context, Peer};
use super::mailbox::Call;
use super::reason::Reason;
use super::reference::Address;
use super::subscription::SubscriptionId;
use crate::error::{BoxError, ErrorKind, FlowError};
use crate::ops::{Emitter, ProducerConsumer};
use crate::runtime::task::TaskRef;
use crate::source::{Demand, Produced, Producer};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;

/// What a stage does. Implemented for what wraps a producer, a producer-consumer or a consumer.
pub trait Role: Send + 'static {
    /// The user's own type.
    type Stage: Send + 'static;
    /// What comes in.
    type In: Send + 'static;
    /// What goes out.
    type Out: Send + 'static;

    /// Whether it is asked for events instead of being given some.
    const PRODUCES: bool = false;
    /// Whether it emits.
    const EMITS: bool = true;
    /// Whether asking it may block.
    const BLOCKS: bool = false;
    /// Whether demand alone gives it something to do.
    const ANSWERS_DEMAND: bool = Self::PRODUCES;
    /// Whether it does something of its own accord.
    const TENDS: bool = false;
    /// Whether events are handled later than in the call that hands them over.
    const LATER: bool = false;
    /// What a failure of its is called.
    const FAILS: ErrorKind;
    /// The method that starts it.
    const VERB: &'static str;

    fn stage(&mut self) -> &mut Self::Stage;

    fn produce(&mut self, _demand: &mut Demand<'_, Self::Out>) -> Result<Produced, BoxError> {
        Ok(Produced::Done)
    }

    fn handle(
        &mut self,
        events: Batch<'_, Self::In>,
        out: &mut VecDeque<Self::Out>,
    ) -> Result<(), BoxError>;

    fn end(&mut self, _out: &mut VecDeque<Self::Out>) -> Result<(), BoxError> {
        Ok(())
    }

    /// What it does of its own accord: at the end of every turn, and at the time that it gives.
    fn tend(
        &mut self,
        _turn: &Turn<'_>,
        _cx: &mut Context<'_, Self::Out>,
    ) -> Result<Next, FlowError> {
        Ok(Next::Wait)
    }

    /// It is told to drain: whether it ends at once, where it has no input, or by itself later.
    fn ends_when_drained(&mut self) -> bool {
        true
    }

    fn on_subscribe(&mut self, _peer: &Peer, _cx: &mut Context<'_, Self::Out>) {}

    fn on_cancel(&mut self, _peer: &Peer, _reason: &Reason, _cx: &mut Context<'_, Self::Out>) {}

    /// It is about to be started as this stage. Gives what it does first.
    fn begins(
        &mut self,
        _own: Own<Self::Stage, Self::In, Self::Out>,
    ) -> Option<Call<Self::Stage, Self::Out>> {
        None
    }

    /// What was handled since it was last asked, where that is [`LATER`](Self::LATER) than the call.
    fn settle(&mut self, _settled: &mut Vec<(SubscriptionId, usize)>) -> Result<(), BoxError> {
        Ok(())
    }

    /// Whether something is under way that has to be waited for before it ends.
    fn is_busy(&self) -> bool {
        false
    }

    /// It is told to end at once. True: it sees to that itself.
    fn stops(&mut self, _reason: &Reason) -> bool {
        false
    }
}

/// A stage as it sees itself.
pub struct Own<S, In, Out>(pub(crate) Arc<dyn Address<S, In, Out>>);

impl<S, In, Out> Clone for Own<S, In, Out> {
    fn clone(&self) -> Self {
        Own(Arc::clone(&self.0))
    }
}

impl<S, In, Out> fmt::Debug for Own<S, In, Out> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Own")
    }
}

/// What a role that tends itself is told.
#[derive(Debug)]
pub struct Turn<'a> {
    /// Nanoseconds on the run's clock.
    pub(crate) now: u64,
    /// How many events its consumers can take beyond what is buffered.
    pub(crate) room: usize,
    /// What wakes it.
    pub(crate) task: &'a TaskRef,
}

/// When a role wants to tend itself again; anything that wakes the stage does, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    Again,
    At(u64),
    Wait,
}

impl Next {
    /// Then, if not before.
    pub(crate) fn or_at(self, at: u64) -> Self {
        match self {
            Next::Again => Next::Again,
            Next::At(other) => Next::At(other.min(at)),
            Next::Wait => Next::At(at),
        }
    }
}

/// A producer as a stage.
#[derive(Debug)]
pub struct Produces<P>(pub(crate) P);

impl<P: Producer<Item: 'static> + 'static> Role for Produces<P> {
    type Stage = P;
    type In = Infallible;
    type Out = P::Item;
    const PRODUCES: bool = true;
    const FAILS: ErrorKind = ErrorKind::Source;
    const VERB: &'static str = "producer";

    fn stage(&mut self) -> &mut P {
        &mut self.0
    }

    fn produce(&mut self, demand: &mut Demand<'_, P::Item>) -> Result<Produced, BoxError> {
        self.0.produce(demand)
    }

    fn handle(
        &mut self,
        _events: Batch<'_, Infallible>,
        _out: &mut VecDeque<P::Item>,
    ) -> Result<(), BoxError> {
        Ok(())
    }

    fn on_subscribe(&mut self, peer: &Peer, cx: &mut Context<'_, P::Item>) {
        self.0.on_subscribe(peer, cx);
    }

    fn on_cancel(&mut self, peer: &Peer, reason: &Reason, cx: &mut Context<'_, P::Item>) {
        self.0.on_cancel(peer, reason, cx);
    }
}

/// A producer-consumer as a stage.
#[derive(Debug)]
pub struct Transforms<P>(pub(crate) P);

impl<P: ProducerConsumer<In: 'static, Out: 'static> + 'static> Role for Transforms<P> {
    type Stage = P;
    type In = P::In;
    type Out = P::Out;
    const FAILS: ErrorKind = ErrorKind::Event;
    const VERB: &'static str = "producer_consumer";

    fn stage(&mut self) -> &mut P {
        &mut self.0
    }

    fn handle(
        &mut self,
        events: Batch<'_, P::In>,
        out: &mut VecDeque<P::Out>,
    ) -> Result<(), BoxError> {
        self.0.handle_batch(events, &mut Emitter::into(out))
    }

    fn end(&mut self, out: &mut VecDeque<P::Out>) -> Result<(), BoxError> {
        self.0.end(&mut Emitter::into(out))
    }

    fn on_subscribe(&mut self, peer: &Peer, cx: &mut Context<'_, P::Out>) {
        self.0.on_subscribe(peer, cx);
    }

    fn on_cancel(&mut self, peer: &Peer, reason: &Reason, cx: &mut Context<'_, P::Out>) {
        self.0.on_cancel(peer, reason, cx);
    }
}

/// A consumer as a stage.
#[derive(Debug)]
pub struct Consumes<C>(pub(crate) C);

impl<C: Consumer<Item: 'static> + 'static> Role for Consumes<C> {
    type Stage = C;
    type In = C::Item;
    type Out = Infallible;
    const EMITS: bool = false;
    const FAILS: ErrorKind = ErrorKind::Sink;
    const VERB: &'static str = "consumer";

    fn stage(&mut self) -> &mut C {
        &mut self.0
    }

    fn handle(
        &mut self,
        events: Batch<'_, C::Item>,
        _out: &mut VecDeque<Infallible>,
    ) -> Result<(), BoxError> {
        self.0.handle_batch(events)
    }

    fn end(&mut self, _out: &mut VecDeque<Infallible>) -> Result<(), BoxError> {
        self.0.end()
    }

    fn on_subscribe(&mut self, peer: &Peer, cx: &mut Context<'_, Infallible>) {
        self.0.on_subscribe(peer, cx);
    }

    fn on_cancel(&mut self, peer: &Peer, reason: &Reason, cx: &mut Context<'_, Infallible>) {
        self.0.on_cancel(peer, reason, cx);
    }
}

/// An iterator as a stage: it may block, so it has a thread of its own.
#[derive(Debug)]
pub struct Iterates<I> {
    events: I,
    /// It knows its length, so its events are there, or computed.
    counted: bool,
    at_once: usize,
}

impl<I: Iterator> Iterates<I> {
    pub(crate) fn new(events: I) -> Self {
        let (least, most) = events.size_hint();
        Iterates { counted: most == Some(least), events, at_once: 1 }
    }
}

/// Events that take longer than this are sent one by one: 50 µs, in nanoseconds.
const SLOW: u64 = 50_000;

impl<I: Iterator<Item: Send + 'static> + Send + 'static> Role for Iterates<I> {
    type Stage = I;
    type In = Infallible;
    type Out = I::Item;
    const PRODUCES: bool = true;
    const BLOCKS: bool = true;
    const FAILS: ErrorKind = ErrorKind::Source;
    const VERB: &'static str = "iter";

    fn stage(&mut self) -> &mut I {
        &mut self.events
    }

    /// One at a time: an event that has come does not wait for one that the iterator waits for.
    /// More, where nothing shows that it waits for anything.
    fn produce(&mut self, demand: &mut Demand<'_, I::Item>) -> Result<Produced, BoxError> {
        let began = demand.now();
        for _ in 0..demand.events().min(self.at_once) {
            match self.events.next() {
                Some(event) => demand.emit(event),
                None => return Ok(Produced::Done),
            }
        }
        let quick = self.counted && demand.now() - began < SLOW;
        self.at_once = if quick { (2 * self.at_once).min(64) } else { 1 };
        Ok(Produced::More)
    }

    fn handle(
        &mut self,
        _events: Batch<'_, Infallible>,
        _out: &mut VecDeque<I::Item>,
    ) -> Result<(), BoxError> {
        Ok(())
    }
}
