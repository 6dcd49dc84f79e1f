//! NEXMark: two million events of an auction site, 10,000 for each second of their time, every
//! thousand of them in any order. Queries that care for time run with events in order, too.
//!
//! The events are those of the crate `nexmark`. They lie in memory before the clock starts and are
//! borrowed by everyone, since making one costs more than most queries do with it. Ours are the
//! queries of the example `nexmark`. Whoever cares for times reads two sources, which take turns with
//! blocks of events, and may close a window only when both have passed its end; those who do not may
//! read the events as they like. What each contestant gives are all results of the query, in lists;
//! of q0 to q2 only a sum over what they say.
//!
//! The limits know that all events are there: they close nothing before the end, and use that the
//! numbers of auctions and persons are dense.

mod by_hand;
mod limit;
#[path = "../../../../examples/nexmark/queries/mod.rs"]
mod queries;
#[cfg(feature = "peers")]
mod renoir;
#[cfg(feature = "peers")]
mod timely;

use std::hash::{BuildHasher, Hash};
use std::sync::OnceLock;

use ::nexmark::EventGenerator;
use ::nexmark::config::NexmarkConfig;
use ::nexmark::event::{Bid, Event};
use flow::{Flow, FlowError, Node};
use foldhash::fast::FixedState;
use rayon::prelude::*;

use self::by_hand::{
    Categories, Highest, HotItems, Job, Newcomers, Query, Sellers, Sessions, Suggestions,
};
use self::queries::{Events, q0, q1, q2, q3, q4, q5, q6, q7, q8, q11, q12};
use crate::harness::{Compare, Options, Sample, THREADS, Workload, timed};
#[cfg(feature = "peers")]
use crate::peers;
use crate::peers::channels;

/// The events, made once for all queries.
type Input = &'static [Event];

/// Events that a source has in a row.
const BLOCK: usize = 4_096;

/// In which order events come.
#[derive(Clone, Copy)]
enum Order {
    /// Every thousand in any order.
    Any,
    /// In that of their times.
    OfTime,
}

fn in_any_order(options: &Options) -> Result<Input, String> {
    static EVENTS: OnceLock<Vec<Event>> = OnceLock::new();
    Ok(EVENTS.get_or_init(|| generate(options, 1_000)))
}

fn in_order(options: &Options) -> Result<Input, String> {
    static EVENTS: OnceLock<Vec<Event>> = OnceLock::new();
    Ok(EVENTS.get_or_init(|| generate(options, 1)))
}

fn generate(options: &Options, out_of_order_group_size: usize) -> Vec<Event> {
    let config =
        NexmarkConfig { base_time: 0, out_of_order_group_size, ..NexmarkConfig::default() };
    EventGenerator::new(config).take(options.scaled(2_000_000) as usize).collect()
}

/// The blocks of one of the sources.
fn blocks(events: Input, source: usize) -> impl Iterator<Item = &'static [Event]> + Clone + Send {
    events.chunks(BLOCK).skip(source).step_by(THREADS)
}

/// Both sources.
fn sources(events: Input) -> Flow<impl Events<'static>> {
    Flow::from_generators((0..THREADS).map(|source| blocks(events, source).flatten()))
}

/// All queries.
pub(crate) fn all() -> Vec<Box<dyn Compare>> {
    use Order::{Any, OfTime};
    let all = [
        pass_through(),
        conversion(),
        selection(),
        suggestions(Any),
        categories(Any),
        hot_items(Any),
        sellers(Any),
        highest(Any),
        newcomers(Any),
        sessions(Any),
        by_clock(),
        suggestions(OfTime),
        categories(OfTime),
        hot_items(OfTime),
        sellers(OfTime),
        highest(OfTime),
        newcomers(OfTime),
        sessions(OfTime),
    ];
    all.into_iter().map(|workload| Box::new(workload) as Box<dyn Compare>).collect()
}

fn workload(name: &'static str, about: &'static str) -> Workload<Input> {
    Workload::new(name, about, in_any_order, |events| events.len() as u64)
}

