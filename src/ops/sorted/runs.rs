//! The end of a stage whose instances keep their events and hand them on as one sorted run each.

use super::order::Order;
use crate::error::Site;
use crate::kernel::culprit::guarded;
use crate::kernel::{Finish, Kernel, Make, Mark, Push};
use crate::runtime::Place;
use crate::runtime::edge::{Inbox, Sender};
use crate::state::Best;
use std::fmt;
use std::sync::Arc;

/// Makes the ends of the instances.
pub(super) struct RunMake<T, O> {
    inbox: Arc<Inbox<Vec<T>>>,
    order: Arc<O>,
    few: Option<usize>,
    site: Site,
}

impl<T, O> RunMake<T, O> {
    pub(super) fn new(
        inbox: Arc<Inbox<Vec<T>>>,
        order: Arc<O>,
        few: Option<usize>,
        site: Site,
    ) -> Self {
        RunMake { inbox, order, few, site }
    }
}

impl<T: Send, O: Order<T>> Make for RunMake<T, O> {
    type Kernel = Run<T, O>;

    fn make(&self, place: &Place) -> Run<T, O> {
        Run {
            kept: match self.few {
                None => Kept::All(Vec::new()),
                Some(k) => Kept::Few(k, Best::new()),
            },
            order: Arc::clone(&self.order),
            site: self.site,
            staged: Vec::new(),
            sender: self.inbox.attach(&place.task),
        }
    }
}

/// What an instance keeps: all of its events, or so many of the first.
enum Kept<T> {
    All(Vec<T>),
    Few(usize, Best<T>),
}

/// One instance's events.
pub(crate) struct Run<T, O> {
    kept: Kept<T>,
    order: Arc<O>,
    site: Site,
    /// The run, from the end of the input until it is sent.
    staged: Vec<Vec<T>>,
    sender: Sender<Vec<T>>,
}

impl<T, O> fmt::Debug for Run<T, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Run({})", self.site.operator)
    }
}

/// How many events are kept between two looks at whether they are still wanted.
const ROOM: usize = 1 << 20;

impl<T: Send, O: Order<T>> Kernel for Run<T, O> {
    #[inline(always)]
    fn room(&mut self) -> usize {
        if self.sender.closed() { 0 } else { ROOM }
    }

    fn closed(&self) -> bool {
        self.sender.closed()
    }

    fn mark(&mut self, _mark: Mark) {}

    fn quiet(&mut self, _now: u64) -> Option<u64> {
        None
    }

    fn end(&mut self, finish: Finish) -> bool {
        if finish == Finish::Stopped {
            return true;
        }
        let order = |one: &T, other: &T| self.order.compare(one, other);
        let run = match std::mem::replace(&mut self.kept, Kept::All(Vec::new())) {
            Kept::All(mut events) => {
                guarded(&self.site, || events.sort_unstable_by(order));
                events
            }
            Kept::Few(k, best) => guarded(&self.site, || best.into_sorted(k, order)),
        };
        if !run.is_empty() {
            self.staged.push(run);
        }
        self.staged.is_empty() || self.sender.send(&mut self.staged) > 0
    }

    fn close(self, last: bool) {
        if last {
            self.sender.end();
        }
    }
}

impl<T: Send, O: Order<T>> Push<T> for Run<T, O> {
    #[inline(always)]
    fn push(&mut self, event: T) {
        self.push_all(std::iter::once(event));
    }

    #[inline(always)]
    fn push_all<I: Iterator<Item = T>>(&mut self, events: I) {
        match &mut self.kept {
            Kept::All(kept) => kept.extend(events),
            Kept::Few(k, best) => {
                let (site, order) = (&self.site, &*self.order);
                events.for_each(|event| {
                    guarded(site, || best.offer(*k, event, |one, other| order.compare(one, other)));
                });
            }
        }
    }
}
