//! How often something may be started again within a time.

use crate::runtime::clock::nanos;
use std::collections::VecDeque;
use std::time::Duration;

#[derive(Debug)]
pub(in crate::stage) struct Intensity {
    most: usize,
    within: u64,
    /// When the last restarts were.
    restarts: VecDeque<u64>,
}

impl Intensity {
    /// Three in five seconds.
    pub(in crate::stage) fn new() -> Self {
        Intensity { most: 3, within: nanos(Duration::from_secs(5)), restarts: VecDeque::new() }
    }

    pub(in crate::stage) fn limit(&mut self, most: usize, within: Duration) {
        self.most = most;
        self.within = nanos(within);
    }

    /// One more, now. False: that is one too many.
    pub(in crate::stage) fn admits(&mut self, now: u64) -> bool {
        let since = now.saturating_sub(self.within);
        while self.restarts.front().is_some_and(|at| *at < since) {
            self.restarts.pop_front();
        }
        if self.restarts.len() >= self.most {
            return false;
        }
        self.restarts.push_back(now);
        true
    }

    /// What is said when there are too many.
    pub(in crate::stage) fn exceeded(&self) -> String {
        let within = Duration::from_nanos(self.within);
        format!("more than {} restarts within {within:?}", self.most)
    }
}
