//! q11, user sessions: how many bids each makes until pausing for ten seconds.

use super::{Events, SECOND, timed_bids};
use flow::{Flow, Node, Span, Window};

/// Some time in which somebody was active.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Session {
    /// Who it was.
    pub(crate) bidder: usize,
    /// From the first bid to ten seconds after the last one.
    pub(crate) time: Span,
    /// How many bids there were.
    pub(crate) bids: u64,
}

/// The sessions of each bidder.
pub(crate) fn q11<'a>(events: Flow<impl Events<'a>>) -> Flow<impl Node<Item = Session>> {
    timed_bids(events)
        .key_by(|bid| bid.bidder)
        .window(Window::session(10 * SECOND))
        .count()
        .map(|pane| Session { bidder: pane.key, time: pane.window, bids: pane.value })
        .untimed()
}
