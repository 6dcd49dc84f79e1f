//! The queries of the example `nexmark` against a few events looked at by hand, and against plain
//! loops over events in order and out of order, on one worker, several, and in the simulation.

mod oracle;
#[path = "../../examples/nexmark/queries/mod.rs"]
mod queries;
#[path = "../support/mod.rs"]
mod support;

use flow::{BoxError, Demand, Executor, Flow, Node, Produced, Producer, Span, Timestamp};
use nexmark::EventGenerator;
use nexmark::config::NexmarkConfig;
use nexmark::event::{Auction, Bid, Event, Person};
use oracle::key;
use proptest::prelude::*;
use queries::{Events, q0, q1, q2, q3, q4, q5, q6, q7, q8, q11, q12};
use queries::{q3::Suggestion, q5::HotItem, q8::NewSeller, q11::Session};
use std::collections::BTreeMap;

fn person(at: u64, id: usize, name: &str, state: &str) -> Event {
    let text = String::new;
    Event::Person(Person {
        id,
        name: name.to_owned(),
        email_address: text(),
        credit_card: text(),
        city: "here".to_owned(),
        state: state.to_owned(),
        date_time: at,
        extra: text(),
    })
}

/// Who sells it, its category, and for how long it is open.
fn auction(at: u64, id: usize, (seller, category): (usize, usize), open: u64) -> Event {
    let text = String::new;
    Event::Auction(Auction {
        id,
        item_name: text(),
        description: text(),
        initial_bid: 1,
        reserve: 1,
        date_time: at,
        expires: at + open,
        seller,
        category,
        extra: text(),
    })
}

fn bid(at: u64, auction: usize, bidder: usize, price: usize) -> Event {
    let text = String::new;
    let (channel, url, extra) = (text(), text(), text());
    Event::Bid(Bid { auction, bidder, price, channel, url, date_time: at, extra })
}

/// What is looked at by hand.
fn few() -> Vec<Event> {
    vec![
        person(0, 1, "ann", "or"),
        person(1_000, 2, "bob", "tx"),
        auction(2_000, 123, (1, 10), 900),
        bid(2_100, 123, 2, 50),
        // As the auction closes, and too late.
        bid(2_900, 123, 3, 70),
        bid(2_901, 123, 2, 99),
        auction(3_000, 5, (2, 10), 500),
        bid(3_200, 5, 1, 40),
        person(12_000, 3, "cleo", "ca"),
        auction(13_000, 7, (3, 11), 800),
        auction(13_100, 8, (3, 10), 800),
        bid(13_200, 7, 1, 99),
        bid(13_200, 8, 2, 20),
        auction(14_000, 9, (1, 10), 500),
        bid(25_000, 246, 2, 10),
    ]
}

/// The same, as they may arrive: some bids before their auctions, and a sale before its seller.
fn few_in_disorder() -> Vec<Event> {
    let mut events = few();
    for (one, other) in [(2, 3), (4, 5), (9, 11), (10, 12)] {
        events.swap(one, other);
    }
    events
}

fn sorted<T: Ord + Send>(results: Flow<impl Node<Item = T>>, on: &Executor) -> Vec<T> {
    let mut results: Vec<T> = results.on(on.clone()).collect().unwrap();
    results.sort_unstable();
    results
}

/// Runs a check over the few events, in order and not, everywhere.
fn by_hand(check: impl Fn(&[Event], &Executor)) {
    for events in [few(), few_in_disorder()] {
        support::executors().iter().for_each(|executor| check(&events, executor));
    }
}

#[test]
fn q0_gives_every_bid() {
    by_hand(|events, on| {
        let got = sorted(q0(Flow::from_slice(events)).map(key), on);
        let prices: Vec<usize> = got.iter().map(|bid| bid.2).collect();
        assert_eq!(prices, [40, 99, 20, 50, 99, 70, 10]);
    });
}

#[test]
fn q1_converts_to_euros() {
    by_hand(|events, on| {
        let got = q1(Flow::from_slice(events)).map(|bid| (bid.bid.price, bid.price));
        let got: BTreeMap<usize, f64> = got.on(on.clone()).collect().unwrap();
        assert_eq!((got.len(), got[&50], got[&10]), (6, 45.4, 9.08));
    });
}

#[test]
fn q2_selects_auctions() {
    by_hand(|events, on| {
        let got = sorted(q2(Flow::from_slice(events)), on);
        assert_eq!(got, [(123, 50), (123, 70), (123, 99), (246, 10)]);
    });
}

#[test]
fn q3_finds_sellers_in_three_states() {
    by_hand(|events, on| {
        let found = |name, state, auction| Suggestion { name, city: "here", state, auction };
        let expected = [found("ann", "or", 9), found("ann", "or", 123), found("cleo", "ca", 8)];
        assert_eq!(sorted(q3(Flow::from_slice(events)), on), expected);
    });
}

