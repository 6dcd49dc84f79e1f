//! `skip`, `skip_while`, `step_by`: some events of an order are dropped.

use super::Flow;
use super::in_order::{Along, InOrder};
use super::node::{Node, Sequenced, Then};
use super::ordered::Ordered;
use crate::error::Site;
use std::ops::ControlFlow::{self, Continue};

impl<N: Node> Flow<N> {
    /// Drops the first `n` events of the source's order.
    ///
    /// What follows is one sequential stage.
    ///
    /// ```
    /// use flow::Flow;
    ///
    /// let rest: Vec<u64> = Flow::from_range(0..5u64).skip(3).collect()?;
    /// assert_eq!(rest, [3, 4]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn skip(self, n: usize) -> Flow<Then<Ordered<N>, InOrder<Skip, N::Item>>>
    where
        N: Sequenced,
    {
        self.along(Site::here("skip"), Skip(n))
    }

    /// Drops the events before the first one, in the source's order, for which `f` is false. `f` is
    /// not called for what comes after that one.
    ///
    /// `f` and what follows is one sequential stage.
    ///
    /// ```
    /// use flow::Flow;
    ///
    /// let lines = Flow::from_text("\n\nfirst\n\nlast");
    /// let rest: Vec<&str> = lines.skip_while(|line| line.is_empty()).collect()?;
    /// assert_eq!(rest, ["first", "", "last"]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn skip_while<F>(self, f: F) -> Flow<Then<Ordered<N>, InOrder<SkipWhile<F>, N::Item>>>
    where
        N: Sequenced,
        F: Fn(&N::Item) -> bool + Send + Sync,
    {
        self.along(Site::here("skip_while"), SkipWhile(f))
    }

    /// The first event of the source's order and every `n`-th one from there; the others are
    /// dropped. 0 is refused.
    ///
    /// What follows is one sequential stage.
    ///
    /// ```
    /// use flow::Flow;
    ///
    /// let some: Vec<u64> = Flow::from_range(0..10u64).step_by(4).collect()?;
    /// assert_eq!(some, [0, 4, 8]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn step_by(mut self, n: usize) -> Flow<Then<Ordered<N>, InOrder<StepBy, N::Item>>>
    where
        N: Sequenced,
    {
        let site = Site::here("step_by");
        if n == 0 {
            self.run.refuse(site, "a step must be at least 1".to_owned());
        }
        self.along(site, StepBy { between: n.saturating_sub(1) })
    }
}

/// `skip`: how many.
#[derive(Clone, Copy, Debug)]
pub struct Skip(usize);

impl<T: Send> Along<T> for Skip {
    type Out = T;
    type State = usize;

    fn start(&self) -> usize {
        self.0
    }

    #[inline(always)]
    fn step(&self, left: &mut usize, event: T) -> ControlFlow<(), Option<T>> {
        if *left == 0 {
            return Continue(Some(event));
        }
        *left -= 1;
        Continue(None)
    }
}

/// `skip_while`'s closure.
#[derive(Debug)]
pub struct SkipWhile<F>(F);

impl<T: Send, F: Fn(&T) -> bool + Send + Sync> Along<T> for SkipWhile<F> {
    type Out = T;
    /// Whether events are still dropped.
    type State = bool;

    fn start(&self) -> bool {
        true
    }

    #[inline(always)]
    fn step(&self, skips: &mut bool, event: T) -> ControlFlow<(), Option<T>> {
        *skips = *skips && (self.0)(&event);
        Continue(if *skips { None } else { Some(event) })
    }
}

/// `step_by`: how many are dropped between two that are not.
#[derive(Clone, Copy, Debug)]
pub struct StepBy {
    between: usize,
}

impl<T: Send> Along<T> for StepBy {
    type Out = T;
    /// How many are dropped before the next one.
    type State = usize;

    fn start(&self) -> usize {
        0
    }

    #[inline(always)]
    fn step(&self, left: &mut usize, event: T) -> ControlFlow<(), Option<T>> {
        if *left == 0 {
            *left = self.between;
            return Continue(Some(event));
        }
        *left -= 1;
        Continue(None)
    }
}
