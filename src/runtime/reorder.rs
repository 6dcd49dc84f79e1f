//! Order over parallel instances: results leave in the order in which the source was claimed.
//!
//! Every claim of the source carries its positions; what an instance makes of it is filed under its
//! first position, and the one reader takes them in turn. There is no edge credit in here: it would
//! deadlock, since later claims could use it up while the first one finds none. What bounds the
//! region are tokens, taken at the source for every position and given back by the reader when it
//! has taken all that came of them.
//!
//! Invariants:
//! - Claims are made in order, so the claim at the head is always held by some instance that has
//!   its tokens; it is never held back by others.
//! - A claim that is not at the head stops emitting at a cap; the head may always emit, two parts
//!   ahead of the reader. So memory is bounded by tokens plus a cap per instance.

use super::core::Cx;
use super::credit::Credits;
use super::meter::EdgeCounters;
use super::stage::{Input, Place, Pull};
use super::task::TaskRef;
use crate::kernel::{Finish, Kernel, Make, Mark, Push};
use crate::sync::unpoisoned;
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// How many events a claim may emit before it has to be at the head.
const CAP: usize = 1024;

#[derive(Debug)]
pub(crate) struct Reorder<T> {
    state: Mutex<State<T>>,
    reader: TaskRef,
    tokens: Arc<Credits<TaskRef>>,
    closed: AtomicBool,
    counters: Arc<EdgeCounters>,
}

#[derive(Debug)]
struct State<T> {
    /// The first position that the reader has not done with.
    head: u64,
    claims: BTreeMap<u64, Filed<T>>,
    spare: Vec<Vec<T>>,
    /// Instances that hold a full claim which is not at the head.
    waiting: Vec<TaskRef>,
    /// All instances within the region.
    members: Vec<TaskRef>,
    ended: bool,
}

#[derive(Debug)]
struct Filed<T> {
    len: u64,
    parts: VecDeque<Vec<T>>,
    settled: bool,
}

impl<T> Reorder<T> {
    pub(crate) fn new(
        reader: TaskRef,
        tokens: Arc<Credits<TaskRef>>,
        counters: Arc<EdgeCounters>,
    ) -> Arc<Self> {
        let state = State {
            head: 0,
            claims: BTreeMap::new(),
            spare: Vec::new(),
            waiting: Vec::new(),
            members: Vec::new(),
            ended: false,
        };
        Arc::new(Reorder {
            state: Mutex::new(state),
            reader,
            tokens,
            closed: AtomicBool::new(false),
            counters,
        })
    }

    /// Files a part of a claim, leaving a spare vector in its place.
    fn file(&self, start: u64, len: u64, part: &mut Vec<T>, settled: bool) {
        let at_head = {
            let mut state = unpoisoned(self.state.lock());
            if self.closed.load(Ordering::SeqCst) {
                drop(state);
                self.counters.dropped_unsent(part.len());
                return part.clear();
            }
            let spare = state.spare.pop().unwrap_or_default();
            let part = std::mem::replace(part, spare);
            self.counters.sent(part.len());
            let filed = state.claims.entry(start).or_insert_with(|| Filed {
                len,
                parts: VecDeque::new(),
                settled: false,
            });
            filed.parts.push_back(part);
            filed.settled |= settled;
            state.head == start
        };
        if at_head {
            self.reader.notify();
        }
    }

    /// Whether a claim may file another part before it is settled; if not, `task` is woken when it
    /// may.
    fn may_go_on(&self, start: u64, task: &TaskRef) -> bool {
        let mut state = unpoisoned(self.state.lock());
        let parts = state.claims.get(&start).map_or(0, |filed| filed.parts.len());
        let may = state.head == start && parts < 2;
        if !may && !state.waiting.contains(task) {
            state.waiting.push(task.clone());
        }
        may
    }

    fn end(&self) {
        unpoisoned(self.state.lock()).ended = true;
        self.reader.notify();
    }

    fn close(&self) {
        // Results are dropped outside of the lock: their `Drop` is a user's code.
        let (members, _left) = {
            let mut state = unpoisoned(self.state.lock());
            self.closed.store(true, Ordering::SeqCst);
            let left = std::mem::take(&mut state.claims);
            for filed in left.values() {
                self.counters.dropped_held(filed.parts.iter().map(Vec::len).sum());
            }
            (std::mem::take(&mut state.members), left)
        };
        for task in members {
            task.notify();
        }
        self.tokens.wake_all();
    }
}

/// The end of an instance within the region.
#[derive(Debug)]
pub(crate) struct IntoOrder<T> {
    reorder: Arc<Reorder<T>>,
    task: TaskRef,
    claim: Option<(u64, u64)>,
    staged: Vec<T>,
}

