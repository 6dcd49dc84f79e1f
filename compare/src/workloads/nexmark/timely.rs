//! The queries on timely dataflow: two workers, one for each source; a time stands for a window or a
//! slice of one, and the frontier says which of them are over.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ::nexmark::event::{Auction, Bid, Event, Person};
use ::timely::dataflow::channels::pact::Exchange;
use ::timely::dataflow::operators::generic::operator::Operator;
use ::timely::dataflow::{Scope, StreamVec};
use flow::Timestamp;
use foldhash::fast::RandomState;

use super::limit::{Best, Times, join, new_seller, session};
use super::queries::{DISORDER, q3::Suggestion, q5::HotItem, q8::NewSeller, q11::Session};
use super::{BLOCK, Input, blocks, said};
use crate::peers::timely::{InProcess, batches, run};
use crate::workloads::common::Claims;

const SLICE: u64 = 2_000;
const TEN: u64 = 10_000;

type Map<K, V> = HashMap<K, V, RandomState>;

/// What `pick` makes of the events of a worker's source. The time of a batch is the first window of
/// `size` milliseconds that may still come in it.
fn events<'scope, T: 'static>(
    scope: Scope<'scope, u64>,
    (events, worker, size): (Input, usize, u64),
    mut pick: impl FnMut(&'static Event, &mut Vec<T>) + 'static,
) -> StreamVec<'scope, u64, T> {
    let mut blocks = blocks(events, worker);
    let (mut highest, mut open) = (0, 0);
    batches(scope, move |time, batch| {
        time.downgrade(&open);
        let Some(block) = blocks.next() else { return false };
        for event in block {
            highest = event.timestamp().max(highest);
            pick(event, batch);
        }
        open = highest.saturating_sub(DISORDER.as_millis() as u64) / size;
        true
    })
}

/// Which windows are over: those before this one.
fn over(frontier: &[u64]) -> u64 {
    frontier.first().copied().unwrap_or(u64::MAX)
}

pub(super) const JOIN: &str = "a source for each of two workers; both sides are sent to the owner of \
                               the person and held there";

/// One of two sides.
enum Side {
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
}

pub(super) fn q3(input: Input) -> Vec<Vec<Suggestion<'static>>> {
    run(move |scope, worker, found: Rc<RefCell<Vec<Suggestion<'static>>>>| {
        let sides = events(scope, (input, worker, TEN), |event, batch| match event {
            Event::Person(who) if matches!(who.state.as_str(), "or" | "id" | "ca") => {
                batch.push(InProcess(Side::Person(who)));
            }
            Event::Auction(auction) if auction.category == 10 => {
                batch.push(InProcess(Side::Auction(auction)));
            }
            _ => {}
        });
        let mut persons: Map<usize, &Person> = Map::default();
        let mut auctions: Map<usize, Vec<&Auction>> = Map::default();
        let route = Exchange::new(|side: &InProcess<Side>| side.0.person() as u64);
        sides.sink(route, "Join", move |(input, _)| {
            let mut found = found.borrow_mut();
            let mut pair = |who: &'static Person, auction: &Auction| {
                let Person { name, city, state, .. } = who;
                found.push(Suggestion { name, city, state, auction: auction.id });
            };
            input.for_each(|_, batch| {
                for InProcess(side) in batch.drain(..) {
                    match side {
                        Side::Person(who) => {
                            persons.insert(who.id, who);
                            let known = auctions.get(&who.id).into_iter().flatten();
                            known.for_each(|auction| pair(who, auction));
                        }
                        Side::Auction(auction) => {
                            if let Some(who) = persons.get(&auction.seller) {
                                pair(who, auction);
                            }
                            auctions.entry(auction.seller).or_default().push(auction);
                        }
                    }
                }
            });
        });
    })
}

pub(super) const SLICES: &str = "a source for each of two workers; bids are counted by the owner of \
                                 the auction, windows from slices of two seconds";

/// The counts of auctions by slice, and those of the last five slices together.
#[derive(Default)]
struct Slices {
    open: BTreeMap<u64, Map<usize, u64>>,
    window: Map<usize, u64>,
    /// The slice that is closed next.
    next: u64,
    /// The auctions of this worker with the most bids, by the last slice of a window.
    best: Vec<(u64, u64, Vec<usize>)>,
    /// What the window holds.
    inside: BTreeMap<u64, Map<usize, u64>>,
}

