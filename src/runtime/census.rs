//! Who of a run lives, who can move, and who outside can make it move: what tells a stall from a
//! pause.
//!
//! Invariants:
//! - `live` counts tasks that were started and are not done.
//! - `active` counts tasks that are scheduled or running. Only an active task, a timer or something
//!   outside (a reader, a notifier held by user code) can make a task active. So when nothing is
//!   active and there is none of these while tasks live, nothing can ever move again.
//! - A task stops to live before it stops to be active: whoever sees that nothing is active sees
//!   that the finished tasks are finished.
//! - Being at rest is read off several words, so somebody may move between two readings: a timer
//!   fires, a notifier rings and goes. Each of these makes something active, and how often that
//!   has happened is counted in the same word. Where that word is the same after the readings as
//!   before them, they belong together.
//! - Only a reader knows whether something is left for it to read, so only it can say that a run has
//!   stalled that has nobody else outside. It says before it sleeps that it will, and then looks;
//!   whoever comes to rest looks for a reader that sleeps, and wakes it: one sees the other.

use crate::sync::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

#[derive(Debug)]
pub(crate) struct Census {
    live: AtomicUsize,
    /// The number of active tasks, and above it how often something became active.
    active: AtomicU64,
    outside: AtomicUsize,
    reader_sleeps: AtomicBool,
}

const ONCE: u64 = 1 << 32;
const TASKS: u64 = ONCE - 1;

impl Census {
    pub(crate) fn new() -> Self {
        Census {
            live: AtomicUsize::new(0),
            active: AtomicU64::new(0),
            outside: AtomicUsize::new(0),
            reader_sleeps: AtomicBool::new(false),
        }
    }

    /// A task begins to count.
    pub(crate) fn lives(&self) {
        self.live.fetch_add(1, Ordering::SeqCst);
    }

    pub(crate) fn live(&self) -> usize {
        self.live.load(Ordering::SeqCst)
    }

    /// A task is scheduled, or is about to be by who calls.
    pub(crate) fn moves(&self) {
        self.active.fetch_add(ONCE + 1, Ordering::SeqCst);
    }

    /// A task waits. True: it was the last one that was active.
    pub(crate) fn waits(&self) -> bool {
        self.active.fetch_sub(1, Ordering::SeqCst) & TASKS == 1
    }

    /// An active task is over. True: it was the last one that lived.
    pub(crate) fn done(&self) -> bool {
        let last = self.live.fetch_sub(1, Ordering::SeqCst) == 1;
        self.active.fetch_sub(1, Ordering::SeqCst);
        last
    }

    pub(crate) fn outside_enters(&self) {
        self.outside.fetch_add(1, Ordering::SeqCst);
    }

    pub(crate) fn outside_leaves(&self) {
        self.outside.fetch_sub(1, Ordering::SeqCst);
    }

    /// The reader is about to look for the last time before it sleeps, or is awake again.
    pub(crate) fn reader_sleeps(&self, sleeps: bool) {
        self.reader_sleeps.store(sleeps, Ordering::SeqCst);
    }

    /// Whether all that is left outside is a reader that sleeps, and nothing will wake it.
    pub(crate) fn reader_must_look(&self, timer_is_set: impl FnOnce() -> bool) -> bool {
        self.reader_sleeps.load(Ordering::SeqCst) && self.is_at_rest(1, timer_is_set)
    }

    /// Whether nothing can move by itself, while there is something that should: no task, no timer,
    /// and nobody outside but those `outside` of whom the caller knows that they wait too.
    pub(crate) fn is_at_rest(&self, outside: usize, timer_is_set: impl FnOnce() -> bool) -> bool {
        let before = self.active.load(Ordering::SeqCst);
        before & TASKS == 0
            && self.outside.load(Ordering::SeqCst) <= outside
            && !timer_is_set()
            && self.live() > 0
            && self.active.load(Ordering::SeqCst) == before
    }
}
