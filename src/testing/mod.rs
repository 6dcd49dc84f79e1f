//! What flows over event time are tested with: [`Script`], a source that says exactly what happens
//! and when, and [`assert_panes`], which compares what came of it.
//!
//! Run such a flow on [`Executor::simulation`](crate::Executor::simulation): its clock is virtual, so
//! hours pass at once, and its seed says in which order things happen that may happen in any.

mod panes;
mod script;

pub use panes::assert_panes;
pub use script::{FromScripts, Script};
