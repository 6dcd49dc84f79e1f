//! A supervisor at work: one thing at a time.
//!
//! Invariants:
//! - It learns that a child is over by a call to itself, in line with everything else; `start` tells
//!   which life of the child that was.
//! - While it stops children it waits for one of them, the last that lives; what the others do
//!   meanwhile is recorded and decides nothing.
//! - An address is told that its child is over for good exactly once, at the latest when the
//!   supervisor is dropped.

use super::child::{ChildId, Kept, OnOver};
use super::intensity::Intensity;
use super::{Restart, Strategy};
use crate::error::{BoxError, ErrorKind, FlowError, Site};
use crate::kernel::culprit::{self, guarded};
use crate::stage::batch::Batch;
use crate::stage::control::{Context, Order};
use crate::stage::mailbox::Call;
use crate::stage::reason::Reason;
use crate::stage::role::{Own, Role};
use crate::stage::scope::Scope;
use crate::stage::shared::Shared;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// A supervisor as a stage.
#[derive(Debug)]
pub struct Supervises {
    pub(super) supervisor: Supervisor,
}

/// What a supervisor keeps.
pub struct Supervisor {
    pub(super) children: Vec<Kept>,
    pub(super) strategy: Strategy,
    pub(super) intensity: Intensity,
    doing: Doing,
    draining: bool,
    own: Option<Own<Supervisor, Infallible, Infallible>>,
    scope: Scope,
    site: Site,
}

enum Doing {
    Nothing,
    /// Stops all children from this one on, the last one first; then does what is said.
    Stopping(usize, Then),
    /// It has ended.
    Over,
}

enum Then {
    Start,
    End(Reason),
}

type Cx<'a, 'b> = &'a mut Context<'b, Infallible>;

impl Supervises {
    pub(super) fn new(shared: &Arc<Shared>, site: Site) -> Self {
        let supervisor = Supervisor {
            children: Vec::new(),
            strategy: Strategy::default(),
            intensity: Intensity::new(),
            doing: Doing::Nothing,
            draining: false,
            own: None,
            scope: Scope::new(Arc::clone(shared)),
            site,
        };
        Supervises { supervisor }
    }
}

impl Role for Supervises {
    type Stage = Supervisor;
    type In = Infallible;
    type Out = Infallible;
    const EMITS: bool = false;
    const FAILS: ErrorKind = ErrorKind::Limit;
    const VERB: &'static str = "supervisor";

    fn stage(&mut self) -> &mut Supervisor {
        &mut self.supervisor
    }

    fn handle(
        &mut self,
        _events: Batch<'_, Infallible>,
        _out: &mut VecDeque<Infallible>,
    ) -> Result<(), BoxError> {
        Ok(())
    }

    fn begins(
        &mut self,
        own: Own<Supervisor, Infallible, Infallible>,
    ) -> Option<Call<Supervisor, Infallible>> {
        self.supervisor.own = Some(own);
        Some(Box::new(|supervisor, _| supervisor.start_from(0)))
    }

    fn ends_when_drained(&mut self) -> bool {
        let supervisor = &mut self.supervisor;
        supervisor.draining = true;
        for child in &supervisor.children {
            if let Some(lives) = &child.lives {
                lives.drain();
            }
        }
        supervisor.soon(Supervisor::end_if_empty);
        false
    }

    fn stops(&mut self, reason: &Reason) -> bool {
        let reason = reason.clone();
        self.supervisor.soon(move |supervisor, cx| supervisor.give_up(reason, cx));
        true
    }
}

impl Supervisor {
    /// Does something in its turn.
    fn soon(&self, call: impl FnOnce(&mut Supervisor, Cx<'_, '_>) + Send + 'static) {
        if let Some(own) = &self.own {
            own.0.order(Box::new(call));
        }
    }

    /// How many children live.
    pub fn living(&self) -> usize {
        self.children.iter().filter(|child| child.lives.is_some()).count()
    }

    pub(super) fn add(&mut self, child: Kept) {
        self.children.push(child);
        if matches!(self.doing, Doing::Nothing) {
            self.start(self.children.len() - 1);
        }
    }

    pub(super) fn stop_child(&mut self, id: ChildId) {
        if let Some(child) = self.children.iter_mut().find(|child| child.id == id) {
            child.restart = Restart::Temporary;
            match &child.lives {
                Some(lives) => lives.stop(Reason::Shutdown),
                None => child.is_over(&Reason::Shutdown),
            }
        }
    }

    fn start_from(&mut self, first: usize) {
        for at in first..self.children.len() {
            self.start(at);
        }
    }

    fn start(&mut self, at: usize) {
        let (site, child) = (self.site, &mut self.children[at]);
        if self.draining || child.over || child.lives.is_some() {
            return;
        }
        child.start += 1;
        let (id, start) = (child.id, child.start);
        let own = self.own.clone();
        let on_over: OnOver = Box::new(move |reason| {
            let reason = reason.clone();
            let call = Box::new(move |supervisor: &mut Supervisor, cx: Cx<'_, '_>| {
                supervisor.child_over(id, start, &reason, cx);
            });
            if let Some(own) = own {
                own.0.order(call);
            }
        });
        let scope = &self.scope;
        let started = catch_unwind(AssertUnwindSafe(|| {
            guarded(&site, || child.start(scope, on_over));
        }));
        if let Err(payload) = started {
            let reason = Reason::Failed(culprit::named(payload).with_site(site));
            self.soon(move |supervisor, cx| supervisor.child_over(id, start, &reason, cx));
        }
    }

