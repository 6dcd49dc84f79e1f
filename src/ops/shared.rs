//! What one stage makes and all instances of another one need before they can begin.
//!
//! Whoever finds it not yet there registers under the lock under which it is set, so nobody waits for what
//! has come.

use crate::runtime::task::TaskRef;
use crate::sync::unpoisoned;
use std::fmt;
use std::sync::{Arc, Mutex};

/// Something that is there once and for all, later.
pub(super) struct Shared<T: ?Sized> {
    state: Mutex<State<T>>,
}

struct State<T: ?Sized> {
    ready: Option<Arc<T>>,
    waiting: Vec<TaskRef>,
}

impl<T: ?Sized> fmt::Debug for Shared<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shared")
    }
}

impl<T: ?Sized> Default for Shared<T> {
    fn default() -> Self {
        Shared { state: Mutex::new(State { ready: None, waiting: Vec::new() }) }
    }
}

impl<T: ?Sized> Shared<T> {
    /// It, or else the task is woken when it is there.
    pub(super) fn get_or_wait(&self, task: &TaskRef) -> Option<Arc<T>> {
        let mut state = unpoisoned(self.state.lock());
        if state.ready.is_none() && !state.waiting.contains(task) {
            state.waiting.push(task.clone());
        }
        state.ready.clone()
    }

    /// It is there.
    pub(super) fn publish(&self, ready: Arc<T>) {
        let waiting = {
            let mut state = unpoisoned(self.state.lock());
            state.ready = Some(ready);
            std::mem::take(&mut state.waiting)
        };
        waiting.iter().for_each(TaskRef::notify);
    }

    /// Takes it away, if it is there: nobody gets it any more.
    pub(super) fn take(&self) -> Option<Arc<T>> {
        unpoisoned(self.state.lock()).ready.take()
    }
}
