//! The vocabulary: a lazy, typed tree of nodes behind [`Flow`]. Knows no threads.

mod boxed;
mod branch;
mod exchange;
mod flat_map;
mod flow;
mod keyed;
mod map;
mod merge;
mod node;
mod options;
mod ordered;
mod rebalance;
mod reduce;
mod take;
mod through;

pub use boxed::BoxFlow;
pub use flat_map::Emitter;
pub use flow::Flow;
pub use keyed::{Keyed, KeyedEach, Keys};
pub(crate) use node::Single;
pub(crate) use node::{ByReference, Lending};
#[cfg(feature = "async")]
pub(crate) use node::{KeepsOrder, Then};
pub use node::{Node, Partitioned, Sequenced};
#[cfg(feature = "async")]
pub(crate) use ordered::Ordered;
pub use reduce::{PaneInfo, Reduction};
pub use through::ProducerConsumer;
