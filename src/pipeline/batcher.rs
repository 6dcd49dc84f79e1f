//! The stage that collects values into batches: by size or weight, by time, by key.

use super::attempts::Policy;
use super::batch::{Batch, Closed, Held};
use super::ledger::{Ledger, Settling, add};
use super::message::{Head, Valued};
use super::source::Source;
use crate::error::{BoxError, ErrorKind, FlowError, Site};
use crate::kernel::culprit::caught;
use crate::ops::Retry;
use crate::runtime::clock::nanos;
use crate::stage::{self, Context, Next, Peer, Reason, Role, Turn};
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

/// The options of a batcher: see [`Pipeline::batcher`](super::Pipeline::batcher).
#[must_use = "options count where they are returned"]
pub struct Batcher<U, K = ()> {
    pub(super) size: usize,
    pub(super) within: Duration,
    pub(super) weight: Option<Weight<U>>,
    pub(super) key: Box<dyn Fn(&U) -> K + Send + Sync>,
    pub(super) handlers: usize,
    pub(super) policy: Policy,
}

type Weight<U> = Box<dyn Fn(&U) -> usize + Send + Sync>;

impl<U, K> fmt::Debug for Batcher<U, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Batcher { size, within, handlers, .. } = self;
        f.debug_struct("Batcher")
            .field("size", size)
            .field("within", within)
            .field("handlers", handlers)
            .finish_non_exhaustive()
    }
}

impl<U> Batcher<U> {
    pub(super) fn new() -> Self {
        Batcher {
            size: 100,
            within: Duration::from_secs(1),
            weight: None,
            key: Box::new(|_| ()),
            handlers: 1,
            policy: Policy::default(),
        }
    }
}

impl<U, K> Batcher<U, K> {
    /// A batch is full with so many values: 100 where nothing is said. 0 is refused.
    pub fn size(mut self, values: usize) -> Self {
        self.size = values;
        self
    }

    /// A batch is closed so long after its first value came, however small it is: 1 s where nothing is
    /// said.
    pub fn within(mut self, time: Duration) -> Self {
        self.within = time;
        self
    }

    /// [`size`](Batcher::size) is what the values of a batch may weigh together. A value that would
    /// make it heavier begins another batch, in which it is alone if it weighs more than that itself.
    pub fn weight(mut self, weight: impl Fn(&U) -> usize + Send + Sync + 'static) -> Self {
        self.weight = Some(Box::new(weight));
        self
    }

    /// Only values with the same key come into the same batch. Every key that is open has a batch of
    /// its own; all of them together hold at most what may be [in flight](super::Pipeline::in_flight).
    pub fn key_by<L>(self, key: impl Fn(&U) -> L + Send + Sync + 'static) -> Batcher<U, L> {
        let Batcher { size, within, weight, handlers, policy, .. } = self;
        Batcher { size, within, weight, key: Box::new(key), handlers, policy }
    }

    /// How many batches are handled at the same time: 1 where nothing is said. 0 is refused.
    pub fn handlers(mut self, handlers: usize) -> Self {
        self.handlers = handlers;
        self
    }

    /// What has failed in a batch is tried again, as a smaller batch. Without it, one attempt is made.
    pub fn retry(mut self, retry: Retry) -> Self {
        self.policy.retry = Some(retry);
        self
    }

    /// Only where the handler failed all with such an error, or all that it named: others are final.
    pub fn retry_if(mut self, only_if: impl Fn(&BoxError) -> bool + Send + Sync + 'static) -> Self {
        self.policy.only_if = Some(Box::new(only_if));
        self
    }
}

/// What a batcher stage needs of its options.
pub(super) struct Collecting<U, K> {
    pub(super) name: Arc<str>,
    pub(super) size: usize,
    pub(super) within: u64,
    pub(super) weight: Option<Weight<U>>,
    pub(super) key: Box<dyn Fn(&U) -> K + Send + Sync>,
    /// Over how many handlers the keys of messages are divided, where their order is kept.
    pub(super) divided: Option<usize>,
    pub(super) site: Site,
}

impl<U, K> Collecting<U, K> {
    pub(super) fn new(
        name: &Arc<str>,
        options: Batcher<U, K>,
        ordered: bool,
        site: Site,
    ) -> (Self, usize, Policy) {
        let Batcher { size, within, weight, key, handlers, policy } = options;
        let (name, within) = (Arc::clone(name), nanos(within));
        let divided = ordered.then_some(handlers);
        (Collecting { name, size, within, weight, key, divided, site }, handlers, policy)
    }
}

pub(super) struct Collector<S: Source, U, K> {
    collecting: Collecting<U, K>,
    ledger: Arc<Ledger<S>>,
    settling: Settling<S>,
    open: HashMap<Key<K>, Open<S, U>>,
    /// The batches in the order in which they were opened, and so in which their time is over; also
    /// some that are closed.
    order: VecDeque<Deadline<K>>,
    opened: u64,
    begun: bool,
}

/// What the values of a batch have in common, and the handler of their messages' keys.
type Key<K> = (K, usize);

/// A batch that is not closed.
struct Open<S: Source, U> {
    values: Vec<U>,
    heads: Vec<Head<S>>,
    weight: usize,
    number: u64,
}

struct Deadline<K> {
    key: Key<K>,
    number: u64,
    /// Not yet known in the turn in which it was opened.
    due: Option<u64>,
}

