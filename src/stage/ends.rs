//! The two ends of a stage, whatever the stage is: what it emits, and where it takes events.

use super::mailbox::{Controls, Downstream, Takes, Upstream};
use super::reference::StageRef;
use super::shared::Shared;
use super::subscription::{Subscribe, Subscription};
use crate::error::{FlowError, Site};
use std::fmt;
use std::sync::Arc;

/// What a stage emits, as something to subscribe to.
pub struct Outlet<T> {
    pub(crate) upstream: Arc<dyn Upstream<T>>,
    pub(crate) shared: Arc<Shared>,
}

impl<T> Clone for Outlet<T> {
    fn clone(&self) -> Self {
        Outlet { upstream: Arc::clone(&self.upstream), shared: Arc::clone(&self.shared) }
    }
}

impl<T> fmt::Debug for Outlet<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Outlet({:?})", self.upstream.name())
    }
}

impl<S: 'static, I: Send + 'static, T: Send + 'static> From<&StageRef<S, I, T>> for Outlet<T> {
    fn from(stage: &StageRef<S, I, T>) -> Self {
        stage.outlet()
    }
}

impl<T> From<&Outlet<T>> for Outlet<T> {
    fn from(outlet: &Outlet<T>) -> Self {
        outlet.clone()
    }
}

/// Where a stage takes events, as something that can be made to subscribe.
pub struct Inlet<T> {
    stage: Arc<dyn Takes<T>>,
    pub(crate) shared: Arc<Shared>,
}

impl<T: Send + 'static> Inlet<T> {
    pub(crate) fn new(stage: Arc<dyn Takes<T>>, shared: &Arc<Shared>) -> Self {
        Inlet { stage, shared: Arc::clone(shared) }
    }

    /// Subscribes the stage to another one.
    ///
    /// # Errors
    /// As [`StageRef::subscribe`].
    #[track_caller]
    pub fn subscribe(&self, to: impl Into<Subscribe<T>>) -> Result<Subscription, FlowError> {
        self.subscribe_at(to.into(), Site::here("subscribe"))
    }

    pub(crate) fn subscribe_at(
        &self,
        how: Subscribe<T>,
        site: Site,
    ) -> Result<Subscription, FlowError> {
        let consumer = Arc::clone(&self.stage) as Arc<dyn Downstream<T>>;
        let (joining, request) = how.split(consumer, site)?;
        let id = joining.id;
        self.stage.join(joining, request);
        Ok(Subscription::new(id, Arc::clone(&self.stage) as Arc<dyn Controls>))
    }
}

impl<T> Clone for Inlet<T> {
    fn clone(&self) -> Self {
        Inlet { stage: Arc::clone(&self.stage), shared: Arc::clone(&self.shared) }
    }
}

impl<T> fmt::Debug for Inlet<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Inlet")
    }
}

impl<S: 'static, T: Send + 'static, O: Send + 'static> From<&StageRef<S, T, O>> for Inlet<T> {
    fn from(stage: &StageRef<S, T, O>) -> Self {
        stage.inlet()
    }
}