impl<T: Send> Kernel for IntoOrder<T> {
    fn room(&mut self) -> usize {
        if self.closed() {
            return 0;
        }
        let Some((start, len)) = self.claim else {
            return CAP;
        };
        if self.staged.len() >= CAP {
            if !self.reorder.may_go_on(start, &self.task) {
                return 0;
            }
            self.reorder.file(start, len, &mut self.staged, false);
        }
        CAP - self.staged.len()
    }

    fn closed(&self) -> bool {
        self.reorder.closed.load(Ordering::Relaxed)
    }

    fn mark(&mut self, mark: Mark) {
        match mark {
            Mark::Claimed { start, len } => self.claim = Some((start, len)),
            Mark::Settled => {
                if let Some((start, len)) = self.claim.take() {
                    self.reorder.file(start, len, &mut self.staged, true);
                }
            }
            // Times are given behind an order, not before it.
            Mark::Watermark(_) | Mark::Idle => {}
        }
    }

    fn quiet(&mut self, _now: u64) -> Option<u64> {
        // An operator waits in the middle of a claim: what came before need not wait with it.
        if let Some((start, len)) = self.claim
            && !self.staged.is_empty()
            && self.reorder.may_go_on(start, &self.task)
        {
            self.reorder.file(start, len, &mut self.staged, false);
        }
        None
    }

    fn end(&mut self, _finish: Finish) -> bool {
        self.mark(Mark::Settled);
        true
    }

    fn close(self, last: bool) {
        if last {
            self.reorder.end();
        }
    }
}

impl<T: Send> Push<T> for IntoOrder<T> {
    #[inline]
    fn push(&mut self, event: T) {
        self.staged.push(event);
    }
}

/// Makes the ends of instances.
#[derive(Debug)]
pub(crate) struct IntoOrderMake<T>(pub(crate) Arc<Reorder<T>>);

impl<T: Send> Make for IntoOrderMake<T> {
    type Kernel = IntoOrder<T>;

    fn make(&self, place: &Place) -> IntoOrder<T> {
        unpoisoned(self.0.state.lock()).members.push(place.task.clone());
        IntoOrder {
            reorder: Arc::clone(&self.0),
            task: place.task.clone(),
            claim: None,
            staged: Vec::new(),
        }
    }
}

/// The reader of the region, as the input of the one instance behind it.
#[derive(Debug)]
pub(crate) struct FromOrder<T> {
    reorder: Arc<Reorder<T>>,
    rest: VecDeque<T>,
    /// The claim at hand has been taken whole: when `rest` is pushed, so many tokens go back.
    owed: u64,
}

impl<T> FromOrder<T> {
    pub(crate) fn new(reorder: Arc<Reorder<T>>) -> Self {
        FromOrder { reorder, rest: VecDeque::new(), owed: 0 }
    }

    /// Gives back the tokens of a claim whose results are all pushed.
    fn settle(&mut self) {
        if self.owed > 0 {
            self.reorder.tokens.give(std::mem::take(&mut self.owed) as usize);
        }
    }
}

impl<T: Send, K: Push<T>> Input<K> for FromOrder<T> {
    fn pull(&mut self, kernel: &mut K, room: usize, _cx: &mut Cx<'_>) -> Pull {
        if self.rest.is_empty() {
            self.settle();
            let woken = {
                let mut state = unpoisoned(self.reorder.state.lock());
                let spent = Vec::from(std::mem::take(&mut self.rest));
                if spent.capacity() > 0 {
                    state.spare.push(spent);
                }
                let head = state.head;
                let Some(filed) = state.claims.get_mut(&head) else {
                    return if state.ended { Pull::End } else { Pull::Wait };
                };
                let part = filed.parts.pop_front();
                if let Some(part) = &part {
                    self.reorder.counters.received(part.len());
                }
                let len = filed.len;
                if filed.parts.is_empty() && filed.settled {
                    state.claims.remove(&head);
                    state.head += len;
                    self.owed = len;
                } else if part.is_none() {
                    return Pull::Wait;
                }
                self.rest = part.map(VecDeque::from).unwrap_or_default();
                std::mem::take(&mut state.waiting)
            };
            for task in woken {
                task.notify();
            }
        }
        let now = room.min(self.rest.len());
        kernel.push_all(self.rest.drain(..now));
        if self.rest.is_empty() {
            self.settle();
        }
        Pull::Some(now)
    }

    fn cancel(&mut self) {
        self.reorder.close();
    }
}

impl<T> Drop for FromOrder<T> {
    fn drop(&mut self) {
        self.reorder.close();
    }
}
