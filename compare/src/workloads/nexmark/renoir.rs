//! The queries that are one operator of renoir's own. Its windows of event time begin at the first event
//! of each key instead of at multiples of their length, so none of the queries with such is among them.

use std::time::Duration;

use ::nexmark::event::{Auction, Event, Person};
use ::renoir::operator::Operator;
use ::renoir::prelude::ProcessingTimeWindow;
use ::renoir::{Stream, StreamContext};

use super::queries::q3::Suggestion;
use super::{Input, blocks};
use crate::peers::renoir::{Gathered, batches, run};
use crate::peers::timely::InProcess;

/// What `pick` makes of the events of both sources.
fn events<T: Clone + Send + 'static>(
    context: &StreamContext,
    input: Input,
    pick: impl Fn(&'static Event) -> Option<T> + Clone + Send + 'static,
) -> Stream<impl Operator<Out = T> + 'static> {
    let source = move |nth: u64, _: u64| blocks(input, nth as usize).flatten().filter_map(pick);
    context.stream_par_iter(source).batch_mode(batches())
}

pub(super) const JOIN: &str = "two sources, each read twice; `join` as it comes (by hash, both sides \
                               held); batches of 4,096";

pub(super) fn q3(input: Input) -> Vec<Vec<Suggestion<'static>>> {
    let gathered = Gathered::new();
    let mut place = gathered.place();
    run(|context| {
        let persons = events(context, input, |event| match event {
            Event::Person(who) if matches!(who.state.as_str(), "or" | "id" | "ca") => {
                Some(InProcess(who))
            }
            _ => None,
        });
        let auctions = events(context, input, |event| match event {
            Event::Auction(auction) if auction.category == 10 => Some(InProcess(auction)),
            _ => None,
        });
        let seller = |auction: &InProcess<&'static Auction>| auction.0.seller;
        let id = |person: &InProcess<&'static Person>| person.0.id;
        auctions.join(persons, seller, id).drop_key().for_each(move |(auction, who)| {
            let Person { name, city, state, .. } = who.0;
            place.push(Suggestion { name, city, state, auction: auction.0.id });
        });
    });
    gathered.take()
}

pub(super) const CLOCK: &str = "two sources; `group_by`, `window(ProcessingTimeWindow)`, `count`; \
                                batches of 4,096";

pub(super) fn q12(input: Input) -> Vec<Vec<(usize, u64)>> {
    let gathered = Gathered::new();
    let mut place = gathered.place();
    run(|context| {
        let bidders = events(context, input, |event| match event {
            Event::Bid(bid) => Some(bid.bidder),
            _ => None,
        });
        let counts = bidders
            .group_by(|bidder| *bidder)
            .window(ProcessingTimeWindow::tumbling(Duration::from_secs(10)))
            .count();
        counts.unkey().for_each(move |(bidder, bids)| place.push((bidder, bids as u64)));
    });
    gathered.take()
}
