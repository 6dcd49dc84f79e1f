//! A child of a supervisor: how it is started, what its address is, what became of it.

use super::Restart;
use super::address::Address;
use crate::error::FlowError;
use crate::stage::ends::Outlet;
use crate::stage::launch::Launch;
use crate::stage::mailbox::{Lives, Upstream};
use crate::stage::reason::Reason;
use crate::stage::reference::StageRef;
use crate::stage::role::Role;
use crate::stage::scope::Scope;
use crate::stage::shared::Shared;
use crate::stage::subscription::Subscribe;
use crate::sync::{Mutex, unpoisoned};
use std::convert::Infallible;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

/// Names a child among those of the process.
pub(super) type ChildId = u64;

static NEXT: AtomicU64 = AtomicU64::new(0);

/// A stage under a supervisor: the same one, however often it is started anew.
///
/// What subscribes to it keeps its subscription when the stage is restarted, with what it had asked
/// for, and ends when the stage is over for good.
pub struct Child<S, In = Infallible, Out = Infallible> {
    id: ChildId,
    watched: Arc<Watched<S, In, Out>>,
    address: Arc<Address<Out>>,
    record: Arc<Record>,
    shared: Arc<Shared>,
}

/// The stage as it is now.
struct Watched<S, In, Out>(Mutex<Option<StageRef<S, In, Out>>>);

/// What has become of a child.
#[derive(Default)]
pub(super) struct Record {
    restarts: AtomicU64,
    failure: Mutex<Option<FlowError>>,
}

/// A child as its supervisor has it.
pub(super) struct Kept {
    pub(super) id: ChildId,
    pub(super) restart: Restart,
    /// Counts its starts: what is said about an earlier one is out of date.
    pub(super) start: u64,
    /// Until it is over.
    pub(super) lives: Option<Arc<dyn Lives>>,
    /// It is over and will not be started again.
    pub(super) over: bool,
    pub(super) record: Arc<Record>,
    starts: Box<dyn Starts>,
}

/// Told how a stage has ended.
pub(super) type OnOver = Box<dyn FnOnce(&Reason) + Send>;

trait Starts: Send {
    fn start(&mut self, scope: &Scope, on_over: OnOver) -> Arc<dyn Lives>;
    fn is_over(&self, reason: &Reason);
}

/// A closure that starts a child, and where the child is to be found.
struct Starting<F, S, In, Out> {
    make: F,
    address: Arc<Address<Out>>,
    /// Nobody need watch it.
    watched: Weak<Watched<S, In, Out>>,
}

impl<F, R> Starts for Starting<F, R::Stage, R::In, R::Out>
where
    R: Role,
    F: FnMut(&Scope) -> Launch<R> + Send,
{
    fn start(&mut self, scope: &Scope, on_over: OnOver) -> Arc<dyn Lives> {
        let mut launch = (self.make)(scope).unlinked();
        launch.address = Some(Arc::clone(&self.address) as Arc<dyn Upstream<R::Out>>);
        let stage = launch.start();
        let (lives, upstream) = (stage.lives(), stage.upstream());
        if let Some(watched) = self.watched.upgrade() {
            *unpoisoned(watched.0.lock()) = Some(stage);
        }
        self.address.is_up(upstream);
        let address = Arc::clone(&self.address);
        lives.watch(Box::new(move |reason| {
            address.is_down();
            on_over(reason);
        }));
        lives
    }

    fn is_over(&self, reason: &Reason) {
        self.address.is_over(reason);
    }
}

impl Record {
    pub(super) fn restarted(&self) {
        self.restarts.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn ended(&self, reason: &Reason) {
        if let Reason::Failed(error) = reason {
            *unpoisoned(self.failure.lock()) = Some(error.clone());
        }
    }
}

impl Kept {
    pub(super) fn new<R, F>(
        shared: &Arc<Shared>,
        restart: Restart,
        make: F,
    ) -> (Kept, Child<R::Stage, R::In, R::Out>)
    where
        R: Role,
        F: FnMut(&Scope) -> Launch<R> + Send + 'static,
    {
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        let (address, record) = (Address::new(), Arc::<Record>::default());
        let watched = Arc::new(Watched(Mutex::new(None)));
        let starting =
            Starting { make, address: Arc::clone(&address), watched: Arc::downgrade(&watched) };
        let kept = Kept {
            id,
            restart,
            start: 0,
            lives: None,
            over: false,
            record: Arc::clone(&record),
            starts: Box::new(starting),
        };
        (kept, Child { id, watched, address, record, shared: Arc::clone(shared) })
    }

    pub(super) fn start(&mut self, scope: &Scope, on_over: OnOver) {
        self.lives = Some(self.starts.start(scope, on_over));
    }

    /// It is over for good.
    pub(super) fn is_over(&mut self, reason: &Reason) {
        if !self.over {
            self.over = true;
            self.starts.is_over(reason);
        }
    }
}

impl<S: 'static, In: Send + 'static, Out: Send + 'static> Child<S, In, Out> {
    /// The stage as it is now; `None` before its first start. It may be over.
    pub fn stage(&self) -> Option<StageRef<S, In, Out>> {
        unpoisoned(self.watched.0.lock()).clone()
    }

    /// What it emits, as something to subscribe to: the same for all its lives.
    pub fn outlet(&self) -> Outlet<Out> {
        let upstream = Arc::clone(&self.address) as Arc<dyn Upstream<Out>>;
        Outlet { upstream, shared: Arc::clone(&self.shared) }
    }

    /// How often it was started again.
    pub fn restarts(&self) -> u64 {
        self.record.restarts.load(Ordering::Relaxed)
    }

    /// Its last failure, if there was one.
    pub fn failure(&self) -> Option<FlowError> {
        unpoisoned(self.record.failure.lock()).clone()
    }

    /// How it ended, if it is over for good.
    pub fn over(&self) -> Option<Reason> {
        self.address.over()
    }

    pub(super) fn id(&self) -> ChildId {
        self.id
    }
}

impl<S, In, Out> Clone for Child<S, In, Out> {
    fn clone(&self) -> Self {
        Child {
            id: self.id,
            watched: Arc::clone(&self.watched),
            address: Arc::clone(&self.address),
            record: Arc::clone(&self.record),
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<S, In, Out> fmt::Debug for Child<S, In, Out> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Child").field("over", &self.address.over()).finish_non_exhaustive()
    }
}

impl<S: 'static, I: Send + 'static, T: Send + 'static> From<&Child<S, I, T>> for Outlet<T> {
    fn from(child: &Child<S, I, T>) -> Self {
        child.outlet()
    }
}

impl<S: 'static, I: Send + 'static, T: Send + 'static> From<&Child<S, I, T>> for Subscribe<T> {
    fn from(child: &Child<S, I, T>) -> Self {
        Subscribe::to(child.outlet())
    }
}
