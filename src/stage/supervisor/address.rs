//! An address that survives the stages behind it.
//!
//! Consumers that subscribe while there is no stage wait for the next one; what they had asked for
//! before and did not get, they ask for again (`Taking::resumes`). So credit is neither lost nor
//! given twice, and nobody is woken who was not told.

use crate::stage::mailbox::{Id, Upstream};
use crate::stage::reason::Reason;
use crate::stage::subscription::Request;
use crate::sync::{Mutex, unpoisoned};
use std::collections::VecDeque;
use std::sync::Arc;

pub(super) struct Address<T> {
    state: Mutex<State<T>>,
}

struct State<T> {
    /// The last stage that was started.
    stage: Option<Arc<dyn Upstream<T>>>,
    /// Whether it is not over.
    up: bool,
    /// Set when there will be no other one.
    over: Option<Reason>,
    waiting: Vec<Request<T>>,
}

impl<T> Address<T> {
    pub(super) fn new() -> Arc<Self> {
        let state = State { stage: None, up: false, over: None, waiting: Vec::new() };
        Arc::new(Address { state: Mutex::new(state) })
    }

    /// A new stage is there. Who waits is passed on under the lock: what it says next must not
    /// arrive earlier.
    pub(super) fn is_up(&self, stage: Arc<dyn Upstream<T>>) {
        let mut state = unpoisoned(self.state.lock());
        for request in std::mem::take(&mut state.waiting) {
            if let Err((request, _)) = stage.subscribe(request) {
                // It is over already.
                state.waiting.push(request);
            }
        }
        state.stage = Some(stage);
        state.up = true;
    }

    /// The stage is over; there may be another one.
    pub(super) fn is_down(&self) {
        unpoisoned(self.state.lock()).up = false;
    }

    /// There will be no other one.
    pub(super) fn is_over(&self, reason: &Reason) {
        let waiting = {
            let mut state = unpoisoned(self.state.lock());
            state.up = false;
            state.over.get_or_insert(reason.clone());
            std::mem::take(&mut state.waiting)
        };
        for request in waiting {
            request.refused(reason.clone());
        }
    }

    pub(super) fn over(&self) -> Option<Reason> {
        unpoisoned(self.state.lock()).over.clone()
    }

    fn stage(&self) -> Option<Arc<dyn Upstream<T>>> {
        unpoisoned(self.state.lock()).stage.clone()
    }
}

impl<T> Upstream<T> for Address<T> {
    fn subscribe(&self, request: Request<T>) -> Result<(), (Request<T>, Reason)> {
        let mut state = unpoisoned(self.state.lock());
        if let Some(reason) = state.over.clone() {
            return Err((request, reason));
        }
        let refused = match (&state.stage, state.up) {
            (Some(stage), true) => stage.subscribe(request).err().map(|(request, _)| request),
            _ => Some(request),
        };
        // The one that is over has a successor, or there will be none.
        state.waiting.extend(refused);
        Ok(())
    }

    fn ask(&self, id: Id, events: usize, spare: VecDeque<T>) {
        if let Some(stage) = self.stage() {
            stage.ask(id, events, spare);
        }
    }

    fn leave(&self, id: Id, reason: Reason, unhandled: VecDeque<T>, partition: Option<usize>) {
        let waited = {
            let mut state = unpoisoned(self.state.lock());
            let at = state.waiting.iter().position(|request| request.id == id);
            at.map(|at| state.waiting.remove(at))
        };
        if let Some(request) = waited {
            request.refused(Reason::Cancelled);
        }
        // Also a stage that is over: it counts what it drops.
        if let Some(stage) = self.stage() {
            stage.leave(id, reason, unhandled, partition);
        }
    }

    fn name(&self) -> Option<Arc<str>> {
        self.stage().and_then(|stage| stage.name())
    }

    fn resumes(&self, _reason: Reason) -> Result<(), Reason> {
        self.over().map_or(Ok(()), Err)
    }
}
