//! Parts of many keys: a front table for each.
//!
//! Where too few events meet another one of their key, the front table steps aside. What passes by it is
//! put into bins, by partition and hash, and travels a bin at a time.

use super::{Left, OPEN};
use crate::state::Adaptive;
use crate::time::Timestamp;
use crate::window::{BINS, Binned, Span, bin_of};
use std::mem;

/// The parts of one instance that have not left yet.
pub(in crate::ops::timed) struct Fronts<S, A> {
    /// The part of the last event, with what was folded in it; empty where there is none.
    pub(in crate::ops::timed) run: Span,
    pub(in crate::ops::timed) table: Adaptive<S, A>,
    /// What passed by a table that does not pay, by partition and bin: empty as long as nothing has.
    bins: Vec<Vec<Binned<S, A>>>,
    /// The other ones.
    others: Vec<Other<S, A>>,
    /// Tables of parts that have left, as large as they had become.
    spare: Vec<Adaptive<S, A>>,
    /// With how many records a bin leaves; 0 where none do.
    bin: usize,
    partitions: usize,
}

/// A part that is not the one at hand.
struct Other<S, A> {
    part: Span,
    table: Adaptive<S, A>,
    bins: Vec<Vec<Binned<S, A>>>,
}

impl<S, A> Fronts<S, A> {
    /// None yet. `bin`: how many records of a bin travel together, 0 where none do.
    pub(in crate::ops::timed) fn new(bin: usize, partitions: usize) -> Self {
        Fronts {
            run: Span::NONE,
            table: Adaptive::new(),
            bins: Vec::new(),
            others: Vec::new(),
            spare: Vec::new(),
            bin,
            partitions,
        }
    }

    /// Begins with a key of a partition in the part at hand.
    #[inline]
    pub(in crate::ops::timed) fn put(
        &mut self,
        hash: u64,
        key: S,
        acc: A,
        partition: usize,
        mut send: impl FnMut(Span, Left<S, A>),
    ) {
        if self.bin == 0 || !self.table.passes_by() {
            if let Some(partial) = self.table.put(hash, key, acc) {
                send(self.run, Left::One(partial));
            }
            return;
        }
        if self.bins.is_empty() {
            self.bins.resize_with(self.partitions * BINS, Vec::new);
        }
        let bin = &mut self.bins[partition * BINS + bin_of(hash as u32)];
        if bin.capacity() == 0 {
            bin.reserve_exact(self.bin);
        }
        bin.push((hash as u32, key, acc));
        if bin.len() >= self.bin {
            let full = mem::take(bin);
            send(self.run, Left::Bin(partition, full));
        }
    }

    /// Takes the open part of a time at hand, if there is one.
    pub(in crate::ops::timed) fn turn_to(&mut self, at: Timestamp) -> bool {
        if let Some(known) = self.others.iter_mut().find(|known| known.part.contains(at)) {
            mem::swap(&mut self.run, &mut known.part);
            mem::swap(&mut self.table, &mut known.table);
            mem::swap(&mut self.bins, &mut known.bins);
            return true;
        }
        self.run.contains(at)
    }

    /// Opens a part, and takes it at hand.
    pub(in crate::ops::timed) fn open(
        &mut self,
        part: Span,
        send: &mut impl FnMut(Span, Left<S, A>),
    ) {
        if self.run == Span::NONE {
            self.run = part;
            return;
        }
        if self.others.len() + 1 == OPEN
            && let Some(first) = self.others.iter().map(|other| other.part.end()).min()
        {
            self.leave(first, send);
        }
        let table = self.spare.pop().unwrap_or_else(Adaptive::new);
        self.others.push(Other {
            part: mem::replace(&mut self.run, part),
            table: mem::replace(&mut self.table, table),
            bins: mem::take(&mut self.bins),
        });
    }

    /// All parts that end by then leave.
    pub(in crate::ops::timed) fn leave(
        &mut self,
        to: Timestamp,
        send: &mut impl FnMut(Span, Left<S, A>),
    ) {
        while let Some(at) = self.others.iter().position(|other| other.part.end() <= to) {
            let Other { part, mut table, mut bins } = self.others.swap_remove(at);
            empty(part, &mut table, &mut bins, send);
            self.spare.push(table);
        }
        if self.run != Span::NONE && self.run.end() <= to {
            empty(self.run, &mut self.table, &mut self.bins, send);
            self.run = Span::NONE;
        }
    }
}

/// Sends what a table and bins hold.
fn empty<S, A>(
    part: Span,
    table: &mut Adaptive<S, A>,
    bins: &mut Vec<Vec<Binned<S, A>>>,
    send: &mut impl FnMut(Span, Left<S, A>),
) {
    while let Some(partial) = table.pop() {
        send(part, Left::One(partial));
    }
    for (nth, bin) in bins.drain(..).enumerate().filter(|(_, bin)| !bin.is_empty()) {
        send(part, Left::Bin(nth / BINS, bin));
    }
}
