//! Event time: timestamps, watermarks, and how the watermarks of several inputs become one.
//!
//! Everything here is a plain value or a plain struct that is told what happens: no clock, no thread,
//! no engine.
//!
//! **Invariant.** A watermark `w` is exclusive: it says that no event with a timestamp below `w` is
//! expected any more. It never goes back. `Timestamp::MIN` says nothing yet, `Timestamp::MAX` that
//! nothing more will come.

mod coalesce;
mod timestamp;
mod watermark;

pub(crate) use coalesce::{Change, Coalescer};
pub use timestamp::Timestamp;
pub(crate) use timestamp::ticks;
pub(crate) use watermark::{Bounded, Floored};
