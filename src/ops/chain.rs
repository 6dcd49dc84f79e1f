//! `chain`: one flow after another.

use super::Flow;
use super::node::Sequenced;
use super::together::{Together, Way};
use crate::error::Site;
use crate::kernel::{Finish, Push};
use crate::runtime::junction::{Junction, Wants};

impl<N: Sequenced> Flow<N> {
    /// The events of this flow, then those of the other.
    ///
    /// Both flows are started with the run: the second one may read ahead while the first one is
    /// still going, within its demand ([`max_demand`](Flow::max_demand) and
    /// [`in_flight`](Flow::in_flight) behind this verb). A source with effects that must not begin
    /// earlier belongs into a run of its own. If the run is stopped while the first one is going,
    /// nothing of the second comes out.
    ///
    /// ```
    /// use flow::Flow;
    ///
    /// let all: Vec<u64> = Flow::from_range(0..3u64).chain(Flow::from_vec(vec![10, 11])).collect()?;
    /// assert_eq!(all, [0, 1, 2, 10, 11]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[doc(alias = "concat")]
    #[track_caller]
    pub fn chain<M>(self, other: Flow<M>) -> Flow<Together<N, M, Chain>>
    where
        M: Sequenced<Item = N::Item>,
    {
        self.together(other, Site::here("chain"), Chain)
    }
}

/// `chain` as the plan holds it.
#[derive(Clone, Copy, Debug)]
pub struct Chain;

impl<T: Send> Way<T, T> for Chain {
    type Out = T;
    type Machine = Turns<T>;

    fn start(&self) -> Turns<T> {
        Turns { event: None, then: Wants::Left }
    }
}

/// Whose turn it is, and the event that is on its way.
#[derive(Debug)]
pub struct Turns<T> {
    event: Option<T>,
    then: Wants,
}

impl<T: Send> Junction for Turns<T> {
    type Left = T;
    type Right = T;
    type Out = T;

    #[inline(always)]
    fn wants(&self) -> Wants {
        if self.event.is_some() { Wants::Room } else { self.then }
    }

    #[inline(always)]
    fn left(&mut self, event: T) {
        self.event = Some(event);
    }

    #[inline(always)]
    fn right(&mut self, event: T) {
        self.event = Some(event);
    }

    fn left_ended(&mut self, finish: Finish) {
        self.then = match finish {
            Finish::Complete => Wants::Right,
            Finish::Stopped => Wants::Nothing,
        };
    }

    fn right_ended(&mut self, _finish: Finish) {
        self.then = Wants::Nothing;
    }

    #[inline(always)]
    fn emit<K: Push<T>>(&mut self, _room: usize, next: &mut K) -> usize {
        self.event.take().map_or(0, |event| {
            next.push(event);
            1
        })
    }
}
