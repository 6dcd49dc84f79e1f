//! The claiming end of a pool: the input of the stage behind it.

use super::{Claim, Pool};
use crate::kernel::{Kernel, Mark, Push};
use crate::runtime::core::{Cx, Phase};
use crate::runtime::stage::{Input, Pace, Pull, Stage, WORTH_A_WAKE, spread};
use crate::runtime::task::TaskRef;
use crate::runtime::worker::WORTH_A_THREAD;
use crate::sync::unpoisoned;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// One claiming instance.
#[derive(Debug)]
pub(crate) struct FromPool<T> {
    pool: Arc<Pool<T>>,
    stage: Arc<Stage>,
    task: TaskRef,
    pace: Pace,
    events: VecDeque<T>,
    claim: Option<Claim>,
    /// How long the claim at hand has taken so far, in nanoseconds.
    busy: u64,
}

impl<T> FromPool<T> {
    pub(crate) fn new(pool: Arc<Pool<T>>, stage: Arc<Stage>, task: TaskRef) -> Self {
        let pace = Pace::new(1, pool.options.batch);
        FromPool { pool, stage, task, pace, events: VecDeque::new(), claim: None, busy: 0 }
    }

    fn settle<K: Kernel>(&mut self, kernel: &mut K) {
        let Some(claim) = self.claim.take() else {
            return;
        };
        kernel.mark(Mark::Settled);
        let credit = unpoisoned(self.pool.queue.lock()).settle(claim);
        if let Some((credits, more)) = credit
            && self.pool.tokens.is_none()
        {
            self.pool.counters.asked(more);
            credits.give(more);
        }
    }

    /// Claims, or says why not.
    fn claim(&mut self, room: usize, cx: &Cx<'_>) -> Result<Claim, Pull> {
        let mut most = room.min(self.pace.size());
        let pool = Arc::clone(&self.pool);
        let tokens = pool.tokens.as_ref().filter(|_| pool.filled);
        if let Some(tokens) = tokens {
            most = tokens.take_or_wait(most, || self.task.clone());
            if most == 0 {
                return Err(Pull::Wait);
            }
        }
        let claim = self.claim_up_to(most, cx);
        if let Some(tokens) = tokens {
            let claimed = claim.as_ref().map_or(0, |claim| claim.events);
            tokens.give(most - claimed);
        }
        claim
    }

    fn claim_up_to(&mut self, most: usize, cx: &Cx<'_>) -> Result<Claim, Pull> {
        let (claim, idle) = {
            let mut queue = unpoisoned(self.pool.queue.lock());
            match queue.claim(most, &mut self.events) {
                Some(claim) => {
                    self.pool.count_singles(&mut queue);
                    let wake_next = claim.left > 0
                        && (cx.core.is_simulated()
                            || self.pace.estimate(claim.left) > WORTH_A_WAKE);
                    (claim, if wake_next { queue.idle.pop() } else { None })
                }
                None if queue.ended || self.pool.closed.load(Ordering::SeqCst) => {
                    return Err(Pull::End);
                }
                None => {
                    if !queue.idle.contains(&self.task) {
                        queue.idle.push(self.task.clone());
                    }
                    return Err(Pull::Wait);
                }
            }
        };
        self.pool.counters.received(claim.events);
        match idle {
            Some(task) => task.notify(),
            None if claim.left > 0 => spread(&self.stage, cx.core, || {
                self.pace.estimate(claim.left) > WORTH_A_THREAD || cx.now() > WORTH_A_THREAD
            }),
            None => {}
        }
        Ok(claim)
    }
}

impl<T> FromPool<T> {
    /// Settles the claim before, which has been pushed whole, and claims anew.
    fn refill<K: Kernel>(&mut self, kernel: &mut K, room: usize, cx: &Cx<'_>) -> Result<(), Pull> {
        self.settle(kernel);
        if self.pool.filled && cx.core.phase() != Phase::Running {
            return Err(Pull::End);
        }
        let claim = self.claim(room, cx)?;
        let len = claim.events as u64;
        kernel.mark(Mark::Claimed { start: claim.position, len });
        self.claim = Some(claim);
        self.busy = 0;
        Ok(())
    }

    /// Claims a single event, for who makes many of it.
    pub(crate) fn next_one<K: Kernel>(&mut self, kernel: &mut K, cx: &Cx<'_>) -> Result<T, Pull> {
        self.refill(kernel, 1, cx)?;
        self.events.pop_front().ok_or(Pull::Wait)
    }

    /// Nobody wants anything any more.
    pub(crate) fn close(&self) {
        self.pool.close();
    }
}

impl<T: Send, K: Push<T>> Input<K> for FromPool<T> {
    fn pull(&mut self, kernel: &mut K, room: usize, cx: &mut Cx<'_>) -> Pull {
        if self.events.is_empty()
            && let Err(why) = self.refill(kernel, room, cx)
        {
            return why;
        }
        let now = room.min(self.events.len());
        if now == self.events.len() {
            let mut batch = Vec::from(std::mem::take(&mut self.events));
            kernel.push_batch(&mut batch);
            self.events = VecDeque::from(batch);
        } else {
            kernel.push_all(self.events.drain(..now));
        }
        Pull::Some(now)
    }

    fn took(&mut self, nanos: u64, _cx: &Cx<'_>) {
        self.busy += nanos;
        if self.events.is_empty()
            && let Some(claim) = &self.claim
        {
            self.pace.learn(claim.events, self.busy);
        }
    }

    fn cancel(&mut self) {
        self.close();
    }
}

impl<T> Drop for FromPool<T> {
    fn drop(&mut self) {
        // An instance that a failed run drops takes its share of the pool with it.
        self.pool.counters.dropped_after_receipt(self.events.len());
    }
}
