//! Who reads a run without being a thread that sleeps: a task elsewhere, by its waker.
//!
//! The poller registers and then looks; whoever makes something to be found publishes it and then
//! wakes. Both go through the flag, so one sees the other.

use crate::sync::{AtomicBool, Mutex, Ordering, unpoisoned};
use std::task::Waker;

#[derive(Debug)]
pub(crate) struct Poller {
    registered: AtomicBool,
    waker: Mutex<Option<Waker>>,
}

impl Poller {
    pub(crate) fn new() -> Self {
        Poller { registered: AtomicBool::new(false), waker: Mutex::new(None) }
    }

    /// Is woken once, in place of who was registered before.
    pub(crate) fn register(&self, waker: &Waker) {
        let before = unpoisoned(self.waker.lock()).replace(waker.clone());
        self.registered.store(true, Ordering::SeqCst);
        drop(before);
    }

    pub(crate) fn wake(&self) {
        if self.registered.swap(false, Ordering::SeqCst) {
            let waker = unpoisoned(self.waker.lock()).take();
            if let Some(waker) = waker {
                waker.wake();
            }
        }
    }
}