impl<S: Source, U, K: Hash + Eq + Clone> Collector<S, U, K> {
    pub(super) fn new(collecting: Collecting<U, K>, ledger: &Arc<Ledger<S>>) -> Self {
        Collector {
            collecting,
            settling: Settling::new(ledger),
            ledger: Arc::clone(ledger),
            open: HashMap::new(),
            order: VecDeque::new(),
            opened: 0,
            begun: false,
        }
    }

    fn add(&mut self, valued: Valued<S, U>, out: &mut VecDeque<Held<S, U, K>>) {
        let Valued { head, value, .. } = valued;
        let Collecting { key, weight, size, divided, site, .. } = &self.collecting;
        let (size, site) = (*size, *site);
        let asked =
            caught(site, || (key(&value), weight.as_ref().map_or(1, |weight| weight(&value))));
        let (key, weight) = match asked {
            Ok(asked) => asked,
            Err(panicked) => {
                self.ledger.give_up(head, panicked, site, &mut self.settling);
                return;
            }
        };
        let key = (key, divided.map_or(0, |handlers| (head.key % handlers as u64) as usize));
        if self.open.get(&key).is_some_and(|open| open.weight.saturating_add(weight) > size) {
            self.close(&key, Closed::Size, out);
        }
        let (opened, order) = (&mut self.opened, &mut self.order);
        let open = self.open.entry(key.clone()).or_insert_with_key(|key| {
            *opened += 1;
            let number = *opened;
            order.push_back(Deadline { key: key.clone(), number, due: None });
            Open { values: Vec::new(), heads: Vec::new(), weight: 0, number }
        });
        open.values.push(value);
        open.heads.push(head);
        open.weight = open.weight.saturating_add(weight);
        if open.weight >= size {
            self.close(&key, Closed::Size, out);
        }
    }

    fn close(&mut self, key: &Key<K>, why: Closed, out: &mut VecDeque<Held<S, U, K>>) {
        if let Some((key, open)) = self.open.remove_entry(key) {
            let counts = &self.ledger.counts;
            let counter = match why {
                Closed::Size => &counts.full,
                Closed::Time => &counts.late,
                Closed::End => &counts.last,
            };
            add(counter, 1);
            out.push_back(self.collecting.held(key, open, why));
        }
        if self.order.len() > 2 * self.open.len() + 16 {
            let open = &self.open;
            self.order.retain(|one| is_open(open, one));
        }
    }

    /// Closes, in the order in which they were opened, those whose time is over.
    fn close_until(&mut self, now: u64, why: Closed, out: &mut VecDeque<Held<S, U, K>>) {
        while let Some(first) = self.order.front() {
            if is_open(&self.open, first) && first.due.is_some_and(|due| due > now) {
                return;
            }
            if let Some(first) = self.order.pop_front().filter(|one| is_open(&self.open, one)) {
                self.close(&first.key, why, out);
            }
        }
    }

    fn send(&mut self, collected: usize) {
        let settled = self.settling.send(&self.ledger);
        debug_assert!(settled <= collected, "what is settled here came here");
        self.ledger.leave(collected);
    }
}

fn is_open<S: Source, U, K: Hash + Eq>(
    open: &HashMap<Key<K>, Open<S, U>>,
    one: &Deadline<K>,
) -> bool {
    open.get(&one.key).is_some_and(|open| open.number == one.number)
}

impl<U, K> Collecting<U, K> {
    fn held<S: Source>(
        &self,
        (key, handler): Key<K>,
        open: Open<S, U>,
        closed: Closed,
    ) -> Held<S, U, K> {
        let batcher = Arc::clone(&self.name);
        let Open { values, heads, .. } = open;
        let failed = Vec::new();
        Held { batch: Batch { batcher, key, closed, handler, attempt: 0, values, failed }, heads }
    }
}

impl<S, U, K> Role for Collector<S, U, K>
where
    S: Source,
    U: Send + 'static,
    K: Hash + Eq + Clone + Send + 'static,
{
    type Stage = Self;
    type In = Valued<S, U>;
    type Out = Held<S, U, K>;
    const TENDS: bool = true;
    const FAILS: ErrorKind = ErrorKind::Event;
    const VERB: &'static str = "batcher";

    fn stage(&mut self) -> &mut Self {
        self
    }

    fn handle(
        &mut self,
        events: stage::Batch<'_, Valued<S, U>>,
        out: &mut VecDeque<Held<S, U, K>>,
    ) -> Result<(), BoxError> {
        let collected = events.len();
        events.for_each(|valued| self.add(valued, out));
        self.send(collected);
        Ok(())
    }

    fn tend(
        &mut self,
        turn: &Turn<'_>,
        cx: &mut Context<'_, Held<S, U, K>>,
    ) -> Result<Next, FlowError> {
        if !std::mem::replace(&mut self.begun, true) {
            self.ledger.wake_batcher(turn.task);
        }
        let (now, out) = (turn.now, &mut *cx.out);
        if self.ledger.is_flushing() {
            self.close_until(u64::MAX, Closed::End, out);
            return Ok(Next::Wait);
        }
        let due = now.saturating_add(self.collecting.within);
        for new in self.order.iter_mut().rev().take_while(|one| one.due.is_none()) {
            new.due = Some(due);
        }
        self.close_until(now, Closed::Time, out);
        let next = self.order.front().and_then(|first| first.due);
        Ok(next.map_or(Next::Wait, Next::At))
    }

    fn on_subscribe(&mut self, _peer: &Peer, _cx: &mut Context<'_, Held<S, U, K>>) {}

    fn on_cancel(&mut self, _peer: &Peer, _reason: &Reason, _cx: &mut Context<'_, Held<S, U, K>>) {}
}
