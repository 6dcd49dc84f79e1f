//! The best code for two threads that we could write for each query.

use std::collections::BTreeMap;

use ::nexmark::event::{Auction, Bid, Event, Person};
use flow::{Span, Timestamp};

use super::queries::{q3::Suggestion, q5::HotItem, q8::NewSeller, q11::Session};
use super::{BLOCK, Input, said};
use crate::workloads::common::{Claims, on_two_threads};

const SLICE: u64 = 2_000;
const TEN: u64 = 10_000;

/// What each of two threads makes of the blocks that it claims.
fn scan<R: Default + Send>(events: Input, fold: impl Fn(&mut R, &'static Event) + Sync) -> [R; 2] {
    let claims = Claims::new(events.len() as u64, BLOCK as u64);
    on_two_threads(|_| {
        let mut result = R::default();
        for block in claims.iter() {
            let block = &events[block.start as usize..block.end as usize];
            block.iter().for_each(|event| fold(&mut result, event));
        }
        result
    })
}

/// As [`scan`], of bids alone.
fn bids<R: Default + Send>(events: Input, fold: impl Fn(&mut R, &'static Bid) + Sync) -> [R; 2] {
    scan(events, |result, event| {
        if let Event::Bid(bid) = event {
            fold(result, bid);
        }
    })
}

/// The place of an index in a vector that grows.
#[inline]
fn at<T: Clone + Default>(list: &mut Vec<T>, index: usize) -> &mut T {
    if index >= list.len() {
        list.resize((index + 1).next_power_of_two(), T::default());
    }
    &mut list[index]
}

pub(super) fn sum(events: Input, value: impl Fn(&'static Bid) -> Option<u64> + Sync) -> u64 {
    bids(events, |sum: &mut u64, bid| *sum += value(bid).unwrap_or(0)).iter().sum()
}

pub(super) fn q3(events: Input) -> Vec<Vec<Suggestion<'static>>> {
    type Sides = (Vec<&'static Person>, Vec<&'static Auction>);
    let sides = scan(events, |(persons, auctions): &mut Sides, event| match event {
        Event::Person(who) if matches!(who.state.as_str(), "or" | "id" | "ca") => persons.push(who),
        Event::Auction(auction) if auction.category == 10 => auctions.push(auction),
        _ => {}
    });
    let mut by_id: Vec<Option<&Person>> = Vec::new();
    sides.iter().flat_map(|side| &side.0).for_each(|who| *at(&mut by_id, who.id) = Some(who));
    let found = sides.iter().flat_map(|side| &side.1).filter_map(|auction| {
        let Person { name, city, state, .. } = by_id.get(auction.seller).copied().flatten()?;
        Some(Suggestion { name, city, state, auction: auction.id })
    });
    vec![found.collect()]
}

pub(super) const SALES: &str = "two threads claim blocks and copy what counts of bids; then one looks \
                                up their auctions in an array";

/// All auctions with their highest bids in time.
fn sales(events: Input) -> impl Iterator<Item = (&'static Auction, usize)> {
    type Sides = (Vec<&'static Auction>, Vec<(usize, usize, u64)>);
    let sides = scan(events, |(auctions, bids): &mut Sides, event| match event {
        Event::Auction(auction) => auctions.push(auction),
        Event::Bid(bid) => bids.push((bid.auction, bid.price, bid.date_time)),
        Event::Person(_) => {}
    });
    // When they are open, and the highest bid.
    let mut open: Vec<(u64, u64, usize)> = Vec::new();
    for auction in sides.iter().flat_map(|side| &side.0) {
        *at(&mut open, auction.id) = (auction.date_time, auction.expires, 0);
    }
    for (auction, price, time) in sides.iter().flat_map(|side| &side.1) {
        if let Some((from, to, best)) = open.get_mut(*auction)
            && (*from..=*to).contains(time)
        {
            *best = *price.max(best);
        }
    }
    let auctions = sides.into_iter().flat_map(|side| side.0);
    auctions.map(move |auction| (auction, open[auction.id].2)).filter(|sale| sale.1 > 0)
}

pub(super) fn q4(events: Input) -> Vec<Vec<(usize, u64)>> {
    by_category(sales(events))
}

/// The mean price of each category.
pub(super) fn by_category(
    sales: impl Iterator<Item = (&'static Auction, usize)>,
) -> Vec<Vec<(usize, u64)>> {
    let mut categories = BTreeMap::<usize, (usize, usize)>::new();
    for (auction, price) in sales {
        let (sum, count) = categories.entry(auction.category).or_default();
        *sum += price;
        *count += 1;
    }
    let mean = |(key, (sum, count))| (key, (sum as f64 / count as f64).to_bits());
    vec![categories.into_iter().map(mean).collect()]
}

pub(super) fn q6(events: Input) -> Vec<Vec<(usize, u64)>> {
    by_seller(sales(events))
}

/// The mean price of each seller's last ten auctions.
pub(super) fn by_seller(
    sales: impl Iterator<Item = (&'static Auction, usize)>,
) -> Vec<Vec<(usize, u64)>> {
    let mut sales: Vec<_> = sales
        .map(|(auction, price)| (auction.seller, auction.expires, auction.id, price))
        .collect();
    sales.sort_unstable();
    let mean = |sales: &[(usize, u64, usize, usize)]| {
        let last = &sales[sales.len().saturating_sub(10)..];
        let sum: usize = last.iter().map(|sale| sale.3).sum();
        (last[0].0, (sum as f64 / last.len() as f64).to_bits())
    };
    vec![sales.chunk_by(|one, next| one.0 == next.0).map(mean).collect()]
}

/// The counts of auctions in two seconds: those from `first` on.
#[derive(Default)]
struct Counts {
    first: usize,
    counts: Vec<u32>,
}

impl Counts {
    #[inline]
    fn add(&mut self, auction: usize, count: u32) {
        if self.counts.is_empty() || auction < self.first {
            self.lower(auction);
        }
        *at(&mut self.counts, auction - self.first) += count;
    }

    #[cold]
    fn lower(&mut self, auction: usize) {
        let first = auction.saturating_sub(1_024);
        if !self.counts.is_empty() {
            self.counts.splice(0..0, (first..self.first).map(|_| 0));
        }
        self.first = first;
    }

    fn iter(&self) -> impl Iterator<Item = (usize, u32)> {
        let counts = self.counts.iter().enumerate().filter(|(_, count)| **count > 0);
        counts.map(|(index, count)| (self.first + index, *count))
    }
}

pub(super) fn q5(events: Input) -> Vec<Vec<HotItem>> {
    type Slices = Vec<Option<Counts>>;
    let [mut slices, other] = bids(events, |slices: &mut Slices, bid| {
        let slice = (bid.date_time / SLICE) as usize;
        if slice >= slices.len() {
            slices.resize_with(slice + 1, || None);
        }
        slices[slice].get_or_insert_default().add(bid.auction, 1);
    });
    slices.resize_with(slices.len().max(other.len()), || None);
    for (slice, other) in slices.iter_mut().zip(other) {
        let Some(other) = other else { continue };
        let slice = slice.get_or_insert_default();
        other.iter().for_each(|(auction, count)| slice.add(auction, count));
    }
    let mut hot = Vec::new();
    for last in 0..slices.len() + 4 {
        let mut window = Counts::default();
        let inside = slices.iter().take(last + 1).skip((last + 1).saturating_sub(5)).flatten();
        inside.flat_map(Counts::iter).for_each(|(auction, count)| window.add(auction, count));
        let most = window.iter().map(|(_, count)| count).max();
        let end = Timestamp((last as i64 + 1) * SLICE as i64);
        let best = window.iter().filter(|(_, count)| Some(*count) == most);
        hot.extend(best.map(|(auction, bids)| HotItem { end, auction, bids: bids.into() }));
    }
    vec![hot]
}

/// The bids with the highest price.
#[derive(Clone, Default)]
pub(super) struct Best {
    price: usize,
    bids: Vec<&'static Bid>,
}

impl Best {
    #[inline]
    pub(super) fn offer(&mut self, bid: &'static Bid) {
        if bid.price >= self.price {
            if bid.price > self.price {
                self.price = bid.price;
                self.bids.clear();
            }
            self.bids.push(bid);
        }
    }

    pub(super) fn into_bids(self) -> Vec<&'static Bid> {
        self.bids
    }
}

pub(super) fn q7(events: Input) -> Vec<Vec<u64>> {
    let [mut windows, other] = bids(events, |windows: &mut Vec<Best>, bid| {
        at(windows, (bid.date_time / TEN) as usize).offer(bid);
    });
    for (window, best) in other.into_iter().enumerate() {
        best.into_bids().into_iter().for_each(|bid| at(&mut windows, window).offer(bid));
    }
    vec![windows.into_iter().flat_map(Best::into_bids).map(said).collect()]
}

pub(super) fn q8(events: Input) -> Vec<Vec<NewSeller<'static>>> {
    type Sides = (Vec<&'static Person>, Vec<(usize, u64)>);
    let sides = scan(events, |(persons, sellers): &mut Sides, event| match event {
        Event::Person(person) => persons.push(person),
        Event::Auction(auction) => sellers.push((auction.seller, auction.date_time / TEN)),
        Event::Bid(_) => {}
    });
    // The person, and whether this is a seller.
    let mut by_id: Vec<(Option<&Person>, bool)> = Vec::new();
    sides.iter().flat_map(|side| &side.0).for_each(|who| at(&mut by_id, who.id).0 = Some(who));
    for (seller, window) in sides.iter().flat_map(|side| &side.1) {
        if let Some((Some(who), sells)) = by_id.get_mut(*seller) {
            *sells |= who.date_time / TEN == *window;
        }
    }
    let new = by_id.into_iter().filter(|(_, sells)| *sells).filter_map(|(who, _)| who);
    vec![new.map(new_seller).collect()]
}

pub(super) fn new_seller(who: &'static Person) -> NewSeller<'static> {
    let start = Timestamp((who.date_time / TEN * TEN) as i64);
    NewSeller { id: who.id, name: &who.name, start }
}

/// From the first bid to the last one, and how many.
pub(super) type Times = (u64, u64, u64);

/// Adds some bids to the sessions of a bidder, which are in order.
#[inline]
pub(super) fn join(sessions: &mut Vec<Times>, (mut from, mut to, mut bids): Times) {
    // Out of order by less than a pause, so that only the last ones can be near.
    let mut behind = sessions.len();
    while behind > 0 && sessions[behind - 1].0 >= to + TEN {
        behind -= 1;
    }
    let mut first = behind;
    while first > 0 && sessions[first - 1].1 + TEN > from {
        first -= 1;
        (from, to) = (from.min(sessions[first].0), to.max(sessions[first].1));
        bids += sessions[first].2;
    }
    if first + 1 == behind {
        sessions[first] = (from, to, bids);
    } else {
        sessions.splice(first..behind, [(from, to, bids)]);
    }
}

pub(super) fn q11(events: Input) -> Vec<Vec<Session>> {
    let [mut bidders, other] = bids(events, |bidders: &mut Vec<Vec<Times>>, bid| {
        join(at(bidders, bid.bidder), (bid.date_time, bid.date_time, 1));
    });
    for (bidder, times) in other.into_iter().enumerate() {
        times.into_iter().for_each(|times| join(at(&mut bidders, bidder), times));
    }
    let sessions = bidders
        .iter()
        .enumerate()
        .flat_map(|(bidder, sessions)| sessions.iter().map(move |times| session(bidder, *times)));
    vec![sessions.collect()]
}

pub(super) fn session(bidder: usize, (from, to, bids): Times) -> Session {
    let time = Span::new(Timestamp(from as i64), Timestamp((to + TEN) as i64));
    Session { bidder, time, bids }
}

pub(super) fn q12(events: Input) -> Vec<Vec<(usize, u64)>> {
    let [mut bidders, other] =
        bids(events, |bidders: &mut Vec<u64>, bid| *at(bidders, bid.bidder) += 1);
    for (bidder, bids) in other.into_iter().enumerate() {
        *at(&mut bidders, bidder) += bids;
    }
    vec![bidders.into_iter().enumerate().filter(|(_, bids)| *bids > 0).collect()]
}
