//! The sending end of a keyed exchange: partials staged by bin, one batch of one bin at a time.
//!
//! A bin is a range of the hash's high bits; every partition owns consecutive bins. A batch of one
//! bin is merged into one table, which is small enough for the cache.

use crate::runtime::Place;
use crate::runtime::edge::{Inbox, Sender};
use std::sync::Arc;

/// How many high bits of a hash choose a bin, at least.
const BITS: u32 = 8;

/// A partial result on its way: the key's hash, the key, and what was folded of it.
pub(super) type Partial<S, P> = (u64, S, P);

/// How bins and partitions divide the hash space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    bits: u32,
    partitions: usize,
}

impl Layout {
    pub(super) fn new(partitions: usize) -> Self {
        let needed = usize::BITS - partitions.saturating_sub(1).leading_zeros();
        Layout { bits: needed.max(BITS), partitions }
    }

    pub(super) fn bins(self) -> usize {
        1 << self.bits
    }

    #[inline(always)]
    pub(super) fn bin(self, hash: u64) -> usize {
        (hash >> (u64::BITS - self.bits)) as usize
    }

    fn partition(self, bin: usize) -> usize {
        (bin * self.partitions) >> self.bits
    }

    /// The bins that a partition owns.
    pub(super) fn bins_of(self, partition: usize) -> std::ops::Range<usize> {
        let first = |partition: usize| (partition * self.bins()).div_ceil(self.partitions);
        first(partition)..first(partition + 1)
    }
}

/// One producer instance's bins.
#[derive(Debug)]
pub(super) struct Bins<S, P> {
    layout: Layout,
    batch: usize,
    bins: Box<[Vec<Partial<S, P>>]>,
    senders: Box<[Sender<Partial<S, P>>]>,
    /// Some bin is full and its partition has no demand.
    blocked: bool,
}

impl<S, P> Bins<S, P> {
    pub(super) fn new(inboxes: &[Arc<Inbox<Partial<S, P>>>], place: &Place) -> Self {
        let layout = Layout::new(inboxes.len());
        Bins {
            layout,
            batch: inboxes.first().map_or(1, |inbox| inbox.options().batch).min(BATCH),
            bins: (0..layout.bins()).map(|_| Vec::new()).collect(),
            senders: inboxes.iter().map(|inbox| inbox.attach(&place.task)).collect(),
            blocked: false,
        }
    }

    #[inline(always)]
    pub(super) fn push(&mut self, partial: Partial<S, P>) {
        let bin = self.layout.bin(partial.0);
        let staged = &mut self.bins[bin];
        if staged.len() == staged.capacity() {
            widen(staged, self.batch);
        }
        staged.push(partial);
        if staged.len() >= self.batch && !self.blocked {
            self.send(bin);
        }
    }

    #[inline(never)]
    fn send(&mut self, bin: usize) -> bool {
        let sender = &self.senders[self.layout.partition(bin)];
        let staged = &mut self.bins[bin];
        while staged.len() >= self.batch {
            if sender.send(staged) == 0 {
                self.blocked = true;
                return false;
            }
        }
        true
    }

    pub(super) fn room(&self) -> usize {
        if self.blocked { 0 } else { ROOM }
    }

    /// Sends full bins where there is demand by now.
    pub(super) fn resume(&mut self) {
        if std::mem::take(&mut self.blocked) {
            for bin in 0..self.bins.len() {
                self.send(bin);
            }
        }
    }

    /// Sends everything. False: something is left for which there is no demand.
    pub(super) fn flush(&mut self) -> bool {
        let mut through = true;
        for (bin, staged) in self.bins.iter_mut().enumerate() {
            let sender = &self.senders[self.layout.partition(bin)];
            while !staged.is_empty() {
                if sender.send(staged) == 0 {
                    through = false;
                    break;
                }
            }
        }
        through
    }

    pub(super) fn closed(&self) -> bool {
        self.senders.iter().all(Sender::closed)
    }

    pub(super) fn end(&self) {
        self.senders.iter().for_each(Sender::end);
    }
}

/// Few bins get few partials, and those of a small run should cost little; where there are many, all the
/// room that a batch takes is made at once: doubling leaves behind as much as it makes.
#[cold]
#[inline(never)]
fn widen<T>(staged: &mut Vec<T>, batch: usize) {
    let len = staged.len();
    let most = if (FEW..batch).contains(&len) { batch } else { (2 * len).max(4) };
    staged.reserve_exact(most - len);
}

/// From how many partials on a bin is given room for a whole batch.
const FEW: usize = 32;

/// The largest batch of one bin: 256 bins of so many partials stay near 4 MiB per instance.
const BATCH: usize = 512;

/// How many events may be folded between two looks at the demand: each evicts at most one partial,
/// so the bins together stay at most so many beyond what there is demand for.
const ROOM: usize = 1024;

#[cfg(test)]
mod tests {
    use super::Layout;

    #[test]
    fn every_bin_has_one_partition_and_partitions_tile_the_bins() {
        for partitions in 1..=600 {
            let layout = Layout::new(partitions);
            let mut next = 0;
            for partition in 0..partitions {
                let bins = layout.bins_of(partition);
                assert_eq!(bins.start, next);
                assert!(!bins.is_empty());
                assert!(bins.clone().all(|bin| layout.partition(bin) == partition));
                next = bins.end;
            }
            assert_eq!(next, layout.bins());
        }
    }
}
