//! Subscriptions: who takes from whom, how much at a time, and what the end of one means.

use super::dispatch::{Select, SharedSelector};
use super::ends::Outlet;
use super::mailbox::{Controls, Downstream, Id, Upstream};
use super::reason::Reason;
use super::reference::StageRef;
use super::shared::Shared;
use crate::error::{ErrorKind, FlowError, Site};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What the end of a subscription means for its consumer.
///
/// Where a producer was told to end at once, the consumer that ends with it does so too: it sees no end
/// of its input, since there was more to come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cancel {
    /// The consumer ends with the producer, as that did, and also where the subscription is cancelled.
    Permanent,
    /// The consumer fails with a producer that fails, and ends when all of its producers have ended.
    /// It lives on where the subscription is cancelled.
    #[default]
    Transient,
    /// The consumer lives on, whatever becomes of the producer.
    Temporary,
}

/// A subscription that is to be made: to whom, and how.
///
/// ```
/// use flow::stage::{Cancel, Stages, Subscribe, consume_with};
///
/// let stages = Stages::new();
/// let numbers = stages.iter(0..10).start();
/// let sink = stages.consumer(consume_with(|x: i32| Ok(assert!(x < 10)))).start();
/// sink.subscribe(Subscribe::to(&numbers).max_demand(4).min_demand(1).cancel(Cancel::Permanent))?;
/// stages.join()?;
/// # Ok::<(), flow::FlowError>(())
/// ```
pub struct Subscribe<T> {
    upstream: Arc<dyn Upstream<T>>,
    /// The runtime of that stage.
    pub(crate) shared: Arc<Shared>,
    max: usize,
    min: Option<usize>,
    manual: bool,
    cancel: Cancel,
    selector: Option<Box<dyn Select<T>>>,
    partition: Option<usize>,
}

/// How many events a consumer asks for where nothing is said, as in GenStage.
pub(crate) const MAX_DEMAND: usize = 1_000;

impl<T: Send + 'static> Subscribe<T> {
    /// To this stage, with the defaults: at most 1,000 events in flight, asked for again when 500
    /// are left, automatically, [`Cancel::Transient`].
    pub fn to(producer: impl Into<Outlet<T>>) -> Self {
        let Outlet { upstream, shared } = producer.into();
        Subscribe {
            upstream,
            shared,
            max: MAX_DEMAND,
            min: None,
            manual: false,
            cancel: Cancel::default(),
            selector: None,
            partition: None,
        }
    }

    /// How many events may be in flight: 1,000 where nothing is said. 0 is refused.
    pub fn max_demand(mut self, events: usize) -> Self {
        self.max = events;
        self
    }

    /// When that many or fewer are pending, the difference to `max_demand` is asked for: half of it
    /// where nothing is said. It must be less.
    pub fn min_demand(mut self, events: usize) -> Self {
        self.min = Some(events);
        self
    }

    /// Nothing is asked for but by [`Subscription::ask`].
    pub fn manual(mut self) -> Self {
        self.manual = true;
        self
    }

    /// What the end of the subscription means: [`Cancel::Transient`] where nothing is said.
    pub fn cancel(mut self, cancel: Cancel) -> Self {
        self.cancel = cancel;
        self
    }

    /// Takes only these events, from a stage that [broadcasts](super::Broadcast). Others are as if
    /// they had never been.
    pub fn selector(mut self, selects: impl FnMut(&T) -> bool + Send + 'static) -> Self {
        self.selector = Some(super::dispatch::select(selects));
        self
    }

    /// Takes this partition, of a stage that [partitions](super::Partition).
    pub fn partition(mut self, partition: usize) -> Self {
        self.partition = Some(partition);
        self
    }
}