#[test]
fn q4_averages_what_categories_are_sold_for() {
    by_hand(|events, on| {
        let got: BTreeMap<usize, f64> =
            q4(Flow::from_slice(events)).on(on.clone()).collect().unwrap();
        assert_eq!(got, [(10, 130.0 / 3.0), (11, 99.0)].into());
    });
}

#[test]
fn q5_finds_the_auctions_with_the_most_bids() {
    by_hand(|events, on| {
        let hot = |end, auction, bids| HotItem { end: Timestamp(end), auction, bids };
        let mut expected: Vec<HotItem> = Vec::new();
        expected.extend([4_000, 6_000, 8_000, 10_000, 12_000].map(|end| hot(end, 123, 3)));
        for end in [14_000, 16_000, 18_000, 20_000, 22_000] {
            expected.extend([hot(end, 7, 1), hot(end, 8, 1)]);
        }
        expected.extend([26_000, 28_000, 30_000, 32_000, 34_000].map(|end| hot(end, 246, 1)));
        assert_eq!(sorted(q5(Flow::from_slice(events)), on), expected);
    });
}

#[test]
fn q6_averages_what_sellers_have_sold_last() {
    by_hand(|events, on| {
        let got: BTreeMap<usize, f64> =
            q6(Flow::from_slice(events)).on(on.clone()).collect().unwrap();
        assert_eq!(got, [(1, 70.0), (2, 40.0), (3, 59.5)].into());
    });
    // Of twelve auctions the first two do not count.
    let twelve = (0..12_u64).flat_map(|nth| {
        let (id, at) = (nth as usize, nth * 1_000);
        [auction(at, id, (1, 10), 100), bid(at, id, 2, id + 1)]
    });
    let twelve: Vec<Event> = twelve.collect();
    let got: Vec<(usize, f64)> = q6(Flow::from_slice(&twelve)).collect().unwrap();
    assert_eq!(got, [(1, 7.5)]);
}

#[test]
fn q7_finds_the_highest_bids() {
    by_hand(|events, on| {
        let got = sorted(q7(Flow::from_slice(events)).map(key), on);
        assert_eq!(got, [(7, 1, 99, 13_200), (123, 2, 99, 2_901), (246, 2, 10, 25_000)]);
    });
    let equal = [bid(10, 1, 1, 5), bid(20, 2, 2, 5), bid(30, 3, 3, 4)];
    assert_eq!(q7(Flow::from_slice(&equal)).count().unwrap(), 2);
}

#[test]
fn q8_finds_who_sells_at_once() {
    by_hand(|events, on| {
        let new = |id, name, start| NewSeller { id, name, start: Timestamp(start) };
        let expected = [new(1, "ann", 0), new(2, "bob", 0), new(3, "cleo", 10_000)];
        assert_eq!(sorted(q8(Flow::from_slice(events)), on), expected);
    });
}

#[test]
fn q11_counts_bids_of_sessions() {
    by_hand(|events, on| {
        let session = |bidder, from, to, bids| Session {
            bidder,
            time: Span::new(Timestamp(from), Timestamp(to)),
            bids,
        };
        let expected = [
            session(1, 3_200, 13_200, 1),
            // Exactly ten seconds later.
            session(1, 13_200, 23_200, 1),
            session(2, 2_100, 12_901, 2),
            session(2, 13_200, 23_200, 1),
            session(2, 25_000, 35_000, 1),
            session(3, 2_900, 12_900, 1),
        ];
        assert_eq!(sorted(q11(Flow::from_slice(events)), on), expected);
    });
}

#[test]
fn q12_counts_bids_by_the_clock() {
    by_hand(|events, on| {
        assert_eq!(totals(q12(Flow::from_slice(events)), on), [(1, 2), (2, 4), (3, 1)])
    });
    // A producer that has nothing is asked again after a millisecond.
    for seed in 0..6 {
        let events = few();
        let pausing = Pausing { events: events.iter(), pause: 4_000, pending: 0 };
        let got = sorted(q12(Flow::from_stages([pausing])), &Executor::simulation(seed));
        // Bids come after some 16, 20, 24, 32, 48, 52 and, just before the window ends, 60 seconds.
        let expected = [(1, 1), (1, 1), (2, 1), (2, 1), (2, 2), (3, 1)];
        assert_eq!(got, expected);
    }
}

/// Gives an event now and then.
#[derive(Clone)]
struct Pausing<'a> {
    events: std::slice::Iter<'a, Event>,
    /// How often there is nothing before each event.
    pause: u32,
    pending: u32,
}

impl<'a> Producer for Pausing<'a> {
    type Item = &'a Event;

    fn produce(&mut self, demand: &mut Demand<'_, &'a Event>) -> Result<Produced, BoxError> {
        self.pending += 1;
        if self.pending < self.pause {
            return Ok(Produced::Pending);
        }
        self.pending = 0;
        let next = self.events.next();
        demand.extend(next);
        Ok(if next.is_some() { Produced::More } else { Produced::Done })
    }
}

