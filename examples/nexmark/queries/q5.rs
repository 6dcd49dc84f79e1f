//! q5, hot items: every two seconds the auctions with the most bids in the last ten.

use super::{Events, SECOND, timed_bids};
use flow::{Flow, Node, Timestamp, Window};

/// An auction that nobody has beaten.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct HotItem {
    /// When its ten seconds end.
    pub(crate) end: Timestamp,
    /// The auction.
    pub(crate) auction: usize,
    /// How many bids there were for it.
    pub(crate) bids: u64,
}

/// The auctions with the most bids of each window.
pub(crate) fn q5<'a>(events: Flow<impl Events<'a>>) -> Flow<impl Node<Item = HotItem>> {
    timed_bids(events)
        .key_by(|bid| bid.auction)
        .window(Window::sliding(10 * SECOND, 2 * SECOND))
        .count()
        // A pane has the last time of its window: those that end together meet again.
        .key_by(|_| ())
        .window(Window::fixed(2 * SECOND))
        .aggregate(|a| a.max_set(|pane| pane.value, |pane| pane.key))
        .flat_map(|pane| {
            let (end, (bids, auctions)) = (pane.window.end(), pane.value);
            auctions.into_iter().map(move |auction| HotItem { end, auction, bids })
        })
        .untimed()
}
