//! The terminals of flows whose events have times: they get the events alone.

use super::carry::Untimed;
use super::{Stamped, TimedFlow};
use crate::error::FlowError;
use crate::ops::Node;
use crate::ops::node::Then;
use crate::plan::Plan;
use crate::sink::{FlowIter, Handle, IntoIter, Job, Sink};

impl<N, T> TimedFlow<N>
where
    N: Node<Item = Stamped<T>>,
    T: Send,
{
    /// As [`Flow::run`](crate::Flow::run).
    ///
    /// # Errors
    /// The first cause, if the run fails.
    #[track_caller]
    pub fn run(self) -> Result<(), FlowError> {
        self.untimed().run()
    }

    /// As [`Flow::for_each`](crate::Flow::for_each).
    ///
    /// # Errors
    /// The first cause, if the run fails.
    #[track_caller]
    pub fn for_each<F: Fn(T) + Send + Sync>(self, f: F) -> Result<(), FlowError> {
        self.untimed().for_each(f)
    }

    /// As [`Flow::collect`](crate::Flow::collect).
    ///
    /// # Errors
    /// The first cause, if the run fails.
    #[track_caller]
    pub fn collect<C: FromIterator<T>>(self) -> Result<C, FlowError> {
        self.untimed().collect()
    }

    /// As [`Flow::count`](crate::Flow::count).
    ///
    /// # Errors
    /// The first cause, if the run fails.
    #[track_caller]
    pub fn count(self) -> Result<u64, FlowError> {
        self.untimed().count()
    }

    /// As [`Flow::with_iter`](crate::Flow::with_iter).
    ///
    /// # Errors
    /// The first cause, if the run fails.
    #[track_caller]
    pub fn with_iter<R>(
        self,
        read: impl FnOnce(&mut FlowIter<'_, T>) -> R,
    ) -> Result<R, FlowError> {
        self.untimed().with_iter(read)
    }

    /// As [`Flow::to`](crate::Flow::to).
    #[track_caller]
    pub fn to<S: Sink<T>>(self, sink: S) -> Job<Then<N, Untimed<T>>, S> {
        self.untimed().to(sink)
    }

    /// As [`Flow::start`](crate::Flow::start).
    ///
    /// # Errors
    /// What is refused, or a thread that could not be started.
    #[track_caller]
    pub fn start(self) -> Result<Handle<()>, FlowError>
    where
        N: 'static,
        T: 'static,
    {
        self.untimed().start()
    }
}

impl<N: Node> TimedFlow<N> {
    /// As [`Flow::explain`](crate::Flow::explain).
    pub fn explain(&self) -> Plan {
        self.0.explain_as(&self.0.node.0)
    }
}

impl<N, T> IntoIterator for TimedFlow<N>
where
    N: Node<Item = Stamped<T>> + 'static,
    T: Send + 'static,
{
    type Item = Result<T, FlowError>;
    type IntoIter = IntoIter<T>;

    #[track_caller]
    fn into_iter(self) -> IntoIter<T> {
        self.untimed().into_iter()
    }
}