impl<T: Send + 'static> Subscribe<T> {
    /// The subscription as both sides get it, unless it is refused.
    pub(crate) fn split(
        self,
        consumer: Arc<dyn Downstream<T>>,
        site: Site,
    ) -> Result<(Joining<T>, Request<T>), FlowError> {
        /// Numbers the subscriptions of the process, so that one number never means two.
        static NEXT: AtomicU64 = AtomicU64::new(0);

        let max = self.max;
        let min = self.min.unwrap_or(max / 2);
        let refused = |why: String| Err(FlowError::new(ErrorKind::Option, why).with_site(site));
        if max == 0 {
            return refused("max_demand must be at least 1".to_owned());
        }
        if min >= max {
            return refused(format!("min_demand {min} must be less than max_demand {max}"));
        }
        let Subscribe { upstream, manual, cancel, selector, partition, .. } = self;
        if std::ptr::addr_eq(Arc::as_ptr(&upstream), Arc::as_ptr(&consumer)) {
            return refused("a stage cannot take from itself".to_owned());
        }
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        let credit = if manual { 0 } else { max };
        // It is kept where it may be needed again.
        let resumes = upstream.resumes(Reason::Normal).is_ok();
        let (selector, kept) = match selector {
            Some(selector) if resumes => {
                let kept = SharedSelector::new(selector);
                (Some(kept.clone().boxed()), Some(kept))
            }
            selector => (selector, None),
        };
        let request = Request { id, downstream: consumer, selector, partition, credit };
        let selector = kept;
        Ok((Joining { id, upstream, max, min, manual, cancel, partition, selector }, request))
    }
}

impl<S: 'static, I: Send + 'static, T: Send + 'static> From<&StageRef<S, I, T>> for Subscribe<T> {
    fn from(producer: &StageRef<S, I, T>) -> Self {
        Subscribe::to(producer)
    }
}

impl<T: Send + 'static> From<&Outlet<T>> for Subscribe<T> {
    fn from(producer: &Outlet<T>) -> Self {
        Subscribe::to(producer.clone())
    }
}

impl<T> fmt::Debug for Subscribe<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscribe")
            .field("to", &self.upstream.name())
            .field("max_demand", &self.max)
            .field("min_demand", &self.min)
            .field("manual", &self.manual)
            .field("cancel", &self.cancel)
            .finish_non_exhaustive()
    }
}

/// A subscription as its consumer gets it.
pub(crate) struct Joining<T> {
    pub(crate) id: Id,
    pub(crate) upstream: Arc<dyn Upstream<T>>,
    pub(crate) max: usize,
    pub(crate) min: usize,
    pub(crate) manual: bool,
    pub(crate) cancel: Cancel,
    pub(crate) partition: Option<usize>,
    pub(crate) selector: Option<SharedSelector<T>>,
}

/// A subscription as its producer gets it.
pub(crate) struct Request<T> {
    pub(crate) id: Id,
    pub(crate) downstream: Arc<dyn Downstream<T>>,
    pub(crate) selector: Option<Box<dyn Select<T>>>,
    pub(crate) partition: Option<usize>,
    /// What is asked for at first.
    pub(crate) credit: usize,
}

impl<T> Request<T> {
    pub(crate) fn refused(self, reason: Reason) {
        self.downstream.ended(self.id, reason);
    }
}

/// A subscription that was made. Dropping it changes nothing.
pub struct Subscription {
    pub(crate) id: Id,
    pub(crate) consumer: Arc<dyn Controls>,
}

impl Clone for Subscription {
    fn clone(&self) -> Self {
        Subscription::new(self.id, Arc::clone(&self.consumer))
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.consumer.handle_dropped();
    }
}

impl Subscription {
    pub(crate) fn new(id: Id, consumer: Arc<dyn Controls>) -> Self {
        // Whoever holds it can make a stage move.
        consumer.handle_made();
        Subscription { id, consumer }
    }

    /// Asks for so many more events. With automatic demand these are on top of it.
    pub fn ask(&self, events: usize) {
        self.consumer.ask_for(self.id, events);
    }

    /// Ends it. Events that have arrived and are not yet handled go back to the producer, which gives
    /// them to others.
    pub fn cancel(&self) {
        self.consumer.unsubscribe(self.id, false);
    }

    /// Names it: the same in both stages' callbacks.
    pub fn id(&self) -> SubscriptionId {
        SubscriptionId(self.id)
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Subscription({})", self.id)
    }
}

/// Names a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SubscriptionId(pub(crate) Id);
