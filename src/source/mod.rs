//! Where events come from. Every source is a node; what workers can claim for themselves (slices,
//! ranges, text, vectors) they claim, and what one thread has to read (iterators, files, channels,
//! a user's producers) feeds a pool from which they claim.

mod channel;
#[cfg(feature = "csv")]
mod csv;
mod cursor;
pub(crate) mod feed;
mod files;
mod generators;
mod into_producer;
mod iter;
#[cfg(feature = "json")]
mod json;
mod marks;
mod producer;
#[cfg(any(feature = "csv", feature = "json"))]
mod records;
mod text;
mod vec;

pub use cursor::Integer;
pub(crate) use feed::build_per_source;
pub use into_producer::IntoProducer;
pub(crate) use producer::{Asking, FromStages, Rung};
pub use producer::{Demand, Notifier, Produced, Producer};
