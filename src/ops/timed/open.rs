//! What every instance opens its windows with, and how it gives them events.

use crate::ops::keyed::KeyOf;
use crate::runtime::Place;
use crate::time::Timestamp;
use crate::window::{
    Binned, Fold, Folding, Machine, Merge, MergingWindowing, Mode, Span, Take, Triggering,
    Windowing,
};
use std::marker::PhantomData;

/// What every instance opens its windows with.
#[derive(Debug)]
pub(super) struct Opening<W, F, R, M> {
    pub(super) window: W,
    pub(super) fold: F,
    pub(super) trigger: R,
    pub(super) lateness: i64,
    /// Whether events may be folded in parts before they come together.
    pub(super) in_parts: bool,
    pub(super) mode: PhantomData<fn() -> M>,
}

impl<W: Clone, F: Clone, R: Clone, M> Clone for Opening<W, F, R, M> {
    fn clone(&self) -> Self {
        let (window, fold, trigger) =
            (self.window.clone(), self.fold.clone(), self.trigger.clone());
        let Opening { lateness, in_parts, mode, .. } = *self;
        Opening { window, fold, trigger, lateness, in_parts, mode }
    }
}

impl<W, F, R: Triggering, M> Opening<W, F, R, M> {
    /// The names of the signals that fire the windows.
    pub(super) fn signals(&self) -> Vec<&'static str> {
        let mut names = Vec::new();
        self.trigger.signals(&mut names);
        names
    }
}

/// Opens windows that may merge.
#[derive(Debug)]
pub struct OpenMerging<W, F, R, M>(pub(super) Opening<W, F, R, M>);

/// Opens windows that never merge.
#[derive(Debug)]
pub struct OpenPlain<W, F, R, M>(pub(super) Opening<W, F, R, M>);

/// Opens the windows of one instance, for keys of `X` and events `T` that are driven as `D` says.
pub trait Open<X: KeyOf<T>, T, D>: Send + Sync {
    /// What is folded.
    type Out: Send;
    /// The state of all windows.
    type Machine: Machine<X::Stored, Self::Out>;
    /// What events are folded into before they come together.
    type Part: Send;

    /// Whether it matters what time it is when an event comes.
    const CLOCKED: bool;
    /// Whether windows span what the clock says.
    const BY_CLOCK: bool = false;

    /// Whether windows span numbers of events.
    fn by_number(&self) -> bool {
        false
    }

    /// Opens those of the instance at `place`.
    fn open(&self, place: &Place) -> Self::Machine;

    /// The names of the signals that fire them.
    fn signals(&self) -> Vec<&'static str> {
        Vec::new()
    }

    /// Gives them an event; gives it back, with its key, where all its windows are closed.
    fn event(
        windows: &mut Self::Machine,
        hash: u64,
        key: X::Stored,
        at: Timestamp,
        event: T,
    ) -> Option<(X::Stored, T)>;

    /// To which multiples a watermark may be rounded down; 0 if it is not known.
    fn granularity(&self) -> i64;

    /// The part of time whose events are folded together before they travel; none where they travel
    /// one by one.
    fn part(&self, at: Timestamp) -> Option<Span>;

    /// One more of a key whose events are folded in parts.
    fn again(key: &X::Stored) -> X::Stored;

    /// A part's first event of a key.
    fn first(&self, event: &T) -> Self::Part;

    /// One more.
    fn add(&self, acc: &mut Self::Part, event: &T);

    /// Gives the windows what events of a key in a part were folded into; false where all its windows are
    /// closed.
    fn take_part(
        windows: &mut Self::Machine,
        part: Span,
        partial: (u64, X::Stored, Self::Part),
    ) -> bool;

    /// Whether parts may come by bins.
    fn in_bins(&self) -> bool {
        false
    }

    /// As [`take_part`](Self::take_part), of records of the same bin; how many are too late.
    fn take_bin(
        _windows: &mut Self::Machine,
        _part: Span,
        bin: Vec<Binned<X::Stored, Self::Part>>,
    ) -> usize {
        bin.len()
    }
}

/// Events are folded by reference.
#[derive(Debug)]
pub struct ByRef;

/// Events are folded by value.
#[derive(Debug)]
pub struct ByValue;

