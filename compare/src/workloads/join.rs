//! An inner join of 20 million orders with the million customers who placed them: one side is held
//! in a table that no cache holds, the other one passes by.

mod by_hand;

use std::collections::HashMap;
use std::ops::Range;

use flow::{Flow, FlowError};
use foldhash::fast::RandomState;
use rayon::prelude::*;

use super::common::{Claims, mix, on_two_threads};
use super::int_table::Table;
use crate::harness::{THREADS, Workload, timed};

/// Orders for each customer.
const ORDERS: u64 = 20;

/// Rates by customer.
type Map = HashMap<u64, u64, RandomState>;

/// The only workload of this file.
pub(crate) fn workload() -> Workload<u64> {
    let workload = Workload::new(
        "join",
        "Orders joined with their customers, 20 for each; a sum over all pairs.",
        |options| Ok(options.scaled(20_000_000)),
        |orders| *orders,
    )
    .flow("flow", "`key_by` on both sides, `join_map`", |orders| {
        timed(|| flow(*orders).expect("the flow runs"), |sum| *sum)
    })
    .peer(
        "rayon",
        "two maps of customers by hash, built side by side; then probed by all",
        |o| timed(|| rayon(*o), |sum| *sum),
    )
    .peer(
        "crossbeam",
        "two sources, two that own keys, bounded channels; orders wait until all customers are known",
        |o| timed(|| by_hand::join(*o), |sum| *sum),
    );
    #[cfg(feature = "peers")]
    let workload = workload
        .peer("timely", timely::HOW, |orders| {
            timed(|| timely::join(*orders), |sums| sums.iter().copied().fold(0, u64::wrapping_add))
        })
        .peer("renoir", "`join`, as it comes (by hash, both sides held); batches of 4,096", |o| {
            timed(|| renoir(*o), |sums| sums.iter().flatten().copied().fold(0, u64::wrapping_add))
        });
    workload
        .limit("limit", "two threads, two tables; orders probe 64 at a time, fetched ahead", |o| {
            timed(|| limit(*o), |sum| *sum)
        })
        .aside("seq", "one loop for each side, one map, foldhash", |orders| {
            timed(|| seq(*orders), |sum| *sum)
        })
}

/// The key and the rate of the `i`-th customer.
#[inline]
fn customer(i: u64) -> (u64, u64) {
    (mix(i + 1), i % 100)
}

fn customers(orders: u64) -> u64 {
    orders / ORDERS + 1
}

/// The customer and the amount of the `i`-th order.
#[inline]
fn order(i: u64, orders: u64) -> (u64, u64) {
    let random = mix(i ^ 0x5bd1_e995);
    let by = (u128::from(random) * u128::from(customers(orders))) >> 64;
    (customer(by as u64).0, random & 0xffff)
}

/// What a pair gives.
#[inline]
fn paid(amount: u64, rate: u64) -> u64 {
    amount.wrapping_mul(rate + 1) ^ rate
}

/// Bits that a table does not look at.
#[inline]
fn owner(key: u64) -> usize {
    (key >> 62) as usize % THREADS
}

fn seq(orders: u64) -> u64 {
    let rates: Map = (0..customers(orders)).map(customer).collect();
    probe(0..orders, orders, |key| rates.get(&key).copied())
}

/// The sum over some orders.
fn probe(range: Range<u64>, orders: u64, rate: impl Fn(u64) -> Option<u64>) -> u64 {
    let pairs =
        range.map(|i| order(i, orders)).filter_map(|(key, amount)| Some((amount, rate(key)?)));
    pairs.map(|(amount, rate)| paid(amount, rate)).fold(0, u64::wrapping_add)
}

fn rayon(orders: u64) -> u64 {
    let own = |owner_of| {
        let all = (0..customers(orders)).map(customer);
        all.filter(|(key, _)| owner(*key) == owner_of).collect::<Map>()
    };
    let rates: Vec<Map> = (0..THREADS).into_par_iter().map(own).collect();
    let sums = (0..orders).into_par_iter().map(|i| {
        let (key, amount) = order(i, orders);
        rates[owner(key)].get(&key).map_or(0, |rate| paid(amount, *rate))
    });
    sums.reduce(|| 0, u64::wrapping_add)
}

