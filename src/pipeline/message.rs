//! What travels between the stages of a pipeline.

use super::source::Source;

/// A message with what must be known to settle it.
pub(super) struct Head<S: Source> {
    pub(super) event: S::Item,
    pub(super) receipt: S::Receipt,
    /// Which of the pipeline's sources it is from.
    pub(super) source: usize,
    pub(super) bytes: usize,
    /// The hash of its key, where the pipeline keeps the order of keys.
    pub(super) key: u64,
    /// How many times it was tried in the stage that has it.
    pub(super) attempts: u32,
}

/// A message that was processed, on its way to a batcher.
pub(super) struct Valued<S: Source, U> {
    pub(super) head: Head<S>,
    pub(super) value: U,
    pub(super) batcher: usize,
}
