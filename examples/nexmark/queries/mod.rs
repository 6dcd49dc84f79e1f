//! NEXMark: what an auction site asks of the stream of its persons, auctions and bids. One file per
//! query, each a function from a flow of events to a flow of results.
//!
//! The meaning is that of the queries in SQL which Flink, RisingWave and others run
//! (<https://github.com/nexmark/nexmark>); where a result is not the same word for word, the query
//! says so. Events are borrowed from wherever they are kept, and so are the texts of results.
//!
//! Some queries read the stream twice, once for each kind of events that they join: they clone the
//! flow of events, and every clone begins at the source.

mod q0;
mod q1;
pub(crate) mod q11;
mod q12;
mod q2;
pub(crate) mod q3;
mod q4;
pub(crate) mod q5;
mod q6;
mod q7;
pub(crate) mod q8;
mod sales;

pub(crate) use q0::q0;
pub(crate) use q1::q1;
pub(crate) use q2::q2;
pub(crate) use q3::q3;
pub(crate) use q4::q4;
pub(crate) use q5::q5;
pub(crate) use q6::q6;
pub(crate) use q7::q7;
pub(crate) use q8::q8;
pub(crate) use q11::q11;
pub(crate) use q12::q12;

use flow::{Flow, Node, Stampable, Stamped, TimedFlow, Timestamp};
use nexmark::event::{Auction, Bid, Event, Person};
use std::time::Duration;

/// A second of event time.
const SECOND: Duration = Duration::from_secs(1);

/// The events of a source are out of order by less than this. The generator's groups of 1,000 events
/// in any order span 100 ms at its usual rate.
pub(crate) const DISORDER: Duration = Duration::from_millis(200);

/// What a query reads: persons, auctions and bids, in the order of their sources.
pub(crate) trait Events<'a>: Node<Item = &'a Event> + Stampable + Clone {}

impl<'a, N: Node<Item = &'a Event> + Stampable + Clone> Events<'a> for N {}

/// Somebody who has registered, or an auction that somebody has opened.
#[derive(Clone, Copy, Debug)]
enum Side<'a> {
    Person(&'a Person),
    Auction(&'a Auction),
}

impl Side<'_> {
    /// Who it is about.
    fn person(&self) -> usize {
        match self {
            Side::Person(person) => person.id,
            Side::Auction(auction) => auction.seller,
        }
    }

    /// When it happened.
    fn time(&self) -> Timestamp {
        match self {
            Side::Person(person) => time(person.date_time),
            Side::Auction(auction) => time(auction.date_time),
        }
    }
}

/// The auctions that have been opened.
fn auctions<'a>(
    events: Flow<impl Events<'a>>,
) -> TimedFlow<impl Node<Item = Stamped<&'a Auction>>> {
    let auctions = events.filter_map(|event| match event {
        Event::Auction(auction) => Some(auction),
        _ => None,
    });
    auctions.timestamps(|auction| time(auction.date_time), |w| w.bounded(DISORDER))
}

/// The bids that have been made, with their times.
fn timed_bids<'a>(events: Flow<impl Events<'a>>) -> TimedFlow<impl Node<Item = Stamped<&'a Bid>>> {
    bids(events).timestamps(|bid| time(bid.date_time), |w| w.bounded(DISORDER))
}

/// The same, for queries without times.
fn bids<'a>(events: Flow<impl Events<'a>>) -> Flow<impl Stampable<Item = &'a Bid>> {
    events.filter_map(|event| match event {
        Event::Bid(bid) => Some(bid),
        _ => None,
    })
}

/// The generator's milliseconds.
fn time(milliseconds: u64) -> Timestamp {
    Timestamp(milliseconds as i64)
}
