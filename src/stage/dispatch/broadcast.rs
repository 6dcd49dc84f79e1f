//! To all consumers.

use super::{Consumers, Dispatcher};
use crate::error::BoxError;
use std::collections::VecDeque;

/// Every event goes to every consumer, or to those whose [selector](crate::stage::Subscribe::selector)
/// takes it. No more is asked for than the slowest can take. Events are cloned for all but one.
#[derive(Clone, Debug, Default)]
pub struct Broadcast {
    selected: Vec<bool>,
}

impl Broadcast {
    /// To all consumers.
    pub fn new() -> Self {
        Broadcast::default()
    }
}

impl<T: Clone> Dispatcher<T> for Broadcast {
    fn wanted(&self, consumers: &Consumers<T>) -> usize {
        (0..consumers.len()).map(|at| consumers.credit(at)).min().unwrap_or(0)
    }

    fn dispatch(
        &mut self,
        events: &mut VecDeque<T>,
        consumers: &mut Consumers<T>,
    ) -> Result<(), BoxError> {
        // Where selectors leave credit over, there may be room for more.
        loop {
            let n = self.wanted(consumers).min(events.len());
            if n == 0 {
                return Ok(());
            }
            let mover = (0..consumers.len()).rev().find(|at| !consumers.selects(*at));
            for at in (0..consumers.len()).filter(|at| Some(*at) != mover) {
                consumers.send_copies(at, n, events, &mut self.selected);
            }
            match mover {
                Some(at) => consumers.send_first(at, n, events),
                None => drop(events.drain(..n)),
            }
        }
    }

    fn selects(&self) -> bool {
        true
    }

    /// The others have had them.
    fn returned(
        &mut self,
        unhandled: VecDeque<T>,
        _partition: Option<usize>,
        _events: &mut VecDeque<T>,
    ) -> usize {
        unhandled.len()
    }
}
