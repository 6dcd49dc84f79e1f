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
//! cache; what it evicts travels as partial accumulators. A plain `fold`, and an aggregator that says
//! so, cannot merge: events travel one by one. So they do to a state of the user's own per key
//! (`stateful.rs`), whose results come as events do.

mod aggregate;
mod attach;
mod bins;
mod by_event;
mod each;
mod fold;
mod group;
mod join;
mod key;
mod merge;
mod pre;
mod spelling;
mod stateful;
mod summary;

pub use each::{KeyedEach, Keys};
pub(super) use join::{Full, Inner, Left, Right, Shape};
pub(super) use key::{ByKeyFn, KeyOf, TakeKey, Visit};
pub use key::{Key, Keyed};
