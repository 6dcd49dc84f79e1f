//! What is sent to a task until it takes it, and when it is woken for that.
//!
//! Whoever sends adds a message and is told whether to wake the task; the task takes all at once. It is
//! woken for the first message only, since it takes the others with it. Messages that can wait do not
//! wake it at all, unless it has said that it waits for them: it says so, and looks once more.

use crate::sync::{Mutex, unpoisoned};

pub(crate) struct Post<M, W, E>(Mutex<Queue<M, W, E>>);

struct Queue<M, W, E> {
    mail: Vec<M>,
    /// Whether the task was woken for what is there.
    woken: bool,
    /// Whether the task needs nothing: then messages that can wait do not wake it.
    content: bool,
    state: State<W, E>,
}

/// While it is open, who wants to know of its end; then the end.
enum State<W, E> {
    Open(W),
    Over(E),
}

/// So many messages that can wait are there before one of them wakes the task: nothing piles up.
const CAN_WAIT: usize = 64;

impl<M, W: Default, E: Clone> Post<M, W, E> {
    pub(crate) fn new() -> Self {
        let state = State::Open(W::default());
        Post(Mutex::new(Queue { mail: Vec::new(), woken: false, content: false, state }))
    }

    /// Adds a message. True: the caller must wake the task. Where nobody takes anything any more the
    /// message is given back, with the end.
    pub(crate) fn send(&self, mail: M, can_wait: bool) -> Result<bool, (M, E)> {
        let mut queue = unpoisoned(self.0.lock());
        if let State::Over(end) = &queue.state {
            let end = end.clone();
            return Err((mail, end));
        }
        let waits = can_wait && queue.content && queue.mail.len() < CAN_WAIT;
        let wakes = !queue.woken && !waits;
        queue.mail.push(mail);
        queue.woken |= wakes;
        Ok(wakes)
    }

    /// Adds several messages, while nobody else can. True: the caller must wake the task. Nothing is
    /// done where nobody takes anything any more.
    pub(crate) fn send_all(&self, add: impl FnOnce(&mut Vec<M>)) -> bool {
        let mut queue = unpoisoned(self.0.lock());
        if let State::Over(_) = &queue.state {
            return false;
        }
        add(&mut queue.mail);
        !std::mem::replace(&mut queue.woken, true)
    }

    /// Swaps what has arrived for an empty buffer. `content`: what can wait does not wake the task from
    /// now on, until it says that it [waits for it](Self::waits).
    pub(crate) fn take(&self, taken: &mut Vec<M>, content: bool) {
        debug_assert!(taken.is_empty(), "all mail is handled before more is taken");
        let mut queue = unpoisoned(self.0.lock());
        std::mem::swap(taken, &mut queue.mail);
        queue.woken = false;
        queue.content = content;
    }

    /// The task waits also for what can wait. False: something has arrived meanwhile.
    pub(crate) fn waits(&self) -> bool {
        let mut queue = unpoisoned(self.0.lock());
        queue.content = false;
        queue.mail.is_empty()
    }

    /// Closes it for good; returns what had arrived, and who wants to know. The first end counts.
    pub(crate) fn close(&self, end: E) -> (Vec<M>, W) {
        let mut queue = unpoisoned(self.0.lock());
        if let State::Over(_) = &queue.state {
            return (Vec::new(), W::default());
        }
        let watchers = match std::mem::replace(&mut queue.state, State::Over(end)) {
            State::Open(watchers) => watchers,
            State::Over(_) => W::default(),
        };
        (std::mem::take(&mut queue.mail), watchers)
    }

    /// Its end, if it has come.
    pub(crate) fn over(&self) -> Option<E> {
        match &unpoisoned(self.0.lock()).state {
            State::Open(_) => None,
            State::Over(end) => Some(end.clone()),
        }
    }

    /// Adds somebody who wants to know of the end, unless it has come.
    pub(crate) fn watch(&self, add: impl FnOnce(&mut W)) -> Result<(), E> {
        match &mut unpoisoned(self.0.lock()).state {
            State::Open(watchers) => add(watchers),
            State::Over(end) => return Err(end.clone()),
        }
        Ok(())
    }
}
