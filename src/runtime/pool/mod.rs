//! An edge that several instances of one stage share: they claim from it what they can handle.
//!
//! A source that one thread reads (an iterator, a file, a user's producer) feeds a pool; the
//! instances of the stage behind it claim events at their own pace, few where an event is dear and
//! many where it is cheap. Segments keep what arrived together, so that demand is asked for again
//! exactly when a consumer with its own edge would ask.
//!
//! Invariants:
//! - Events are fed only against credit; the pool never holds more than `max_demand` per feeder.
//! - Positions are consecutive over all claims, in feeding order; between several feeders there is none.
//! - What one feeder gives one by one is joined to its last segment as long as that waits, whatever others
//!   feed meanwhile. So whoever is ahead of the claimers fills segments, and nothing waits for company.
//! - An instance that found nothing stands in `idle` until it is woken; feeding wakes one, and a
//!   claim that leaves enough behind wakes the next.

mod claim;
mod feed;

pub(crate) use claim::FromPool;
pub(crate) use feed::{IntoPool, IntoPoolMake, IntoPoolsMake};

use super::credit::{Credits, Demand};
use super::edge::EdgeOptions;
use super::meter::EdgeCounters;
use super::task::TaskRef;
use crate::sync::unpoisoned;
use crossbeam_channel::{Receiver, Sender};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

#[derive(Debug)]
pub struct Pool<T> {
    queue: Mutex<Queue<T>>,
    options: EdgeOptions,
    /// Credits given back by the reader of an ordered region instead of by the claimers.
    tokens: Option<Arc<Credits<TaskRef>>>,
    /// All events are here from the beginning: claimers take the tokens, since no feeder does.
    filled: bool,
    closed: AtomicBool,
    counters: Arc<EdgeCounters>,
}

#[derive(Debug)]
struct Queue<T> {
    segments: VecDeque<Segment<T>>,
    len: usize,
    next_segment: usize,
    /// The position of the next event to be claimed.
    position: u64,
    feeders: Vec<Feeder>,
    /// Segments that are claimed, wholly or in part, and not yet handled.
    unsettled: Vec<Unsettled>,
    idle: Vec<TaskRef>,
    spare: Vec<VecDeque<T>>,
    /// What was fed one by one and has not been counted yet: events, and the segments that they began.
    uncounted: (usize, usize),
    ended: bool,
    /// Dropped when nobody claims any more: what a feeder that is blocked selects on.
    halt: Option<Sender<()>>,
}

#[derive(Debug)]
struct Feeder {
    credits: Arc<Credits<TaskRef>>,
    demand: Demand,
    task: TaskRef,
    /// The segment that took its last single event.
    open: usize,
}

#[derive(Debug)]
struct Segment<T> {
    number: usize,
    feeder: usize,
    events: VecDeque<T>,
    total: usize,
}

#[derive(Debug)]
struct Unsettled {
    segment: usize,
    feeder: usize,
    claimed: usize,
    handled: usize,
    /// All of it has been claimed: `claimed` is its size.
    sealed: bool,
}

impl<T> Pool<T> {
    pub(crate) fn new(
        options: EdgeOptions,
        tokens: Option<Arc<Credits<TaskRef>>>,
        first: TaskRef,
        counters: Arc<EdgeCounters>,
    ) -> Arc<Self> {
        Arc::new(Pool {
            queue: Mutex::new(Queue { idle: vec![first], ..Queue::default() }),
            options,
            tokens,
            filled: false,
            closed: AtomicBool::new(false),
            counters,
        })
    }

    /// A pool that holds all its events from the beginning.
    pub(crate) fn filled(
        events: Vec<T>,
        options: EdgeOptions,
        tokens: Option<Arc<Credits<TaskRef>>>,
    ) -> Arc<Self> {
        // Not an edge of the plan: nobody sends here.
        let counters = Arc::<EdgeCounters>::default();
        counters.sent(events.len());
        let mut queue = Queue { len: events.len(), ended: true, ..Queue::default() };
        queue.push_segment(0, VecDeque::from(events));
        Arc::new(Pool {
            queue: Mutex::new(queue),
            options,
            tokens,
            filled: true,
            closed: AtomicBool::new(false),
            counters,
        })
    }

