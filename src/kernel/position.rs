//! Which position of the source an event comes from, where each event has exactly one.

use super::Mark;

/// Counts positions from the marks on, in one instance of an operator.
#[derive(Debug)]
pub(crate) struct Positions {
    /// Whether every position of the source gives exactly one event here.
    known: bool,
    next: u64,
}

impl Positions {
    /// `known`: the [`Node::POSITIONED`](crate::Node::POSITIONED) of what is before the operator.
    pub(crate) fn new(known: bool) -> Self {
        Positions { known, next: 0 }
    }

    /// A mark passes.
    pub(crate) fn mark(&mut self, mark: Mark) {
        if let Mark::Claimed { start, .. } = mark {
            self.next = start;
        }
    }

    /// One event comes: gives its position.
    #[inline(always)]
    pub(crate) fn step(&mut self) -> Option<u64> {
        let position = self.next;
        self.next += 1;
        self.known.then_some(position)
    }
}
