//! How workers fall asleep without missing work.
//!
//! A worker that finds no work announces itself as idle and looks *once more* before it sleeps;
//! whoever makes work publishes it and only then looks for idle workers. A sequentially consistent
//! fence between the two steps on both sides makes sure that at least one of them sees the other.

use crate::sync::{AtomicUsize, Condvar, Mutex, Ordering, fence, unpoisoned};
use std::time::Duration;

#[derive(Debug)]
pub(crate) struct Sleep {
    idle: AtomicUsize,
    /// Wake-ups that were sent and not yet received by a sleeper.
    sent: Mutex<usize>,
    arrival: Condvar,
}

impl Sleep {
    pub(crate) fn new() -> Self {
        Sleep { idle: AtomicUsize::new(0), sent: Mutex::new(0), arrival: Condvar::new() }
    }

    /// Sleeps until woken or until `limit` has passed, unless `ready` says that there is work.
    pub(crate) fn sleep(&self, limit: Option<Duration>, ready: impl Fn() -> bool) {
        self.idle.fetch_add(1, Ordering::SeqCst);
        fence(Ordering::SeqCst);
        if !ready() {
            let mut sent = unpoisoned(self.sent.lock());
            if *sent == 0 {
                sent = match limit {
                    None => unpoisoned(self.arrival.wait(sent)),
                    Some(limit) => match self.arrival.wait_timeout(sent, limit) {
                        Ok((guard, _)) => guard,
                        Err(poisoned) => poisoned.into_inner().0,
                    },
                };
            }
            *sent = sent.saturating_sub(1);
        }
        self.idle.fetch_sub(1, Ordering::SeqCst);
    }

    /// Wakes one sleeper, if there is one. To be called after the work was published.
    pub(crate) fn wake_one(&self) {
        fence(Ordering::SeqCst);
        let idle = self.idle.load(Ordering::SeqCst);
        if idle > 0 {
            let mut sent = unpoisoned(self.sent.lock());
            if *sent < idle {
                *sent += 1;
                self.arrival.notify_one();
            }
        }
    }

    pub(crate) fn wake_all(&self) {
        fence(Ordering::SeqCst);
        let idle = self.idle.load(Ordering::SeqCst);
        if idle > 0 {
            *unpoisoned(self.sent.lock()) = idle;
            self.arrival.notify_all();
        }
    }

    pub(crate) fn sleepers(&self) -> usize {
        self.idle.load(Ordering::Relaxed)
    }
}
