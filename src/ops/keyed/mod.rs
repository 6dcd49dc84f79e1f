//! Flows with a key: `key_by`, `key_by_ref`, `key_each`, and the verbs that keep one accumulator per
//! key.
//!
//! ```text
//!  source instance                                       partition
//!  key ─▶ hash once ─▶ front table ─▶ bins ═══ edge ═══▶ one table per bin ─▶ (key, value)
//!                      (folds here      (one batch is
//!                       what repeats)    of one bin)
//! ```
//!
//! An aggregator that can merge is folded before the exchange, in a front table that stays in the
//! cache; what it evicts travels as partial accumulators. A plain `fold` cannot merge: its events
//! travel one by one.

mod aggregate;
mod bins;
mod each;
mod fold;
mod key;
mod merge;

pub use each::{KeyedEach, Keys};
pub use key::{Key, Keyed};
