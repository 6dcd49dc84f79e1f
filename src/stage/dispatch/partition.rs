//! To the consumer of a partition.

use super::{Consumers, Dispatcher};
use crate::error::BoxError;
use std::collections::VecDeque;
use std::fmt;

/// Every event goes to a consumer that takes its [partition](crate::stage::Subscribe::partition),
/// which the routing says; `None` drops it, counted.
///
/// Each partition has its own credit: while one waits for its consumer the others go on, until
/// 10,000 events wait for it ([`ahead`](Partition::ahead)). Partitions without a consumer wait.
pub struct Partition<T, F> {
    route: F,
    waiting: Vec<VecDeque<T>>,
    ahead: usize,
    dropped: usize,
}

impl<T, F> Partition<T, F>
where
    F: FnMut(&T) -> Option<usize> + Send,
{
    /// So many partitions, and the partition of an event. One that there is not ends the stage.
    pub fn new(partitions: usize, route: F) -> Self {
        let waiting = (0..partitions).map(|_| VecDeque::new()).collect();
        Partition { route, waiting, ahead: 10_000, dropped: 0 }
    }

    /// How many events may wait for one partition before all wait for it: 10,000 where nothing is
    /// said.
    pub fn ahead(mut self, events: usize) -> Self {
        self.ahead = events;
        self
    }
}

impl<T, F: FnMut(&T) -> Option<usize>> Partition<T, F> {
    /// Routes the first event. One that cannot be routed stays where it is.
    fn route(&mut self, events: &mut VecDeque<T>) -> Result<(), BoxError> {
        match events.front().map(&mut self.route) {
            Some(Some(partition)) => {
                let partitions = self.waiting.len();
                let Some(waiting) = self.waiting.get_mut(partition) else {
                    let why = format!("an event is for partition {partition} of {partitions}");
                    return Err(why.into());
                };
                waiting.extend(events.pop_front());
            }
            Some(None) => {
                events.pop_front();
                self.dropped += 1;
            }
            None => {}
        }
        Ok(())
    }

    fn hand_out(&mut self, consumers: &mut Consumers<T>) {
        for at in 0..consumers.len() {
            if let Some(partition) = consumers.partition(at) {
                let waiting = &mut self.waiting[partition];
                let n = consumers.credit(at).min(waiting.len());
                if n > 0 {
                    consumers.send_first(at, n, waiting);
                }
            }
        }
    }
}

impl<T, F> fmt::Debug for Partition<T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Partition({})", self.waiting.len())
    }
}

impl<T: Send, F> Dispatcher<T> for Partition<T, F>
where
    F: FnMut(&T) -> Option<usize> + Send,
{
    fn wanted(&self, consumers: &Consumers<T>) -> usize {
        if self.waiting.iter().any(|waiting| waiting.len() > self.ahead) {
            return 0;
        }
        (0..consumers.len()).fold(0, |sum, at| sum.saturating_add(consumers.credit(at)))
    }

    fn dispatch(
        &mut self,
        events: &mut VecDeque<T>,
        consumers: &mut Consumers<T>,
    ) -> Result<(), BoxError> {
        loop {
            self.hand_out(consumers);
            // What nobody has asked for stays where its bound and its policy are.
            let asked = self.wanted(consumers).min(events.len());
            if asked == 0 {
                return Ok(());
            }
            for _ in 0..asked {
                self.route(events)?;
            }
        }
    }

    fn refuses(&self, partition: Option<usize>) -> Option<String> {
        let partitions = self.waiting.len();
        match partition {
            None => Some("a consumer of partitions must say which it takes".to_owned()),
            Some(partition) if partition >= partitions => {
                Some(format!("there is no partition {partition}, but {partitions} of them"))
            }
            Some(_) => None,
        }
    }

    fn returned(
        &mut self,
        mut unhandled: VecDeque<T>,
        partition: Option<usize>,
        _events: &mut VecDeque<T>,
    ) -> usize {
        let Some(waiting) = partition.and_then(|at| self.waiting.get_mut(at)) else {
            return unhandled.len();
        };
        unhandled.append(waiting);
        *waiting = unhandled;
        0
    }

    fn held(&self) -> usize {
        self.waiting.iter().map(VecDeque::len).sum()
    }

    fn dropped(&mut self) -> usize {
        std::mem::take(&mut self.dropped)
    }
}
