//! The life of a task in one word: idle, scheduled, running, running and notified, done.
//!
//! Two bits carry the whole protocol. `NOTIFIED` says that something happened that the task has
//! not seen; `RUNNING` says that a worker is inside it. Scheduled is `NOTIFIED` without `RUNNING`:
//! whoever sets the bit on an idle task, and nobody else, puts the task into a ready queue.
//!
//! ```text
//!            notify → queue it                 start
//!   idle ───────────────────────▶ scheduled ─────────▶ running
//!    ▲                              ▲    ▲               │  │ notify
//!    │ wait                  again, │    │ wait          │  ▼
//!    └──────────────────────────────┼────┼──────── running+notified
//!                                   └────┴───────────────┘
//! ```
//!
//! Every notification is a read-modify-write of the same word, even when it changes nothing. That
//! is what makes a wake-up impossible to lose: either the notification comes before `start` in the
//! word's order, and the run sees what was written before it, or it comes after, and `wait` sees
//! the bit and refuses to go idle.

use crate::sync::{AtomicU8, Ordering};

const NOTIFIED: u8 = 1;
const RUNNING: u8 = 2;
const DONE: u8 = 4;

#[derive(Debug)]
pub(crate) struct TaskState(AtomicU8);

impl TaskState {
    pub(crate) fn idle() -> Self {
        TaskState(AtomicU8::new(0))
    }

    /// Tells the task that something happened. True: the caller must put it into a ready queue.
    #[must_use]
    pub(crate) fn notify(&self) -> bool {
        self.0.fetch_or(NOTIFIED, Ordering::AcqRel) == 0
    }

    /// A worker that took the task from a ready queue enters it.
    pub(crate) fn start(&self) {
        let before = self.0.swap(RUNNING, Ordering::AcqRel);
        debug_assert_eq!(before, NOTIFIED, "only a scheduled task starts");
    }

    /// The worker leaves a task that has more to do: the caller must queue it again.
    pub(crate) fn again(&self) {
        self.0.swap(NOTIFIED, Ordering::AcqRel);
    }

    /// The worker leaves a task that waits. True: it is idle now; false: it was notified while it
    /// ran, and the caller must queue it again.
    #[must_use]
    pub(crate) fn wait(&self) -> bool {
        let idle = self.0.compare_exchange(RUNNING, 0, Ordering::AcqRel, Ordering::Acquire).is_ok();
        if !idle {
            self.again();
        }
        idle
    }

    /// Whether the task waits for somebody to enter it.
    pub(crate) fn is_scheduled(&self) -> bool {
        self.0.load(Ordering::Acquire) == NOTIFIED
    }

    /// The task is over: later notifications change nothing.
    pub(crate) fn done(&self) {
        self.0.store(DONE, Ordering::Release);
    }
}
