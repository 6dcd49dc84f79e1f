//! What is folded before an exchange: what a part of time has of a key travels as one accumulator.
//!
//! **Invariant.** What is folded into a part leaves before the mark that reaches the part's end, so it
//! is never late. Once an input has been idle others may have passed what it has not, and its events
//! travel one by one.

use crate::state::Adaptive;
use crate::time::Timestamp;
use crate::window::Span;
use std::mem;

/// How many parts are kept at a time: where there are more the earliest one leaves.
const OPEN: usize = 8;

/// Events of a key, with the key's hash.
pub(super) type Partial<S, A> = (u64, S, A);

/// The parts of one instance that have not left yet.
pub(super) struct Parts<S, A> {
    /// The part of the last event, with what was folded in it; empty where there is none.
    pub(super) run: Span,
    pub(super) table: Adaptive<S, A>,
    /// The other ones.
    others: Vec<(Span, Adaptive<S, A>)>,
    /// Tables of parts that have left, as large as they had become.
    spare: Vec<Adaptive<S, A>>,
    /// The mark that was sent last.
    passed: Timestamp,
    /// Whether events may be folded before they travel; if not, there are no parts.
    on: bool,
}

impl<S, A> Parts<S, A> {
    /// None yet. `on`: whether events may be folded before they travel.
    pub(super) fn new(on: bool) -> Self {
        Parts {
            run: Span::NONE,
            table: Adaptive::new(),
            others: Vec::new(),
            spare: Vec::new(),
            passed: Timestamp::MIN,
            on,
        }
    }

    /// Makes the part of a timestamp the one at hand; false where the event travels by itself.
    pub(super) fn locate(
        &mut self,
        at: Timestamp,
        part: impl FnOnce(Timestamp) -> Option<Span>,
        mut send: impl FnMut(Span, Partial<S, A>),
    ) -> bool {
        if let Some(known) = self.others.iter_mut().find(|(part, _)| part.contains(at)) {
            mem::swap(&mut self.run, &mut known.0);
            mem::swap(&mut self.table, &mut known.1);
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
            && let Some(first) = self.others.iter().map(|(part, _)| part.end()).min()
        {
            self.leave(first, &mut send);
        }
        let table = self.spare.pop().unwrap_or_else(Adaptive::new);
        self.others.push((mem::replace(&mut self.run, part), mem::replace(&mut self.table, table)));
        true
    }

    /// A mark is about to be sent: parts that it passes leave before.
    pub(super) fn pass(&mut self, to: Timestamp, mut send: impl FnMut(Span, Partial<S, A>)) {
        self.passed = self.passed.max(to);
        self.leave(to, &mut send);
    }

    /// The input is idle, so that it will not be waited for: everything leaves, and what comes later
    /// travels by itself.
    pub(super) fn idle(&mut self, mut send: impl FnMut(Span, Partial<S, A>)) {
        self.leave(Timestamp::MAX, &mut send);
        self.on = false;
    }

    /// All parts that end by then leave.
    pub(super) fn leave(&mut self, to: Timestamp, send: &mut impl FnMut(Span, Partial<S, A>)) {
        while let Some(at) = self.others.iter().position(|(part, _)| part.end() <= to) {
            let (part, mut table) = self.others.swap_remove(at);
            empty(part, &mut table, send);
            self.spare.push(table);
        }
        if self.run != Span::NONE && self.run.end() <= to {
            empty(self.run, &mut self.table, send);
            self.run = Span::NONE;
        }
    }
}

/// Sends what a table holds.
fn empty<S, A>(part: Span, table: &mut Adaptive<S, A>, send: &mut impl FnMut(Span, Partial<S, A>)) {
    while let Some(partial) = table.pop() {
        send(part, partial);
    }
}
