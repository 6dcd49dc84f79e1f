//! The join on threads with channels, by hand: customers are at time 0 and orders at time 1, which wait
//! until the first is over.

use std::iter::Chain;
use std::ops::Range;

use super::{Map, customer, customers, order, owner, paid};
use crate::harness::THREADS;
use crate::peers::{Timed, channels};

pub(super) fn join(orders: u64) -> u64 {
    let sums = channels::timed(&Job { orders });
    sums.into_iter().flatten().fold(0, u64::wrapping_add)
}

#[derive(Clone)]
struct Job {
    orders: u64,
}

/// Half of the customers, then half of the orders: time, key and value.
struct Both {
    numbers: Chain<Tagged, Tagged>,
    orders: u64,
}

/// Numbers at a time.
type Tagged = std::iter::Map<Range<u64>, fn(u64) -> (i64, u64)>;

impl Iterator for Both {
    type Item = (i64, u64, u64);

    fn next(&mut self) -> Option<(i64, u64, u64)> {
        let (time, number) = self.numbers.next()?;
        let (key, value) = if time == 0 { customer(number) } else { order(number, self.orders) };
        Some((time, key, value))
    }
}

#[derive(Clone, Default)]
struct Side {
    rates: Map,
    all_known: bool,
    waiting: Vec<(u64, u64)>,
    sum: u64,
}

impl Side {
    fn pair(&mut self, key: u64, amount: u64) {
        if let Some(rate) = self.rates.get(&key) {
            self.sum = self.sum.wrapping_add(paid(amount, *rate));
        }
    }
}

impl Timed for Job {
    type Event = (i64, u64, u64);
    type Source = Both;
    type State = Side;
    type Result = u64;

    const DISORDER: i64 = 0;

    fn source(&self, nth: usize) -> Both {
        let share = |all: u64| {
            let (nth, of) = (nth as u64, THREADS as u64);
            all * nth / of..all * (nth + 1) / of
        };
        let known: Tagged = share(customers(self.orders)).map(|i| (0, i));
        let placed: Tagged = share(self.orders).map(|i| (1, i));
        Both { numbers: known.chain(placed), orders: self.orders }
    }

    fn time(event: &Self::Event) -> i64 {
        event.0
    }

    fn owner(event: &Self::Event) -> u64 {
        owner(event.1) as u64
    }

    fn fold(side: &mut Side, (time, key, value): Self::Event) {
        match time {
            0 => _ = side.rates.insert(key, value),
            _ if side.all_known => side.pair(key, value),
            _ => side.waiting.push((key, value)),
        }
    }

    fn passed(side: &mut Side, time: i64, sums: &mut Vec<u64>) {
        if time > 0 && !side.all_known {
            side.all_known = true;
            for (key, amount) in std::mem::take(&mut side.waiting) {
                side.pair(key, amount);
            }
        }
        if time == i64::MAX {
            sums.push(side.sum);
        }
    }
}
