//! What windows fold with, and what becomes of an accumulator when a window fires.
//!
//! **Invariant.** There is no accumulator without an event, so folds need no neutral element. Only a
//! discarding window can be empty, and it is so as an `Option`.

use super::rules::Head;
use std::fmt;
use std::marker::PhantomData;

/// A fold's accumulator and what it becomes.
pub trait Folding: Send + Sync {
    /// What is kept per window (and key).
    type Acc: Send;
    /// What a pane carries.
    type Out: Send;

    /// The value of at least one event.
    fn finish(&self, acc: Self::Acc) -> Self::Out;

    /// The value of no events, if the fold has one. Only discarding windows ask for it.
    fn empty(&self) -> Option<Self::Out> {
        None
    }

    /// Learns which of how many partitions it folds.
    #[must_use]
    fn in_partition(self, _partition: usize, _partitions: usize) -> Self
    where
        Self: Sized,
    {
        self
    }
}

/// A fold of events of type `T`: by value, or by reference where `T` is one.
pub trait Fold<T>: Folding {
    /// The accumulator of one event.
    fn first(&self, event: T) -> Self::Acc;

    /// Adds one more event.
    fn add(&self, acc: &mut Self::Acc, event: T);
}

/// A fold whose accumulators can be added: what windows that merge or share parts need.
pub trait Merge: Folding {
    /// Adds all events of another accumulator, which are later in time or came later.
    fn merge(&self, into: &mut Self::Acc, from: Self::Acc);
}

/// What a firing gives.
#[derive(Debug)]
pub struct Fired<V> {
    /// The value that is taken back.
    pub retract: Option<V>,
    /// The value that now holds.
    pub insert: Option<V>,
}

impl<V> Fired<V> {
    fn insert(value: V) -> Self {
        Fired { retract: None, insert: Some(value) }
    }
}

/// What is kept of a window (and key): its accumulator, and what a mode has besides.
pub trait Keeping<F: Folding>: Send {
    /// Begins with an accumulator.
    fn keep(acc: F::Acc) -> Self;

    /// The accumulator, if anything is in it.
    fn acc(&mut self) -> Option<&mut F::Acc>;

    /// The accumulator alone, if anything is in it.
    fn into_acc(self) -> Option<F::Acc>;

    /// Begins again, where there was nothing in it.
    fn refill(&mut self, acc: F::Acc);

    /// Adds what another window has kept.
    fn merge(&mut self, fold: &F, from: Self)
    where
        F: Merge;
}

/// An accumulator and nothing else.
#[derive(Clone, Copy, Debug)]
pub struct Kept<A>(pub A);

impl<F: Folding> Keeping<F> for Kept<F::Acc> {
    fn keep(acc: F::Acc) -> Self {
        Kept(acc)
    }

    #[inline]
    fn acc(&mut self) -> Option<&mut F::Acc> {
        Some(&mut self.0)
    }

    fn into_acc(self) -> Option<F::Acc> {
        Some(self.0)
    }

    fn refill(&mut self, acc: F::Acc) {
        self.0 = acc;
    }

    fn merge(&mut self, fold: &F, from: Self)
    where
        F: Merge,
    {
        fold.merge(&mut self.0, from.0);
    }
}

/// How the panes of one window relate to each other.
pub trait Mode<F: Folding>: Send + Sync + 'static {
    /// What is kept per window (and key).
    type Held: Keeping<F>;

    /// The window fires for the `index`-th time, and goes on.
    fn fire(fold: &F, held: &mut Self::Held, head: &Head, index: u32) -> Fired<F::Out>;

    /// The window fires for the `index`-th and last time.
    fn last(fold: &F, held: Self::Held, head: &Head, index: u32) -> Fired<F::Out>;

    /// The value that was given last, if it is to be taken back before another window's first one.
    fn withdraw(_held: &mut Self::Held) -> Option<F::Out> {
        None
    }
}

/// What a mode says about the panes of one window, whatever they are folded from.
pub trait Relation: 'static {
    /// Whether a pane stands in for those before it.
    const REPLACES: bool;
}

macro_rules! relations {
    ($($mode:ident: $replaces:literal),+) => {$(
        impl Relation for $mode {
            const REPLACES: bool = $replaces;
        }
    )+};
}

relations!(Once: false, Accumulating: true, Discarding: false, Retracting: true);

/// Windows that fire once, when they close: the mode of windows that have been given none.
///
/// It is right for triggers that fire at the watermark alone, without allowed lateness; any other
/// firing is left out.
#[derive(Clone, Copy, Debug)]
pub struct Once;

