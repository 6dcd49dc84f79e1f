//! Stages that are found by their names.

use super::ends::{Inlet, Outlet};
use super::mailbox::{Takes, Upstream};
use super::scope::Scope;
use crate::error::{ErrorKind, FlowError, Site};
use crate::sync::{Mutex, unpoisoned};
use std::any::{Any, type_name};
use std::collections::HashMap;
use std::sync::Arc;

/// Who is registered, by name.
#[derive(Default)]
pub(super) struct Names(Mutex<HashMap<Arc<str>, Named>>);

struct Named {
    /// The number of its task.
    task: usize,
    /// An `Arc<dyn Upstream<_>>` and an `Arc<dyn Takes<_>>`.
    upstream: Box<dyn Any + Send + Sync>,
    takes: Box<dyn Any + Send + Sync>,
}

impl Names {
    /// Says why not, if the name is taken.
    pub(super) fn register<I: 'static, O: 'static>(
        &self,
        name: &Arc<str>,
        task: usize,
        upstream: Arc<dyn Upstream<O>>,
        takes: Arc<dyn Takes<I>>,
    ) -> Result<(), String> {
        let mut names = unpoisoned(self.0.lock());
        if names.contains_key(name) {
            return Err(format!("a stage `{name}` is already registered"));
        }
        let (upstream, takes) = (Box::new(upstream), Box::new(takes));
        names.insert(Arc::clone(name), Named { task, upstream, takes });
        Ok(())
    }

    /// The name is free again, if it is this task's.
    pub(super) fn forget(&self, name: &str, task: usize) {
        let mut names = unpoisoned(self.0.lock());
        if names.get(name).is_some_and(|named| named.task == task) {
            names.remove(name);
        }
    }

    fn find<A: Clone + 'static>(
        &self,
        name: &str,
        side: impl FnOnce(&Named) -> &(dyn Any + Send + Sync),
    ) -> Result<Option<A>, String> {
        let names = unpoisoned(self.0.lock());
        let named = names.get(name).ok_or_else(|| format!("no stage `{name}` is registered"))?;
        Ok(side(named).downcast_ref::<A>().cloned())
    }
}

impl Scope {
    /// What the stage of this name emits: see [`Launch::registered`](super::Launch::registered).
    ///
    /// # Errors
    /// If no running stage is registered so, or it emits something else.
    ///
    /// ```
    /// use flow::stage::{Stages, consume_with};
    ///
    /// let stages = Stages::new();
    /// stages.iter(0..10u64).registered("numbers").start();
    /// let numbers = stages.find::<u64>("numbers")?;
    /// stages.consumer(consume_with(|n| Ok(assert!(n < 10)))).subscribe(&numbers).start();
    /// stages.join()?;
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn find<T: Send + 'static>(&self, name: &str) -> Result<Outlet<T>, FlowError> {
        let found = self.shared.names.find::<Arc<dyn Upstream<T>>>(name, |named| &*named.upstream);
        let upstream = self.found::<T, _>(found, name, "emits", Site::here("find"))?;
        Ok(Outlet { upstream, shared: Arc::clone(&self.shared) })
    }

    /// Where the stage of this name takes events.
    ///
    /// # Errors
    /// If no running stage is registered so, or it takes something else.
    #[track_caller]
    pub fn find_inlet<T: Send + 'static>(&self, name: &str) -> Result<Inlet<T>, FlowError> {
        let found = self.shared.names.find::<Arc<dyn Takes<T>>>(name, |named| &*named.takes);
        let stage = self.found::<T, _>(found, name, "takes", Site::here("find_inlet"))?;
        Ok(Inlet::new(stage, &self.shared))
    }

    fn found<T, A>(
        &self,
        found: Result<Option<A>, String>,
        name: &str,
        does: &str,
        site: Site,
    ) -> Result<A, FlowError> {
        let other =
            || format!("the stage `{name}` {does} no events of type `{}`", type_name::<T>());
        found
            .and_then(|found| found.ok_or_else(other))
            .map_err(|why| FlowError::new(ErrorKind::Option, why).with_site(site))
    }
}
