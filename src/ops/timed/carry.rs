//! How the operators of flows without times work on events that carry one.

use super::Stamped;
use crate::kernel::{Finish, Kernel, Mark, Operator, Push, Spec, pass_on};
use crate::ops::node::KeepsOrder;
use crate::runtime::Place;
use crate::time::Timestamp;
use std::collections::VecDeque;
use std::fmt;
use std::marker::PhantomData;

/// An operator whose results have the time of the event that they come of.
#[derive(Clone)]
pub struct Carry<S>(pub(super) S);

impl<S> fmt::Debug for Carry<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Carry")
    }
}

impl<S> KeepsOrder for Carry<S> {}

impl<S> Spec for Carry<S>
where
    S: Spec,
    S::Operator: Operator<In: Send>,
{
    type Operator = Carried<S::Operator>;

    fn start(&self, place: &Place) -> Self::Operator {
        let operator = self.0.start(place);
        Carried { operator, at: Timestamp::MIN, waiting: VecDeque::new() }
    }
}

/// One instance. Where the operator holds what one event gave, events and marks wait in their order.
pub struct Carried<O: Operator> {
    operator: O,
    /// The time of the event that the operator has, or had last.
    at: Timestamp,
    waiting: VecDeque<Waiting<O::In>>,
}

enum Waiting<T> {
    Event(Stamped<T>),
    Mark(Mark),
}

impl<O: Operator> fmt::Debug for Carried<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Carried")
    }
}

impl<O: Operator<In: Send>> Carried<O> {
    #[inline(always)]
    fn handle<K: Push<Stamped<O::Out>>>(&mut self, event: Stamped<O::In>, next: &mut K) {
        self.at = event.at;
        self.operator.push(event.value, &mut Stamping { at: event.at, next });
    }
}

impl<O: Operator<In: Send>> Operator for Carried<O> {
    type In = Stamped<O::In>;
    type Out = Stamped<O::Out>;

    #[inline(always)]
    fn push<K: Push<Self::Out>>(&mut self, event: Self::In, next: &mut K) {
        if self.holds() {
            return self.waiting.push_back(Waiting::Event(event));
        }
        self.handle(event, next);
    }

    #[inline(always)]
    fn holds(&self) -> bool {
        self.operator.holds() || !self.waiting.is_empty()
    }

    fn resume<K: Push<Self::Out>>(&mut self, next: &mut K) {
        loop {
            if self.operator.holds() {
                self.operator.resume(&mut Stamping { at: self.at, next });
                if self.operator.holds() {
                    return;
                }
            }
            if matches!(self.waiting.front(), Some(Waiting::Event(_)))
                && next.make_room() == 0
                && !next.closed()
            {
                return;
            }
            match self.waiting.pop_front() {
                Some(Waiting::Event(event)) => self.handle(event, next),
                Some(Waiting::Mark(mark)) => next.mark(mark),
                None => return,
            }
        }
    }

    fn mark<K: Push<Self::Out>>(&mut self, mark: Mark, next: &mut K) {
        if self.holds() {
            self.waiting.push_back(Waiting::Mark(mark));
        } else {
            next.mark(mark);
        }
    }

    fn room(&mut self, next: usize) -> usize {
        self.operator.room(next)
    }

    fn closed(&self) -> bool {
        self.operator.closed()
    }

    fn flush<K: Push<Self::Out>>(&mut self, next: &mut K) {
        self.operator.flush(&mut Stamping { at: self.at, next });
    }

    fn due(&self) -> Option<u64> {
        self.operator.due()
    }

    fn end<K: Push<Self::Out>>(&mut self, finish: Finish, next: &mut K) -> bool {
        self.operator.end(finish, &mut Stamping { at: self.at, next })
    }
}

/// What is behind an operator that does not know of times.
struct Stamping<'a, K> {
    at: Timestamp,
    next: &'a mut K,
}

impl<K: Kernel> Kernel for Stamping<'_, K> {
    pass_on!(next: room resume closed mark quiet end);

    /// An operator has no means to end what it only borrows.
    fn close(self, _last: bool) {}
}

impl<T, K: Push<Stamped<T>>> Push<T> for Stamping<'_, K> {
    #[inline(always)]
    fn push(&mut self, value: T) {
        self.next.push(Stamped { at: self.at, value });
    }
}

/// Gives all events the same time, where no window asks for it.
pub struct Timeless<T>(PhantomData<fn(T)>);

impl<T> Default for Timeless<T> {
    fn default() -> Self {
        Timeless(PhantomData)
    }
}

impl<T> Clone for Timeless<T> {
    fn clone(&self) -> Self {
        Timeless(PhantomData)
    }
}

impl<T> fmt::Debug for Timeless<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Timeless")
    }
}

impl<T: Send> Spec for Timeless<T> {
    type Operator = Self;

    fn start(&self, _place: &Place) -> Self {
        self.clone()
    }
}

impl<T: Send> Operator for Timeless<T> {
    type In = T;
    type Out = Stamped<T>;

    #[inline(always)]
    fn push<K: Push<Stamped<T>>>(&mut self, value: T, next: &mut K) {
        next.push(Stamped { at: Timestamp(0), value });
    }
}

/// Takes the times away.
pub struct Untimed<T>(PhantomData<fn(T)>);

/// Makes the times visible.
pub struct WithTimes<T>(PhantomData<fn(T)>);

macro_rules! ends_time {
    ($operator:ident, $out:ty, $event:ident => $give:expr) => {
        impl<T> Default for $operator<T> {
            fn default() -> Self {
                $operator(PhantomData)
            }
        }

        impl<T> Clone for $operator<T> {
            fn clone(&self) -> Self {
                $operator(PhantomData)
            }
        }

        impl<T> fmt::Debug for $operator<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(stringify!($operator))
            }
        }

        impl<T> KeepsOrder for $operator<T> {}

        impl<T: Send> Spec for $operator<T> {
            type Operator = Self;

            fn start(&self, _place: &Place) -> Self {
                self.clone()
            }
        }

        impl<T: Send> Operator for $operator<T> {
            type In = Stamped<T>;
            type Out = $out;

            #[inline(always)]
            fn push<K: Push<$out>>(&mut self, $event: Stamped<T>, next: &mut K) {
                next.push($give);
            }

            #[inline(always)]
            fn push_all<I, K>(&mut self, events: I, next: &mut K)
            where
                I: Iterator<Item = Stamped<T>>,
                K: Push<$out>,
            {
                next.push_all(events.map(|$event| $give));
            }

            fn mark<K: Push<$out>>(&mut self, mark: Mark, next: &mut K) {
                match mark {
                    // What follows knows of no times.
                    Mark::Watermark(_) | Mark::Idle => {}
                    Mark::Claimed { .. } | Mark::Settled => next.mark(mark),
                }
            }
        }
    };
}

ends_time!(Untimed, T, event => event.value);
ends_time!(WithTimes, (Timestamp, T), event => (event.at, event.value));
