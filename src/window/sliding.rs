//! The machine of sliding windows, whose fold merges: one of two.

use super::aligned::Aligned;
use super::fold::{Fold, Merge, Mode};
use super::kind::{Parted, Sliding};
use super::machine::{Machine, MergingWindowing, Take, TakeParts, parts};
use super::rules::Counters;
use super::sliced::Sliced;
use super::trigger::{OnTime, Triggering, TriggeringOn};
use super::{Pane, Span};
use crate::time::Timestamp;
use std::borrow::Borrow;
use std::fmt;

impl<K, F, R, M> MergingWindowing<K, F, R, M> for Sliding
where
    K: Clone + Eq + Send,
    F: Merge<Acc: Clone>,
    R: Triggering,
    M: Mode<F>,
{
    type Machine = SlidingMachine<K, F, R, M>;

    fn merging_machine(self, fold: F, trigger: R, lateness: i64) -> Self::Machine {
        let once = trigger.fires_once() && trigger.on_time() != OnTime::Never && lateness == 0;
        if once && self.overlap() > 1 {
            SlidingMachine::Sliced(Sliced::new(self, fold))
        } else {
            SlidingMachine::Aligned(Aligned::new(self, fold, trigger, lateness))
        }
    }

    parts!();
}

/// Sliding windows of a fold that merges: in slices where every window fires once.
pub enum SlidingMachine<K, F: Merge, R: Triggering, M: Mode<F>> {
    /// Every event is folded once.
    Sliced(Sliced<K, F>),
    /// Every event is folded into each of its windows.
    Aligned(Aligned<Sliding, K, F, R, M>),
}

impl<K, F: Merge, R: Triggering, M: Mode<F>> fmt::Debug for SlidingMachine<K, F, R, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SlidingMachine::Sliced(sliced) => sliced.fmt(f),
            SlidingMachine::Aligned(aligned) => aligned.fmt(f),
        }
    }
}

macro_rules! either {
    ($self:ident, $machine:ident => $call:expr) => {
        match $self {
            SlidingMachine::Sliced($machine) => $call,
            SlidingMachine::Aligned($machine) => $call,
        }
    };
}

impl<K, F, R, M> Machine<K, F::Out> for SlidingMachine<K, F, R, M>
where
    K: Clone + Eq + Send,
    F: Merge<Acc: Clone>,
    R: Triggering,
    M: Mode<F>,
{
    fn next(&mut self) -> Option<Pane<K, F::Out>> {
        either!(self, machine => machine.next())
    }

    #[inline]
    fn pending(&self) -> bool {
        either!(self, machine => machine.pending())
    }

    fn watermark(&mut self, to: Timestamp) {
        either!(self, machine => machine.watermark(to));
    }

    fn clock(&mut self, now: Timestamp) {
        either!(self, machine => machine.clock(now));
    }

    fn signal(&mut self, name: &'static str) {
        either!(self, machine => machine.signal(name));
    }

    fn end(&mut self) {
        either!(self, machine => machine.end());
    }

    fn passed(&self) -> Timestamp {
        either!(self, machine => machine.passed())
    }

    fn next_timer(&mut self) -> Option<Timestamp> {
        either!(self, machine => machine.next_timer())
    }

    fn counters(&self) -> Counters {
        either!(self, machine => machine.counters())
    }

    fn held(&self) -> usize {
        either!(self, machine => machine.held())
    }
}

impl<K, F, R, M, E, T> Take<K, F::Out, E, T> for SlidingMachine<K, F, R, M>
where
    K: Clone + Eq + Send,
    T: Borrow<E> + Clone,
    F: Fold<T> + Merge<Acc: Clone>,
    R: TriggeringOn<E>,
    M: Mode<F>,
{
    #[inline]
    fn event(&mut self, hash: u64, key: K, at: Timestamp, event: T) -> Result<(), (K, T)> {
        either!(self, machine => machine.event(hash, key, at, event))
    }
}

impl<K, F, R, M> TakeParts<K, F::Out, F::Acc> for SlidingMachine<K, F, R, M>
where
    K: Clone + Eq + Send,
    F: Merge<Acc: Clone>,
    R: Triggering,
    M: Mode<F>,
{
    fn part(
        &mut self,
        hash: u64,
        key: K,
        part: Span,
        events: u32,
        acc: F::Acc,
    ) -> Result<(), (K, F::Acc)> {
        either!(self, machine => machine.part(hash, key, part, events, acc))
    }
}