    /// Joins as one more feeder.
    fn attach(&self, task: &TaskRef) -> (usize, Arc<Credits<TaskRef>>) {
        let mut queue = unpoisoned(self.queue.lock());
        let credits = match &self.tokens {
            Some(tokens) => Arc::clone(tokens),
            None => {
                self.counters.asked(self.options.max_demand);
                Arc::new(Credits::new(self.options.max_demand))
            }
        };
        let demand = Demand::new(self.options.max_demand, self.options.min_demand);
        let task = task.clone();
        queue.feeders.push(Feeder { credits: Arc::clone(&credits), demand, task, open: 0 });
        (queue.feeders.len() - 1, credits)
    }

    /// Feeds all of `events`, for which the feeder holds credit, as segments of at most one batch.
    fn feed(&self, feeder: usize, events: &mut Vec<T>) {
        let idle = {
            let mut queue = unpoisoned(self.queue.lock());
            self.count_fed(events.len(), 1);
            if self.closed.load(Ordering::SeqCst) {
                drop(queue);
                self.counters.dropped_held(events.len());
                return events.clear();
            }
            queue.len += events.len();
            let batch = self.options.batch;
            while events.len() > batch {
                let mut segment = queue.spare.pop().unwrap_or_default();
                segment.extend(events.drain(..batch));
                queue.push_segment(feeder, segment);
            }
            // A vector becomes a segment as it is.
            let spare = Vec::from(queue.spare.pop().unwrap_or_default());
            queue.push_segment(feeder, VecDeque::from(std::mem::replace(events, spare)));
            queue.idle.pop()
        };
        if let Some(task) = idle {
            task.notify();
        }
    }

    fn count_fed(&self, events: usize, batches: usize) {
        self.counters.sent_in(events, batches);
        if self.tokens.is_none() {
            self.counters.spent(events);
        }
    }

    /// Counts what was fed one by one: once per segment or claim, not once per event.
    fn count_singles(&self, queue: &mut Queue<T>) {
        let (events, batches) = std::mem::take(&mut queue.uncounted);
        if events > 0 {
            self.count_fed(events, batches);
        }
    }

    /// Feeds one event at once, joined to its feeder's last segment where that waits and is not full.
    fn feed_one(&self, feeder: usize, event: T) {
        let idle = {
            let mut queue = unpoisoned(self.queue.lock());
            if self.closed.load(Ordering::SeqCst) {
                drop(queue);
                self.count_fed(1, 1);
                self.counters.dropped_held(1);
                return;
            }
            queue.len += 1;
            let first = queue.segments.front().map_or(0, |segment| segment.number);
            let open = queue.feeders[feeder].open.checked_sub(first);
            match open.and_then(|open| queue.segments.get_mut(open)) {
                Some(open) if open.feeder == feeder && open.total < self.options.batch => {
                    open.events.push_back(event);
                    open.total += 1;
                    queue.uncounted.0 += 1;
                }
                _ => {
                    self.count_singles(&mut queue);
                    queue.uncounted = (1, 1);
                    queue.feeders[feeder].open = queue.next_segment;
                    let mut batch = queue.spare.pop().unwrap_or_default();
                    batch.push_back(event);
                    queue.push_segment(feeder, batch);
                }
            }
            queue.idle.pop()
        };
        if let Some(task) = idle {
            task.notify();
        }
    }

    /// A channel that closes when nobody claims any more.
    pub(crate) fn halt(&self) -> Receiver<()> {
        let (sender, receiver) = crossbeam_channel::bounded(0);
        unpoisoned(self.queue.lock()).halt = Some(sender);
        receiver
    }

