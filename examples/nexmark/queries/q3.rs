//! q3, local item suggestion: who in Oregon, Idaho or California sells something of category 10.
//!
//! A join without windows: an auction may come any time before or after its seller. What has come is
//! kept for each person, auctions as long as the person is not known, who registers but once; and a pair
//! is given as soon as there is one.

use super::{Events, Side};
use flow::{Flow, Node};
use nexmark::event::{Auction, Event, Person};

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

/// What is known of a seller.
enum Seller<'a> {
    /// Who it is.
    Known(&'a Person),
    /// The auctions of somebody who has not come yet.
    Awaited(Vec<&'a Auction>),
}

/// The auctions of category 10 with their sellers, as far as these live in three of the states.
pub(crate) fn q3<'a>(events: Flow<impl Events<'a>>) -> Flow<impl Node<Item = Suggestion<'a>>> {
    let sides = events.filter_map(|event| match event {
        Event::Person(who) if matches!(who.state.as_str(), "or" | "id" | "ca") => {
            Some(Side::Person(who))
        }
        Event::Auction(auction) if auction.category == 10 => Some(Side::Auction(auction)),
        _ => None,
    });
    sides.key_by(Side::person).flat_map_with_state(|seller, _, side| match (seller, side) {
        (seller, Side::Person(who)) => match seller.replace(Seller::Known(who)) {
            Some(Seller::Awaited(all)) => all.iter().map(|auction| suggest(who, auction)).collect(),
            _ => Vec::new(),
        },
        (Some(Seller::Known(who)), Side::Auction(auction)) => vec![suggest(who, auction)],
        (Some(Seller::Awaited(all)), Side::Auction(auction)) => {
            all.push(auction);
            Vec::new()
        }
        (seller, Side::Auction(auction)) => {
            *seller = Some(Seller::Awaited(vec![auction]));
            Vec::new()
        }
    })
}

/// A pair.
fn suggest<'a>(who: &'a Person, auction: &Auction) -> Suggestion<'a> {
    Suggestion { name: &who.name, city: &who.city, state: &who.state, auction: auction.id }
}
