//! The vocabulary: a lazy, typed tree of nodes behind [`Flow`]. Knows no threads.

mod boxed;
mod branch;
mod exchange;
mod flat_map;
mod flow;
mod keyed;
mod map;
mod merge;
mod mistakes;
mod node;
mod options;
mod ordered;
mod rebalance;
mod reduce;
mod take;

pub use boxed::BoxFlow;
pub use flat_map::Emitter;
pub use flow::Flow;
pub use keyed::{Key, Keyed, KeyedEach, Keys};
pub(crate) use node::Single;
pub(crate) use node::{ByReference, Lending};
pub use node::{Node, Partitioned, Sequenced};
pub use reduce::{PaneInfo, Reduction};