    /// All feeders are through.
    pub(crate) fn end(&self) {
        let idle = {
            let mut queue = unpoisoned(self.queue.lock());
            queue.ended = true;
            std::mem::take(&mut queue.idle)
        };
        for task in idle {
            task.notify();
        }
    }

    /// Nobody claims any more: what is held is dropped and counted, feeders are told.
    fn close(&self) {
        // Events are dropped outside of the lock: their `Drop` is a user's code.
        let (told, _left) = {
            let mut queue = unpoisoned(self.queue.lock());
            self.closed.store(true, Ordering::SeqCst);
            self.count_singles(&mut queue);
            self.counters.dropped_held(queue.len);
            queue.len = 0;
            let left = std::mem::take(&mut queue.segments);
            queue.halt = None;
            let mut told = std::mem::take(&mut queue.idle);
            told.extend(queue.feeders.iter().map(|feeder| feeder.task.clone()));
            (told, left)
        };
        for task in told {
            task.notify();
        }
    }
}

impl<T> Drop for Pool<T> {
    fn drop(&mut self) {
        // What a run that ended early left here.
        let queue = unpoisoned(self.queue.get_mut());
        let (left, (events, batches)) = (queue.len, queue.uncounted);
        self.count_fed(events, batches);
        self.counters.dropped_held(left);
    }
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Queue {
            segments: VecDeque::new(),
            len: 0,
            next_segment: 0,
            position: 0,
            feeders: Vec::new(),
            unsettled: Vec::new(),
            idle: Vec::new(),
            spare: Vec::new(),
            uncounted: (0, 0),
            ended: false,
            halt: None,
        }
    }
}

impl<T> Queue<T> {
    fn push_segment(&mut self, feeder: usize, events: VecDeque<T>) {
        let number = self.next_segment;
        self.next_segment += 1;
        let total = events.len();
        self.segments.push_back(Segment { number, feeder, events, total });
    }

    /// Moves up to `most` events of the first segment into `into`, which is empty.
    fn claim(&mut self, most: usize, into: &mut VecDeque<T>) -> Option<Claim> {
        let segment = self.segments.front_mut()?;
        let (number, feeder) = (segment.number, segment.feeder);
        let whole = segment.events.len() <= most;
        if whole {
            std::mem::swap(&mut segment.events, into);
        } else {
            into.extend(segment.events.drain(..most));
        }
        if whole && let Some(segment) = self.segments.pop_front() {
            self.spare.push(segment.events);
        }
        let events = into.len();
        let position = self.position;
        self.position += events as u64;
        self.len -= events;
        let unsettled = self.unsettled.iter_mut().find(|open| open.segment == number);
        match unsettled {
            Some(open) => {
                open.claimed += events;
                open.sealed = whole;
            }
            None => self.unsettled.push(Unsettled {
                segment: number,
                feeder,
                claimed: events,
                handled: 0,
                sealed: whole,
            }),
        }
        Some(Claim { segment: number, position, events, left: self.len })
    }

    /// A claim has been handled. Returns whom to give how much credit.
    fn settle(&mut self, claim: Claim) -> Option<(Arc<Credits<TaskRef>>, usize)> {
        let at = self.unsettled.iter().position(|open| open.segment == claim.segment)?;
        let open = &mut self.unsettled[at];
        open.handled += claim.events;
        if !open.sealed || open.handled < open.claimed {
            return None;
        }
        let open = self.unsettled.swap_remove(at);
        // A filled pool has no feeder to ask.
        let feeder = self.feeders.get_mut(open.feeder)?;
        match feeder.demand.handled(open.claimed) {
            0 => None,
            more => Some((Arc::clone(&feeder.credits), more)),
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Claim {
    segment: usize,
    position: u64,
    events: usize,
    /// What the claim left in the pool.
    left: usize,
}
