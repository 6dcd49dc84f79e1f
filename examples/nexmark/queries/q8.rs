//! q8, new users: who has registered and opened an auction within the same ten seconds.

use super::{Events, SECOND, auctions, persons};
use flow::{Flow, Node, Timestamp, Window};

/// Somebody who sold something at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct NewSeller<'a> {
    /// The person.
    pub(crate) id: usize,
    /// The person's name.
    pub(crate) name: &'a str,
    /// When the ten seconds begin.
    pub(crate) start: Timestamp,
}

/// Those who have registered and sold in the same window, once each.
pub(crate) fn q8<'a>(events: Flow<impl Events<'a>>) -> Flow<impl Node<Item = NewSeller<'a>>> {
    let tens = Window::fixed(10 * SECOND);
    let sellers = auctions(events.clone()).key_by(|auction| auction.seller).window(tens).count();
    persons(events)
        .key_by(|person| person.id)
        .window(tens)
        .join(sellers.key_by(|pane| pane.key))
        .map(|(id, person, pane)| NewSeller { id, name: &person.name, start: pane.window.start() })
        .untimed()
}
