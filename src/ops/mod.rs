//! The vocabulary: a lazy, typed tree of nodes behind [`Flow`]. Knows no threads.

mod attempt;
mod attempting;
mod batch;
mod boxed;
mod branch;
mod chain;
mod checked;
mod chunks;
mod comparable;
mod cross;
mod dedup;
mod each;
mod exchange;
mod flat_map;
mod flow;
mod in_order;
mod junction;
mod keyed;
mod letter;
mod map;
mod merge;
mod merge_sorted;
mod mistakes;
mod node;
mod options;
mod ordered;
mod pane_info;
mod rebalance;
mod reduce;
mod reduce_and_emit;
mod results;
mod retry;
mod scan;
mod shared;
mod skip;
mod sorted;
mod take;
mod through;
mod timed;
mod together;
mod try_map;
mod unique;
mod zip;

pub(crate) use batch::{Batches, EachBatch};
pub use boxed::BoxFlow;
pub use checked::Delivery;
pub(crate) use comparable::Comparable;
pub(crate) use each::{Each, each};
pub use flat_map::Emitter;
pub use flow::Flow;
pub use keyed::{Key, Keyed, KeyedEach, Keys};
pub use letter::{DeadLetter, EventError};
pub(crate) use map::MapWith;
pub(crate) use node::Single;
#[cfg(feature = "async")]
pub(crate) use node::Then;
pub(crate) use node::{ByReference, KeepsOrder, Lending};
pub use node::{Node, Partitioned, Sequenced, Stampable};
#[cfg(feature = "async")]
pub(crate) use ordered::Ordered;
pub use pane_info::PaneInfo;
pub use reduce::Reduction;
pub use reduce_and_emit::EmittingReduction;
pub use retry::Retry;
pub use through::ProducerConsumer;
pub use timed::{
    BoxTimedFlow, LateEvent, LateSide, Stamped, TimedFlow, TimedPartitions, TimedReduction,
    Watermarking, Watermarks, Windowed,
};
