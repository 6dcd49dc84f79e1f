//! Where stages are started: the methods that make them.

use super::consumer::Consumer;
use super::launch::Launch;
use super::role::{Consumes, Iterates, Produces, Transforms};
use super::shared::Shared;
use crate::error::Site;
use crate::ops::ProducerConsumer;
use crate::source::Producer;
use std::fmt;
use std::sync::Arc;

/// Where stages are started. [`Stages`](super::Stages) is one, and a [`Supervisor`](super::Supervisor)
/// lends one to what starts its children.
pub struct Scope {
    pub(crate) shared: Arc<Shared>,
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scope")
    }
}

impl Scope {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Scope { shared }
    }

    /// A stage that answers demand.
    #[track_caller]
    pub fn producer<P>(&self, producer: P) -> Launch<Produces<P>>
    where
        P: Producer<Item: 'static> + 'static,
    {
        Launch::new(&self.shared, Produces(producer), Site::here("producer"))
    }

    /// A stage that takes events and emits others.
    #[track_caller]
    pub fn producer_consumer<P>(&self, stage: P) -> Launch<Transforms<P>>
    where
        P: ProducerConsumer<In: 'static, Out: 'static> + 'static,
    {
        Launch::new(&self.shared, Transforms(stage), Site::here("producer_consumer"))
    }

    /// A stage that takes events.
    #[track_caller]
    pub fn consumer<C>(&self, consumer: C) -> Launch<Consumes<C>>
    where
        C: Consumer<Item: 'static> + 'static,
    {
        Launch::new(&self.shared, Consumes(consumer), Site::here("consumer"))
    }

    /// A stage that produces what an iterator gives, on a thread of its own, since the iterator may
    /// block. It ends with the iterator.
    #[track_caller]
    pub fn iter<I>(&self, events: I) -> Launch<Iterates<I::IntoIter>>
    where
        I: IntoIterator<Item: Send + 'static, IntoIter: Send + 'static>,
    {
        Launch::new(&self.shared, Iterates::new(events.into_iter()), Site::here("iter"))
    }
}
