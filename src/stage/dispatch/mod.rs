//! Who gets which event of a stage that has several consumers.

mod broadcast;
mod consumers;
mod demand;
mod partition;

pub use broadcast::Broadcast;
pub use consumers::Consumers;
pub use demand::ByDemand;
pub use partition::Partition;

use crate::error::BoxError;
use crate::sync::{Mutex, unpoisoned};
use std::collections::VecDeque;
use std::sync::Arc;

/// Who gets which event. The runtime counts the consumers' demand, and never sends more than was
/// asked for; a dispatcher says how many events can be used, and to whom they go.
///
/// ```
/// use flow::stage::{Consumers, Dispatcher, Stages, consume_with};
/// use std::collections::VecDeque;
///
/// /// Everybody in turn, also where one waits for another.
/// struct RoundRobin(usize);
///
/// impl<T: Send> Dispatcher<T> for RoundRobin {
///     fn wanted(&self, consumers: &Consumers<T>) -> usize {
///         match consumers.len() {
///             0 => 0,
///             n => consumers.credit(self.0 % n),
///         }
///     }
///
///     fn dispatch(
///         &mut self,
///         events: &mut VecDeque<T>,
///         to: &mut Consumers<T>,
///     ) -> Result<(), flow::BoxError> {
///         while !to.is_empty() && !events.is_empty() && to.credit(self.0 % to.len()) > 0 {
///             let event = events.pop_front().expect("there is one");
///             to.send(self.0 % to.len(), event);
///             self.0 += 1;
///         }
///         Ok(())
///     }
/// }
///
/// let stages = Stages::new();
/// let numbers = stages.iter(0..10).dispatcher(RoundRobin(0)).accumulate().start();
/// for _ in 0..2 {
///     stages.consumer(consume_with(|_: i32| Ok(()))).subscribe(&numbers).start();
/// }
/// numbers.forward();
/// stages.join()?;
/// # Ok::<(), flow::FlowError>(())
/// ```
pub trait Dispatcher<T>: Send {
    /// How many events can be used now, if nothing is buffered.
    fn wanted(&self, consumers: &Consumers<T>) -> usize;

    /// Hands out events from the front; what cannot be handed out is left.
    ///
    /// # Errors
    /// An error, or a panic, ends the stage.
    fn dispatch(
        &mut self,
        events: &mut VecDeque<T>,
        consumers: &mut Consumers<T>,
    ) -> Result<(), BoxError>;

    /// Why a consumer cannot be, if it cannot: `partition` is what it asked for. By default there are
    /// no partitions.
    fn refuses(&self, partition: Option<usize>) -> Option<String> {
        partition.map(|_| "its producer has no partitions".to_owned())
    }

    /// Whether it asks the selectors of subscriptions. Where it does not, one with a selector is
    /// refused.
    fn selects(&self) -> bool {
        false
    }

    /// A consumer has left and has not handled these, which were sent to it: by default others get
    /// them before anything newer. Returns how many are dropped.
    fn returned(
        &mut self,
        mut unhandled: VecDeque<T>,
        _partition: Option<usize>,
        events: &mut VecDeque<T>,
    ) -> usize {
        unhandled.append(events);
        *events = unhandled;
        0
    }

    /// How many events it holds itself.
    fn held(&self) -> usize {
        0
    }

    /// How many events it has dropped since it was last asked.
    fn dropped(&mut self) -> usize {
        0
    }
}

/// A selector of a subscription: one dynamic call per batch.
pub(crate) trait Select<T>: Send {
    /// Whether each of the first `n` events is selected.
    fn select(&mut self, events: &VecDeque<T>, n: usize, selected: &mut Vec<bool>);
}

/// A selector that outlives the stage that uses it: one lock per batch.
pub(crate) struct SharedSelector<T>(Arc<Mutex<Box<dyn Select<T>>>>);

impl<T> SharedSelector<T> {
    pub(crate) fn new(selector: Box<dyn Select<T>>) -> Self {
        SharedSelector(Arc::new(Mutex::new(selector)))
    }

    pub(crate) fn boxed(self) -> Box<dyn Select<T>>
    where
        T: 'static,
    {
        Box::new(self)
    }
}

impl<T> Clone for SharedSelector<T> {
    fn clone(&self) -> Self {
        SharedSelector(Arc::clone(&self.0))
    }
}

impl<T> Select<T> for SharedSelector<T> {
    fn select(&mut self, events: &VecDeque<T>, n: usize, selected: &mut Vec<bool>) {
        unpoisoned(self.0.lock()).select(events, n, selected);
    }
}

struct Selector<F>(F);

impl<T, F: FnMut(&T) -> bool + Send> Select<T> for Selector<F> {
    fn select(&mut self, events: &VecDeque<T>, n: usize, selected: &mut Vec<bool>) {
        selected.clear();
        selected.extend(events.range(..n).map(&mut self.0));
    }
}

pub(crate) fn select<T: 'static>(
    selects: impl FnMut(&T) -> bool + Send + 'static,
) -> Box<dyn Select<T>> {
    Box::new(Selector(selects))
}
