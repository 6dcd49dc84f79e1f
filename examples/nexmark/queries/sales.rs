//! What q4 and q6 begin with: the highest bid of every auction, when the auction closes.

use super::{Events, auctions, time, timed_bids};
use flow::{Flow, Node, Span, Stamped, TimedFlow, Timestamp, Window};
use nexmark::event::{Auction, Bid};

/// No auction is open for longer, in milliseconds. Bids are kept for that time, in case the auction
/// itself is still to come; the generator's longest one is open for a third of it.
const LONGEST: i64 = 1_000;

/// An auction that somebody has won. It has the time at which the auction closes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Sale {
    /// What was sold.
    pub(crate) auction: usize,
    /// Who sold it.
    pub(crate) seller: usize,
    /// The category.
    pub(crate) category: usize,
    /// When the auction closed.
    pub(crate) closed: u64,
    /// The highest bid.
    pub(crate) price: usize,
}

/// An auction and a bid for it.
type Pair<'a> = (usize, &'a Auction, &'a Bid);

/// Joins auctions with the bids for them while they are open; such a pair is in one window, that of
/// its auction.
pub(super) fn sales<'a>(
    events: Flow<impl Events<'a>>,
) -> TimedFlow<impl Node<Item = Stamped<Sale>>> {
    auctions(events.clone())
        .key_by(|auction| auction.id)
        .interval_join(timed_bids(events).key_by(|bid| bid.auction), 0..=LONGEST)
        .filter(|(_, auction, bid)| bid.date_time <= auction.expires)
        .key_by(|(id, ..)| *id)
        .window(Window::assigned(while_open))
        .aggregate(|a| a.max(|(_, auction, bid)| (bid.price, auction.seller, auction.category)))
        .map(|pane| {
            let (price, seller, category) = pane.value;
            let closed = pane.window.max_timestamp().0 as u64;
            Sale { auction: pane.key, seller, category, closed, price }
        })
}

/// The window of an auction, up to the millisecond in which it closes.
fn while_open((_, auction, _): &Pair<'_>, _: Timestamp, windows: &mut Vec<Span>) {
    windows.push(Span::new(time(auction.date_time), time(auction.expires + 1)));
}
