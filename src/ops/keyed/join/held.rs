//! The side of a join that is held: taken into one table per partition, then shared by all who look up.

use super::pairs::Matching;
use super::tables::{Part, Parts, Rows};
use crate::error::{ErrorKind, FlowError, Site};
use crate::kernel::culprit::guarded;
use crate::kernel::{Finish, Kernel, Make, Mark, Push};
use crate::ops::keyed::attach::Carried;
use crate::ops::shared::Shared;
use crate::runtime::Place;
use crate::runtime::meter::EdgeCounters;
use crate::runtime::stage::Stage;
use crate::runtime::task::TaskRef;
use crate::state::{Settled, Table};
use crate::sync::unpoisoned;
use std::fmt;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::vec;

/// How many events a join may hold, and how many it does, in all partitions together.
#[derive(Debug)]
pub(super) struct Limit {
    pub(super) most: usize,
    pub(super) held: AtomicUsize,
}

/// What a join holds, between those who collect it and those who look it up.
pub(super) struct Held<S, R> {
    collected: Mutex<Collected<S, R>>,
    /// All of it, once it is there.
    pub(super) all: Shared<Parts<S, R>>,
    /// Nobody looks anything up any more.
    unwanted: AtomicBool,
    left: Mutex<Left<S, R>>,
}

struct Collected<S, R> {
    /// What each partition has, with its number.
    parts: Vec<(usize, Part<S, R>)>,
    stopped: bool,
    /// Who collects.
    tasks: Vec<TaskRef>,
}

/// What is left when everything has been looked up.
struct Left<S, R> {
    /// How many stages look up, and have not come to the end of their input.
    stages: usize,
    /// How many instances of each stage have.
    ended: Vec<(Arc<Stage>, usize)>,
    parts: Option<vec::IntoIter<Part<S, R>>>,
    waiting: Vec<TaskRef>,
}

impl<S, R> Left<S, R> {
    /// One more instance of a stage has come to its end. True: it is the last one of all.
    fn is_last(&mut self, stage: &Arc<Stage>) -> bool {
        let known = self.ended.iter().position(|(known, _)| Arc::ptr_eq(known, stage));
        let at = known.unwrap_or_else(|| {
            self.ended.push((Arc::clone(stage), 0));
            self.ended.len() - 1
        });
        self.ended[at].1 += 1;
        let last = self.ended[at].1 == stage.started();
        self.stages -= usize::from(last);
        last && self.stages == 0
    }
}

impl<S, R> fmt::Debug for Held<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Held")
    }
}

/// A partition's share of what is left when everything has been looked up.
pub(super) enum Share<S, R> {
    /// Not everything has: the task will be woken.
    NotYet,
    Part(Part<S, R>),
    None,
}

impl<S, R> Held<S, R> {
    pub(super) fn new() -> Arc<Self> {
        let collected = Collected { parts: Vec::new(), stopped: false, tasks: Vec::new() };
        Arc::new(Held {
            collected: Mutex::new(collected),
            all: Shared::default(),
            unwanted: AtomicBool::new(false),
            left: Mutex::new(Left {
                stages: 0,
                ended: Vec::new(),
                parts: None,
                waiting: Vec::new(),
            }),
        })
    }

    /// One more stage will look up.
    pub(super) fn planned(&self) {
        unpoisoned(self.left.lock()).stages += 1;
    }

    /// An instance of a stage has looked up everything, and has given back what it had of it.
    pub(super) fn looked_up(&self, stage: &Arc<Stage>) {
        if !unpoisoned(self.left.lock()).is_last(stage) {
            return;
        }
        let all = self.all.take();
        if all.is_none() {
            self.unwanted.store(true, Ordering::SeqCst);
            let tasks = std::mem::take(&mut unpoisoned(self.collected.lock()).tasks);
            tasks.iter().for_each(TaskRef::notify);
        }
        let parts = all.and_then(Arc::into_inner).filter(|all| !all.stopped);
        let parts = parts.map_or_else(Vec::new, |all| all.parts);
        let waiting = {
            let mut left = unpoisoned(self.left.lock());
            left.parts = Some(parts.into_iter());
            std::mem::take(&mut left.waiting)
        };
        waiting.iter().for_each(TaskRef::notify);
    }

    /// A share of what is left, to give what had no match.
    pub(super) fn share(&self, task: &TaskRef) -> Share<S, R> {
        let mut left = unpoisoned(self.left.lock());
        match &mut left.parts {
            Some(parts) => parts.next().map_or(Share::None, Share::Part),
            None => {
                left.waiting.push(task.clone());
                Share::NotYet
            }
        }
    }