impl Slices {
    fn close_before(&mut self, end: u64) {
        while self.next < end && !(self.open.is_empty() && self.inside.is_empty()) {
            let slice = self.open.remove(&self.next).unwrap_or_default();
            slice.iter().for_each(|(auction, n)| *self.window.entry(*auction).or_default() += n);
            if !slice.is_empty() {
                self.inside.insert(self.next, slice);
            }
            for (auction, n) in self.inside.remove(&self.next.wrapping_sub(5)).unwrap_or_default() {
                let count = self.window.get_mut(&auction).expect("it was added");
                *count -= n;
                if *count == 0 {
                    self.window.remove(&auction);
                }
            }
            if let Some(most) = self.window.values().copied().max() {
                let best = self.window.iter().filter(|(_, count)| **count == most);
                self.best.push((self.next, most, best.map(|(auction, _)| *auction).collect()));
            }
            self.next += 1;
        }
    }
}

pub(super) fn q5(input: Input) -> Vec<Vec<HotItem>> {
    let best = run(move |scope, worker, best: Rc<RefCell<Vec<(u64, u64, Vec<usize>)>>>| {
        let bids = events(scope, (input, worker, SLICE), |event, batch| {
            if let Event::Bid(bid) = event {
                batch.push((bid.date_time / SLICE, bid.auction));
            }
        });
        let mut slices = Slices::default();
        let route = Exchange::new(|(_, auction): &(u64, usize)| *auction as u64);
        bids.sink(route, "Count", move |(input, frontier)| {
            input.for_each(|_, batch| {
                for run in batch.chunk_by(|one, next| one.0 == next.0) {
                    let slice = slices.open.entry(run[0].0).or_default();
                    run.iter().for_each(|(_, auction)| *slice.entry(*auction).or_default() += 1);
                }
            });
            let over = over(&frontier.frontier());
            slices.close_before(over);
            if over == u64::MAX {
                best.borrow_mut().append(&mut slices.best);
            }
        });
    });
    // A window's best is with one worker, or with both.
    let mut windows = BTreeMap::<u64, (u64, Vec<usize>)>::new();
    for (last, most, auctions) in best.into_iter().flatten() {
        let (all, hot) = windows.entry(last).or_default();
        if most > *all {
            (*all, *hot) = (most, auctions);
        } else if most == *all {
            hot.extend(auctions);
        }
    }
    let items = windows.into_iter().flat_map(|(last, (bids, auctions))| {
        let end = Timestamp(((last + 1) * SLICE) as i64);
        auctions.into_iter().map(move |auction| HotItem { end, auction, bids })
    });
    vec![items.collect()]
}

pub(super) const PARTIAL: &str = "a source for each of two workers, which sends the best of a window \
                                  when it is over there";

