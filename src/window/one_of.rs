//! Machines that are one of several: which one is told by the windows when they are opened.

use super::aligned::{Aligned, Binned};
use super::counted::Counted;
use super::fold::{Fold, Merge, Mode};
use super::kind::{AnyWindow, Count, Fixed, Global, Parted, Sliding, SlidingCount};
use super::machine::{Machine, MergingWindowing, Take, TakeBins, TakeParts, Windowing, parts};
use super::rules::Counters;
use super::sessions::Sessions;
use super::sliced::Sliced;
use super::trigger::{OnTime, Triggering, TriggeringOn};
use super::{Pane, Span};
use crate::time::Timestamp;
use std::borrow::Borrow;
use std::fmt;

/// Makes a machine of several: what it is told goes to the one that it is.
macro_rules! one_of {
    (
        $(#[$doc:meta])*
        $any:ident<$k:ident, $f:ident, $r:ident, $m:ident>:
        $($(#[$of:meta])* $one:ident($machine:ty),)+
    ) => {
        $(#[$doc])*
        pub enum $any<$k, $f: Merge, $r: Triggering, $m: Mode<$f>> {
            $($(#[$of])* $one($machine),)+
        }

        impl<$k, $f: Merge, $r: Triggering, $m: Mode<$f>> fmt::Debug for $any<$k, $f, $r, $m> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    $($any::$one(machine) => machine.fmt(f),)+
                }
            }
        }

        impl<$k, $f, $r, $m> Machine<$k, $f::Out> for $any<$k, $f, $r, $m>
        where
            $k: Clone + Eq + Send,
            $f: Merge<Acc: Clone>,
            $r: Triggering,
            $m: Mode<$f>,
        {
            fn next(&mut self) -> Option<Pane<$k, $f::Out>> {
                match self {
                    $($any::$one(machine) => machine.next(),)+
                }
            }

            #[inline]
            fn pending(&self) -> bool {
                match self {
                    $($any::$one(machine) => machine.pending(),)+
                }
            }

            fn watermark(&mut self, to: Timestamp) {
                match self {
                    $($any::$one(machine) => machine.watermark(to),)+
                }
            }

            fn clock(&mut self, now: Timestamp) {
                match self {
                    $($any::$one(machine) => machine.clock(now),)+
                }
            }

            fn signal(&mut self, name: &'static str) {
                match self {
                    $($any::$one(machine) => machine.signal(name),)+
                }
            }

            fn end(&mut self) {
                match self {
                    $($any::$one(machine) => machine.end(),)+
                }
            }

            fn passed(&self) -> Timestamp {
                match self {
                    $($any::$one(machine) => machine.passed(),)+
                }
            }

            fn next_timer(&mut self) -> Option<Timestamp> {
                match self {
                    $($any::$one(machine) => machine.next_timer(),)+
                }
            }

            fn counters(&self) -> Counters {
                match self {
                    $($any::$one(machine) => machine.counters(),)+
                }
            }

            fn held(&self) -> usize {
                match self {
                    $($any::$one(machine) => machine.held(),)+
                }
            }
        }

        impl<$k, $f, $r, $m, E, T> Take<$k, $f::Out, E, T> for $any<$k, $f, $r, $m>
        where
            $k: Clone + Eq + Send,
            T: Borrow<E> + Clone,
            $f: Fold<T> + Merge<Acc: Clone>,
            $r: TriggeringOn<E>,
            $m: Mode<$f>,
        {
            #[inline]
            fn event(&mut self, hash: u64, key: $k, at: Timestamp, event: T) -> Result<(), ($k, T)> {
                match self {
                    $($any::$one(machine) => machine.event(hash, key, at, event),)+
                }
            }
        }
    };
}

one_of! {
    /// Sliding windows of a fold that merges: in slices where every window fires once.
    SlidingMachine<K, F, R, M>:
    /// Every event is folded once.
    Sliced(Sliced<K, F>),
    /// Every event is folded into each of its windows.
    Aligned(Aligned<Sliding, K, F, R, M>),
}

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
        match self {
            SlidingMachine::Sliced(machine) => machine.part(hash, key, part, events, acc),
            SlidingMachine::Aligned(machine) => machine.part(hash, key, part, events, acc),
        }
    }
}

one_of! {
    /// Windows of a kind that is known at run time only.
    AnyMachine<K, F, R, M>:
    /// One window.
    Global(Aligned<Global, K, F, R, M>),
    /// Windows of one size.
    Fixed(Aligned<Fixed, K, F, R, M>),
    /// Windows that overlap.
    Sliding(SlidingMachine<K, F, R, M>),
    /// Windows that end with a gap.
    Session(Sessions<K, F, R, M>),
    /// Windows of a number of events.
    Count(Counted<Count, K, F, R, M>),
    /// The last so many events.
    SlidingCount(Counted<SlidingCount, K, F, R, M>),
}

impl<K, F, R, M> MergingWindowing<K, F, R, M> for AnyWindow
where
    K: Clone + Eq + Send,
    F: Merge<Acc: Clone>,
    R: Triggering,
    M: Mode<F>,
{
    type Machine = AnyMachine<K, F, R, M>;

    fn merging_machine(self, fold: F, trigger: R, lateness: i64) -> Self::Machine {
        match self {
            AnyWindow::Global(kind) => AnyMachine::Global(kind.machine(fold, trigger, lateness)),
            AnyWindow::Fixed(kind) => AnyMachine::Fixed(kind.machine(fold, trigger, lateness)),
            AnyWindow::Sliding(kind) => {
                AnyMachine::Sliding(kind.merging_machine(fold, trigger, lateness))
            }
            AnyWindow::Session(kind) => {
                AnyMachine::Session(kind.merging_machine(fold, trigger, lateness))
            }
            AnyWindow::Count(kind) => AnyMachine::Count(kind.machine(fold, trigger, lateness)),
            AnyWindow::SlidingCount(kind) => {
                AnyMachine::SlidingCount(kind.machine(fold, trigger, lateness))
            }
        }
    }

    fn part_of(&self, at: Timestamp) -> Option<Span> {
        match self {
            AnyWindow::Global(kind) => Some(kind.part(at)),
            AnyWindow::Fixed(kind) => Some(kind.part(at)),
            AnyWindow::Sliding(kind) => Some(kind.part(at)),
            AnyWindow::Session(_) | AnyWindow::Count(_) | AnyWindow::SlidingCount(_) => None,
        }
    }

    fn take_part(
        machine: &mut Self::Machine,
        hash: u64,
        key: K,
        part: Span,
        events: u32,
        acc: F::Acc,
    ) -> Result<(), (K, F::Acc)> {
        match machine {
            AnyMachine::Global(machine) => machine.part(hash, key, part, events, acc),
            AnyMachine::Fixed(machine) => machine.part(hash, key, part, events, acc),
            AnyMachine::Sliding(machine) => machine.part(hash, key, part, events, acc),
            // These have no parts.
            AnyMachine::Session(_) | AnyMachine::Count(_) | AnyMachine::SlidingCount(_) => {
                Err((key, acc))
            }
        }
    }

    fn in_bins(&self) -> bool {
        matches!(self, AnyWindow::Global(_) | AnyWindow::Fixed(_))
    }

    fn take_bin(machine: &mut Self::Machine, part: Span, bin: Vec<Binned<K, F::Acc>>) -> usize {
        match machine {
            AnyMachine::Global(machine) => machine.bin(part, bin),
            AnyMachine::Fixed(machine) => machine.bin(part, bin),
            // Of these no parts come by bins.
            _ => bin.len(),
        }
    }
}