/// What q12 counts, all windows of a bidder together.
fn totals(counts: Flow<impl Node<Item = (usize, u64)>>, on: &Executor) -> Vec<(usize, u64)> {
    let mut totals = BTreeMap::<usize, u64>::new();
    for (bidder, bids) in sorted(counts, on) {
        *totals.entry(bidder).or_default() += bids;
    }
    totals.into_iter().collect()
}

/// All queries give what the oracle gives.
fn agree<'a>(source: &Flow<impl Events<'a>>, events: &'a [Event], on: &Executor) {
    let events_of = || source.clone();
    let bits = |(key, mean): (usize, f64)| (key, mean.to_bits());
    assert_eq!(sorted(q0(events_of()).map(key), on), oracle::q0(events), "q0");
    let euros = q1(events_of()).map(|bid| (key(bid.bid), bid.price.to_bits()));
    assert_eq!(sorted(euros, on), oracle::q1(events), "q1");
    assert_eq!(sorted(q2(events_of()), on), oracle::q2(events), "q2");
    assert_eq!(sorted(q3(events_of()), on), oracle::q3(events), "q3");
    assert_eq!(sorted(q4(events_of()).map(bits), on), oracle::q4(events), "q4");
    assert_eq!(sorted(q5(events_of()), on), oracle::q5(events), "q5");
    assert_eq!(sorted(q6(events_of()).map(bits), on), oracle::q6(events), "q6");
    assert_eq!(sorted(q7(events_of()).map(key), on), oracle::q7(events), "q7");
    assert_eq!(sorted(q8(events_of()), on), oracle::q8(events), "q8");
    assert_eq!(sorted(q11(events_of()), on), oracle::q11(events), "q11");
    assert_eq!(totals(q12(events_of()), on), oracle::q12(events), "q12");
}

/// The generator's events, in groups of so many in any order.
fn generated(group: usize) -> Vec<Event> {
    let config = NexmarkConfig {
        base_time: 0,
        out_of_order_group_size: group,
        // So slow that there are some windows, and auctions that are not open for long.
        first_rate: 500,
        next_rate: 500,
        in_flight_auctions: 10,
        ..NexmarkConfig::default()
    };
    EventGenerator::new(config).take(12_000).collect()
}

#[test]
fn all_agree_on_what_the_generator_makes() {
    for group in [1, 50] {
        let events = generated(group);
        let late = events.windows(2).filter(|pair| pair[1].timestamp() < pair[0].timestamp());
        assert_eq!(late.count() > 0, group > 1);
        for executor in [Executor::threads(1), Executor::threads(4), Executor::simulation(7)] {
            agree(&Flow::from_slice(&events), &events, &executor);
        }
    }
}

#[test]
fn all_agree_on_several_sources() {
    let events = generated(50);
    let sources: Vec<Vec<&Event>> =
        (0..3).map(|source| events.iter().skip(source).step_by(3).collect()).collect();
    for executor in [Executor::threads(2), Executor::simulation(3)] {
        let iters = sources.iter().map(|source| source.iter().copied());
        agree(&Flow::from_iters(iters), &events, &executor);
    }
}

#[test]
fn nothing_comes_of_nothing() {
    support::executors().iter().for_each(|executor| agree(&Flow::from_slice(&[]), &[], executor));
}

/// Some events, out of order by less than 200 ms.
fn events() -> impl Strategy<Value = Vec<Event>> {
    // What it is, how long after the one before, how much earlier than it arrives, and some numbers.
    let event = (0..10_u8, 0..1_500_u64, 0..200_u64, 0..6_usize, 0..1_000_u64);
    prop::collection::vec(event, 0..60).prop_map(|events| {
        let (mut now, mut persons, mut auctions) = (0, 0, 0);
        let one = |(what, step, delay, some, any): (u8, u64, u64, usize, u64)| {
            // Several at once, now and then.
            now += if step < 700 { step / 20 } else { step };
            let at = (now + 200) - delay;
            match what {
                0 | 1 => {
                    persons += 1;
                    let states = ["or", "id", "ca", "wa", "az", "wy"];
                    person(at, persons, &format!("number {persons}"), states[some])
                }
                2..5 => {
                    auctions += 1;
                    auction(at, 122 + auctions, (some, 10 + any as usize % 2), any)
                }
                _ => bid(at, 122 + some, any as usize % 4, 1 + any as usize % 7),
            }
        };
        events.into_iter().map(one).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn all_agree_with_plain_loops(events in events(), seed in any::<u64>(), threads in 1..4_usize) {
        let source = Flow::from_slice(&events).max_demand(1 + seed as usize % 7).min_demand(0);
        agree(&source, &events, &Executor::simulation(seed));
        agree(&source, &events, &Executor::threads(threads));
    }
}
