//! What is folded before an exchange: what a part of time has of a key travels as one accumulator.
//!
//! **Invariant.** What is folded into a part leaves before the mark that reaches the part's end, so it
//! is never late. Once an input has been idle others may have passed what it has not, and its events
//! travel one by one.
//!
//! Where too few events meet another one of their key, the front table steps aside. What passes by it is
//! put into bins, by partition and hash, and travels a bin at a time.

use crate::state::Adaptive;
use crate::time::Timestamp;
use crate::window::{BINS, Binned, Span, bin_of};
use std::mem;

/// How many parts are kept at a time: where there are more the earliest one leaves.
const OPEN: usize = 8;

/// Events of a key, with the key's hash.
pub(super) type Partial<S, A> = (u64, S, A);

/// What leaves a part.
pub(super) enum Left<S, A> {
    One(Partial<S, A>),
    /// What a partition gets of a bin.
    Bin(usize, Vec<Binned<S, A>>),
}

/// The parts of one instance that have not left yet.
pub(super) struct Parts<S, A> {
    /// The part of the last event, with what was folded in it; empty where there is none.
    pub(super) run: Span,
    pub(super) table: Adaptive<S, A>,
    /// What passed by a table that does not pay, by partition and bin: empty as long as nothing has.
    bins: Vec<Vec<Binned<S, A>>>,
    /// The other ones.
    others: Vec<Other<S, A>>,
    /// Tables of parts that have left, as large as they had become.
    spare: Vec<Adaptive<S, A>>,
    /// With how many records a bin leaves; 0 where none do.
    bin: usize,
    partitions: usize,
    /// The mark that was sent last.
    passed: Timestamp,
    /// Whether events may be folded before they travel; if not, there are no parts.
    on: bool,
}

/// A part that is not the one at hand.
struct Other<S, A> {
    part: Span,
    table: Adaptive<S, A>,
    bins: Vec<Vec<Binned<S, A>>>,
}

impl<S, A> Parts<S, A> {
    /// None yet. `on`: whether events may be folded before they travel. `bin`: how many records of a bin
    /// travel together, 0 where none do.
    pub(super) fn new(on: bool, bin: usize, partitions: usize) -> Self {
        Parts {
            run: Span::NONE,
            table: Adaptive::new(),
            bins: Vec::new(),
            others: Vec::new(),
            spare: Vec::new(),
            bin,
            partitions,
            passed: Timestamp::MIN,
            on,
        }
    }

    /// Begins with a key of a partition in the part at hand.
    #[inline]
    pub(super) fn put(
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

    /// Makes the part of a timestamp the one at hand; false where the event travels by itself.
    pub(super) fn locate(
        &mut self,
        at: Timestamp,
        part: impl FnOnce(Timestamp) -> Option<Span>,
        mut send: impl FnMut(Span, Left<S, A>),
    ) -> bool {
        if let Some(known) = self.others.iter_mut().find(|known| known.part.contains(at)) {
            mem::swap(&mut self.run, &mut known.part);
            mem::swap(&mut self.table, &mut known.table);
            mem::swap(&mut self.bins, &mut known.bins);
            return true;
        }
        if !self.on {
            return false;
        }
        let Some(part) = part(at).filter(|part| part.end() > self.passed) else {
            return false;
        };
        if self.run == Span::NONE {
            self.run = part;
            return true;
        }
        if self.others.len() + 1 == OPEN
            && let Some(first) = self.others.iter().map(|other| other.part.end()).min()
        {
            self.leave(first, &mut send);
        }
        let table = self.spare.pop().unwrap_or_else(Adaptive::new);
        self.others.push(Other {
            part: mem::replace(&mut self.run, part),
            table: mem::replace(&mut self.table, table),
            bins: mem::take(&mut self.bins),
        });
        true
    }

    /// A mark is about to be sent: parts that it passes leave before.
    pub(super) fn pass(&mut self, to: Timestamp, mut send: impl FnMut(Span, Left<S, A>)) {
        self.passed = self.passed.max(to);
        self.leave(to, &mut send);
    }

    /// The input is idle, so that it will not be waited for: everything leaves, and what comes later
    /// travels by itself.
    pub(super) fn idle(&mut self, mut send: impl FnMut(Span, Left<S, A>)) {
        self.leave(Timestamp::MAX, &mut send);
        self.on = false;
    }

    /// All parts that end by then leave.
    pub(super) fn leave(&mut self, to: Timestamp, send: &mut impl FnMut(Span, Left<S, A>)) {
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
