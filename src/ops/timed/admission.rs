//! Which events come into a flow of event time: all, or those that are not too far ahead of the clock.

use super::rejected::Reject;
use crate::runtime::Place;
use crate::runtime::tally::Tally;
use crate::runtime::task::TaskRef;
use crate::time::Timestamp;
use std::fmt;

/// Which events come in.
pub trait Admission<T>: Send + Sync {
    /// What an instance needs for that.
    type Gate: Send;

    /// Begins in the instance at `place`.
    fn open(&self, place: &Place) -> Self::Gate;

    /// Whether an event of this time comes in.
    fn admits(&self, gate: &mut Self::Gate, at: Timestamp) -> bool;

    /// Takes one that does not.
    fn reject(&self, gate: &mut Self::Gate, event: T);

    /// Tells what was counted.
    fn publish(&self, gate: &mut Self::Gate);
}

/// All of them.
impl<T> Admission<T> for () {
    type Gate = ();

    fn open(&self, _place: &Place) {}

    #[inline(always)]
    fn admits(&self, (): &mut (), _at: Timestamp) -> bool {
        true
    }

    fn reject(&self, (): &mut (), _event: T) {}

    fn publish(&self, (): &mut ()) {}
}

/// Those that are not further ahead of the clock than so many milliseconds.
#[derive(Clone, Copy)]
pub struct MaxAhead<L = ()> {
    pub(super) ahead: i64,
    /// Where the others go.
    to: L,
}

impl<L> MaxAhead<L> {
    pub(super) fn new(ahead: i64, to: L) -> Self {
        MaxAhead { ahead, to }
    }
}

impl<L> fmt::Debug for MaxAhead<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MaxAhead({} ms)", self.ahead)
    }
}

/// The clock of one instance, as far as it was read.
pub struct Gate {
    task: TaskRef,
    /// Up to here everything comes in: the clock does not go back.
    until: Timestamp,
    tally: Tally,
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Gate({})", self.until)
    }
}

impl Gate {
    #[cold]
    fn read_clock(&mut self, ahead: i64) {
        self.until = Timestamp(self.task.core().clock.millis()).plus(ahead);
    }
}

impl<T, L: Reject<T>> Admission<T> for MaxAhead<L> {
    type Gate = Gate;

    fn open(&self, place: &Place) -> Gate {
        Gate { task: place.task.clone(), until: Timestamp::MIN, tally: Tally::new(place) }
    }

    #[inline(always)]
    fn admits(&self, gate: &mut Gate, at: Timestamp) -> bool {
        if at > gate.until {
            gate.read_clock(self.ahead);
        }
        at <= gate.until
    }

    #[cold]
    fn reject(&self, gate: &mut Gate, event: T) {
        self.to.take(event, &mut gate.tally);
    }

    fn publish(&self, gate: &mut Gate) {
        gate.tally.publish();
    }
}
