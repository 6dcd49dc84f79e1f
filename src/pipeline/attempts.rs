//! Trying, and trying again later: what waits for its next attempt, and what waits behind it because
//! it has the same key.

use crate::error::{BoxError, ErrorKind, FlowError, Site};
use crate::kernel::culprit::caught;
use crate::ops::Retry;
use std::collections::{BTreeMap, HashMap, VecDeque};

/// What is tried again, and when.
#[derive(Default)]
pub(super) struct Policy {
    pub(super) retry: Option<Retry>,
    pub(super) only_if: Option<Box<dyn Fn(&BoxError) -> bool + Send + Sync>>,
}

/// What becomes of something that failed.
pub(super) enum Verdict {
    /// It is tried again.
    Again,
    Failed(FlowError),
}

impl Policy {
    /// Makes attempt number `attempt`, counted from 1. A panic is final.
    pub(super) fn attempt<T>(
        &self,
        site: Site,
        attempt: u32,
        call: impl FnOnce() -> Result<T, BoxError>,
    ) -> Result<T, Verdict> {
        let tried = caught(site, || {
            call().map_err(|error| {
                let more = self.retry.is_some_and(|retry| attempt <= retry.times);
                (more && self.only_if.as_ref().is_none_or(|only_if| only_if(&error)), error)
            })
        });
        match tried {
            Ok(Ok(value)) => Ok(value),
            Ok(Err((true, _))) => Err(Verdict::Again),
            Ok(Err((false, error))) => Err(Verdict::Failed(failed(error).with_site(site))),
            Err(panicked) => Err(Verdict::Failed(panicked)),
        }
    }
}

/// What a message failed with.
pub(super) fn failed(error: impl Into<BoxError>) -> FlowError {
    FlowError::new(ErrorKind::Event, "a message failed").with_source(error)
}

pub(super) struct Attempts<M> {
    retry: Option<Retry>,
    /// By the time when each is due, and in the order in which they came to wait.
    waiting: BTreeMap<(u64, u64), M>,
    /// What has failed in this turn, with the number of its next retry.
    fresh: Vec<(M, u32)>,
    /// What waits behind something of the same key. A key is here while something of it waits.
    behind: HashMap<u64, VecDeque<M>>,
    parked: u64,
}

impl<M> Attempts<M> {
    pub(super) fn new(policy: &Policy) -> Self {
        Attempts {
            retry: policy.retry,
            waiting: BTreeMap::new(),
            fresh: Vec::new(),
            behind: HashMap::new(),
            parked: 0,
        }
    }

    /// Gives it back unless it has to wait behind another one of its key.
    pub(super) fn admit(&mut self, key: Option<u64>, one: M) -> Option<M> {
        match key.and_then(|key| self.behind.get_mut(&key)) {
            Some(behind) => {
                behind.push_back(one);
                None
            }
            None => Some(one),
        }
    }

    /// It waits for its next attempt, and others of its key behind it.
    pub(super) fn park(&mut self, key: Option<u64>, one: M, retry: u32) {
        if let Some(key) = key {
            self.behind.entry(key).or_default();
        }
        self.fresh.push((one, retry));
    }

    /// One of this key is finished: the next of those behind it, if there is one.
    pub(super) fn finished(&mut self, key: Option<u64>) -> Option<M> {
        let key = key?;
        let next = self.behind.get_mut(&key)?.pop_front();
        if next.is_none() {
            self.behind.remove(&key);
        }
        next
    }

    /// Takes out one that is due.
    pub(super) fn due(&mut self, now: u64) -> Option<M> {
        self.stamp(now);
        let first = self.waiting.first_entry().filter(|first| first.key().0 <= now)?;
        Some(first.remove())
    }

    /// When the next one is due.
    pub(super) fn next_due(&mut self, now: u64) -> Option<u64> {
        self.stamp(now);
        self.waiting.first_key_value().map(|((due, _), _)| *due)
    }

    /// Says when those are due that have failed meanwhile.
    fn stamp(&mut self, now: u64) {
        for (one, retry) in self.fresh.drain(..) {
            let due = self.retry.map_or(now, |policy| policy.due(now, retry));
            self.waiting.insert((due, self.parked), one);
            self.parked += 1;
        }
    }
}