#[cfg(feature = "peers")]
fn renoir(orders: u64) -> Vec<Vec<u64>> {
    use crate::peers::renoir::{Gathered, batches, run};
    let gathered = Gathered::new();
    let mut place = gathered.place();
    run(|context| {
        let placed = context.stream_par_iter(0..orders).batch_mode(batches());
        let known = context.stream_par_iter(0..customers(orders)).batch_mode(batches());
        let pairs = placed
            .map(move |i| order(i, orders))
            .join(known.map(customer), |order| order.0, |customer| customer.0)
            .drop_key()
            .map(|(order, customer)| paid(order.1, customer.1));
        let add = |sum: &mut u64, x: u64| *sum = sum.wrapping_add(x);
        pairs.fold_assoc(0, add, add).for_each(move |sum| place.push(sum));
    });
    gathered.take()
}

#[cfg(feature = "peers")]
mod timely {
    use std::cell::RefCell;
    use std::rc::Rc;
    use std::sync::Arc;

    use ::timely::dataflow::channels::pact::Exchange;
    use ::timely::dataflow::operators::generic::operator::Operator;

    use super::*;
    use crate::peers::channels::SHARE;
    use crate::peers::timely::{batches, run};

    pub(super) const HOW: &str = "two workers; customers are sent at time 0, orders at time 1, and \
                                  wait until the first is over";

    pub(super) fn join(orders: u64) -> Vec<u64> {
        let known = Arc::new(Claims::new(customers(orders), SHARE));
        let placed = Arc::new(Claims::new(orders, SHARE));
        run(move |scope, _, sum: Rc<RefCell<u64>>| {
            let (known, placed) = (known.clone(), placed.clone());
            let events = batches(scope, move |time, batch| {
                if let Some(chunk) = known.next() {
                    batch.extend(chunk.map(customer));
                    return true;
                }
                time.downgrade(&1);
                let chunk = placed.next();
                batch.extend(chunk.clone().into_iter().flatten().map(|i| order(i, orders)));
                chunk.is_some()
            });
            let mut rates = Map::default();
            let mut waiting: Vec<(u64, u64)> = Vec::new();
            let route = Exchange::new(|event: &(u64, u64)| owner(event.0) as u64);
            events.sink(route, "Join", move |(input, frontier)| {
                let all_known = !frontier.less_equal(&0);
                input.for_each(|time, batch| match time.time() {
                    0 => rates.extend(batch.drain(..)),
                    _ => waiting.append(batch),
                });
                if all_known {
                    let pair = |(key, amount)| Some(paid(amount, *rates.get(&key)?));
                    let pairs = waiting.drain(..).filter_map(pair);
                    let more = pairs.fold(0, u64::wrapping_add);
                    let mut sum = sum.borrow_mut();
                    *sum = sum.wrapping_add(more);
                }
            });
        })
    }
}

fn limit(orders: u64) -> u64 {
    const BLOCK: usize = 64;
    let tables = on_two_threads(|own| {
        let mut table = Table::new(customers(orders) as usize * 9 / 16 + 64);
        let all = (0..customers(orders)).map(customer);
        let mine = all.filter(|(key, _)| owner(*key) == own);
        mine.for_each(|(key, rate)| table.add(key, rate));
        table
    });
    let claims = Claims::new(orders, 64 * 1024);
    let sums = on_two_threads(|_| {
        let mut sum = 0u64;
        for chunk in claims.iter() {
            for start in chunk.clone().step_by(BLOCK) {
                let block = start..chunk.end.min(start + BLOCK as u64);
                let placed = block.clone().map(|i| order(i, orders));
                placed.for_each(|(key, _)| tables[owner(key)].prefetch(key));
                sum = sum.wrapping_add(probe(block, orders, |key| tables[owner(key)].get(key)));
            }
        }
        sum
    });
    sums[0].wrapping_add(sums[1])
}

fn flow(orders: u64) -> Result<u64, FlowError> {
    let placed = Flow::from_range(0..orders).map(move |i| order(i, orders));
    let known = Flow::from_range(0..customers(orders)).map(customer);
    placed
        .key_by(|order| order.0)
        .join_map(known.key_by(|customer| customer.0), |_, order, customer| {
            paid(order.1, customer.1)
        })
        .fold(
            || 0u64,
            |sum, paid| *sum = sum.wrapping_add(paid),
            |sum, more| *sum = sum.wrapping_add(more),
        )
}
