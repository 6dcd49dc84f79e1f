//! The queries on timely dataflow, where one would not write them as for everyone: two workers.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ::nexmark::event::{Bid, Event};
use ::timely::dataflow::channels::pact::Exchange;
use ::timely::dataflow::operators::generic::operator::Operator;
use foldhash::fast::RandomState;

use super::limit::Best;
use super::queries::DISORDER;
use super::{BLOCK, Input, blocks, said};
use crate::peers::timely::{InProcess, batches, run};
use crate::workloads::common::Claims;

const TEN: u64 = 10_000;

/// Which windows are over: those before this one.
fn over(frontier: &[u64]) -> u64 {
    frontier.first().copied().unwrap_or(u64::MAX)
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
        let mut counts = HashMap::<usize, u64, RandomState>::default();
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
