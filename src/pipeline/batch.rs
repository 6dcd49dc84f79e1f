//! The batches that a handler is given.

use super::message::Head;
use super::source::Source;
use crate::error::BoxError;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// Why a batch was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Closed {
    /// It was full.
    Size,
    /// Its time was over.
    Time,
    /// The pipeline came to its end.
    End,
}

/// Values of one batcher and one key, in the order in which they came: a slice of them.
///
/// Those that fail by themselves are [named](Batch::fail); an error of the handler fails all.
pub struct Batch<U, K = ()> {
    pub(super) batcher: Arc<str>,
    pub(super) key: K,
    pub(super) closed: Closed,
    pub(super) handler: usize,
    pub(super) attempt: u32,
    pub(super) values: Vec<U>,
    pub(super) failed: Vec<(usize, BoxError)>,
}

impl<U, K> Batch<U, K> {
    /// The name of its batcher.
    pub fn batcher(&self) -> &str {
        &self.batcher
    }

    /// The key that its values have in common.
    pub fn key(&self) -> &K {
        &self.key
    }

    /// Why it was closed.
    pub fn closed(&self) -> Closed {
        self.closed
    }

    /// Which attempt this is, from 1 on. What has failed in an attempt is all that is in the next.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// This value has failed, by its place in the batch; the others have not. Several errors of one
    /// value are its first one.
    ///
    /// # Panics
    /// If there is no such value.
    pub fn fail(&mut self, value: usize, error: impl Into<BoxError>) {
        let values = self.values.len();
        assert!(value < values, "value {value} of a batch of {values}");
        self.failed.push((value, error.into()));
    }
}

impl<U, K> Deref for Batch<U, K> {
    type Target = [U];

    fn deref(&self) -> &[U] {
        &self.values
    }
}

impl<'a, U, K> IntoIterator for &'a Batch<U, K> {
    type Item = &'a U;
    type IntoIter = std::slice::Iter<'a, U>;

    fn into_iter(self) -> Self::IntoIter {
        self.values.iter()
    }
}

impl<U, K: fmt::Debug> fmt::Debug for Batch<U, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Batch { batcher, key, closed, values, .. } = self;
        write!(f, "Batch({batcher}, {key:?}, {} values, {closed:?})", values.len())
    }
}

/// A batch with what must be known to settle it.
pub(super) struct Held<S: Source, U, K> {
    pub(super) batch: Batch<U, K>,
    pub(super) heads: Vec<Head<S>>,
}
