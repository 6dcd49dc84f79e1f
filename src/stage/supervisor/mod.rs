//! Supervisors: stages whose failure is not the end of them.

mod address;
mod child;
mod intensity;
mod keep;

pub use child::Child;
pub(super) use intensity::Intensity;
pub use keep::Supervisor;

use super::launch::Launch;
use super::reference::StageRef;
use super::role::Role;
use super::scope::Scope;
use crate::error::Site;
use child::Kept;
use keep::Supervises;
use std::time::Duration;

/// Who is started anew when a child is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Strategy {
    /// Only that child.
    #[default]
    OneForOne,
    /// All children: the others are stopped first, the last one first.
    OneForAll,
    /// That child and those after it, which are stopped first, the last one first.
    RestForOne,
}

/// Whether a child, or a task, is started again when it is over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Restart {
    /// Always, unless the supervisor is told to end.
    Permanent,
    /// When it has failed.
    #[default]
    Transient,
    /// Never.
    Temporary,
}

impl Scope {
    /// A stage that starts other stages, its children, and starts them again when they fail.
    ///
    /// Children are started in the order in which they were added, and stopped in the reverse one. They
    /// are linked to their supervisor, not to the runtime: a failure is kept by the [`Child`], and only
    /// when there are more than three of them in five seconds the supervisor gives up: it stops its
    /// children and fails with [`ErrorKind::Limit`](crate::ErrorKind::Limit), whose source is the last
    /// failure. It ends when all children are over; one without children waits for some. Told to
    /// [drain](StageRef::drain), it passes that on and starts nothing again; told to
    /// [stop](StageRef::stop), it stops its children one after the other. A supervisor may be the child
    /// of another one.
    ///
    /// ```
    /// use flow::Produced;
    /// use flow::stage::{Stages, consume_with, produce_with};
    /// use std::sync::{Arc, Mutex};
    ///
    /// // Counts to ten, and fails at five the first time that it gets there.
    /// let (next, failed) = (Arc::new(Mutex::new(0)), Arc::new(Mutex::new(false)));
    /// let stages = Stages::new();
    /// let mut supervisor = stages.supervisor();
    /// let counter = supervisor.child(move |scope| {
    ///     let (next, failed) = (Arc::clone(&next), Arc::clone(&failed));
    ///     scope.producer(produce_with(move |demand| {
    ///         let mut next = next.lock().unwrap();
    ///         if *next == 5 && !std::mem::replace(&mut *failed.lock().unwrap(), true) {
    ///             return Err("five".into());
    ///         }
    ///         *next += 1;
    ///         demand.emit(*next);
    ///         Ok(if *next < 10 { Produced::More } else { Produced::Done })
    ///     }))
    /// });
    /// let sum = Arc::new(Mutex::new(0));
    /// let total = Arc::clone(&sum);
    /// let add = consume_with(move |n: u64| Ok(*total.lock().unwrap() += n));
    /// stages.consumer(add).subscribe(&counter).start();
    /// supervisor.start();
    /// stages.join()?;
    /// assert_eq!((*sum.lock().unwrap(), counter.restarts()), (55, 1));
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn supervisor(&self) -> Launch<Supervises> {
        let site = Site::here("supervisor");
        Launch::new(&self.shared, Supervises::new(&self.shared, site), site)
    }
}

impl Launch<Supervises> {
    /// Who is started anew when a child is: [`Strategy::OneForOne`] where nothing is said.
    pub fn strategy(mut self, strategy: Strategy) -> Self {
        self.role.supervisor.strategy = strategy;
        self
    }

    /// How many restarts there may be within a time: 3 in 5 seconds where nothing is said. With one
    /// more the supervisor gives up.
    pub fn max_restarts(mut self, restarts: usize, within: Duration) -> Self {
        self.role.supervisor.intensity.limit(restarts, within);
        self
    }

    /// A child that is started again when it has failed. `make` is called for every start.
    ///
    /// A panic of `make` is a failure of the child.
    pub fn child<R, F>(&mut self, make: F) -> Child<R::Stage, R::In, R::Out>
    where
        R: Role,
        F: FnMut(&Scope) -> Launch<R> + Send + 'static,
    {
        self.child_with(Restart::Transient, make)
    }

    /// As [`child`](Self::child), and whether it is started again.
    pub fn child_with<R, F>(&mut self, restart: Restart, make: F) -> Child<R::Stage, R::In, R::Out>
    where
        R: Role,
        F: FnMut(&Scope) -> Launch<R> + Send + 'static,
    {
        let (kept, child) = Kept::new(&self.shared, restart, make);
        self.role.supervisor.children.push(kept);
        child
    }
}

/// What a running supervisor can be told.
impl StageRef<Supervisor> {
    /// One more child, started after all others. Where the supervisor is over, so is the child.
    pub fn child_with<R, F>(&self, restart: Restart, make: F) -> Child<R::Stage, R::In, R::Out>
    where
        R: Role,
        F: FnMut(&Scope) -> Launch<R> + Send + 'static,
    {
        let (kept, child) = Kept::new(self.shared(), restart, make);
        let mut arriving = keep::Arriving::new(kept);
        self.order(move |supervisor, _| supervisor.add(arriving.take()));
        child
    }

    /// Stops a child for good.
    pub fn stop_child<S, In, Out>(&self, child: &Child<S, In, Out>)
    where
        S: 'static,
        In: Send + 'static,
        Out: Send + 'static,
    {
        let id = child.id();
        self.order(move |supervisor, _| supervisor.stop_child(id));
    }
}
