//! The queries as one writes them by hand for something that moves events and says how far time has
//! come: on threads with channels, on timely, on renoir.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::marker::PhantomData;

use ::nexmark::event::{Auction, Bid, Event, Person};
use flow::Timestamp;
use foldhash::fast::RandomState;

use super::limit::{self, Best, Times, join, new_seller, session};
use super::queries::{self, q3::Suggestion, q5::HotItem, q8::NewSeller, q11::Session};
use super::{BLOCK, Input, said};
use crate::harness::THREADS;
use crate::peers::Timed;

const SLICE: i64 = 2_000;
const TEN: i64 = 10_000;
/// For how long a bid waits for its auction.
const LONGEST: i64 = 1_000;

type Map<K, V> = HashMap<K, V, RandomState>;

/// One of the queries.
pub(super) trait Query: 'static {
    /// What is sent of an event.
    type Event: Clone + Send + 'static;
    /// What a source remembers in order to send less.
    type Seen: Default + Send + 'static;
    /// What the owner of a key keeps, and gives.
    type State: Clone + Default + Send + 'static;
    type Part: Clone + Send + 'static;
    type Output;

    fn pick(seen: &mut Self::Seen, event: &'static Event) -> Option<Self::Event>;
    fn time(event: &Self::Event) -> u64;
    fn owner(event: &Self::Event) -> usize;
    fn fold(state: &mut Self::State, event: Self::Event);
    fn passed(state: &mut Self::State, time: i64, parts: &mut Vec<Self::Part>);
    /// What the parts of all owners come to.
    fn output(parts: Vec<Vec<Self::Part>>) -> Vec<Vec<Self::Output>>;
}

/// A query and what it reads.
pub(super) struct Job<Q> {
    events: Input,
    query: PhantomData<fn() -> Q>,
}

impl<Q> Job<Q> {
    pub(super) fn new(events: Input) -> Self {
        Job { events, query: PhantomData }
    }
}

impl<Q> Clone for Job<Q> {
    fn clone(&self) -> Self {
        Job::new(self.events)
    }
}

impl<Q: Query> Timed for Job<Q> {
    type Event = Q::Event;
    type Source = Picked<Q>;
    type State = Q::State;
    type Result = Q::Part;

    const DISORDER: i64 = queries::DISORDER.as_millis() as i64;

    fn source(&self, nth: usize) -> Picked<Q> {
        Picked { events: self.events, block: nth, next: 0, seen: Q::Seen::default() }
    }

    fn time(event: &Q::Event) -> i64 {
        Q::time(event) as i64
    }

    fn owner(event: &Q::Event) -> u64 {
        Q::owner(event) as u64
    }

    fn fold(state: &mut Q::State, event: Q::Event) {
        Q::fold(state, event);
    }

    fn passed(state: &mut Q::State, time: i64, results: &mut Vec<Q::Part>) {
        Q::passed(state, time, results);
    }
}

/// What a query picks of the blocks of one source.
pub(super) struct Picked<Q: Query> {
    events: Input,
    block: usize,
    /// Within the block.
    next: usize,
    seen: Q::Seen,
}

impl<Q: Query> Iterator for Picked<Q> {
    type Item = Q::Event;

    fn next(&mut self) -> Option<Q::Event> {
        loop {
            let block = self.events.get(self.block * BLOCK..)?;
            let block = &block[..block.len().min(BLOCK)];
            while let Some(event) = block.get(self.next) {
                self.next += 1;
                if let Some(picked) = Q::pick(&mut self.seen, event) {
                    return Some(picked);
                }
            }
            (self.block, self.next) = (self.block + THREADS, 0);
        }
    }
}

