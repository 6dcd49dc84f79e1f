//! The queries about bids in windows: q7 and q11.

use std::collections::BTreeMap;

use ::nexmark::event::{Bid, Event};

use super::super::limit::{Best, Times, join, session};
use super::super::queries::q11::Session;
use super::super::{bid, said};
use super::{Map, Query, TEN};

/// q7: a source sends the bids that nothing which it has seen of their window is above.
pub(crate) struct Highest;

impl Query for Highest {
    type Event = &'static Bid;
    /// Two windows and their highest prices: no more are open at once.
    type Seen = [(u64, usize); 2];
    type State = BTreeMap<i64, Best>;
    type Part = u64;
    type Output = u64;

    fn pick(seen: &mut Self::Seen, event: &'static Event) -> Option<&'static Bid> {
        let bid = bid(event)?;
        let window = bid.date_time / TEN as u64;
        let highest = &mut seen[window as usize % 2];
        if highest.0 != window {
            *highest = (window, 0);
        }
        highest.1 = highest.1.max(bid.price);
        (bid.price == highest.1).then_some(bid)
    }

    fn time(bid: &&'static Bid) -> u64 {
        bid.date_time
    }

    fn owner(bid: &&'static Bid) -> usize {
        (bid.date_time / TEN as u64) as usize
    }

    fn fold(windows: &mut Self::State, bid: &'static Bid) {
        windows.entry(bid.date_time as i64 / TEN).or_default().offer(bid);
    }

    fn passed(windows: &mut Self::State, time: i64, parts: &mut Vec<u64>) {
        while let Some(entry) = windows.first_entry().filter(|entry| *entry.key() < time / TEN) {
            parts.extend(entry.remove().into_bids().into_iter().map(said));
        }
    }

    fn output(parts: Vec<Vec<u64>>) -> Vec<Vec<u64>> {
        parts
    }
}

/// q11: one looks for sessions that are over every ten seconds.
pub(crate) struct Sessions;

#[derive(Clone, Default)]
pub(crate) struct Bidders {
    sessions: Map<usize, Vec<Times>>,
    closed: i64,
}

impl Query for Sessions {
    /// The time and the bidder of a bid.
    type Event = (u64, usize);
    type Seen = ();
    type State = Bidders;
    type Part = Session;
    type Output = Session;

    fn pick(_: &mut (), event: &'static Event) -> Option<(u64, usize)> {
        bid(event).map(|bid| (bid.date_time, bid.bidder))
    }

    fn time(event: &(u64, usize)) -> u64 {
        event.0
    }

    fn owner(event: &(u64, usize)) -> usize {
        event.1
    }

    fn fold(bidders: &mut Bidders, (time, bidder): (u64, usize)) {
        join(bidders.sessions.entry(bidder).or_default(), (time, time, 1));
    }

    fn passed(bidders: &mut Bidders, time: i64, parts: &mut Vec<Session>) {
        let over = time / TEN;
        if over <= bidders.closed {
            return;
        }
        bidders.closed = over;
        bidders.sessions.retain(|bidder, sessions| {
            let ended = |times: &&Times| times.1 as i64 / TEN + 1 < over;
            let ends = sessions.iter().take_while(ended).count();
            parts.extend(sessions.drain(..ends).map(|times| session(*bidder, times)));
            !sessions.is_empty()
        });
    }

    fn output(parts: Vec<Vec<Session>>) -> Vec<Vec<Session>> {
        parts
    }
}
