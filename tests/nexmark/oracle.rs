//! The queries once more, in plain loops over all events at once. Results are sorted.

use crate::queries::{q3::Suggestion, q5::HotItem, q8::NewSeller, q11::Session};
use flow::{Span, Timestamp};
use nexmark::event::{Auction, Bid, Event, Person};
use std::collections::{BTreeMap, BTreeSet};

const TEN: i64 = 10_000;

/// What tells bids apart: auction, bidder, price, time.
pub(crate) type BidKey = (usize, usize, usize, u64);

pub(crate) fn key(bid: &Bid) -> BidKey {
    (bid.auction, bid.bidder, bid.price, bid.date_time)
}

fn bids(events: &[Event]) -> impl Iterator<Item = &Bid> {
    events.iter().filter_map(|event| if let Event::Bid(bid) = event { Some(bid) } else { None })
}

fn auctions(events: &[Event]) -> impl Iterator<Item = &Auction> {
    events.iter().filter_map(|event| match event {
        Event::Auction(auction) => Some(auction),
        _ => None,
    })
}

fn persons(events: &[Event]) -> impl Iterator<Item = &Person> {
    events.iter().filter_map(|event| match event {
        Event::Person(person) => Some(person),
        _ => None,
    })
}

fn sorted<T: Ord>(results: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut results: Vec<T> = results.into_iter().collect();
    results.sort_unstable();
    results
}

/// The last multiple of ten seconds.
fn ten(at: u64) -> i64 {
    at as i64 / TEN * TEN
}

pub(crate) fn q0(events: &[Event]) -> Vec<BidKey> {
    sorted(bids(events).map(key))
}

/// With the bits of the price.
pub(crate) fn q1(events: &[Event]) -> Vec<(BidKey, u64)> {
    sorted(bids(events).map(|bid| (key(bid), (bid.price as f64 * 0.908).to_bits())))
}

pub(crate) fn q2(events: &[Event]) -> Vec<(usize, usize)> {
    let selected = bids(events).filter(|bid| bid.auction.is_multiple_of(123));
    sorted(selected.map(|bid| (bid.auction, bid.price)))
}

pub(crate) fn q3(events: &[Event]) -> Vec<Suggestion<'_>> {
    let mut found = Vec::new();
    for auction in auctions(events).filter(|auction| auction.category == 10) {
        for Person { name, city, state, .. } in persons(events).filter(|who| {
            who.id == auction.seller && ["or", "id", "ca"].contains(&who.state.as_str())
        }) {
            found.push(Suggestion { name, city, state, auction: auction.id });
        }
    }
    sorted(found)
}

/// Each auction with its highest bid.
fn sales(events: &[Event]) -> Vec<(&Auction, usize)> {
    let mut by_auction = BTreeMap::<usize, Vec<&Bid>>::new();
    bids(events).for_each(|bid| by_auction.entry(bid.auction).or_default().push(bid));
    let sale = |auction: &Auction| {
        let open = auction.date_time..=auction.expires;
        let valid = by_auction.get(&auction.id)?.iter().filter(|bid| open.contains(&bid.date_time));
        valid.map(|bid| bid.price).max()
    };
    auctions(events).filter_map(|auction| Some((auction, sale(auction)?))).collect()
}

/// With the bits of the mean.
fn mean((key, prices): (usize, Vec<usize>)) -> (usize, u64) {
    (key, (prices.iter().sum::<usize>() as f64 / prices.len() as f64).to_bits())
}

/// With the bits of the mean.
pub(crate) fn q4(events: &[Event]) -> Vec<(usize, u64)> {
    let mut categories = BTreeMap::<usize, Vec<usize>>::new();
    for (auction, price) in sales(events) {
        categories.entry(auction.category).or_default().push(price);
    }
    sorted(categories.into_iter().map(mean))
}

/// With the bits of the mean.
pub(crate) fn q6(events: &[Event]) -> Vec<(usize, u64)> {
    let mut sales = sales(events);
    sales.sort_by_key(|(auction, _)| (auction.expires, auction.id));
    let mut sellers = BTreeMap::<usize, Vec<usize>>::new();
    for (auction, price) in sales {
        sellers.entry(auction.seller).or_default().push(price);
    }
    sellers.values_mut().for_each(|prices| _ = prices.drain(..prices.len().saturating_sub(10)));
    sorted(sellers.into_iter().map(mean))
}

pub(crate) fn q5(events: &[Event]) -> Vec<HotItem> {
    let mut windows = BTreeMap::<i64, BTreeMap<usize, u64>>::new();
    for bid in bids(events) {
        // The five windows that contain it end up to ten seconds after it.
        let first = bid.date_time as i64 / 2_000 * 2_000 + 2_000;
        for end in (first..first + TEN).step_by(2_000) {
            *windows.entry(end).or_default().entry(bid.auction).or_default() += 1;
        }
    }
    let hot = windows.into_iter().flat_map(|(end, counts)| {
        let most = counts.values().copied().max();
        let hot = counts.into_iter().filter(move |(_, bids)| Some(*bids) == most);
        hot.map(move |(auction, bids)| HotItem { end: Timestamp(end), auction, bids })
    });
    sorted(hot)
}

pub(crate) fn q7(events: &[Event]) -> Vec<BidKey> {
    let mut highest = BTreeMap::<i64, usize>::new();
    for bid in bids(events) {
        let price = highest.entry(ten(bid.date_time)).or_default();
        *price = bid.price.max(*price);
    }
    sorted(bids(events).filter(|bid| bid.price == highest[&ten(bid.date_time)]).map(key))
}

pub(crate) fn q8(events: &[Event]) -> Vec<NewSeller<'_>> {
    let sold: BTreeSet<(usize, i64)> =
        auctions(events).map(|auction| (auction.seller, ten(auction.date_time))).collect();
    let new = persons(events).filter(|who| sold.contains(&(who.id, ten(who.date_time))));
    sorted(new.map(|who| {
        let Person { id, name, date_time, .. } = who;
        NewSeller { id: *id, name, start: Timestamp(ten(*date_time)) }
    }))
}

pub(crate) fn q11(events: &[Event]) -> Vec<Session> {
    let mut bidders = BTreeMap::<usize, Vec<i64>>::new();
    for bid in bids(events) {
        bidders.entry(bid.bidder).or_default().push(bid.date_time as i64);
    }
    let mut sessions = Vec::new();
    for (bidder, mut times) in bidders {
        times.sort_unstable();
        for session in times.chunk_by(|one, next| next - one < TEN) {
            let (first, last) = (session[0], session[session.len() - 1]);
            let time = Span::new(Timestamp(first), Timestamp(last + TEN));
            sessions.push(Session { bidder, time, bids: session.len() as u64 });
        }
    }
    sorted(sessions)
}

/// All windows together.
pub(crate) fn q12(events: &[Event]) -> Vec<(usize, u64)> {
    let mut bidders = BTreeMap::<usize, u64>::new();
    bids(events).for_each(|bid| *bidders.entry(bid.bidder).or_default() += 1);
    sorted(bidders)
}