/// What all of them have in common: the machine is the window's own.
macro_rules! opening {
    ($machine:ident) => {
        type Out = F::Out;
        type Machine = W::Machine;
        const CLOCKED: bool = W::BY_CLOCK || R::CLOCKED;
        const BY_CLOCK: bool = W::BY_CLOCK;

        fn by_number(&self) -> bool {
            self.0.window.by_number()
        }

        fn open(&self, _place: &Place) -> W::Machine {
            let Opening { window, fold, trigger, lateness, .. } = self.0.clone();
            window.$machine(fold, trigger, lateness)
        }

        fn signals(&self) -> Vec<&'static str> {
            self.0.signals()
        }

        fn granularity(&self) -> i64 {
            self.0.window.granularity(self.0.lateness)
        }
    };
}

/// Nothing of these keys and events is folded before it is with its windows.
macro_rules! without_parts {
    ($key:ty, $event:ty) => {
        type Part = ();

        fn part(&self, _at: crate::time::Timestamp) -> Option<crate::window::Span> {
            None
        }

        fn again(_: &$key) -> $key {
            unreachable!("without parts")
        }

        fn first(&self, _event: &$event) {}

        fn add(&self, _acc: &mut (), _event: &$event) {}

        fn take_part(_: &mut Self::Machine, _: crate::window::Span, _: (u64, $key, ())) -> bool {
            false
        }
    };
}

pub(super) use without_parts;

/// Events that are folded by value travel one by one.
macro_rules! one_by_one {
    () => {
        without_parts!(X::Stored, T);

        #[inline(always)]
        fn event(
            windows: &mut W::Machine,
            hash: u64,
            key: X::Stored,
            at: Timestamp,
            event: T,
        ) -> Option<(X::Stored, T)> {
            windows.event(hash, key, at, event).err()
        }
    };
}

impl<X, T, W, F, R, M> Open<X, T, ByRef> for OpenMerging<W, F, R, M>
where
    X: KeyOf<T, Stored: Clone>,
    F: Merge + Clone + for<'a> Fold<&'a T>,
    R: Triggering + Clone,
    M: Mode<F>,
    W: MergingWindowing<X::Stored, F, R, M> + Clone,
    W::Machine: for<'a> Take<X::Stored, F::Out, T, &'a T>,
{
    type Part = F::Acc;
    opening!(merging_machine);

    #[inline(always)]
    fn event(
        windows: &mut W::Machine,
        hash: u64,
        key: X::Stored,
        at: Timestamp,
        event: T,
    ) -> Option<(X::Stored, T)> {
        let late = windows.event(hash, key, at, &event).err().map(|(key, _)| key);
        late.map(|key| (key, event))
    }

    fn part(&self, at: Timestamp) -> Option<Span> {
        if self.0.in_parts { self.0.window.part_of(at) } else { None }
    }

    fn again(key: &X::Stored) -> X::Stored {
        key.clone()
    }

    #[inline(always)]
    fn first(&self, event: &T) -> F::Acc {
        self.0.fold.first(event)
    }

    #[inline(always)]
    fn add(&self, acc: &mut F::Acc, event: &T) {
        self.0.fold.add(acc, event);
    }

    #[inline(always)]
    fn take_part(
        windows: &mut W::Machine,
        part: Span,
        (hash, key, acc): (u64, X::Stored, F::Acc),
    ) -> bool {
        // How many events it was does not travel: windows that fire once never ask.
        W::take_part(windows, hash, key, part, 1, acc).is_ok()
    }

    fn in_bins(&self) -> bool {
        self.0.window.in_bins()
    }

    fn take_bin(
        windows: &mut W::Machine,
        part: Span,
        bin: Vec<Binned<X::Stored, F::Acc>>,
    ) -> usize {
        W::take_bin(windows, part, bin)
    }
}

impl<X, T, W, F, R, M> Open<X, T, ByValue> for OpenMerging<W, F, R, M>
where
    X: KeyOf<T>,
    F: Merge + Clone,
    R: Triggering + Clone,
    M: Mode<F>,
    W: MergingWindowing<X::Stored, F, R, M> + Clone,
    W::Machine: Take<X::Stored, F::Out, T, T>,
{
    opening!(merging_machine);
    one_by_one!();
}

impl<X, T, W, F, R, M> Open<X, T, ByValue> for OpenPlain<W, F, R, M>
where
    X: KeyOf<T>,
    F: Folding + Clone,
    R: Triggering + Clone,
    M: Mode<F>,
    W: Windowing<X::Stored, F, R, M> + Clone,
    W::Machine: Take<X::Stored, F::Out, T, T>,
{
    opening!(machine);
    one_by_one!();
}
