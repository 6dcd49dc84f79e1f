//! q7, highest bid: of every ten seconds.
//!
//! The original compares times with both ends of a window, so that a bid made exactly at the end may
//! be given twice; here it belongs to the window that it is in.

use super::{Events, SECOND, timed_bids};
use flow::{Flow, Node, Window};
use nexmark::event::Bid;

/// The bids with the highest price of their ten seconds.
pub(crate) fn q7<'a>(events: Flow<impl Events<'a>>) -> Flow<impl Node<Item = &'a Bid>> {
    timed_bids(events)
        .key_by(|_| ())
        .window(Window::fixed(10 * SECOND))
        .aggregate(|a| a.max_set(|bid| bid.price, |bid| *bid))
        .flat_map(|pane| pane.value.1)
        .untimed()
}
