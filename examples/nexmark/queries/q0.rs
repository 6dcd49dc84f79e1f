//! q0, pass through: every bid as it is. What reading and handing on costs.

use super::{Events, bids};
use flow::{Flow, Node};
use nexmark::event::Bid;

/// Every bid.
pub(crate) fn q0<'a>(events: Flow<impl Events<'a>>) -> Flow<impl Node<Item = &'a Bid>> {
    bids(events)
}