/// The same in either order, each under its name.
fn timed_workload(names: [&'static str; 2], about: &'static str, order: Order) -> Workload<Input> {
    let [any, of_time] = names;
    match order {
        Order::Any => workload(any, about),
        Order::OfTime => Workload::new(of_time, about, in_order, |events| events.len() as u64),
    }
}

/// Those who keep the state of a query by hand.
fn by_hand<Q: Query<Output: Hash>>(workload: Workload<Input>) -> Workload<Input> {
    let workload = workload.peer("crossbeam", channels::TIMED, |e| {
        listed(|| Q::output(channels::timed(&Job::<Q>::new(e))))
    });
    #[cfg(feature = "peers")]
    let workload = workload
        .peer("timely", peers::timely::TIMED, |e| {
            listed(|| Q::output(peers::timely::timed(&Job::<Q>::new(e))))
        })
        .peer("renoir", peers::renoir::TIMED, |e| {
            listed(|| Q::output(peers::renoir::timed(&Job::<Q>::new(e))))
        });
    workload
}

/// A query that looks at every event by itself, and what it says of one, for those who add that up.
macro_rules! each {
    ($workload:expr, $value:expr) => {{
        let workload = $workload.peer("rayon", "`par_iter`, `filter_map`, `sum`", |e| {
            summed(|| e.par_iter().filter_map(bid).filter_map($value).sum())
        });
        #[cfg(feature = "peers")]
        let workload = workload
            .peer("orx", "`par`, two threads", |e| {
                use orx_parallel::*;
                let bids = e.par().num_threads(THREADS).filter_map(bid);
                summed(|| bids.filter_map($value).sum())
            })
            .peer("timely", peers::timely::SUM, |e| {
                let events = *e;
                let chunks = move |worker| blocks(events, worker);
                summed(|| peers::timely::sum(chunks, |e| bid(e).and_then($value)))
            })
            .peer("renoir", peers::renoir::SUM, |e| {
                let events = *e;
                let source = move |nth| blocks(events, nth).flatten();
                summed(|| peers::renoir::sum(source, |e| bid(e).and_then($value)))
            });
        workload.limit("limit", SCAN, |e| summed(|| limit::sum(e, $value))).aside(
            "seq",
            "the iterator chain, one thread",
            |e| summed(|| e.iter().filter_map(bid).filter_map($value).sum()),
        )
    }};
}

fn bid(event: &'static Event) -> Option<&'static Bid> {
    match event {
        Event::Bid(bid) => Some(bid),
        _ => None,
    }
}

/// The sum over what results say.
fn summed(work: impl FnOnce() -> u64) -> Sample {
    timed(work, |sum| *sum)
}

/// Lists of results.
fn listed<T: Hash>(work: impl FnOnce() -> Vec<Vec<T>>) -> Sample {
    let hash = |result: &T| FixedState::default().hash_one(result);
    timed(work, |lists| lists.iter().flatten().map(hash).fold(0, u64::wrapping_add))
}

/// All results of a query of ours.
fn collected<T: Hash + Send>(results: Flow<impl Node<Item = T>>) -> Sample {
    listed(|| vec![results.collect().expect("the flow runs")])
}

/// The sum over all results of a query of ours.
fn added(sums: Result<u64, FlowError>) -> u64 {
    sums.expect("the flow runs")
}

/// What a bid says.
#[inline]
fn said(bid: &Bid) -> u64 {
    bid.auction as u64 + 3 * bid.bidder as u64 + 5 * bid.price as u64 + 7 * bid.date_time
}

/// What a bid in euros says.
#[inline]
fn said_in_euros(bid: &Bid, price: f64) -> u64 {
    said(bid) + (price * 1_000.0) as u64
}

/// What an auction and a price say.
#[inline]
fn said_of_some((auction, price): (usize, usize)) -> u64 {
    auction as u64 + 3 * price as u64
}

const SLICE: &str = "`from_slice`; the query of the example";
const SOURCES: &str = "two sources; the query of the example";
const TWICE: &str = "two sources, each read twice; the query of the example";
const SCAN: &str = "two threads claim blocks";

fn pass_through() -> Workload<Input> {
    let workload = workload("nexmark-q0", "Every bid, passed through.");
    let workload =
        workload.flow("flow", SLICE, |e| summed(|| added(q0(Flow::from_slice(e)).map(said).sum())));
    each!(workload, |bid| Some(said(bid)))
}

fn conversion() -> Workload<Input> {
    let workload = workload("nexmark-q1", "Every bid, its price in another currency.");
    let workload = workload.flow("flow", SLICE, |e| {
        let euros = q1(Flow::from_slice(e)).map(|bid| said_in_euros(bid.bid, bid.price));
        summed(|| added(euros.sum()))
    });
    each!(workload, |bid| Some(said_in_euros(bid, 0.908 * bid.price as f64)))
}

fn selection() -> Workload<Input> {
    let workload = workload("nexmark-q2", "The bids for every 123rd auction.");
    let workload = workload
        .flow("flow", SLICE, |e| summed(|| added(q2(Flow::from_slice(e)).map(said_of_some).sum())));
    each!(workload, |bid| (bid.auction % 123 == 0).then(|| said_of_some((bid.auction, bid.price))))
}

fn suggestions(order: Order) -> Workload<Input> {
    let about = "Auctions of a category joined with their sellers in three states.";
    let workload = timed_workload(["nexmark-q3", "nexmark-q3-in-order"], about, order).flow(
        "flow",
        SOURCES,
        |e| collected(q3(sources(e))),
    );
    #[cfg(feature = "peers")]
    let workload = workload.peer("renoir-join", renoir::JOIN, |e| listed(|| renoir::q3(e)));
    by_hand::<Suggestions>(workload).limit(
        "limit",
        "two threads claim blocks, then one joins by an array",
        |e| listed(|| limit::q3(e)),
    )
}

fn categories(order: Order) -> Workload<Input> {
    let about = "The mean price per category of the auctions' highest bids in time.";
    let workload = timed_workload(["nexmark-q4", "nexmark-q4-in-order"], about, order).flow(
        "flow",
        TWICE,
        |e| collected(q4(sources(e)).map(|(c, mean)| (c, mean.to_bits()))),
    );
    by_hand::<Categories>(workload).limit("limit", limit::SALES, |e| listed(|| limit::q4(e)))
}

fn hot_items(order: Order) -> Workload<Input> {
    let about = "The auctions with the most bids in ten seconds, every two.";
    let workload = timed_workload(["nexmark-q5", "nexmark-q5-in-order"], about, order).flow(
        "flow",
        SOURCES,
        |e| collected(q5(sources(e))),
    );
    by_hand::<HotItems>(workload).limit(
        "limit",
        "two threads claim blocks, an array for each two seconds",
        |e| listed(|| limit::q5(e)),
    )
}

fn sellers(order: Order) -> Workload<Input> {
    let about = "The mean price of each seller's last ten auctions.";
    let workload = timed_workload(["nexmark-q6", "nexmark-q6-in-order"], about, order).flow(
        "flow",
        TWICE,
        |e| collected(q6(sources(e)).map(|(s, mean)| (s, mean.to_bits()))),
    );
    by_hand::<Sellers>(workload).limit("limit", limit::SALES, |e| listed(|| limit::q6(e)))
}

fn highest(order: Order) -> Workload<Input> {
    let about = "The highest bids of every ten seconds.";
    let workload = timed_workload(["nexmark-q7", "nexmark-q7-in-order"], about, order).flow(
        "flow",
        SOURCES,
        |e| collected(q7(sources(e)).map(said)),
    );
    #[cfg(feature = "peers")]
    let workload = workload.peer("timely-partial", timely::PARTIAL, |e| listed(|| timely::q7(e)));
    by_hand::<Highest>(workload).limit(
        "limit",
        "two threads claim blocks, the best of each ten seconds",
        |e| listed(|| limit::q7(e)),
    )
}

fn newcomers(order: Order) -> Workload<Input> {
    let about = "Who registers and sells in the same ten seconds.";
    let workload = timed_workload(["nexmark-q8", "nexmark-q8-in-order"], about, order).flow(
        "flow",
        SOURCES,
        |e| collected(q8(sources(e))),
    );
    by_hand::<Newcomers>(workload).limit(
        "limit",
        "two threads claim blocks, then one joins by an array",
        |e| listed(|| limit::q8(e)),
    )
}

fn sessions(order: Order) -> Workload<Input> {
    let about = "Each bidder's bids until a pause of ten seconds.";
    let workload = timed_workload(["nexmark-q11", "nexmark-q11-in-order"], about, order).flow(
        "flow",
        SOURCES,
        |e| collected(q11(sources(e))),
    );
    by_hand::<Sessions>(workload).limit(
        "limit",
        "two threads claim blocks, an array of sessions by bidder",
        |e| listed(|| limit::q11(e)),
    )
}

fn by_clock() -> Workload<Input> {
    let workload = workload(
        "nexmark-q12",
        "Each bidder's bids in ten seconds of the clock, during which a run ends.",
    )
    .flow("flow", SLICE, |e| collected(q12(Flow::from_slice(e))));
    #[cfg(feature = "peers")]
    let workload = workload.peer("timely", timely::CLOCK, |e| listed(|| timely::q12(e))).peer(
        "renoir",
        renoir::CLOCK,
        |e| listed(|| renoir::q12(e)),
    );
    workload.limit("limit", "two threads claim blocks, an array of counts by bidder", |e| {
        listed(|| limit::q12(e))
    })
}
