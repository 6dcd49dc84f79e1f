//! The one door to locks and atomics for the files that are model-checked.
//!
//! Under `--cfg loom` the same source files run on loom's types, so what is checked is what ships.

#[cfg(loom)]
pub(crate) use loom::sync::{
    Condvar, Mutex,
    atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering, fence},
};

#[cfg(not(loom))]
pub(crate) use std::sync::{
    Condvar, Mutex,
    atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering, fence},
};

use std::sync::PoisonError;

/// Takes what a lock gives, poisoned or not: a panic in user code is caught and reported by the
/// executor, and every structure behind our locks is valid between two statements.
pub(crate) fn unpoisoned<G>(result: Result<G, PoisonError<G>>) -> G {
    result.unwrap_or_else(PoisonError::into_inner)
}
