//! `Pane`: one firing of one window.

use super::Span;
use crate::time::Timestamp;

/// When a pane fires, seen from its window's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Timing {
    /// Before the watermark has reached the window's end: more is expected.
    Early,
    /// As the watermark reaches the window's end: everything that was expected is in it.
    OnTime,
    /// Afterwards, because of events that came late but within the allowed lateness.
    Late,
}

/// What a window says when it fires: a value, and which of the window's values it is.
///
/// ```
/// use flow::{Pane, Timing};
///
/// fn show<V: std::fmt::Display>(pane: &Pane<&str, V>) -> String {
///     let done = if pane.timing == Timing::OnTime { "" } else { " so far" };
///     format!("{} in {}: {}{done}", pane.key, pane.window, pane.value)
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pane<K, V> {
    /// The key; `()` where a whole partition is folded.
    pub key: K,
    /// What the window covers.
    pub window: Span,
    /// The value. Panes that accumulate have that of all events of the window, panes that discard that
    /// of the events since the pane before, retractions that of the pane they take back.
    pub value: V,
    /// When it fires, seen from the window's end.
    pub timing: Timing,
    /// How many panes of this window came before it. A retraction has that of the pane it takes back.
    pub index: u32,
    /// Whether it is the window's last one. Windows that are kept for late events may close without a
    /// pane marked so, if nothing has come since the one before.
    pub last: bool,
    /// Whether it takes a value back instead of giving one.
    pub retraction: bool,
    /// The sessions whose panes this one stands in for, because they have become one or longer since.
    /// Empty for all other windows, and for every pane but the first of a session.
    pub replaces: Vec<Span>,
    /// Which part of the trigger fired: `"watermark"`, `"every"`, `"after_delay"`, `"periodic"`,
    /// `"on"` or the name given to it, `"each"`, `"full"` for windows of a number of events, and
    /// `"close"` for what was left.
    pub trigger: &'static str,
}

impl<K, V> Pane<K, V> {
    /// The last timestamp of its window. It is the time of the pane as an event of the windows behind,
    /// so that windows of the same size put it into the same window again. (A pane of a number of events
    /// has the latest time of an event instead, and no pane that is not of event time an earlier time
    /// than the watermark.)
    ///
    /// ```
    /// # fn f(pane: &flow::Pane<(), u64>) {
    /// assert_eq!(pane.timestamp(), pane.window.max_timestamp());
    /// # }
    /// ```
    pub fn timestamp(&self) -> Timestamp {
        self.window.max_timestamp()
    }

    /// The pane with another value.
    pub fn map<W>(self, f: impl FnOnce(V) -> W) -> Pane<K, W> {
        let Pane { key, window, value, timing, index, last, retraction, replaces, trigger } = self;
        Pane { key, window, value: f(value), timing, index, last, retraction, replaces, trigger }
    }
}
