//! q12, windows by the clock: how many bids each makes in ten seconds of the time at which they are
//! processed. A second run may divide them otherwise.

use super::{Events, SECOND, bids};
use flow::{Flow, Node, Window};

/// Bidders with the number of their bids, per window of the clock.
pub(crate) fn q12<'a>(events: Flow<impl Events<'a>>) -> Flow<impl Node<Item = (usize, u64)>> {
    bids(events)
        .key_by(|bid| bid.bidder)
        .window(Window::by_clock(Window::fixed(10 * SECOND)))
        .count()
        .map(|pane| (pane.key, pane.value))
        .untimed()
}
