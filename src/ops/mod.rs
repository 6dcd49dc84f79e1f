//! The vocabulary: a lazy, typed tree of nodes behind [`Flow`]. Knows no threads.

mod batch;
mod boxed;
mod branch;
mod chunks;
mod dedup;
mod exchange;
mod flat_map;
mod flow;
mod in_order;
mod keyed;
mod map;
mod merge;
mod node;
mod options;
mod ordered;
mod rebalance;
mod reduce;
mod reduce_and_emit;
mod scan;
mod skip;
mod sorted;
mod take;
mod through;
mod unique;

pub(crate) use batch::{Batches, EachBatch};
pub use boxed::BoxFlow;
pub use flat_map::Emitter;
pub use flow::Flow;
pub use keyed::{Keyed, KeyedEach, Keys};
pub(crate) use map::{FilterWith, MapWith};
pub(crate) use node::Single;
pub(crate) use node::{ByReference, Lending};
pub use node::{Node, Partitioned, Sequenced};
pub use reduce::{PaneInfo, Reduction};
pub use reduce_and_emit::EmittingReduction;
pub use through::ProducerConsumer;
