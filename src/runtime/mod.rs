//! How a compiled flow runs: tasks, edges, credits, workers. Knows no verb. See `README.md`.

pub(crate) mod census;
#[cfg(not(loom))]
pub(crate) mod clock;
#[cfg(not(loom))]
pub(crate) mod core;
pub(crate) mod credit;
#[cfg(not(loom))]
pub(crate) mod edge;
#[cfg(not(loom))]
pub(crate) mod junction;
#[cfg(not(loom))]
pub(crate) mod meter;
#[cfg(not(loom))]
pub(crate) mod poller;
#[cfg(not(loom))]
pub(crate) mod pool;
pub(crate) mod post;
#[cfg(not(loom))]
pub(crate) mod reorder;
#[cfg(not(loom))]
pub(crate) mod signals;
#[cfg(not(loom))]
pub(crate) mod simulation;
pub(crate) mod sleep;
#[cfg(not(loom))]
pub(crate) mod stage;
#[cfg(not(loom))]
pub(crate) mod tally;
#[cfg(not(loom))]
pub(crate) mod task;
pub(crate) mod task_state;
#[cfg(not(loom))]
pub(crate) mod timers;
#[cfg(not(loom))]
pub(crate) mod worker;

#[cfg(not(loom))]
pub(crate) use stage::Place;

#[cfg(all(test, not(loom)))]
mod fault_tests;
#[cfg(all(loom, test))]
mod loom_tests;
