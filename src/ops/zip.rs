//! `zip`: the events of two flows in pairs.

use super::Flow;
use super::node::Sequenced;
use super::together::{Together, Way};
use crate::error::Site;
use crate::kernel::{Finish, Push};
use crate::runtime::junction::{Junction, Wants};

impl<N: Sequenced> Flow<N> {
    /// Pairs the events of two flows, the first with the first and so on, until the shorter flow
    /// ends. The longer one is stopped then; it is ahead by no more than its demand.
    ///
    /// Both flows must have an order, and so has the result: it is one sequential stage, to which
    /// [`max_demand`](Flow::max_demand) and [`in_flight`](Flow::in_flight) behind this verb apply,
    /// on either side.
    ///
    /// ```
    /// use flow::Flow;
    ///
    /// let letters = Flow::from_vec(vec!['a', 'b', 'c']);
    /// let numbered: Vec<(u64, char)> = Flow::from_iter(1..).zip(letters).collect()?;
    /// assert_eq!(numbered, [(1, 'a'), (2, 'b'), (3, 'c')]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn zip<M: Sequenced>(self, other: Flow<M>) -> Flow<Together<N, M, Zip>> {
        self.together(other, Site::here("zip"), Zip)
    }
}

/// `zip` as the plan holds it.
#[derive(Clone, Copy, Debug)]
pub struct Zip;

impl<A: Send, B: Send> Way<A, B> for Zip {
    type Out = (A, B);
    type Machine = Pair<A, B>;

    fn start(&self) -> Pair<A, B> {
        Pair { left: None, right: None, over: false }
    }
}

/// The pair that is coming together.
#[derive(Debug)]
pub struct Pair<A, B> {
    left: Option<A>,
    right: Option<B>,
    over: bool,
}

impl<A: Send, B: Send> Junction for Pair<A, B> {
    type Left = A;
    type Right = B;
    type Out = (A, B);

    #[inline(always)]
    fn wants(&self) -> Wants {
        match (&self.left, &self.right) {
            _ if self.over => Wants::Nothing,
            (None, _) => Wants::Left,
            (_, None) => Wants::Right,
            _ => Wants::Room,
        }
    }

    #[inline(always)]
    fn left(&mut self, event: A) {
        self.left = Some(event);
    }

    #[inline(always)]
    fn right(&mut self, event: B) {
        self.right = Some(event);
    }

    fn left_ended(&mut self, _finish: Finish) {
        self.over = true;
    }

    fn right_ended(&mut self, _finish: Finish) {
        self.over = true;
    }

    #[inline(always)]
    fn emit<K: Push<(A, B)>>(&mut self, _room: usize, next: &mut K) -> usize {
        match (self.left.take(), self.right.take()) {
            (Some(left), Some(right)) => {
                next.push((left, right));
                1
            }
            _ => 0,
        }
    }
}
