//! How a stage ends: with its inputs, alone, by a failure, or because it is told to.

use super::actor::{Actor, Life, Stop, Waiting};
use super::control::{Peer, Side};
use super::mailbox::{Downstream, Id, Mail};
use super::reason::Reason;
use super::role::Role;
use super::subscription::Cancel;
use crate::error::FlowError;
use crate::kernel::culprit::{self, guarded};
use crate::runtime::task::Step;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

impl<R: Role> Drop for Actor<R> {
    /// Where the runtime is dropped with its stages.
    fn drop(&mut self) {
        if !matches!(self.life, Life::Over) {
            self.exit(&Reason::Shutdown);
        }
    }
}

impl<R: Role> Actor<R> {
    /// An input has ended.
    pub(super) fn ended(&mut self, id: Id, reason: Reason) -> Result<(), Stop> {
        let own = Arc::clone(&self.mailbox) as Arc<dyn Downstream<R::In>>;
        let Some((taking, reason)) = self.input.ended(id, reason, own) else {
            return Ok(());
        };
        let peer = Peer { id, side: Side::Producer, name: taking.producer() };
        self.with_context(|role, cx| role.on_cancel(&peer, &reason, cx))?;
        if !matches!(self.life, Life::Running) {
            return Ok(());
        }
        match (taking.cancel, reason) {
            (Cancel::Permanent | Cancel::Transient, Reason::Failed(error)) => {
                return Err(Stop::Now(Reason::Failed(error)));
            }
            (Cancel::Permanent, reason) => return self.end(matches!(reason, Reason::Normal)),
            (Cancel::Transient, Reason::Normal) => self.input.some_ended = true,
            (Cancel::Transient, Reason::Shutdown) => {
                self.input.some_ended = true;
                self.input.cut_short = true;
            }
            (Cancel::Transient, Reason::Cancelled) | (Cancel::Temporary, _) => {}
        }
        if self.input.is_empty() && (self.input.some_ended || self.draining) {
            self.end(!self.input.cut_short)?;
        }
        Ok(())
    }

    /// Nothing is taken any more. Where all that should have come has, the user's stage says its last.
    pub(super) fn end(&mut self, complete: bool) -> Result<(), Stop> {
        if matches!(self.life, Life::Running) {
            self.life = Life::Ending { complete };
            self.input.leave_each(&self.life.reason());
            if complete {
                let (role, buffer) = (&mut self.role, &mut self.output.buffer);
                guarded(&self.site, || role.end(buffer)).map_err(Self::failed)?;
            }
            self.dispatch()?;
        }
        Ok(())
    }

    /// A consumer has left.
    pub(super) fn end_if_alone(&mut self) -> Result<(), Stop> {
        if self.ends_alone && !self.output.has_consumers() {
            return Err(Stop::Now(Reason::Normal));
        }
        Ok(())
    }

    /// Whether nothing is left that anybody could be given.
    pub(super) fn nobody_takes_more(&self) -> bool {
        !self.role.is_busy()
            && (self.output.buffered() == 0 || (self.draining && !self.output.has_consumers()))
    }

    /// Tells everybody that it is over.
    pub(super) fn exit(&mut self, reason: &Reason) -> Step {
        self.life = Life::Over;
        if let Some(name) = &self.mailbox.name {
            self.shared.names.forget(name, self.mailbox.task.id());
        }
        let (mail, mut watchers) = self.mailbox.close(reason);
        // Before anybody who waits for the end goes on.
        for watcher in watchers.take() {
            if let Err(payload) = catch_unwind(AssertUnwindSafe(|| watcher(reason))) {
                self.shared.core().fail(self.named(culprit::named(payload)));
            }
        }
        let mut unhandled: Vec<(Id, VecDeque<R::In>)> = Vec::new();
        let counters = &self.mailbox.counters;
        for waiting in self.line.drain(..) {
            if let Waiting::Events { id, events } = waiting {
                unhandled.push((id, events));
            }
        }
        for mail in self.mail.drain(..).rev().chain(mail) {
            match mail {
                Mail::Events { id, events } => unhandled.push((id, events)),
                Mail::Subscribe(request) => request.refused(reason.clone()),
                Mail::Join(joining) => self.input.join(*joining),
                Mail::Leave(leaving) => counters.came_back_too_late(leaving.unhandled.len()),
                _ => {}
            }
        }
        self.input.leave_all(reason, |of| {
            let mut all = VecDeque::new();
            unhandled
                .iter_mut()
                .filter(|(id, _)| *id == of)
                .for_each(|(_, events)| all.append(events));
            all
        });
        self.output.end(reason, counters);
        self.shared.is_over(self.mailbox.task.id(), reason, self.linked);
        Step::Done
    }

    pub(super) fn named(&self, error: FlowError) -> FlowError {
        let name = || self.mailbox.name.as_deref().unwrap_or(R::VERB).to_owned();
        let error = error.with_site(self.site).with_stage(name);
        self.shared.core().with_seed(error)
    }
}
