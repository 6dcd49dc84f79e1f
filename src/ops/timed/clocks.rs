//! The watermarks of everybody who sends to a partition.

use super::exchange::From;
use crate::time::{Change, Coalescer, Timestamp};

/// The watermarks of all inputs of a partition, side by side: how many instances a side has is known
/// once one of them has said something.
#[derive(Debug)]
pub(super) struct Clocks {
    sides: Vec<Option<Coalescer>>,
    all: Coalescer,
}

impl Clocks {
    pub(super) fn new(sides: usize) -> Self {
        Clocks { sides: (0..sides).map(|_| None).collect(), all: Coalescer::new(sides) }
    }

    fn side(&mut self, from: From) -> &mut Coalescer {
        let side = &mut self.sides[from.side as usize];
        side.get_or_insert_with(|| Coalescer::new(from.instances as usize))
    }

    /// An input's watermark; the last of all is its end.
    pub(super) fn advance(&mut self, from: From, to: Timestamp) -> Change {
        let side = self.side(from);
        let change = match to {
            Timestamp::MAX => side.end(from.instance as usize),
            to => side.advance(from.instance as usize, to),
        };
        self.told(from.side as usize, change)
    }

    /// An input has nothing for now.
    pub(super) fn idle(&mut self, from: From) -> Change {
        let change = self.side(from).idle(from.instance as usize);
        self.told(from.side as usize, change)
    }

    /// What the news of a side mean for all sides.
    fn told(&mut self, side: usize, change: Change) -> Change {
        if self.sides[side].as_ref().is_some_and(Coalescer::ended) {
            let change = self.all.end(side);
            let all = self.all.ended().then_some(Timestamp::MAX);
            return Change { watermark: all.or(change.watermark), ..change };
        }
        let was_idle = self.all.is_idle();
        let moved = match change {
            Change { watermark: Some(to), .. } => self.all.advance(side, to).watermark,
            Change { idle: Some(false), .. } => self.all.element(side).watermark,
            _ => None,
        };
        let moved = match change.idle {
            Some(true) => self.all.idle(side).watermark.or(moved),
            _ => moved,
        };
        let idle = self.all.is_idle();
        Change { watermark: moved, idle: (idle != was_idle).then_some(idle) }
    }

    /// The watermark of all.
    pub(super) fn watermark(&self) -> Timestamp {
        self.all.watermark()
    }
}
