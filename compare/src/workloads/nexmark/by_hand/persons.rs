//! The queries about persons and what they sell: q3 and q8.

use std::collections::{BTreeMap, HashSet};

use ::nexmark::event::{Auction, Event, Person};
use foldhash::fast::RandomState;

use super::super::limit::new_seller;
use super::super::queries::{q3::Suggestion, q8::NewSeller};
use super::{Map, Query, TEN};

/// One of two sides that are joined by person.
#[derive(Clone)]
pub(crate) enum Side {
    Person(&'static Person),
    Auction(&'static Auction),
}

impl Side {
    fn person(&self) -> usize {
        match self {
            Side::Person(person) => person.id,
            Side::Auction(auction) => auction.seller,
        }
    }

    fn time(&self) -> u64 {
        match self {
            Side::Person(person) => person.date_time,
            Side::Auction(auction) => auction.date_time,
        }
    }
}

/// q3: both sides are held.
pub(crate) struct Suggestions;

#[derive(Clone, Default)]
pub(crate) struct Held {
    persons: Map<usize, &'static Person>,
    auctions: Map<usize, Vec<&'static Auction>>,
    found: Vec<Suggestion<'static>>,
}

impl Held {
    fn pair(&mut self, who: &'static Person, auction: &Auction) {
        let Person { name, city, state, .. } = who;
        self.found.push(Suggestion { name, city, state, auction: auction.id });
    }
}

impl Query for Suggestions {
    type Event = Side;
    type Seen = ();
    type State = Held;
    type Part = Suggestion<'static>;
    type Output = Suggestion<'static>;

    fn pick(_: &mut (), event: &'static Event) -> Option<Side> {
        match event {
            Event::Person(who) if matches!(who.state.as_str(), "or" | "id" | "ca") => {
                Some(Side::Person(who))
            }
            Event::Auction(auction) if auction.category == 10 => Some(Side::Auction(auction)),
            _ => None,
        }
    }

    fn time(side: &Side) -> u64 {
        side.time()
    }

    fn owner(side: &Side) -> usize {
        side.person()
    }

    fn fold(held: &mut Held, side: Side) {
        match side {
            Side::Person(who) => {
                held.persons.insert(who.id, who);
                for auction in held.auctions.get(&who.id).cloned().into_iter().flatten() {
                    held.pair(who, auction);
                }
            }
            Side::Auction(auction) => {
                if let Some(who) = held.persons.get(&auction.seller).copied() {
                    held.pair(who, auction);
                }
                held.auctions.entry(auction.seller).or_default().push(auction);
            }
        }
    }

    fn passed(held: &mut Held, _: i64, parts: &mut Vec<Self::Part>) {
        parts.append(&mut held.found);
    }

    fn output(parts: Vec<Vec<Self::Part>>) -> Vec<Vec<Self::Output>> {
        parts
    }
}

/// q8: persons and sellers of a window are joined when it is over.
pub(crate) struct Newcomers;

type Registered = (Vec<&'static Person>, HashSet<usize, RandomState>);

impl Query for Newcomers {
    type Event = Side;
    type Seen = ();
    type State = BTreeMap<i64, Registered>;
    type Part = NewSeller<'static>;
    type Output = NewSeller<'static>;

    fn pick(_: &mut (), event: &'static Event) -> Option<Side> {
        match event {
            Event::Person(person) => Some(Side::Person(person)),
            Event::Auction(auction) => Some(Side::Auction(auction)),
            Event::Bid(_) => None,
        }
    }

    fn time(side: &Side) -> u64 {
        side.time()
    }

    fn owner(side: &Side) -> usize {
        side.person()
    }

    fn fold(windows: &mut Self::State, side: Side) {
        let (persons, sellers) = windows.entry(side.time() as i64 / TEN).or_default();
        match side {
            Side::Person(who) => persons.push(who),
            Side::Auction(auction) => _ = sellers.insert(auction.seller),
        }
    }

    fn passed(windows: &mut Self::State, time: i64, parts: &mut Vec<Self::Part>) {
        while let Some(entry) = windows.first_entry().filter(|entry| *entry.key() < time / TEN) {
            let (persons, sellers) = entry.remove();
            let new = persons.into_iter().filter(|who| sellers.contains(&who.id));
            parts.extend(new.map(new_seller));
        }
    }

    fn output(parts: Vec<Vec<Self::Part>>) -> Vec<Vec<Self::Output>> {
        parts
    }
}
