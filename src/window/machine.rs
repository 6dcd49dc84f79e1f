//! The state machines of windows, and which kind of windows has which.
//!
//! A machine is told what happens, one thing at a time, and gives panes when asked: after every call
//! that returns, [`Machine::next`] must be called until it gives nothing, before anything else is told
//! (or not at all, where [`Machine::pending`] says so).
//! So emission stops where there is no room and goes on at any time, and a window of a million keys
//! closes pane by pane. A watermark counts as passed only when nothing more is given.

use super::aligned::{Aligned, Binned};
use super::counted::Counted;
use super::fold::{Folding, Merge, Mode};
use super::kind::{
    Assigned, ByClock, Count, Fixed, Global, OfPanes, Parted, Session, Sliding, SlidingCount,
    WindowKind,
};
use super::rules::Counters;
use super::sessions::Sessions;
use super::trigger::Triggering;
use super::{Pane, Span};
use crate::time::Timestamp;
use std::borrow::Borrow;

/// The windows of all keys of one partition.
pub trait Machine<K, V>: Send {
    /// The next pane that is due.
    fn next(&mut self) -> Option<Pane<K, V>>;

    /// Whether there may be something to give. If not, `next` need not be called: after an event this
    /// costs three comparisons, where `next` looks at what is due.
    fn pending(&self) -> bool;

    /// The watermark has come to `to`. One that is not later than before changes nothing.
    fn watermark(&mut self, to: Timestamp);

    /// The clock says `now`, in milliseconds. It never goes back; before the first call it is 0.
    /// Cheap: one comparison if nothing is due.
    fn clock(&mut self, now: Timestamp);

    /// A signal has come: what hears it and has something new fires. Nothing does where nothing can
    /// hear one.
    fn signal(&mut self, _name: &'static str) {}

    /// The input has ended: the last watermark.
    fn end(&mut self);

    /// The watermark up to which everything has been given: what may be told further on.
    fn passed(&self) -> Timestamp;

    /// When the clock has to be told next, if anything waits for it. May be too early, never too late.
    fn next_timer(&mut self) -> Option<Timestamp>;

    /// What has been counted.
    fn counters(&self) -> Counters;

    /// How many accumulators there are; walks over the state, for tests.
    fn held(&self) -> usize;
}

/// A machine that takes events: `T` is `E` or a reference to one.
pub trait Take<K, V, E, T: Borrow<E>>: Machine<K, V> {
    /// Folds an event with its timestamp into all of its windows that are open. `hash` is the key's,
    /// always the same. An event that is late for all of its windows is handed back, with its key.
    fn event(&mut self, hash: u64, key: K, at: Timestamp, event: T) -> Result<(), (K, T)>;
}

/// A machine that takes events in parts that were folded elsewhere, see
/// [`Parted`]. Only for triggers that fire once (`fires_once`), and only before
/// the watermark has passed the end of the part: afterwards events come one by one.
pub(crate) trait TakeParts<K, V, A>: Machine<K, V> {
    /// Folds the accumulator of some events of a key, which are all in the same part. One that is late
    /// for all of its windows is handed back.
    fn part(&mut self, hash: u64, key: K, part: Span, events: u32, acc: A) -> Result<(), (K, A)>;
}

/// A machine that takes parts also by [bins](super::bin_of).
pub(crate) trait TakeBins<K, V, A>: TakeParts<K, V, A> {
    /// As [`part`](TakeParts::part), of records of the same part and the same bin. How many are too late.
    fn bin(&mut self, part: Span, bin: Vec<Binned<K, A>>) -> usize;
}

/// What a machine around another one, its field `machine`, leaves to that.
macro_rules! as_the_machine {
    () => {
        fn clock(&mut self, now: Timestamp) {
            self.machine.clock(now);
        }

        fn signal(&mut self, name: &'static str) {
            self.machine.signal(name);
        }

        fn passed(&self) -> Timestamp {
            self.machine.passed()
        }

        fn next_timer(&mut self) -> Option<Timestamp> {
            self.machine.next_timer()
        }

        fn counters(&self) -> Counters {
            self.machine.counters()
        }
    };
}

pub(super) use as_the_machine;

/// Windows whose machine is content with any fold.
#[diagnostic::on_unimplemented(
    message = "windows of the kind `{Self}` need a fold that merges",
    label = "this fold takes events one by one",
    note = "sessions become one when an event comes between them: use a verb per key whose aggregate merges, such as `count`, `sum` or `aggregate`",
    note = "a session over a whole partition would depend on the number of partitions"
)]
pub trait Windowing<K, F: Folding, R: Triggering, M: Mode<F>>: WindowKind {
    /// The machine.
    type Machine: Machine<K, F::Out>;

    /// A machine without state. `lateness` is in ticks.
    fn machine(self, fold: F, trigger: R, lateness: i64) -> Self::Machine;
}

/// Windows whose machine merges accumulators: sessions need it, sliding windows are faster with it.
pub trait MergingWindowing<K, F: Merge, R: Triggering, M: Mode<F>>: WindowKind {
    /// The machine.
    type Machine: Machine<K, F::Out>;

    /// A machine without state. `lateness` is in ticks.
    fn merging_machine(self, fold: F, trigger: R, lateness: i64) -> Self::Machine;

