//! q3, local item suggestion: who in Oregon, Idaho or California sells something of category 10.
//!
//! A join without windows: a person and an auction may be any time apart, so both are kept for ever,
//! and a pair is given as soon as there is one.

use super::{Events, auctions, persons};
use flow::{Flow, Node, Trigger, Window};

/// Somebody who sells what was looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Suggestion<'a> {
    /// Who it is.
    pub(crate) name: &'a str,
    /// Where that is.
    pub(crate) city: &'a str,
    /// The same.
    pub(crate) state: &'a str,
    /// What is sold.
    pub(crate) auction: usize,
}

/// The auctions of category 10 with their sellers, as far as these live in three of the states.
pub(crate) fn q3<'a>(events: Flow<impl Events<'a>>) -> Flow<impl Node<Item = Suggestion<'a>>> {
    let locals =
        persons(events.clone()).filter(|who| matches!(who.state.as_str(), "or" | "id" | "ca"));
    auctions(events)
        .filter(|auction| auction.category == 10)
        .key_by(|auction| auction.seller)
        .window(Window::global())
        .trigger(Trigger::every(1))
        .join(locals.key_by(|who| who.id))
        .map(|(_, auction, who)| Suggestion {
            name: &who.name,
            city: &who.city,
            state: &who.state,
            auction: auction.id,
        })
        .untimed()
}
