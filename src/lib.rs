//! Flow reads like `Iterator` and runs like a dataflow engine.
#![forbid(unsafe_code)]

#[cfg(not(loom))]
mod error;
#[cfg(not(loom))]
mod kernel;
#[cfg(not(loom))]
mod meter;
#[cfg(not(loom))]
mod ops;
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
mod state;
mod sync;
#[cfg(not(loom))]
mod text;

#[cfg(all(feature = "indicatif", not(loom)))]
pub use crate::progress::Progress;
#[cfg(not(loom))]
pub use crate::{
    error::{BoxError, ErrorKind, FlowError},
    meter::{EdgeMetrics, Meter, Metrics, StageMetrics},
    ops::{
        BoxFlow, Emitter, Flow, Keyed, KeyedEach, Keys, Node, PaneInfo, Partitioned, Reduction,
        Sequenced,
    },
    plan::{Executor, Plan, PlanEdge, PlanStage},
    sink::{Collect, FlowIter, Handle, Ignore, IntoIter, Job, Jobs, Part, Sink, run},
    source::{Demand, Integer, Notifier, Produced, Producer},
    state::{Aggregates, Aggregator, FlowHasher, Lend, Number, TotalOrd},
    text::Text,
};
