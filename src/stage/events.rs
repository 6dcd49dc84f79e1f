//! The events of running stages, outside of stages: as an iterator, a stream, or a flow's source.

use super::ends::Outlet;
use super::port::{Found, Reader};
use super::reference::StageRef;
use super::shared::Shared;
use super::subscription::Subscribe;
use super::supervisor::Child;
use crate::error::{BoxError, FlowError, Site};
use crate::source::{Demand, IntoProducer, Produced, Producer};
use std::fmt;
use std::iter::FusedIterator;
use std::sync::Arc;
use std::task::{Poll, Wake, Waker};
use std::thread::{self, Thread};

impl<T: Send + 'static> Outlet<T> {
    /// Reads what the stage emits: see [`Subscribe::iter`]. Up to 1,000 events are asked for.
    #[track_caller]
    pub fn iter(&self) -> Events<T> {
        Subscribe::to(self).iter()
    }
}

impl<T: Send + 'static> Subscribe<T> {
    /// Reads the events as they come, as an iterator that waits for them on the caller's thread.
    ///
    /// It subscribes at the first `next`; events count as handled when `next` gives them, so the stage
    /// is never asked for more than `max_demand` events that were not read. It ends when the stage does;
    /// a failure is its last item, but with [`Cancel::Temporary`](super::Cancel::Temporary) just an end.
    /// Dropping it cancels the subscription, and what was not read goes back to the stage.
    ///
    /// A simulation is run by reading: where nothing can come any more the last item is
    /// [`ErrorKind::Stalled`](crate::ErrorKind::Stalled). The iterator must not be read on a worker of
    /// these stages, where the stage that it waits for may never get its turn.
    ///
    /// ```
    /// use flow::stage::{Stages, Subscribe};
    ///
    /// let stages = Stages::new();
    /// let numbers = stages.iter(0..).start();
    /// let first: Result<Vec<u64>, _> =
    ///     Subscribe::to(&numbers).max_demand(8).iter().take(3).collect();
    /// assert_eq!(first?, [0, 1, 2]);
    /// numbers.stop();
    /// stages.join()?;
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn iter(self) -> Events<T> {
        Events::new(self, Site::here("iter"))
    }
}

impl<T: Send + 'static> IntoIterator for Subscribe<T> {
    type Item = Result<T, FlowError>;
    type IntoIter = Events<T>;

    /// See [`iter`](Subscribe::iter).
    #[track_caller]
    fn into_iter(self) -> Events<T> {
        self.iter()
    }
}

/// The events of a running stage, as they come: see [`Subscribe::iter`]. A flow's source takes them
/// without waiting: see [`Flow::from_stages`](crate::Flow::from_stages).
pub struct Events<T: Send + 'static> {
    reader: Reader<T>,
    /// Once a flow has asked.
    bell: Option<Waker>,
}

impl<T: Send + 'static> Events<T> {
    pub(crate) fn new(how: Subscribe<T>, site: Site) -> Self {
        let shared = Arc::clone(&how.shared);
        Events::of_all(vec![how], shared, site)
    }

    pub(crate) fn of_all(from: Vec<Subscribe<T>>, shared: Arc<Shared>, site: Site) -> Self {
        Events { reader: Reader::new(from, shared, site), bell: None }
    }
}

impl<T: Send + 'static> fmt::Debug for Events<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Events")
    }
}

/// Wakes a thread that waits for events.
struct Unparks(Thread);

impl Wake for Unparks {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

impl<T: Send + 'static> Iterator for Events<T> {
    type Item = Result<T, FlowError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(event) = self.reader.next() {
            return Some(Ok(event));
        }
        let waker = Waker::from(Arc::new(Unparks(thread::current())));
        loop {
            match self.poll(&waker) {
                Poll::Ready(event) => return event,
                Poll::Pending => thread::park(),
            }
        }
    }
}

impl<T: Send + 'static> Events<T> {
    /// The next event; the waker is woken when there is one after [`Poll::Pending`].
    pub(crate) fn poll(&mut self, waker: &Waker) -> Poll<Option<Result<T, FlowError>>> {
        loop {
            match self.reader.look(waker) {
                Found::Events => return Poll::Ready(self.reader.next().map(Ok)),
                Found::End(end) => return Poll::Ready(end.err().map(Err)),
                Found::Nothing if self.reader.simulate() => {}
                Found::Nothing if self.reader.is_stalled() => {
                    return Poll::Ready(Some(Err(self.reader.stalled())));
                }
                Found::Nothing => return Poll::Pending,
            }
        }
    }
}

impl<T: Send + 'static> FusedIterator for Events<T> {}

#[diagnostic::do_not_recommend]
impl<T: Send + 'static> Producer for Events<T> {
    type Item = T;

    fn produce(&mut self, demand: &mut Demand<'_, T>) -> Result<Produced, BoxError> {
        let bell = demand.bell(&mut self.bell);
        while demand.events() > 0 {
            match self.reader.look(bell) {
                Found::Events => self.reader.take(demand.events(), demand),
                Found::End(end) => return Ok(end.map(|()| Produced::Done)?),
                Found::Nothing if self.reader.simulate() => {}
                Found::Nothing => return Ok(Produced::Pending),
            }
        }
        Ok(Produced::More)
    }
}

macro_rules! producers {
    ($(<$($param:ident),*> $from:ty),+) => {$(
        #[diagnostic::do_not_recommend]
        impl<T: Send + 'static, $($param: Send + 'static),*> IntoProducer for $from {
            type Item = T;
            type Producer = Events<T>;

            fn into_producer(self, site: Site) -> Events<T> {
                Events::new(self.into(), site)
            }
        }
    )+};
}

producers!(<> Subscribe<T>, <> &Outlet<T>, <S, I> &StageRef<S, I, T>, <S, I> &Child<S, I, T>);
