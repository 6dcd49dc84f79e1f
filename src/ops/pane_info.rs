//! `PaneInfo`: what `on_trigger` is told about a firing.

use crate::window::{Head, Span, Timing};

/// What `on_trigger` is told about a firing: of which partition and window, when, and why.
///
/// ```
/// use flow::{Flow, PaneInfo, Timing};
///
/// let told = |sum: &mut u64, pane: &PaneInfo| Some((*sum, pane.trigger(), pane.timing(), pane.is_last()));
/// let one = Flow::from_range(0..4u64).partition().stages(1).reduce(|| 0, |sum, x| *sum += x);
/// let told: Vec<_> = one.on_trigger(told).collect()?;
/// assert_eq!(told, [(6, "close", Timing::OnTime, true)]);
/// # Ok::<(), flow::FlowError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PaneInfo {
    partition: usize,
    partitions: usize,
    window: Span,
    timing: Timing,
    trigger: &'static str,
    index: u32,
    last: bool,
}

impl PaneInfo {
    pub(super) fn new(
        (partition, partitions): (usize, usize),
        head: &Head,
        index: u32,
        last: bool,
    ) -> Self {
        let Head { window, timing, trigger } = *head;
        PaneInfo { partition, partitions, window, timing, trigger, index, last }
    }

    /// The index of the partition whose accumulator it is.
    pub fn partition(&self) -> usize {
        self.partition
    }

    /// How many partitions there are.
    pub fn partitions(&self) -> usize {
        self.partitions
    }

    /// What the window covers: all of time where there are no windows.
    pub fn window(&self) -> Span {
        self.window
    }

    /// When it fires, seen from the window's end.
    pub fn timing(&self) -> Timing {
        self.timing
    }

    /// Which part of the trigger fired, see [`Pane::trigger`](crate::Pane::trigger): `"close"` at the
    /// end of the input.
    pub fn trigger(&self) -> &'static str {
        self.trigger
    }

    /// How often the window has fired before.
    pub fn index(&self) -> u32 {
        self.index
    }

    /// Whether the accumulator fires for the last time. Windows that are kept for late events may
    /// close without, if nothing has come since the firing before.
    pub fn is_last(&self) -> bool {
        self.last
    }
}
