//! The queries as one writes them by hand for something that moves events and says how far time has
//! come: on threads with channels, on timely, on renoir.

mod hot_items;
mod persons;
mod sales;
mod windows;

use std::collections::HashMap;
use std::marker::PhantomData;

use ::nexmark::event::Event;
use foldhash::fast::RandomState;

pub(super) use self::hot_items::HotItems;
pub(super) use self::persons::{Newcomers, Suggestions};
pub(super) use self::sales::{Categories, Sellers};
pub(super) use self::windows::{Highest, Sessions};
use super::{BLOCK, Input, queries};
use crate::harness::THREADS;
use crate::peers::Timed;

/// Ten seconds, in milliseconds.
const TEN: i64 = 10_000;

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
