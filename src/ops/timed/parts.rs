//! What is folded before an exchange: what a part of time has of a key travels as one accumulator.
//!
//! **Invariant.** What is folded into a part leaves before the mark that reaches the part's end, so it
//! is never late. Once an input has been idle others may have passed what it has not, and its events
//! travel one by one.

use crate::state::Adaptive;
use crate::time::Timestamp;
use crate::window::Span;

/// How many parts are kept at a time: where there are more the earliest one leaves.
const OPEN: usize = 8;

/// So many events of a key.
pub(super) type Partial<S, A> = (u64, S, (u32, A));

/// The parts of one instance that have not left yet.
pub(super) struct Parts<S, A> {
    open: Vec<(Span, Adaptive<S, (u32, A)>)>,
    /// Tables of parts that have left, as large as they had become.
    spare: Vec<Adaptive<S, (u32, A)>>,
    /// The part of the last event, and where it is.
    run: Span,
    current: usize,
    /// The mark that was sent last.
    passed: Timestamp,
    on: bool,
}

impl<S, A> Parts<S, A> {
    /// None yet. `on`: whether events may be folded before they travel.
    pub(super) fn new(on: bool) -> Self {
        Parts {
            open: Vec::new(),
            spare: Vec::new(),
            run: Span::NONE,
            current: 0,
            passed: Timestamp::MIN,
            on,
        }
    }

    /// The part of a timestamp, with its table; none where the event travels by itself.
    #[inline(always)]
    pub(super) fn of(
        &mut self,
        at: Timestamp,
        part: impl FnOnce(Timestamp) -> Option<Span>,
        send: impl FnMut(Span, Partial<S, A>),
    ) -> Option<&mut (Span, Adaptive<S, (u32, A)>)> {
        if !self.on || !self.run.contains(at) && !self.locate(at, part, send) {
            return None;
        }
        self.open.get_mut(self.current)
    }

    #[cold]
    fn locate(
        &mut self,
        at: Timestamp,
        part: impl FnOnce(Timestamp) -> Option<Span>,
        mut send: impl FnMut(Span, Partial<S, A>),
    ) -> bool {
        if let Some(known) = self.open.iter().position(|(open, _)| open.contains(at)) {
            (self.run, self.current) = (self.open[known].0, known);
            return true;
        }
        let Some(part) = part(at).filter(|part| part.end() > self.passed) else {
            return false;
        };
        if self.open.len() == OPEN
            && let Some(first) = self.open.iter().map(|(open, _)| open.end()).min()
        {
            self.leave(first, &mut send);
        }
        (self.run, self.current) = (part, self.open.len());
        let table = self.spare.pop().unwrap_or_else(Adaptive::new);
        self.open.push((part, table));
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
        self.run = Span::NONE;
        for at in (0..self.open.len()).rev() {
            if self.open[at].0.end() <= to {
                let (part, mut table) = self.open.swap_remove(at);
                while let Some(partial) = table.pop() {
                    send(part, partial);
                }
                self.spare.push(table);
            }
        }
    }
}
