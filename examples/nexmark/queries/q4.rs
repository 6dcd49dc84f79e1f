//! q4, average price by category: what auctions of a category are sold for.
//!
//! The original keeps its answer up to date; this is the answer when the events have ended.

use super::{Events, sales::sales};
use flow::{Flow, Node};

/// Each category with the mean of the highest bids of its auctions.
pub(crate) fn q4<'a>(events: Flow<impl Events<'a>>) -> Flow<impl Node<Item = (usize, f64)>> {
    sales(events).untimed().key_by(|sale| sale.category).mean(|sale| sale.price as f64)
}
