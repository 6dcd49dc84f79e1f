//! To the consumer with the most demand.

use super::{Consumers, Dispatcher};
use crate::error::BoxError;
use std::collections::VecDeque;

/// Every event goes to one consumer: a batch to the one that has asked for most, of several the one
/// that subscribed first; what it cannot take, to the next. The dispatcher where nothing is said.
#[derive(Clone, Copy, Debug, Default)]
pub struct ByDemand;

impl<T> Dispatcher<T> for ByDemand {
    fn wanted(&self, consumers: &Consumers<T>) -> usize {
        (0..consumers.len()).fold(0, |sum, at| sum.saturating_add(consumers.credit(at)))
    }

    fn dispatch(
        &mut self,
        events: &mut VecDeque<T>,
        consumers: &mut Consumers<T>,
    ) -> Result<(), BoxError> {
        while !events.is_empty() {
            // The last of equals is the maximum of `max_by_key`: from the back.
            let most = (0..consumers.len()).rev().max_by_key(|at| consumers.credit(*at));
            match most.map(|at| (at, consumers.credit(at).min(events.len()))) {
                None | Some((_, 0)) => break,
                Some((at, n)) => consumers.send_first(at, n, events),
            }
        }
        Ok(())
    }
}
