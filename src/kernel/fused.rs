//! Per-event operators: written as an [`Operator`], fused by this one adapter.

use super::{Finish, Kernel, Make, Mark, Push};
use crate::runtime::Place;

/// What one instance of a per-event operator does with an event. An operator that can emit more
/// than one event per input holds the rest when there is no room, says so in `holds`, and goes on
/// in `resume`.
pub trait Operator: Send {
    /// What comes in.
    type In;
    /// What goes out.
    type Out;

    /// Whether it does nothing but handle events: everything below but [`push`](Self::push) and its
    /// kin is as it stands here. What it would do is then not even compiled, which counts where a flow
    /// has many operators.
    const ONLY_PUSHES: bool = false;

    /// Whether every event that comes in gives exactly one that goes out, so that positions of the
    /// source stay known, and how many events follow.
    const ONE_TO_ONE: bool = false;

    /// Handles one event.
    fn push<K: Push<Self::Out>>(&mut self, event: Self::In, next: &mut K);

    /// Handles as many events as an iterator gives.
    #[inline(always)]
    fn push_all<I, K>(&mut self, events: I, next: &mut K)
    where
        I: Iterator<Item = Self::In>,
        K: Push<Self::Out>,
    {
        events.for_each(|event| self.push(event, next));
    }

    /// Handles a whole batch, as its producer made it, and leaves the vector empty.
    #[inline(always)]
    fn push_batch<K: Push<Self::Out>>(&mut self, batch: &mut Vec<Self::In>, next: &mut K) {
        self.push_all(batch.drain(..), next);
    }

    /// Whether something is held that must go before the next event comes.
    fn holds(&self) -> bool {
        false
    }

    /// Emits what is held while `next` has room.
    fn resume<K: Push<Self::Out>>(&mut self, _next: &mut K) {}

    /// Narrows the room that `next` has to what this operator takes.
    fn room(&mut self, next: usize) -> usize {
        next
    }

    /// Whether this operator wants nothing any more.
    fn closed(&self) -> bool {
        false
    }

    /// A mark of the input: goes on in order with the events, after what is staged of those before.
    fn mark<K: Push<Self::Out>>(&mut self, mark: Mark, next: &mut K) {
        next.mark(mark);
    }

    /// The input is quiet, or has ended: nothing may stay that could go.
    fn flush<K: Push<Self::Out>>(&mut self, _next: &mut K) {}

    /// When it wants to be called again at the latest, on the run's clock, although nothing comes.
    fn due(&self) -> Option<u64> {
        None
    }

    /// The input has ended: emits what is left while `next` has room. True: all is through.
    fn end<K: Push<Self::Out>>(&mut self, _finish: Finish, _next: &mut K) -> bool {
        true
    }
}

/// An operator as the plan holds it, from which each instance gets its own.
pub trait Spec: Send + Sync {
    /// One instance.
    type Operator: Operator;

    /// Makes the instance at `place`.
    fn start(&self, place: &Place) -> Self::Operator;

    /// Learns, before anything runs, that it is part of one more stage.
    fn planned(&self) {}
}

/// An operator fused with all that follows it in its stage.
#[derive(Debug)]
pub(crate) struct Fused<O, K> {
    operator: O,
    next: K,
}

/// Makes [`Fused`] kernels.
#[derive(Debug)]
pub(crate) struct FusedMake<S, M> {
    pub(crate) spec: S,
    pub(crate) next: M,
}

impl<S, M> Make for FusedMake<S, M>
where
    S: Spec,
    M: Make<Kernel: Push<<S::Operator as Operator>::Out>>,
{
    type Kernel = Fused<S::Operator, M::Kernel>;

    fn make(&self, place: &Place) -> Self::Kernel {
        Fused { operator: self.spec.start(place), next: self.next.make(place) }
    }

    fn planned(&self, instances: usize) {
        self.spec.planned();
        self.next.planned(instances);
    }
}

impl<O, K> Fused<O, K>
where
    O: Operator,
    K: Push<O::Out>,
{
    #[inline]
    fn room_of_both(&mut self) -> usize {
        if self.operator.holds() {
            return 0;
        }
        let next = self.next.room();
        self.operator.room(next)
    }

    fn end_both(&mut self, finish: Finish) -> bool {
        self.resume();
        if self.operator.holds() && !self.next.closed() {
            return false;
        }
        self.operator.end(finish, &mut self.next) && self.next.end(finish)
    }
}

impl<O, K> Kernel for Fused<O, K>
where
    O: Operator,
    K: Push<O::Out>,
{
    #[inline]
    fn room(&mut self) -> usize {
        if O::ONLY_PUSHES {
            return self.next.room();
        }
        self.room_of_both()
    }

    #[inline]
    fn resume(&mut self) {
        self.next.resume();
        if !O::ONLY_PUSHES && self.operator.holds() {
            self.operator.resume(&mut self.next);
            // What was handed on may now be held by the next operator, which can go on at once.
            self.next.resume();
        }
    }

    #[inline]
    fn closed(&self) -> bool {
        (!O::ONLY_PUSHES && self.operator.closed()) || self.next.closed()
    }

    fn expect(&mut self, events: usize) {
        if O::ONE_TO_ONE {
            self.next.expect(events);
        }
    }

    fn mark(&mut self, mark: Mark) {
        if O::ONLY_PUSHES {
            self.next.mark(mark);
        } else {
            self.operator.mark(mark, &mut self.next);
        }
    }

    fn quiet(&mut self, now: u64) -> Option<u64> {
        let next = if O::ONLY_PUSHES {
            None
        } else {
            self.operator.flush(&mut self.next);
            self.operator.due()
        };
        next.into_iter().chain(self.next.quiet(now)).min()
    }

    fn end(&mut self, finish: Finish) -> bool {
        if O::ONLY_PUSHES {
            return self.next.end(finish);
        }
        self.end_both(finish)
    }

    fn close(self, last: bool) {
        self.next.close(last);
    }
}

impl<O, K> Push<O::In> for Fused<O, K>
where
    O: Operator,
    K: Push<O::Out>,
{
    #[inline(always)]
    fn push(&mut self, event: O::In) {
        self.operator.push(event, &mut self.next);
    }

    #[inline(always)]
    fn push_all<I: Iterator<Item = O::In>>(&mut self, events: I) {
        self.operator.push_all(events, &mut self.next);
    }

    #[inline(always)]
    fn push_batch(&mut self, batch: &mut Vec<O::In>) {
        self.operator.push_batch(batch, &mut self.next);
    }
}
