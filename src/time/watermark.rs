//! Watermark generators: from the events of one input to what is no longer expected of it.
//!
//! A generator is a function of the sequence of events alone, so where a batch is cut changes
//! nothing. What it says can be floored to a granularity (the greatest common divisor of everything
//! that happens at some watermark further down), so that the cost is a comparison per event and at most
//! one mark per granule.

use super::Timestamp;

/// Rounds down, and lets only what is new through.
#[derive(Clone, Copy, Debug)]
pub struct Floored {
    granularity: i64,
    /// Below it nothing new can be said.
    next: Timestamp,
    current: Timestamp,
}

impl Floored {
    /// A granularity below one tick is one tick.
    pub(crate) fn new(granularity: i64) -> Self {
        Floored { granularity: granularity.max(1), next: Timestamp::MIN, current: Timestamp::MIN }
    }

    /// The watermark that holds.
    pub(crate) fn current(&self) -> Timestamp {
        self.current
    }

    /// Moves to `to`, rounded down; gives what it moved to, if it moved.
    #[inline]
    pub(crate) fn advance(&mut self, to: Timestamp) -> Option<Timestamp> {
        if to < self.next { None } else { self.step(to) }
    }

    #[cold]
    fn step(&mut self, to: Timestamp) -> Option<Timestamp> {
        let floor = to.floor(self.granularity);
        if floor <= self.current {
            return None;
        }
        self.current = floor;
        self.next = floor.plus(self.granularity);
        Some(floor)
    }
}

/// Events are out of order by at most some ticks: the watermark is as far behind the highest
/// timestamp. With none it is the highest timestamp, of which more may come.
#[derive(Clone, Copy, Debug)]
pub struct Bounded {
    disorder: i64,
    floored: Floored,
    /// Before it no event moves the watermark.
    next: Timestamp,
}

impl Bounded {
    pub(crate) fn new(disorder: i64, granularity: i64) -> Self {
        let floored = Floored::new(granularity);
        Bounded { disorder: disorder.max(0), floored, next: Timestamp::MIN }
    }

    /// Whether an event moves nothing. (If not, it may move something.)
    #[inline(always)]
    pub(crate) fn stays(&self, at: Timestamp) -> bool {
        at < self.next
    }

    #[cold]
    fn step(&mut self, at: Timestamp) -> Option<Timestamp> {
        let moved = self.floored.advance(at.minus(self.disorder));
        self.next = self.floored.next.plus(self.disorder);
        moved
    }

    /// Learns of an event; gives the watermark that now holds, if it moved.
    #[inline]
    pub(crate) fn event(&mut self, at: Timestamp) -> Option<Timestamp> {
        if at < self.next { None } else { self.step(at) }
    }

    /// The watermark that holds.
    pub(crate) fn current(&self) -> Timestamp {
        self.floored.current()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(mut generator: Bounded, events: &[i64]) -> Vec<Option<i64>> {
        events.iter().map(|at| generator.event(Timestamp(*at)).map(|w| w.0)).collect()
    }

    #[test]
    fn bounded_is_behind_the_highest_and_never_goes_back() {
        assert_eq!(run(Bounded::new(5, 1), &[7, 8, 3, 10]), [Some(2), Some(3), None, Some(5)]);
        assert_eq!(run(Bounded::new(0, 1), &[5, 3, 9]), [Some(5), None, Some(9)]);
        assert_eq!(run(Bounded::new(0, 1), &[5, 5, 3, 9]), [Some(5), None, None, Some(9)]);
    }

    #[test]
    fn watermarks_move_by_whole_granules() {
        let marks = run(Bounded::new(0, 10), &[-11, -10, 3, 9, 10, 35, 39]);
        assert_eq!(marks, [Some(-20), Some(-10), Some(0), None, Some(10), Some(30), None]);
    }

    #[test]
    fn the_ends_of_time_do_not_wrap() {
        assert_eq!(
            run(Bounded::new(5, 10), &[i64::MIN + 2, i64::MIN, i64::MAX]),
            [None, None, Some(i64::MAX)]
        );
    }
}
