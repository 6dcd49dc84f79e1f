//! The panes of partitions get their numbers, and the global window of a partition without events its
//! pane.

use super::Stamped;
use crate::error::Site;
use crate::kernel::culprit::guarded;
use crate::kernel::{Mark, Operator, Push, Spec};
use crate::ops::node::KeepsOrder;
use crate::runtime::Place;
use crate::time::Timestamp;
use crate::window::{Folding, Head, Pane};
use std::fmt;

/// Puts the number of the partition into its panes.
#[derive(Clone)]
pub struct Number<G> {
    /// Where there is one window, which every partition has: what gives the value of no events.
    pub(super) fold: Option<G>,
    pub(super) site: Site,
}

impl<G> fmt::Debug for Number<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Number")
    }
}

impl<G> KeepsOrder for Number<G> {}

impl<G: Folding + Clone> Spec for Number<G> {
    type Operator = NumberPartition<G>;

    fn start(&self, place: &Place) -> Self::Operator {
        let Place { instance, instances, .. } = *place;
        let fold = self.fold.clone().map(|fold| fold.in_partition(instance, instances));
        NumberPartition { fold, site: self.site, partition: instance, seen: false, held: None }
    }
}

/// One partition.
pub struct NumberPartition<G> {
    fold: Option<G>,
    site: Site,
    partition: usize,
    /// Whether a pane has come.
    seen: bool,
    /// The watermark that waits until there is room for a last pane without events.
    held: Option<Mark>,
}

impl<G> fmt::Debug for NumberPartition<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Number({})", self.partition)
    }
}

impl<G: Folding> Operator for NumberPartition<G> {
    type In = Stamped<Pane<(), G::Out>>;
    type Out = Stamped<Pane<usize, G::Out>>;

    fn push<K: Push<Self::Out>>(&mut self, event: Self::In, next: &mut K) {
        let Stamped { at, value: pane } = event;
        self.seen = true;
        let Pane { window, value, timing, index, last, retraction, replaces, trigger, .. } = pane;
        let key = self.partition;
        let value = Pane { key, window, value, timing, index, last, retraction, replaces, trigger };
        next.push(Stamped { at, value });
    }

    fn holds(&self) -> bool {
        self.held.is_some()
    }

    fn resume<K: Push<Self::Out>>(&mut self, next: &mut K) {
        let Some(mark) = self.held else { return };
        if next.make_room() == 0 && !next.closed() {
            return;
        }
        self.held = None;
        let empty = self.fold.as_ref().filter(|_| !self.seen);
        if let Some(value) = empty.and_then(|fold| guarded(&self.site, || fold.empty())) {
            self.seen = true;
            let Head { window, timing, trigger } = Head::CLOSE;
            let key = self.partition;
            let (index, last, retraction, replaces) = (0, true, false, Vec::new());
            let pane =
                Pane { key, window, value, timing, index, last, retraction, replaces, trigger };
            next.push(Stamped { at: pane.timestamp(), value: pane });
        }
        next.mark(mark);
    }

    fn mark<K: Push<Self::Out>>(&mut self, mark: Mark, next: &mut K) {
        let ends = matches!(mark, Mark::Watermark(Timestamp::MAX));
        if ends && self.fold.is_some() && !self.seen {
            self.held = Some(mark);
            self.resume(next);
        } else {
            next.mark(mark);
        }
    }
}
