//! q2, selection: the bids for some of the auctions.

use super::{Events, bids};
use flow::{Flow, Node};

/// Auction and price of the bids for every 123rd auction.
pub(crate) fn q2<'a>(events: Flow<impl Events<'a>>) -> Flow<impl Node<Item = (usize, usize)>> {
    bids(events).filter(|bid| bid.auction % 123 == 0).map(|bid| (bid.auction, bid.price))
}
