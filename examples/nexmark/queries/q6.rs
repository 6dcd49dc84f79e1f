//! q6, average selling price by seller: of the last ten auctions that each has closed.
//!
//! The original gives a mean with every auction that closes; these are the last ones. Auctions that
//! close at the same time count in the order of their numbers.

use super::{Events, sales::sales};
use flow::{Flow, Node};

/// Each seller with the mean of the highest bids of the last ten auctions.
pub(crate) fn q6<'a>(events: Flow<impl Events<'a>>) -> Flow<impl Node<Item = (usize, f64)>> {
    sales(events)
        .untimed()
        .key_by(|sale| sale.seller)
        .top_k(10, |sale| (sale.closed, sale.auction, sale.price))
        .map(|(seller, last)| {
            let sum: usize = last.iter().map(|(.., price)| price).sum();
            (seller, sum as f64 / last.len() as f64)
        })
}
