//! What a stage can do from within its callbacks, and whom they are about.

use super::mailbox::Id;
use super::reason::Reason;
use super::subscription::SubscriptionId;
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

/// The other side of a subscription.
#[derive(Clone, Debug)]
pub struct Peer {
    pub(crate) id: Id,
    pub(crate) side: Side,
    pub(crate) name: Option<Arc<str>>,
}

/// Which side of a subscription a stage is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// It gives events.
    Producer,
    /// It takes events.
    Consumer,
}

impl Peer {
    /// The subscription.
    pub fn subscription(&self) -> SubscriptionId {
        SubscriptionId(self.id)
    }

    /// What the other stage is: a producer that this one takes from, or a consumer of its events.
    pub fn side(&self) -> Side {
        self.side
    }

    /// The other stage's name, if it has one.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }
}

/// What a stage can do from within a callback. Done when the callback returns, in this order.
pub struct Context<'a, O> {
    pub(crate) out: &'a mut VecDeque<O>,
    pub(crate) orders: &'a mut Vec<Order>,
}

/// What a stage has ordered of itself.
#[derive(Debug)]
pub(crate) enum Order {
    Ask(Id, usize),
    Cancel(Id),
    Stop,
    /// At once, and so.
    Exit(Reason),
}

impl<O> Context<'_, O> {
    /// Emits an event. What there is no demand for is buffered.
    pub fn emit(&mut self, event: O) {
        self.out.push_back(event);
    }

    /// Asks for so many more events by a subscription of this stage.
    pub fn ask(&mut self, subscription: SubscriptionId, events: usize) {
        self.orders.push(Order::Ask(subscription.0, events));
    }

    /// Cancels a subscription of this stage.
    pub fn cancel(&mut self, subscription: SubscriptionId) {
        self.orders.push(Order::Cancel(subscription.0));
    }

    /// Ends this stage; what it has emitted still goes out.
    pub fn stop(&mut self) {
        self.orders.push(Order::Stop);
    }
}

impl<O> fmt::Debug for Context<'_, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Context")
    }
}