/// One of two sides that are joined by person.
#[derive(Clone)]
pub(super) enum Side {
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
pub(super) struct Suggestions;

#[derive(Clone, Default)]
pub(super) struct Held {
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

/// q5: windows from slices of two seconds.
pub(super) struct HotItems;

/// The counts of auctions by slice, and those of the last five slices together.
#[derive(Clone, Default)]
pub(super) struct Slices {
    /// The slice that the last bid was in.
    current: (i64, Map<usize, u64>),
    others: BTreeMap<i64, Map<usize, u64>>,
    window: Map<usize, u64>,
    /// What the window holds.
    inside: BTreeMap<i64, Map<usize, u64>>,
    /// The slice that is closed next.
    next: i64,
}

/// The last slice of a window, the most bids, and the auctions of one owner that have as many.
type Hottest = (i64, u64, Vec<usize>);

impl Slices {
    fn slice(&mut self, slice: i64) -> &mut Map<usize, u64> {
        if self.current.0 != slice {
            self.put_back();
            self.current = (slice, self.others.remove(&slice).unwrap_or_default());
        }
        &mut self.current.1
    }

    fn put_back(&mut self) {
        let (slice, counts) = std::mem::take(&mut self.current);
        if !counts.is_empty() {
            self.others.insert(slice, counts);
        }
    }

    fn close(&mut self, best: &mut Vec<Hottest>) {
        let slice = self.others.remove(&self.next).unwrap_or_default();
        slice.iter().for_each(|(auction, n)| *self.window.entry(*auction).or_default() += n);
        if !slice.is_empty() {
            self.inside.insert(self.next, slice);
        }
        for (auction, n) in self.inside.remove(&(self.next - 5)).unwrap_or_default() {
            let count = self.window.get_mut(&auction).expect("it was added");
            *count -= n;
            if *count == 0 {
                self.window.remove(&auction);
            }
        }
        if let Some(most) = self.window.values().copied().max() {
            let all = self.window.iter().filter(|(_, count)| **count == most);
            best.push((self.next, most, all.map(|(auction, _)| *auction).collect()));
        }
        self.next += 1;
    }
}

impl Query for HotItems {
    /// The time and the auction of a bid.
    type Event = (u64, usize);
    type Seen = ();
    type State = Slices;
    type Part = Hottest;
    type Output = HotItem;

    fn pick(_: &mut (), event: &'static Event) -> Option<(u64, usize)> {
        bid(event).map(|bid| (bid.date_time, bid.auction))
    }

    fn time(event: &(u64, usize)) -> u64 {
        event.0
    }

    fn owner(event: &(u64, usize)) -> usize {
        event.1
    }

    fn fold(slices: &mut Slices, (time, auction): (u64, usize)) {
        *slices.slice(time as i64 / SLICE).entry(auction).or_default() += 1;
    }

    fn passed(slices: &mut Slices, time: i64, best: &mut Vec<Hottest>) {
        let end = time / SLICE;
        if slices.next >= end {
            return;
        }
        slices.put_back();
        while slices.next < end && !(slices.others.is_empty() && slices.inside.is_empty()) {
            slices.close(best);
        }
    }