    /// What is folded together before it travels, see [`Parted`]; none where events travel one by
    /// one.
    fn part_of(&self, _at: Timestamp) -> Option<Span> {
        None
    }

    /// As [`TakeParts::part`], where there are parts.
    fn take_part(
        _machine: &mut Self::Machine,
        _hash: u64,
        key: K,
        _part: Span,
        _events: u32,
        acc: F::Acc,
    ) -> Result<(), (K, F::Acc)> {
        Err((key, acc))
    }

    /// Whether parts may come by [bins](super::bin_of).
    fn in_bins(&self) -> bool {
        false
    }

    /// As [`take_part`](Self::take_part), of records of the same bin; how many are too late.
    fn take_bin(_machine: &mut Self::Machine, _part: Span, bin: Vec<Binned<K, F::Acc>>) -> usize {
        bin.len()
    }
}

macro_rules! aligned {
    ($([$($part:ident),*] $kind:ty),+ $(,)?) => {$(
        impl<K, F, R, M, $($part),*> Windowing<K, F, R, M> for $kind
        where
            Self: WindowKind,
            K: Clone + Send,
            F: Folding,
            R: Triggering,
            M: Mode<F>,
        {
            type Machine = Aligned<Self, K, F, R, M>;

            fn machine(self, fold: F, trigger: R, lateness: i64) -> Self::Machine {
                Aligned::new(self, fold, trigger, lateness)
            }
        }
    )+};
}

aligned!(
    [] Global,
    [] Fixed,
    [] Sliding,
    [] OfPanes,
    [A] Assigned<A>,
    [] ByClock<Global>,
    [] ByClock<Fixed>,
    [] ByClock<Sliding>,
);

macro_rules! counted {
    ($($kind:ty),+) => {$(
        impl<K, F, R, M> Windowing<K, F, R, M> for $kind
        where
            K: Clone + Send,
            F: Folding,
            R: Triggering,
            M: Mode<F>,
        {
            type Machine = Counted<Self, K, F, R, M>;

            fn machine(self, fold: F, trigger: R, _lateness: i64) -> Self::Machine {
                Counted::new(self, fold, trigger)
            }
        }
    )+};
}

counted!(Count, SlidingCount);

/// The same machine as without merging.
macro_rules! merging_as_plain {
    ($([$($part:ident),*] $kind:ty),+ $(,)?) => {$(
        impl<K, F, R, M, $($part),*> MergingWindowing<K, F, R, M> for $kind
        where
            Self: Windowing<K, F, R, M>,
            F: Merge,
            R: Triggering,
            M: Mode<F>,
        {
            type Machine = <Self as Windowing<K, F, R, M>>::Machine;

            fn merging_machine(self, fold: F, trigger: R, lateness: i64) -> Self::Machine {
                self.machine(fold, trigger, lateness)
            }
        }
    )+};
}

merging_as_plain!(
    [] Count,
    [] SlidingCount,
    [] OfPanes,
    [A] Assigned<A>,
    [] ByClock<Sliding>,
);

/// How a machine takes parts that is always of the kind's own type.
macro_rules! parts {
    () => {
        fn part_of(&self, at: Timestamp) -> Option<Span> {
            Some(Parted::part(self, at))
        }

        #[inline]
        fn take_part(
            machine: &mut Self::Machine,
            hash: u64,
            key: K,
            part: Span,
            events: u32,
            acc: F::Acc,
        ) -> Result<(), (K, F::Acc)> {
            machine.part(hash, key, part, events, acc)
        }
    };
}

pub(super) use parts;

macro_rules! merging_in_parts {
    ($($kind:ty),+) => {$(
        impl<K, F, R, M> MergingWindowing<K, F, R, M> for $kind
        where
            K: Clone + Eq + Send,
            F: Merge,
            R: Triggering,
            M: Mode<F>,
        {
            type Machine = Aligned<Self, K, F, R, M>;

            fn merging_machine(self, fold: F, trigger: R, lateness: i64) -> Self::Machine {
                self.machine(fold, trigger, lateness)
            }

            parts!();

            fn in_bins(&self) -> bool {
                true
            }

            fn take_bin(
                machine: &mut Self::Machine,
                part: Span,
                bin: Vec<Binned<K, F::Acc>>,
            ) -> usize {
                machine.bin(part, bin)
            }
        }
    )+};
}

merging_in_parts!(Global, Fixed, ByClock<Global>, ByClock<Fixed>);

impl<K, F, R, M> MergingWindowing<K, F, R, M> for Session
where
    K: Clone + Send,
    F: Merge,
    R: Triggering,
    M: Mode<F>,
{
    type Machine = Sessions<K, F, R, M>;

    fn merging_machine(self, fold: F, trigger: R, lateness: i64) -> Self::Machine {
        Sessions::new(self, false, fold, trigger, lateness)
    }
}

impl<K, F, R, M> MergingWindowing<K, F, R, M> for ByClock<Session>
where
    K: Clone + Send,
    F: Merge,
    R: Triggering,
    M: Mode<F>,
{
    type Machine = Sessions<K, F, R, M>;

    fn merging_machine(self, fold: F, trigger: R, lateness: i64) -> Self::Machine {
        Sessions::new(self.0, true, fold, trigger, lateness)
    }
}