    fn child_over(&mut self, id: ChildId, start: u64, reason: &Reason, cx: Cx<'_, '_>) {
        let known = self.children.iter().position(|child| child.id == id && child.start == start);
        let Some(at) = known else {
            return;
        };
        let child = &mut self.children[at];
        child.lives = None;
        child.record.ended(reason);
        let again = match child.restart {
            Restart::Permanent => true,
            Restart::Transient => reason.is_failure(),
            Restart::Temporary => false,
        };
        match &self.doing {
            Doing::Over => {}
            Doing::Stopping(from, _) => {
                // What was stopped in order to be started again will be.
                let stopped = at >= *from && matches!(reason, Reason::Shutdown);
                let returns = stopped && child.restart != Restart::Temporary;
                if !(again || returns) {
                    child.is_over(reason);
                }
                self.go_on(cx);
            }
            Doing::Nothing if !again || self.draining => {
                child.is_over(reason);
                if child.restart == Restart::Temporary {
                    self.children.remove(at);
                }
                self.end_if_empty(cx);
            }
            Doing::Nothing => self.restart(at, reason, cx),
        }
    }

    fn restart(&mut self, at: usize, reason: &Reason, cx: Cx<'_, '_>) {
        if !self.intensity.admits(self.scope.shared.core().clock.now()) {
            let why =
                FlowError::new(ErrorKind::Limit, self.intensity.exceeded()).with_site(self.site);
            let why = match reason {
                Reason::Failed(error) => why.with_source(error.clone()),
                _ => why,
            };
            self.children[at].is_over(&Reason::Failed(why.clone()));
            return self.give_up(Reason::Failed(why), cx);
        }
        match self.strategy {
            Strategy::OneForOne => {
                self.children[at].record.restarted();
                self.start(at);
            }
            Strategy::OneForAll => self.stop_from(0, Then::Start, cx),
            Strategy::RestForOne => self.stop_from(at, Then::Start, cx),
        }
    }

    fn give_up(&mut self, reason: Reason, cx: Cx<'_, '_>) {
        if !matches!(self.doing, Doing::Over | Doing::Stopping(_, Then::End(_))) {
            self.stop_from(0, Then::End(reason), cx);
        }
    }

    fn stop_from(&mut self, from: usize, then: Then, cx: Cx<'_, '_>) {
        self.doing = Doing::Stopping(from, then);
        self.go_on(cx);
    }

    /// Stops the last of those that are to be stopped and still live; goes on when there is none.
    fn go_on(&mut self, cx: Cx<'_, '_>) {
        let Doing::Stopping(from, _) = &self.doing else {
            return;
        };
        let from = *from;
        if let Some(lives) = self.children[from..].iter().rev().find_map(|c| c.lives.as_ref()) {
            return lives.stop(Reason::Shutdown);
        }
        match std::mem::replace(&mut self.doing, Doing::Nothing) {
            Doing::Stopping(_, Then::Start) if !self.draining => {
                for child in &mut self.children[from..] {
                    if child.start > 0 && !child.over {
                        child.record.restarted();
                    }
                }
                self.start_from(from);
                self.end_if_empty(cx);
            }
            Doing::Stopping(_, Then::Start) => self.end_if_empty(cx),
            Doing::Stopping(_, Then::End(reason)) => self.end(reason, cx),
            Doing::Nothing | Doing::Over => {}
        }
    }

    /// Ends when nothing lives and nothing will be started.
    fn end_if_empty(&mut self, cx: Cx<'_, '_>) {
        if matches!(self.doing, Doing::Nothing)
            && self.living() == 0
            && (self.draining || self.children.iter().all(|child| child.over))
        {
            self.end(Reason::Normal, cx);
        }
    }

    fn end(&mut self, reason: Reason, cx: Cx<'_, '_>) {
        self.doing = Doing::Over;
        for child in &mut self.children {
            child.is_over(&reason);
        }
        cx.orders.push(Order::Exit(reason));
    }
}

impl Drop for Supervisor {
    /// Where it ended otherwise than by `end`: the runtime is over, or it has failed itself.
    fn drop(&mut self) {
        for child in self.children.iter_mut().rev() {
            if let Some(lives) = child.lives.take() {
                lives.stop(Reason::Shutdown);
            }
            child.is_over(&Reason::Shutdown);
        }
    }
}

impl fmt::Debug for Supervisor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut named = f.debug_struct("Supervisor");
        named.field("strategy", &self.strategy).field("living", &self.living());
        named.finish_non_exhaustive()
    }
}

/// A child on its way to a supervisor, which may be over.
pub(super) struct Arriving(Option<Kept>);

impl Arriving {
    pub(super) fn new(child: Kept) -> Self {
        Arriving(Some(child))
    }

    pub(super) fn take(&mut self) -> Kept {
        self.0.take().expect("a child arrives once")
    }
}

impl Drop for Arriving {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            child.is_over(&Reason::Shutdown);
        }
    }
}
