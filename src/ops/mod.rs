//! The vocabulary: a lazy, typed tree of nodes behind [`Flow`]. Knows no threads.

mod boxed;
mod branch;
mod chain;
mod cross;
mod exchange;
mod flat_map;
mod flow;
mod junction;
mod keyed;
mod map;
mod merge;
mod merge_sorted;
mod node;
mod options;
mod ordered;
mod rebalance;
mod reduce;
mod take;
mod through;
mod together;
mod zip;

pub use boxed::BoxFlow;
pub use flat_map::Emitter;
pub use flow::Flow;
pub use keyed::{Keyed, KeyedEach, Keys};
pub(crate) use node::Single;
pub(crate) use node::{ByReference, Lending};
pub use node::{Node, Partitioned, Sequenced};
pub use reduce::{PaneInfo, Reduction};
pub use through::ProducerConsumer;
