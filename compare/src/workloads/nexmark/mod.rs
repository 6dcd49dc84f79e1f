//! NEXMark: two million events of an auction site, 10,000 for each second of their time, every
//! thousand of them in any order.
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

use self::queries::{Events, q0, q1, q2, q3, q4, q5, q6, q7, q8, q11, q12};
use crate::harness::{Compare, Options, Sample, THREADS, Workload, timed};

/// The events, made once for all queries.
type Input = &'static [Event];

/// Events that a source has in a row.
const BLOCK: usize = 4_096;

fn events(options: &Options) -> Result<Input, String> {
    static EVENTS: OnceLock<Vec<Event>> = OnceLock::new();
    let events = EVENTS.get_or_init(|| {
        let config = NexmarkConfig {
            base_time: 0,
            out_of_order_group_size: 1_000,
            ..NexmarkConfig::default()
        };
        EventGenerator::new(config).take(options.scaled(2_000_000) as usize).collect()
    });
    Ok(events)
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
    vec![
        Box::new(pass_through()),
        Box::new(conversion()),
        Box::new(selection()),
        Box::new(suggestions()),
        Box::new(categories()),
        Box::new(hot_items()),
        Box::new(sellers()),
        Box::new(highest()),
        Box::new(newcomers()),
        Box::new(sessions()),
        Box::new(by_clock()),
    ]
}

fn workload(name: &'static str, about: &'static str) -> Workload<Input> {
    Workload::new(name, about, events, |events| events.len() as u64)
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
    workload("nexmark-q0", "Every bid, passed through.")
        .flow("flow", SLICE, |e| summed(|| added(q0(Flow::from_slice(e)).map(said).sum())))
        .limit("limit", SCAN, |e| summed(|| limit::sum(e, |bid| Some(said(bid)))))
}

fn conversion() -> Workload<Input> {
    workload("nexmark-q1", "Every bid, its price in another currency.")
        .flow("flow", SLICE, |e| {
            let euros = q1(Flow::from_slice(e)).map(|bid| said_in_euros(bid.bid, bid.price));
            summed(|| added(euros.sum()))
        })
        .limit("limit", SCAN, |e| {
            summed(|| limit::sum(e, |bid| Some(said_in_euros(bid, 0.908 * bid.price as f64))))
        })
}

fn selection() -> Workload<Input> {
    workload("nexmark-q2", "The bids for every 123rd auction.")
        .flow("flow", SLICE, |e| summed(|| added(q2(Flow::from_slice(e)).map(said_of_some).sum())))
        .limit("limit", SCAN, |e| {
            summed(|| {
                limit::sum(e, |bid| {
                    (bid.auction % 123 == 0).then(|| said_of_some((bid.auction, bid.price)))
                })
            })
        })
}

fn suggestions() -> Workload<Input> {
    let workload =
        workload("nexmark-q3", "Auctions of a category joined with their sellers in three states.")
            .flow("flow", TWICE, |e| collected(q3(sources(e))));
    #[cfg(feature = "peers")]
    let workload = workload.peer("timely", timely::JOIN, |e| listed(|| timely::q3(e))).peer(
        "renoir",
        renoir::JOIN,
        |e| listed(|| renoir::q3(e)),
    );
    workload.limit("limit", "two threads claim blocks, then one joins by an array", |e| {
        listed(|| limit::q3(e))
    })
}

fn categories() -> Workload<Input> {
    workload("nexmark-q4", "The mean price per category of the auctions' highest bids in time.")
        .flow("flow", TWICE, |e| collected(q4(sources(e)).map(|(c, mean)| (c, mean.to_bits()))))
        .limit("limit", limit::SALES, |e| listed(|| limit::q4(e)))
}

fn hot_items() -> Workload<Input> {
    let workload = workload(
        "nexmark-q5",
        "The auctions with the most bids in ten seconds, every two.",
    )
    .flow("flow", SOURCES, |e| collected(q5(sources(e))));
    #[cfg(feature = "peers")]
    let workload = workload.peer("timely", timely::SLICES, |e| listed(|| timely::q5(e)));
    workload.limit("limit", "two threads claim blocks, an array for each two seconds", |e| {
        listed(|| limit::q5(e))
    })
}

fn sellers() -> Workload<Input> {
    workload("nexmark-q6", "The mean price of each seller's last ten auctions.")
        .flow("flow", TWICE, |e| collected(q6(sources(e)).map(|(s, mean)| (s, mean.to_bits()))))
        .limit("limit", limit::SALES, |e| listed(|| limit::q6(e)))
}

fn highest() -> Workload<Input> {
    let workload = workload("nexmark-q7", "The highest bids of every ten seconds.").flow(
        "flow",
        SOURCES,
        |e| collected(q7(sources(e)).map(said)),
    );
    #[cfg(feature = "peers")]
    let workload = workload.peer("timely", timely::PARTIAL, |e| listed(|| timely::q7(e)));
    workload.limit("limit", "two threads claim blocks, the best of each ten seconds", |e| {
        listed(|| limit::q7(e))
    })
}

fn newcomers() -> Workload<Input> {
    let workload = workload("nexmark-q8", "Who registers and sells in the same ten seconds.").flow(
        "flow",
        TWICE,
        |e| collected(q8(sources(e))),
    );
    #[cfg(feature = "peers")]
    let workload = workload.peer("timely", timely::WINDOW_JOIN, |e| listed(|| timely::q8(e)));
    workload.limit("limit", "two threads claim blocks, then one joins by an array", |e| {
        listed(|| limit::q8(e))
    })
}

fn sessions() -> Workload<Input> {
    let workload = workload("nexmark-q11", "Each bidder's bids until a pause of ten seconds.")
        .flow("flow", SOURCES, |e| collected(q11(sources(e))));
    #[cfg(feature = "peers")]
    let workload = workload.peer("timely", timely::SESSIONS, |e| listed(|| timely::q11(e)));
    workload.limit("limit", "two threads claim blocks, an array of sessions by bidder", |e| {
        listed(|| limit::q11(e))
    })
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
