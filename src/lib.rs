//! Flow reads like [`Iterator`] and runs like a dataflow engine.
//!
//! A [`Flow`] is a lazy chain of combinators. A terminal compiles it: all operators between two
//! exchanges become one fused *stage*, stages run as tasks on a few workers, and every stage asks the
//! one before it for what it can take. So a chain works alike on a slice, on files larger than memory
//! and on a source that never ends, in memory that its demands bound.
//!
//! ```
//! use flow::Flow;
//! use std::collections::HashMap;
//!
//! let text = "to be or not to be";
//! let counts: HashMap<&str, u64> = Flow::from_text(text)
//!     .flat_map(|line| line.split_whitespace())
//!     .key_by(|word| *word)
//!     .count()
//!     .collect()?;
//! assert_eq!(counts["to"], 2);
//! # Ok::<(), flow::FlowError>(())
//! ```
//!
//! # Where to find things
//!
//! - Sources are functions of [`Flow`]: [`from_slice`](Flow::from_slice), [`from_vec`](Flow::from_vec),
//!   [`from_range`](Flow::from_range), [`from_text`](Flow::from_text), [`from_iter`](Flow::from_iter),
//!   [`from_iters`](Flow::from_iters), [`from_lines`](Flow::from_lines),
//!   [`from_reader`](Flow::from_reader), [`from_files`](Flow::from_files),
//!   [`from_channel`](Flow::from_channel), and [`from_stages`](Flow::from_stages) for your own
//!   [`Producer`]s. With features: `from_par_iter` (`rayon`), `from_stream` (`async`), `from_csv` and
//!   `from_csv_files` (`csv`), `from_json` and `from_json_files` (`json`).
//! - Per event: [`map`](Flow::map), [`filter`](Flow::filter), [`flat_map`](Flow::flat_map) and their
//!   kin; [`map_init`](Flow::map_init) keeps a value per instance, [`map_batch`](Flow::map_batch) takes
//!   a batch at a time, [`through`](Flow::through) a stage of your own.
//! - Failing events: [`try_map`](Flow::try_map) fails the run, [`attempt`](Flow::attempt) gives `Result`s
//!   with letters and can [`retry`](Flow::retry); of a flow of `Result`s [`ok_or_fail`](Flow::ok_or_fail),
//!   [`skip_errors`](Flow::skip_errors) and [`errors_to`](Flow::errors_to) say what becomes of the errors.
//! - [`partition`](Flow::partition) and [`reduce`](Flow::reduce) keep one accumulator per partition;
//!   [`key_by`](Flow::key_by), [`key_by_ref`](Flow::key_by_ref) and [`key_each`](Flow::key_each) give a
//!   [`Keyed`] flow, whose verbs keep one per key. [`rebalance`](Flow::rebalance) shares out the work
//!   without a key.
//! - Of all events: [`unique`](Flow::unique), [`group_by`](Flow::group_by), [`sorted`](Flow::sorted),
//!   [`k_smallest`](Flow::k_smallest) and their kin.
//! - Event time: [`timestamps`](Flow::timestamps) gives a [`TimedFlow`]; its [`key_by`](TimedFlow::key_by)
//!   and [`window`](Keyed::window) fold per key and [`Window`], and a [`Trigger`] says when a [`Pane`] of
//!   it is given. Whole partitions have windows, too, some of them without times:
//!   [`window`](Flow::window) behind [`partition`](Flow::partition), and
//!   [`on_trigger`](TimedReduction::on_trigger). [`testing`] has what such flows are tested with.
//! - Order: a flow of one source and per-event operators is [`Sequenced`]. [`ordered`](Flow::ordered)
//!   keeps the source's order over parallel instances; [`take`](Flow::take), [`scan`](Flow::scan),
//!   [`chunks`](Flow::chunks) and their kin need it.
//! - Two flows: [`zip`](Flow::zip), [`chain`](Flow::chain) and [`merge_sorted`](Flow::merge_sorted)
//!   keep their orders, [`cross`](Flow::cross) pairs all with all, and [`join`](Keyed::join) and its
//!   kin find what has the same key.
//! - Several flows: [`merge`](Flow::merge) makes one of two; [`split_by`](Flow::split_by),
//!   [`split_results`](Flow::split_results), [`unzip`](Flow::unzip) and
//!   [`broadcast`](Flow::broadcast) make several of one, which are run together.
//! - Terminals: [`collect`](Flow::collect), [`for_each`](Flow::for_each), [`count`](Flow::count), …;
//!   [`with_iter`](Flow::with_iter) and `into_iter` give results as they come; [`start`](Flow::start)
//!   gives a [`Handle`]; [`to`](Flow::to) sends events into your own [`Sink`], and [`run`] runs several
//!   such jobs as one.
//! - Files and other writers: [`Lines`] is a sink over any [`Write`](std::io::Write), and so are `Csv`
//!   (`csv`), `Json` (`json`) and [`Written`] with your own [`Encoder`]; an `AtomicFile` (`atomic-file`)
//!   in place of a writer appears whole or not at all.
//! - Neighbours: `into_par_iter` (`rayon`); `into_stream`, `map_async` and `map_async_ordered` (`async`).
//! - Stages that you write and wire while they run: [`stage`]; on top of them [`pipeline`], for messages
//!   from brokers that want to know what became of each.
//! - Seeing: [`explain`](Flow::explain) gives the [`Plan`], a [`Meter`] the [`Metrics`].
//! - Coming from `Iterator`, itertools, rayon, futures or Elixir's Flow: [`guide::coming_from`] has the
//!   calls side by side, [`guide::elixir_flow`] and [`guide::gen_stage`] say what each capability of
//!   Elixir's Flow and GenStage is here.
//! - Who runs it: an [`Executor`], threads or a simulation that replays a run from its seed.
//!
//! # What holds
//!
//! - **Bounded.** Events in flight on an edge never exceed `max_demand`; a source that is
//!   [`ordered`](Flow::ordered) is never more than `in_flight` ahead of its reader. A closure that
//!   pushes ([`flat_map_emit`](Flow::flat_map_emit), [`on_trigger`](Reduction::on_trigger)) can be ahead
//!   by what one call emits.
//! - **Failures have one cause.** Every terminal returns the first one as a [`FlowError`]: its kind,
//!   stage, operator and the line of your code. A run that fails emits nothing final and commits no
//!   sink; everything is dropped and every thread has ended when the terminal returns.
//! - **Borrowing.** Closures and items may borrow from the stack; only [`start`](Flow::start) and
//!   `into_iter` ask for `'static`. Items are [`Send`], never `Clone` or `Sync`.
//! - **No deadlock by nesting.** A flow inside a flow's closure runs inline on that worker; no stage
//!   runs on another's stack. A run in which nothing can move any more fails with
//!   [`ErrorKind::Stalled`]. What never returns (a closure, an iterator's `next`) is waited for.
#![forbid(unsafe_code)]

