//! A stage that is about to be started, and its options.

use super::actor::{Actor, Life};
use super::dispatch::{Broadcast, ByDemand, Dispatcher, Partition};
use super::input::Input;
use super::mailbox::{Downstream, Lives, Mailbox, Upstream};
use super::output::{BUFFER, Output, Overflow};
use super::rare::Rare;
use super::reason::Reason;
use super::reference::{Address, StageRef};
use super::role::{Own, Role};
use super::shared::{Shared, Tells};
use super::subscription::Subscribe;
use crate::error::Site;
use crate::runtime::task::TaskRef;
use crate::source::Asking;
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

/// A stage that is about to be started: see [`Stages`](super::Stages).
#[must_use = "a stage does nothing before `start`"]
pub struct Launch<R: Role> {
    pub(crate) shared: Arc<Shared>,
    pub(crate) role: R,
    pub(crate) site: Site,
    name: Option<Arc<str>>,
    registered: bool,
    /// Under which it is found where that is not its own.
    pub(super) address: Option<Arc<dyn Upstream<R::Out>>>,
    subscriptions: Vec<(Subscribe<R::In>, Site)>,
    dispatcher: Box<dyn Dispatcher<R::Out>>,
    buffer: usize,
    overflow: Overflow,
    accumulates: bool,
    linked: bool,
    ends_alone: bool,
}

impl<R: Role> fmt::Debug for Launch<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Launch").field("role", &R::VERB).field("name", &self.name).finish()
    }
}

impl<R: Role> Launch<R> {
    pub(crate) fn new(shared: &Arc<Shared>, role: R, site: Site) -> Self {
        Launch {
            shared: Arc::clone(shared),
            role,
            site,
            name: None,
            registered: false,
            address: None,
            subscriptions: Vec::new(),
            dispatcher: Box::new(ByDemand),
            buffer: BUFFER,
            overflow: Overflow::default(),
            accumulates: false,
            linked: true,
            ends_alone: false,
        }
    }

    /// Names the stage in errors, callbacks and metrics.
    pub fn named(mut self, name: impl Into<Arc<str>>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Names the stage, and makes it known by this name: [`Scope::find`](super::Scope::find). A stage
    /// whose name is taken fails when it is started, with [`ErrorKind::Option`](crate::ErrorKind::Option).
    /// The name is free again when the stage is over. A supervised [`Child`](super::Child) is found as
    /// what it is in all its lives.
    pub fn registered(mut self, name: impl Into<Arc<str>>) -> Self {
        self.registered = true;
        self.named(name)
    }

    /// Its failure ends only itself and what depends on it. Otherwise the first failure ends all
    /// stages, and is what [`Stages::join`](super::Stages::join) gives.
    pub fn unlinked(mut self) -> Self {
        self.linked = false;
        self
    }

    /// Subscribes to a stage before it handles anything else: of several, none comes to its end before
    /// all were subscribed to.
    ///
    /// A demand that is refused fails the stage, with this line.
    #[track_caller]
    pub fn subscribe(mut self, to: impl Into<Subscribe<R::In>>) -> Self {
        self.subscriptions.push((to.into(), Site::here("subscribe")));
        self
    }

    /// Starts the stage.
    pub fn start(mut self) -> StageRef<R::Stage, R::In, R::Out> {
        let task = self.shared.next_task();
        let mailbox = Mailbox::new(task.clone(), self.name.clone());
        let first = self.role.begins(Own(Arc::clone(&mailbox) as Arc<dyn Address<_, _, _>>));
        let actor = Actor {
            mailbox: Arc::clone(&mailbox),
            role: self.role,
            input: Input::new(),
            output: match R::EMITS {
                true => Output::new(self.dispatcher, self.buffer, self.overflow, self.accumulates),
                false => Output::none(),
            },
            asking: Asking::new(),
            mail: Vec::new(),
            line: VecDeque::new(),
            after_buffered: Rare::new(),
            life: Life::Running,
            draining: false,
            armed: u64::MAX,
            apart: false,
            linked: self.linked,
            ends_alone: self.ends_alone,
            shared: Arc::clone(&self.shared),
            site: self.site,
        };
        task.put(Box::new(actor));
        self.shared.lives(Arc::clone(&mailbox) as Arc<dyn Tells>);
        if let Some(first) = first {
            mailbox.order(first);
        }
        let stage = StageRef::new(Arc::clone(&mailbox), &self.shared);
        if let (Some(name), true) = (&self.name, self.registered) {
            stage.register(name, task.id(), self.address, self.site);
        }
        let own = || Arc::clone(&mailbox) as Arc<dyn Downstream<R::In>>;
        let joins = self.subscriptions.into_iter().map(|(how, site)| how.split(own(), site));
        match joins.collect() {
            Ok(joins) => mailbox.join(joins),
            Err(refused) => Lives::stop(&*mailbox, Reason::Failed(refused)),
        }
        // Also a stage that nobody has written to has something to do: an iterator moves away.
        task.notify();
        stage
    }
}

/// Options of stages that emit.
impl<R: Role> Launch<R> {
    /// Who gets which event: [`ByDemand`] where nothing is said.
    pub fn dispatcher(mut self, dispatcher: impl Dispatcher<R::Out> + 'static) -> Self {
        self.dispatcher = Box::new(dispatcher);
        self
    }

    /// Every consumer gets every event: see [`Broadcast`].
    pub fn broadcast(self) -> Self
    where
        R::Out: Clone,
    {
        self.dispatcher(Broadcast::new())
    }

    /// Every event goes to the consumer of its partition: see [`Partition`].
    pub fn partition<F>(self, partitions: usize, route: F) -> Self
    where
        F: FnMut(&R::Out) -> Option<usize> + Send + 'static,
    {
        self.dispatcher(Partition::new(partitions, route))
    }

    /// How many events are kept that nobody has asked for, and what becomes of more: 10,000, and
    /// [`Overflow::Block`], where nothing is said.
    pub fn buffer(mut self, events: usize, overflow: Overflow) -> Self {
        self.buffer = events;
        self.overflow = overflow;
        self
    }

    /// Holds demand back until [`forward`](StageRef::forward): nobody gets anything before everybody
    /// has subscribed.
    pub fn accumulate(mut self) -> Self {
        self.accumulates = true;
        self
    }

    /// Ends when its last consumer has left. Otherwise it waits for another one.
    pub fn end_when_alone(mut self) -> Self {
        self.ends_alone = true;
        self
    }
}

impl<R: Role> Tells for Mailbox<R> {
    fn task(&self) -> &TaskRef {
        &self.task
    }
}
