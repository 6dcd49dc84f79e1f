//! What a flow can be made of by demand: producers, and stages that run.

use super::producer::{Notifier, Producer};
use crate::error::Site;
use std::sync::Arc;
use std::task::{Wake, Waker};

/// What [`Flow::from_stages`](crate::Flow::from_stages) takes: producers, which the flow runs itself,
/// and stages that run, of which the flow is a consumer.
///
/// A stage is given as a reference to its handle, to its [`Outlet`](crate::stage::Outlet) or to a
/// supervised [`Child`](crate::stage::Child), or as a [`Subscribe`](crate::stage::Subscribe) with its
/// options. The flow subscribes when its source is first asked, and asks for more as it takes events: the
/// stage is never asked for more than `max_demand` (1,000) events that the flow has not taken. The flow
/// ends when all its stages have; where one fails, so does the flow, with the same error. A flow that
/// ends early cancels its subscriptions, and what it has not taken goes back.
///
/// ```
/// use flow::Flow;
/// use flow::stage::{Stages, Subscribe};
///
/// let stages = Stages::new();
/// let (low, high) = (stages.iter(0..10u64).start(), stages.iter(10..20).start());
/// let sum: u64 = Flow::from_stages([&low, &high]).map(|n| n * 10).sum()?;
/// assert_eq!(sum, 1_900);
///
/// let numbers = stages.iter(0..).start();
/// let few = Subscribe::to(&numbers).max_demand(4);
/// assert_eq!(Flow::from_stages([few]).take_any(5).count()?, 5);
/// numbers.stop();
/// stages.join()?;
/// # Ok::<(), flow::FlowError>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a producer",
    label = "`from_stages` asks producers by demand",
    note = "implement `flow::Producer` for it; `from_iter` and `from_iters` take iterators"
)]
pub trait IntoProducer {
    /// What it produces.
    type Item: Send;
    /// The producer.
    type Producer: Producer<Item = Self::Item>;

    #[doc(hidden)]
    fn into_producer(self, site: Site) -> Self::Producer;
}

#[diagnostic::do_not_recommend]
impl<P: Producer> IntoProducer for P {
    type Item = P::Item;
    type Producer = P;

    fn into_producer(self, _site: Site) -> P {
        self
    }
}

/// A notifier as a waker.
struct Rings(Notifier);

impl Wake for Rings {
    fn wake(self: Arc<Self>) {
        self.0.notify();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.notify();
    }
}

pub(super) fn waker(notifier: Notifier) -> Waker {
    Waker::from(Arc::new(Rings(notifier)))
}
