//! From the typed flow to stages and edges: options, the builder that collects tasks, `explain`.

mod builder;
mod executor;
mod options;
mod outline;

pub use builder::Builder;
pub(crate) use builder::OpenStage;
pub use executor::Executor;
pub(crate) use executor::parallelism;
pub use options::StageOptions;
pub(crate) use options::{Refusal, RunOptions};
pub use outline::{Outline, Plan, PlanEdge, PlanStage};
