//! q8, new users: who has registered and opened an auction within the same ten seconds.

use super::{DISORDER, Events, SECOND, Side};
use flow::{Flow, Node, Timestamp, Window};
use nexmark::event::Event;

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
    let sides = events.filter_map(|event| match event {
        Event::Person(person) => Some(Side::Person(person)),
        Event::Auction(auction) => Some(Side::Auction(auction)),
        Event::Bid(_) => None,
    });
    sides
        .timestamps(Side::time, |w| w.bounded(DISORDER))
        .key_by(Side::person)
        .window(Window::fixed(10 * SECOND))
        .fold(
            || (None, false),
            |(who, sells), side| match side {
                Side::Person(person) => *who = Some(person),
                Side::Auction(_) => *sells = true,
            },
        )
        .filter_map(|pane| {
            let (Some(who), true) = pane.value else { return None };
            Some(NewSeller { id: who.id, name: &who.name, start: pane.window.start() })
        })
        .untimed()
}