    fn output(best: Vec<Vec<Hottest>>) -> Vec<Vec<HotItem>> {
        // A window's best is with one owner, or with both.
        let mut windows = BTreeMap::<i64, (u64, Vec<usize>)>::new();
        for (last, most, auctions) in best.into_iter().flatten() {
            let (all, hot) = windows.entry(last).or_default();
            if most > *all {
                (*all, *hot) = (most, auctions);
            } else if most == *all {
                hot.extend(auctions);
            }
        }
        let items = windows.into_iter().flat_map(|(last, (bids, auctions))| {
            let end = Timestamp((last + 1) * SLICE);
            auctions.into_iter().map(move |auction| HotItem { end, auction, bids })
        });
        vec![items.collect()]
    }
}

fn bid(event: &'static Event) -> Option<&'static Bid> {
    match event {
        Event::Bid(bid) => Some(bid),
        _ => None,
    }
}

/// q7: a source sends the bids that nothing which it has seen of their window is above.
pub(super) struct Highest;

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

/// q8: persons and sellers of a window are joined when it is over.
pub(super) struct Newcomers;

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

/// q11: one looks for sessions that are over every ten seconds.
pub(super) struct Sessions;

#[derive(Clone, Default)]
pub(super) struct Bidders {
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

/// What q4 and q6 begin with: auctions and bids are joined while the auction is open.
#[derive(Clone, Default)]
pub(super) struct Sales {
    open: Map<usize, (&'static Auction, usize)>,
    /// By when they close.
    closes: BTreeMap<u64, Vec<usize>>,
    /// Bids whose auction has not come.
    waiting: Map<usize, Vec<&'static Bid>>,
    swept: i64,
}

/// An auction, or a bid for it.
#[derive(Clone)]
pub(super) enum Trade {
    Auction(&'static Auction),
    Bid(&'static Bid),
}

/// An auction with its highest bid.
type Sale = (&'static Auction, usize);

impl Sales {
    fn pick(event: &'static Event) -> Option<Trade> {
        match event {
            Event::Auction(auction) => Some(Trade::Auction(auction)),
            Event::Bid(bid) => Some(Trade::Bid(bid)),
            Event::Person(_) => None,
        }
    }

    fn fold(&mut self, trade: Trade) {
        match trade {
            Trade::Auction(auction) => {
                self.open.insert(auction.id, (auction, 0));
                self.closes.entry(auction.expires).or_default().push(auction.id);
                for bid in self.waiting.remove(&auction.id).into_iter().flatten() {
                    self.bid(bid);
                }
            }
            Trade::Bid(bid) => self.bid(bid),
        }
    }

    fn bid(&mut self, bid: &'static Bid) {
        match self.open.get_mut(&bid.auction) {
            Some((auction, best)) => {
                if (auction.date_time..=auction.expires).contains(&bid.date_time) {
                    *best = bid.price.max(*best);
                }
            }
            None => self.waiting.entry(bid.auction).or_default().push(bid),
        }
    }

    fn passed(&mut self, time: i64, parts: &mut Vec<Sale>) {
        while let Some(entry) = self.closes.first_entry().filter(|e| (*e.key() as i64) < time) {
            let sales = entry.remove().into_iter().filter_map(|id| self.open.remove(&id));
            parts.extend(sales.filter(|sale| sale.1 > 0));
        }
        if time.saturating_sub(LONGEST) > self.swept {
            self.swept = time;
            self.waiting.retain(|_, bids| {
                bids.retain(|bid| bid.date_time as i64 + LONGEST >= time);
                !bids.is_empty()
            });
        }
    }
}

/// q4 and q6, which differ in what they make of the sales.
macro_rules! of_sales {
    ($query:ident, $means:path) => {
        pub(super) struct $query;

        impl Query for $query {
            type Event = Trade;
            type Seen = ();
            type State = Sales;
            type Part = Sale;
            type Output = (usize, u64);

            fn pick(_: &mut (), event: &'static Event) -> Option<Trade> {
                Sales::pick(event)
            }

            fn time(trade: &Trade) -> u64 {
                match trade {
                    Trade::Auction(auction) => auction.date_time,
                    Trade::Bid(bid) => bid.date_time,
                }
            }

            fn owner(trade: &Trade) -> usize {
                match trade {
                    Trade::Auction(auction) => auction.id,
                    Trade::Bid(bid) => bid.auction,
                }
            }

            fn fold(sales: &mut Sales, trade: Trade) {
                sales.fold(trade);
            }

            fn passed(sales: &mut Sales, time: i64, parts: &mut Vec<Sale>) {
                sales.passed(time, parts);
            }

            fn output(parts: Vec<Vec<Sale>>) -> Vec<Vec<(usize, u64)>> {
                $means(parts.into_iter().flatten())
            }
        }
    };
}

of_sales!(Categories, limit::by_category);
of_sales!(Sellers, limit::by_seller);
