//! q1, currency conversion: every bid, its price in euros instead of dollars.

use super::{Events, bids};
use flow::{Flow, Node};
use nexmark::event::Bid;

/// A bid in euros.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct InEuros<'a> {
    /// The bid as it was.
    pub(crate) bid: &'a Bid,
    /// Its price, in euro cents.
    pub(crate) price: f64,
}

/// Every bid, at 0.908 euros for a dollar.
pub(crate) fn q1<'a>(events: Flow<impl Events<'a>>) -> Flow<impl Node<Item = InEuros<'a>>> {
    bids(events).map(|bid| InEuros { bid, price: 0.908 * bid.price as f64 })
}