    fn collect(&self, instance: usize, part: Part<S, R>, finish: Finish) {
        let mut collected = unpoisoned(self.collected.lock());
        collected.stopped |= finish == Finish::Stopped;
        collected.parts.push((instance, part));
    }

    /// All parts are there.
    fn publish(&self) {
        let (mut parts, stopped) = {
            let mut collected = unpoisoned(self.collected.lock());
            (std::mem::take(&mut collected.parts), collected.stopped)
        };
        if self.unwanted.load(Ordering::SeqCst) {
            return;
        }
        parts.sort_by_key(|(instance, _)| *instance);
        let parts = parts.into_iter().map(|(_, part)| part).collect();
        self.all.publish(Arc::new(Parts { parts, stopped }));
    }
}

/// Makes the ends of the partitions that collect the side that is held.
pub(super) struct HoldMake<S, P, B, W: Matching<S, P, B>> {
    pub(super) held: Arc<Held<S, W::Row>>,
    pub(super) counters: Arc<EdgeCounters>,
    pub(super) limit: Option<Arc<Limit>>,
    pub(super) site: Site,
    pub(super) types: PhantomData<fn(P, B) -> W>,
}

impl<S, P, B, W> Make for HoldMake<S, P, B, W>
where
    S: Eq + Send + Sync,
    W: Matching<S, P, B>,
{
    type Kernel = Hold<S, P, B, W>;

    fn make(&self, place: &Place) -> Self::Kernel {
        unpoisoned(self.held.collected.lock()).tasks.push(place.task.clone());
        Hold {
            held: Arc::clone(&self.held),
            counters: Arc::clone(&self.counters),
            limit: self.limit.clone(),
            table: Table::new(),
            counted: 0,
            instance: place.instance,
            task: place.task.clone(),
            site: self.site,
            types: PhantomData,
        }
    }
}

/// One partition that collects.
pub(super) struct Hold<S, P, B, W: Matching<S, P, B>> {
    held: Arc<Held<S, W::Row>>,
    counters: Arc<EdgeCounters>,
    limit: Option<Arc<Limit>>,
    table: Table<S, Rows<W::Row>>,
    /// How many rows it has, as far as they are counted.
    counted: usize,
    instance: usize,
    task: TaskRef,
    site: Site,
    types: PhantomData<fn(P, B) -> W>,
}

/// How many events are taken between two looks at the run.
const ROOM: usize = 1 << 16;

impl<S, P, B, W> Kernel for Hold<S, P, B, W>
where
    S: Eq + Send + Sync,
    W: Matching<S, P, B>,
{
    fn room(&mut self) -> usize {
        if self.closed() { 0 } else { ROOM }
    }

    fn closed(&self) -> bool {
        self.held.unwanted.load(Ordering::SeqCst)
    }

    fn mark(&mut self, _mark: Mark) {}

    fn quiet(&mut self, _now: u64) -> Option<u64> {
        None
    }

    fn end(&mut self, finish: Finish) -> bool {
        let table = Settled::from(std::mem::take(&mut self.table));
        self.counters.sent(self.counted);
        self.counters.received(self.counted);
        let unmatched = if W::LEFTOVERS { table.len() } else { 0 };
        let matched = (0..unmatched).map(|_| AtomicBool::new(false)).collect();
        self.held.collect(self.instance, Part { table, matched }, finish);
        true
    }

    fn close(self, last: bool) {
        if last {
            self.held.publish();
        }
    }
}

impl<S, P, B, W> Push<Carried<S, W::Row>> for Hold<S, P, B, W>
where
    S: Eq + Send + Sync,
    W: Matching<S, P, B>,
{
    fn push(&mut self, event: Carried<S, W::Row>) {
        self.push_batch(&mut vec![event]);
    }

    fn push_all<I: Iterator<Item = Carried<S, W::Row>>>(&mut self, events: I) {
        self.push_batch(&mut events.collect());
    }

    fn push_batch(&mut self, batch: &mut Vec<Carried<S, W::Row>>) {
        let (before, came) = (self.table.len(), batch.len());
        let add = |rows: &mut Rows<W::Row>, row| {
            if !W::ONCE {
                rows.push(row);
            }
        };
        guarded(&self.site, || self.table.merge(batch, Rows::one, add));
        let more = if W::ONCE { self.table.len() - before } else { came };
        self.counted += more;
        if let Some(limit) = &self.limit
            && more > 0
            && limit.held.fetch_add(more, Ordering::Relaxed) + more > limit.most
        {
            let most = limit.most;
            let why = format!("a join was to hold more than its limit of {most} events");
            self.task.fail(FlowError::new(ErrorKind::Limit, why).with_site(self.site));
        }
    }
}

impl<S, P, B, W: Matching<S, P, B>> fmt::Debug for Hold<S, P, B, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.site.operator)
    }
}