impl<F: Folding> Mode<F> for Once {
    type Held = Kept<F::Acc>;

    fn fire(_fold: &F, _held: &mut Self::Held, _: &Head, _: u32) -> Fired<F::Out> {
        Fired { retract: None, insert: None }
    }

    fn last(fold: &F, held: Self::Held, _: &Head, _: u32) -> Fired<F::Out> {
        Fired::insert(fold.finish(held.0))
    }
}

/// Every pane has the value of all events of its window so far. Accumulators are cloned where a window
/// fires before its end.
#[derive(Clone, Copy, Debug)]
pub struct Accumulating;

impl<F: Folding<Acc: Clone>> Mode<F> for Accumulating {
    type Held = Kept<F::Acc>;

    fn fire(fold: &F, held: &mut Self::Held, _: &Head, _: u32) -> Fired<F::Out> {
        Fired::insert(fold.finish(held.0.clone()))
    }

    fn last(fold: &F, held: Self::Held, _: &Head, _: u32) -> Fired<F::Out> {
        Fired::insert(fold.finish(held.0))
    }
}

/// Every pane has the value of the events since the pane before it; one that has seen none has the
/// fold's value of nothing, or is left out where there is no such value.
#[derive(Clone, Copy, Debug)]
pub struct Discarding;

impl<F: Folding> Keeping<F> for Option<F::Acc> {
    fn keep(acc: F::Acc) -> Self {
        Some(acc)
    }

    #[inline]
    fn acc(&mut self) -> Option<&mut F::Acc> {
        self.as_mut()
    }

    fn into_acc(self) -> Option<F::Acc> {
        self
    }

    fn refill(&mut self, acc: F::Acc) {
        *self = Some(acc);
    }

    fn merge(&mut self, fold: &F, from: Self)
    where
        F: Merge,
    {
        match (self, from) {
            (Some(into), Some(from)) => fold.merge(into, from),
            (into @ None, from) => *into = from,
            (Some(_), None) => {}
        }
    }
}

impl<F: Folding> Mode<F> for Discarding {
    type Held = Option<F::Acc>;

    fn fire(fold: &F, held: &mut Self::Held, head: &Head, index: u32) -> Fired<F::Out> {
        <Self as Mode<F>>::last(fold, held.take(), head, index)
    }

    fn last(fold: &F, held: Self::Held, _: &Head, _: u32) -> Fired<F::Out> {
        let insert = match held {
            Some(acc) => Some(fold.finish(acc)),
            None => fold.empty(),
        };
        Fired { retract: None, insert }
    }
}

/// As [`Accumulating`], but before a value changes the one before is taken back, and a value that has
/// not changed is not repeated.
#[derive(Clone, Copy, Debug)]
pub struct Retracting;

/// What a retracting window keeps: its accumulator, and the value it gave last.
pub struct Retractable<F: Folding> {
    acc: F::Acc,
    given: Option<F::Out>,
    fold: PhantomData<fn(F)>,
}

impl<F: Folding> fmt::Debug for Retractable<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Retractable")
    }
}

impl<F: Folding> Keeping<F> for Retractable<F> {
    fn keep(acc: F::Acc) -> Self {
        Retractable { acc, given: None, fold: PhantomData }
    }

    #[inline]
    fn acc(&mut self) -> Option<&mut F::Acc> {
        Some(&mut self.acc)
    }

    fn into_acc(self) -> Option<F::Acc> {
        Some(self.acc)
    }

    fn refill(&mut self, acc: F::Acc) {
        self.acc = acc;
    }

    fn merge(&mut self, fold: &F, from: Self)
    where
        F: Merge,
    {
        fold.merge(&mut self.acc, from.acc);
    }
}

impl<F: Folding<Acc: Clone, Out: Clone + PartialEq>> Mode<F> for Retracting {
    type Held = Retractable<F>;

    fn fire(fold: &F, held: &mut Self::Held, _: &Head, _: u32) -> Fired<F::Out> {
        let value = fold.finish(held.acc.clone());
        if held.given.as_ref() == Some(&value) {
            return Fired { retract: None, insert: None };
        }
        Fired { retract: held.given.replace(value.clone()), insert: Some(value) }
    }

    fn last(fold: &F, held: Self::Held, _: &Head, _: u32) -> Fired<F::Out> {
        let value = fold.finish(held.acc);
        if held.given.as_ref() == Some(&value) {
            return Fired { retract: None, insert: None };
        }
        Fired { retract: held.given, insert: Some(value) }
    }

    fn withdraw(held: &mut Self::Held) -> Option<F::Out> {
        held.given.take()
    }
}
