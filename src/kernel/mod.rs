//! The fused protocol between the operators of one stage instance. See `README.md` in this folder.

pub(crate) mod culprit;
mod fused;
mod position;

pub(crate) use fused::{FusedMake, Operator, Spec};
pub(crate) use position::Positions;

use crate::runtime::Place;
use crate::time::Timestamp;

/// What stands downstream in the same stage instance: an operator and all that follows it, or the
/// end of the stage. Everything but the events themselves.
///
/// The caller's contract: [`Push::push`] at most `room()` times between two calls of `room`; when
/// `room` is 0, `resume` and ask again, and wait if it is still 0 (whoever makes room wakes the
/// task); `end` only when the input has ended, again and again until it returns true; then `close`
/// exactly once.
pub trait Kernel: Send {
    /// How many events may be pushed now. 0 while something is held or the consumer has no demand.
    fn room(&mut self) -> usize;

    /// Goes on with what is held, as far as there is room behind.
    fn resume(&mut self) {}

    /// How many events may be pushed now, once everything that can go on has gone on.
    fn make_room(&mut self) -> usize {
        match self.room() {
            0 => {
                self.resume();
                self.room()
            }
            room => room,
        }
    }

    /// Whether nothing downstream wants anything any more.
    fn closed(&self) -> bool;

    /// So many events are known to follow, if all goes well: whoever keeps them makes room once.
    fn expect(&mut self, _events: usize) {}

    /// A control mark: in order with the events, never held back by demand.
    fn mark(&mut self, mark: Mark);

    /// The input is quiet: hands over what is staged where a consumer waits for it. Returns the
    /// time at which what is still staged must go, if there is any.
    fn quiet(&mut self, now: u64) -> Option<u64>;

    /// The input has ended: emits what is left, as far as there is room. True: all is through, or
    /// nobody wants it.
    fn end(&mut self, finish: Finish) -> bool;

    /// The instance is over. `last`: it is the last one of its stage.
    fn close(self, last: bool)
    where
        Self: Sized;
}

/// The methods of a [`Kernel`] that only does what the kernel in its field does, those that are named.
macro_rules! pass_on {
    ($next:tt: $($method:ident)+) => { $($crate::kernel::pass_on!(@$method $next);)+ };
    (@room $next:tt) => {
        #[inline(always)]
        fn room(&mut self) -> usize {
            self.$next.room()
        }
    };
    (@resume $next:tt) => {
        fn resume(&mut self) {
            self.$next.resume();
        }
    };
    (@closed $next:tt) => {
        #[inline(always)]
        fn closed(&self) -> bool {
            self.$next.closed()
        }
    };
    (@mark $next:tt) => {
        fn mark(&mut self, mark: $crate::kernel::Mark) {
            self.$next.mark(mark);
        }
    };
    (@quiet $next:tt) => {
        fn quiet(&mut self, now: u64) -> Option<u64> {
            self.$next.quiet(now)
        }
    };
    (@end $next:tt) => {
        fn end(&mut self, finish: $crate::kernel::Finish) -> bool {
            self.$next.end(finish)
        }
    };
    (@close $next:tt) => {
        fn close(self, last: bool) {
            self.$next.close(last);
        }
    };
}

pub(crate) use pass_on;

/// A kernel that takes events of type `T`.
pub trait Push<T>: Kernel {
    /// Takes one event.
    fn push(&mut self, event: T);

    /// Takes one event if there is nothing to it but the usual, else gives it back to be
    /// [pushed](Self::push): so that a loop over events holds the usual alone.
    #[inline(always)]
    fn push_usual(&mut self, event: T) -> Result<(), T> {
        self.push(event);
        Ok(())
    }

    /// Takes as many events as an iterator gives, which is at most the room. What can keep a loop's
    /// state in registers does so here.
    #[inline(always)]
    fn push_all<I: Iterator<Item = T>>(&mut self, events: I)
    where
        Self: Sized,
    {
        events.for_each(|event| self.push(event));
    }

    /// Takes a whole batch, as its producer made it, and leaves the vector empty.
    #[inline(always)]
    fn push_batch(&mut self, batch: &mut Vec<T>)
    where
        Self: Sized,
    {
        self.push_all(batch.drain(..));
    }
}

/// Makes the kernel of one stage instance: what a chain of operators is compiled into.
pub trait Make: Send + Sync {
    /// The fused kernel.
    type Kernel: Kernel;

    /// Makes the kernel of the instance at `place`.
    fn make(&self, place: &Place) -> Self::Kernel;

    /// Learns, before anything runs, how many instances of a stage it will be asked for. Whoever only
    /// stands before another one tells it.
    fn planned(&self, _instances: usize) {}
}

/// A control mark. Barriers will be a further kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// The events that follow come from the source's positions `start .. start + len`.
    Claimed {
        /// The first position.
        start: u64,
        /// How many positions.
        len: u64,
    },
    /// All that the claim gave has been pushed.
    Settled,
    /// No event before this time is still expected from this instance.
    Watermark(Timestamp),
    /// Nothing is expected from this instance for now: nobody waits for its watermark.
    Idle,
}

/// How an input ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finish {
    /// At its end: state is emitted as final.
    Complete,
    /// The run was stopped: what is held goes on, but no state is emitted.
    Stopped,
}