#[cfg(not(loom))]
mod bridge;
#[cfg(not(loom))]
mod error;
#[cfg(not(loom))]
pub mod guide;
#[cfg(not(loom))]
mod kernel;
#[cfg(not(loom))]
mod meter;
#[cfg(not(loom))]
mod ops;
#[cfg(not(loom))]
pub mod pipeline;
#[cfg(not(loom))]
mod plan;
#[cfg(not(loom))]
pub mod prelude;
#[cfg(all(feature = "indicatif", not(loom)))]
mod progress;
mod runtime;
#[cfg(not(loom))]
mod sink;
#[cfg(not(loom))]
mod source;
#[cfg(not(loom))]
pub mod stage;
#[cfg(not(loom))]
mod state;
mod sync;
#[cfg(not(loom))]
pub mod testing;
#[cfg(not(loom))]
mod text;
#[cfg(not(loom))]
mod time;
#[cfg(not(loom))]
mod window;

#[cfg(all(feature = "async", not(loom)))]
pub use crate::bridge::{AsyncTask, EventStream, FlowStream};
#[cfg(all(feature = "indicatif", not(loom)))]
pub use crate::progress::Progress;
/// A late event of a join in time: of the left flow or of the right one.
#[cfg(not(loom))]
pub use itertools::Either;
/// What a [`full_join`](Keyed::full_join) gives of a key: the left event, the right one, or both.
#[cfg(not(loom))]
pub use itertools::EitherOrBoth;

#[cfg(all(feature = "atomic-file", not(loom)))]
pub use crate::sink::AtomicFile;
#[cfg(all(feature = "csv", not(loom)))]
pub use crate::sink::Csv;
#[cfg(all(feature = "json", not(loom)))]
pub use crate::sink::Json;
#[cfg(not(loom))]
pub use crate::{
    error::{BoxError, ErrorKind, FlowError},
    meter::{EdgeMetrics, Meter, Metrics, StageMetrics},
    ops::{
        BoxFlow, BoxTimedFlow, DeadLetter, Delivery, Emitter, EmittingReduction, EventError, Flow,
        Key, Keyed, KeyedEach, Keys, LateEvent, LateSide, Node, PaneInfo, Partitioned,
        ProducerConsumer, Reduction, Retry, Sequenced, Stampable, Stamped, TimedFlow,
        TimedPartitions, TimedReduction, Watermarking, Watermarks, Windowed,
    },
    plan::{Executor, Plan, PlanEdge, PlanStage},
    sink::{
        Collect, Destination, Encoder, FlowIter, Handle, Ignore, IntoIter, Job, Jobs, Lines,
        MinMax, Part, Sink, Written, run,
    },
    source::{Demand, Integer, IntoProducer, Notifier, Produced, Producer},
    state::{Aggregates, Aggregator, FlowHasher, Lend, Number, TotalOrd},
    text::Text,
    time::Timestamp,
    window::{Firing, Pane, PaneView, Span, Timing, Trigger, Window},
};

/// The kinds of windows and the parts of triggers: for signatures, and for windows and triggers of your
/// own.
#[cfg(not(loom))]
pub mod windows {
    pub use crate::window::{
        AfterDelay, AnyWindow, Assign, Assigned, Assigner, AtWatermark, ByClock, Condition, Count,
        Each, Every, Fixed, Global, Never, OfPanes, On, OnEvent, OnSignal, Or, Periodic, Session,
        Sliding, SlidingCount, Triggering, TriggeringOn, WindowKind,
    };
}

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
