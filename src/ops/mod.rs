//! The vocabulary: a lazy, typed tree of nodes behind [`Flow`]. Knows no threads.

mod attempt;
mod boxed;
mod branch;
mod checked;
mod exchange;
mod flat_map;
mod flow;
mod keyed;
mod letter;
mod map;
mod merge;
mod node;
mod options;
mod ordered;
mod rebalance;
mod reduce;
mod results;
mod retry;
mod take;
mod try_map;

pub use boxed::BoxFlow;
pub use checked::Delivery;
pub use flat_map::Emitter;
pub use flow::Flow;
pub use keyed::{Keyed, KeyedEach, Keys};
pub use letter::{DeadLetter, EventError};
pub(crate) use node::Single;
pub(crate) use node::{ByReference, KeepsOrder, Lending};
pub use node::{Node, Partitioned, Sequenced};
pub use reduce::{PaneInfo, Reduction};
pub use retry::Retry;
