//! The kernel behind windows: panes go on, late events go beside.

use super::{Late, LateEvent, Way};
use crate::kernel::{Finish, Kernel, Make, Mark, Push};
use crate::runtime::Place;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

/// What windows give.
#[derive(Debug)]
pub(crate) enum Given<P, K, T> {
    /// A pane.
    Pane(P),
    /// An event that came too late.
    Late(LateEvent<K, T>),
}

/// Makes [`Beside`]s.
pub(in crate::ops::timed) struct BesideMake<L, M, K, T> {
    late: Arc<L>,
    next: M,
    types: PhantomData<fn(K, T)>,
}

impl<L, M, K, T> BesideMake<L, M, K, T> {
    pub(in crate::ops::timed) fn new(late: Arc<L>, next: M) -> Self {
        BesideMake { late, next, types: PhantomData }
    }
}

impl<L: Late<K, T>, M: Make, K, T> Make for BesideMake<L, M, K, T> {
    type Kernel = Beside<L::Way, M::Kernel, K, T>;

    fn make(&self, place: &Place) -> Self::Kernel {
        Beside { way: self.late.way(place), next: self.next.make(place), types: PhantomData }
    }

    fn planned(&self, instances: usize) {
        self.next.planned(instances);
    }
}

/// What is behind windows, and beside them.
pub(crate) struct Beside<W, N, K, T> {
    way: W,
    next: N,
    types: PhantomData<fn(K, T)>,
}

impl<W, N, K, T> fmt::Debug for Beside<W, N, K, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Beside")
    }
}

impl<W: Way<K, T>, N: Kernel, K, T> Kernel for Beside<W, N, K, T> {
    #[inline]
    fn room(&mut self) -> usize {
        if !W::SIDE {
            return self.next.room();
        }
        // Who wants nothing any more holds up nobody.
        match (self.next.closed(), self.way.closed()) {
            (true, true) => 0,
            (true, false) => self.way.room(),
            (false, true) => self.next.room(),
            (false, false) => self.next.room().min(self.way.room()),
        }
    }

    fn resume(&mut self) {
        self.next.resume();
    }

    #[inline]
    fn closed(&self) -> bool {
        self.next.closed() && (!W::SIDE || self.way.closed())
    }

    fn mark(&mut self, mark: Mark) {
        self.next.mark(mark);
    }

    fn quiet(&mut self, now: u64) -> Option<u64> {
        self.way.quiet(now).into_iter().chain(self.next.quiet(now)).min()
    }

    fn end(&mut self, finish: Finish) -> bool {
        let through = self.way.end(finish);
        (self.next.end(finish) || self.next.closed()) && through
    }

    fn close(self, last: bool) {
        self.way.close(last);
        self.next.close(last);
    }
}

impl<P, W: Way<K, T>, N: Push<P>, K, T> Push<Given<P, K, T>> for Beside<W, N, K, T> {
    #[inline(always)]
    fn push(&mut self, given: Given<P, K, T>) {
        match given {
            // Without a side there is room only where panes are wanted.
            Given::Pane(pane) if !W::SIDE || !self.next.closed() => self.next.push(pane),
            Given::Pane(_) => {}
            Given::Late(late) => self.way.take(late),
        }
    }
}