pub(super) fn q7(input: Input) -> Vec<Vec<u64>> {
    run(move |scope, worker, sums: Rc<RefCell<Vec<u64>>>| {
        let mut open: BTreeMap<u64, Best> = BTreeMap::new();
        let mut blocks = blocks(input, worker);
        let (mut highest, mut first, mut ended) = (0, 0, false);
        let bests = batches(scope, move |time, batch: &mut Vec<InProcess<(u64, &'static Bid)>>| {
            time.downgrade(&first);
            if ended {
                return false;
            }
            let block = blocks.next();
            ended = block.is_none();
            for event in block.into_iter().flatten() {
                highest = event.timestamp().max(highest);
                if let Event::Bid(bid) = event {
                    open.entry(bid.date_time / TEN).or_default().offer(bid);
                }
            }
            let over = highest.saturating_sub(DISORDER.as_millis() as u64) / TEN;
            let seen = if ended { u64::MAX } else { over };
            while let Some(entry) = open.first_entry().filter(|entry| *entry.key() < seen) {
                let (window, best) = entry.remove_entry();
                batch.extend(best.into_bids().into_iter().map(|bid| InProcess((window, bid))));
            }
            first = over;
            true
        });
        let mut windows: BTreeMap<u64, Best> = BTreeMap::new();
        let route = Exchange::new(|best: &InProcess<(u64, &'static Bid)>| best.0.0);
        bests.sink(route, "Best", move |(input, frontier)| {
            input.for_each(|_, batch| {
                for InProcess((window, bid)) in batch.drain(..) {
                    windows.entry(window).or_default().offer(bid);
                }
            });
            let over = over(&frontier.frontier());
            while let Some(entry) = windows.first_entry().filter(|entry| *entry.key() < over) {
                sums.borrow_mut().extend(entry.remove().into_bids().into_iter().map(said));
            }
        });
    })
}

pub(super) const WINDOW_JOIN: &str = "a source for each of two workers; persons and sellers are sent \
                                      to the owner of the person and joined when a window is over";

pub(super) fn q8(input: Input) -> Vec<Vec<NewSeller<'static>>> {
    run(move |scope, worker, found: Rc<RefCell<Vec<NewSeller<'static>>>>| {
        let sides = events(scope, (input, worker, TEN), |event, batch| match event {
            Event::Person(person) => batch.push(InProcess(Side::Person(person))),
            Event::Auction(auction) => batch.push(InProcess(Side::Auction(auction))),
            Event::Bid(_) => {}
        });
        type Window = (Vec<&'static Person>, HashSet<usize, RandomState>);
        let mut windows: BTreeMap<u64, Window> = BTreeMap::new();
        let route = Exchange::new(|side: &InProcess<Side>| side.0.person() as u64);
        sides.sink(route, "Join", move |(input, frontier)| {
            input.for_each(|_, batch| {
                for InProcess(side) in batch.drain(..) {
                    match side {
                        Side::Person(who) => {
                            windows.entry(who.date_time / TEN).or_default().0.push(who);
                        }
                        Side::Auction(auction) => {
                            let window = windows.entry(auction.date_time / TEN).or_default();
                            window.1.insert(auction.seller);
                        }
                    }
                }
            });
            let over = over(&frontier.frontier());
            while let Some(entry) = windows.first_entry().filter(|entry| *entry.key() < over) {
                let (persons, sellers) = entry.remove();
                let new = persons.into_iter().filter(|who| sellers.contains(&who.id));
                found.borrow_mut().extend(new.map(new_seller));
            }
        });
    })
}

pub(super) const SESSIONS: &str = "a source for each of two workers; bids are sent to the owner of the \
                                   bidder, who looks for sessions that are over every ten seconds";

pub(super) fn q11(input: Input) -> Vec<Vec<Session>> {
    run(move |scope, worker, found: Rc<RefCell<Vec<Session>>>| {
        let bids = events(scope, (input, worker, TEN), |event, batch| {
            if let Event::Bid(bid) = event {
                batch.push((bid.bidder, bid.date_time));
            }
        });
        let mut bidders: Map<usize, Vec<Times>> = Map::default();
        let mut closed = 0;
        let route = Exchange::new(|(bidder, _): &(usize, u64)| *bidder as u64);
        bids.sink(route, "Sessions", move |(input, frontier)| {
            input.for_each(|_, batch| {
                for (bidder, time) in batch.drain(..) {
                    join(bidders.entry(bidder).or_default(), (time, time, 1));
                }
            });
            let over = over(&frontier.frontier());
            if over > closed {
                closed = over;
                let mut found = found.borrow_mut();
                bidders.retain(|bidder, sessions| {
                    let ends = sessions.iter().take_while(|times| times.1 / TEN + 1 < over).count();
                    found.extend(sessions.drain(..ends).map(|times| session(*bidder, times)));
                    !sessions.is_empty()
                });
            }
        });
    })
}

pub(super) const CLOCK: &str = "two workers claim blocks; bids are sent to the owner of the bidder and \
                                counted in ten seconds of the clock";

pub(super) fn q12(input: Input) -> Vec<Vec<(usize, u64)>> {
    let claims = Arc::new(Claims::new(input.len() as u64, BLOCK as u64));
    run(move |scope, _, found: Rc<RefCell<Vec<(usize, u64)>>>| {
        let claims = claims.clone();
        let bids = batches(scope, move |_, batch| {
            let Some(block) = claims.next() else { return false };
            let block = &input[block.start as usize..block.end as usize];
            batch.extend(block.iter().filter_map(|event| match event {
                Event::Bid(bid) => Some(bid.bidder),
                _ => None,
            }));
            true
        });
        let mut counts: Map<usize, u64> = Map::default();
        let mut began = Instant::now();
        let route = Exchange::new(|bidder: &usize| *bidder as u64);
        bids.sink(route, "Count", move |(input, frontier)| {
            input.for_each(|_, batch| {
                batch.drain(..).for_each(|bidder| *counts.entry(bidder).or_default() += 1);
            });
            if frontier.is_empty() || began.elapsed() >= Duration::from_millis(TEN) {
                began = Instant::now();
                found.borrow_mut().extend(counts.drain());
            }
        });
    })
}
