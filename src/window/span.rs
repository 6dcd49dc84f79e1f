//! `Span`: what a window covers.

use crate::time::Timestamp;
use std::fmt;

/// The part of the time axis that a window covers: from `start` to just before `end`.
///
/// Windows of time span timestamps. Windows of a number of events span the positions of the events
/// of their key (or partition), counted from 0.
///
/// ```
/// use flow::{Span, Timestamp};
///
/// let span = Span::new(Timestamp(0), Timestamp(10));
/// assert!(span.contains(Timestamp(9)) && !span.contains(Timestamp(10)));
/// assert_eq!(span.max_timestamp(), Timestamp(9));
/// assert_eq!(span.to_string(), "[0,10)");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    start: Timestamp,
    end: Timestamp,
}

impl Span {
    /// All of time.
    pub const ALL: Span = Span { start: Timestamp::MIN, end: Timestamp::MAX };
    pub(crate) const NONE: Span = Span { start: Timestamp::MIN, end: Timestamp::MIN };

    /// From `start` to just before `end`; empty if `end` is not later.
    pub const fn new(start: Timestamp, end: Timestamp) -> Self {
        Span { start, end }
    }

    /// The first timestamp.
    pub const fn start(self) -> Timestamp {
        self.start
    }

    /// The first timestamp behind it.
    pub const fn end(self) -> Timestamp {
        self.end
    }

    /// The last timestamp: what a pane of this window has as its own.
    pub const fn max_timestamp(self) -> Timestamp {
        Timestamp(self.end.0.saturating_sub(1))
    }

    /// Whether a timestamp is in it.
    #[inline]
    pub const fn contains(self, at: Timestamp) -> bool {
        self.start.0 <= at.0 && at.0 < self.end.0
    }

    /// Whether both share a timestamp. Spans that touch do not.
    #[inline]
    pub(crate) fn overlaps(self, other: Span) -> bool {
        self.start < other.end && other.start < self.end
    }

    /// The smallest span that covers both.
    #[inline]
    pub(crate) fn cover(self, other: Span) -> Span {
        Span { start: self.start.min(other.start), end: self.end.max(other.end) }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{},{})", self.start, self.end)
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
