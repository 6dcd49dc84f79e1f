//! From the typed flow to stages and edges: options, the builder that collects tasks, `explain`.

mod builder;
mod executor;
mod options;
mod outline;

pub(crate) use builder::{Builder, OpenStage};
pub use executor::Executor;
pub(crate) use options::RunOptions;
pub(crate) use options::StageOptions;
pub(crate) use outline::Outline;
pub use outline::{Plan, PlanEdge, PlanStage};
