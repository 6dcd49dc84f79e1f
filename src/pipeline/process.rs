//! The stage that processes single messages and says which batcher each goes to.

use super::attempts::{Attempts, Policy, Verdict, failed};
use super::ledger::{Ledger, Settling, add};
use super::message::{Head, Valued};
use super::source::Source;
use crate::error::{BoxError, ErrorKind, FlowError, Site};
use crate::kernel::culprit::caught;
use crate::stage::{Batch, Context, Next, Peer, Reason, Role, Turn};
use std::collections::VecDeque;
use std::sync::Arc;

/// What is the same for all processors of a pipeline.
pub(super) struct Processing<T, U> {
    pub(super) process: Process<T, U>,
    pub(super) policy: Policy,
    /// Without one all go to the only batcher.
    pub(super) route: Option<Route<U>>,
    pub(super) batchers: Vec<Arc<str>>,
    /// Whether messages of one key are processed in order.
    pub(super) ordered: bool,
    pub(super) site: Site,
}

/// What is done with a message.
pub(super) type Process<T, U> = Box<dyn Fn(&T) -> Result<U, BoxError> + Send + Sync>;

/// The name of a value's batcher, if it goes to one.
pub(super) type Route<U> = (Box<dyn Fn(&U) -> Option<&str> + Send + Sync>, Site);

/// Where a value goes.
enum To {
    Batcher(usize),
    Nowhere,
}

/// `LAST`: there is no batcher, and it is the last stage.
pub(super) struct Processor<S: Source, U, const LAST: bool> {
    processing: Arc<Processing<S::Item, U>>,
    ledger: Arc<Ledger<S>>,
    attempts: Attempts<Head<S>>,
    settling: Settling<S>,
}

impl<S: Source, U, const LAST: bool> Processor<S, U, LAST> {
    pub(super) fn new(processing: &Arc<Processing<S::Item, U>>, ledger: &Arc<Ledger<S>>) -> Self {
        Processor {
            attempts: Attempts::new(&processing.policy),
            settling: Settling::new(ledger),
            processing: Arc::clone(processing),
            ledger: Arc::clone(ledger),
        }
    }

    fn key(&self, head: &Head<S>) -> Option<u64> {
        self.processing.ordered.then_some(head.key)
    }

    /// Tries a message, and those that waited behind it.
    fn advance(&mut self, head: Head<S>, out: &mut VecDeque<Valued<S, U>>) {
        let mut next = Some(head);
        while let Some(head) = next {
            let key = self.key(&head);
            next = if self.attempt(head, out) { self.attempts.finished(key) } else { None };
        }
    }

    /// Tries one message. False: it waits for another attempt.
    fn attempt(&mut self, mut head: Head<S>, out: &mut VecDeque<Valued<S, U>>) -> bool {
        head.attempts += 1;
        let Processing { process, policy, site, .. } = &*self.processing;
        let routed = match policy.attempt(*site, head.attempts, || process(&head.event)) {
            Ok(value) => self.processing.to(&value).map(|to| (value, to)).map_err(Verdict::Failed),
            Err(verdict) => Err(verdict),
        };
        match routed {
            Ok((value, To::Batcher(batcher))) => out.push_back(Valued { head, value, batcher }),
            Ok((_, To::Nowhere)) => self.settling.done(head),
            Err(Verdict::Again) => {
                add(&self.ledger.counts.retries, 1);
                let (key, retry) = (self.key(&head), head.attempts);
                self.attempts.park(key, head, retry);
                return false;
            }
            Err(Verdict::Failed(error)) => {
                self.ledger.give_up(head, error, self.processing.site, &mut self.settling);
            }
        }
        true
    }

    fn send(&mut self) {
        let settled = self.settling.send(&self.ledger);
        self.ledger.leave(settled);
    }
}

impl<T, U> Processing<T, U> {
    fn to(&self, value: &U) -> Result<To, FlowError> {
        let Some((route, site)) = &self.route else {
            return Ok(if self.batchers.is_empty() { To::Nowhere } else { To::Batcher(0) });
        };
        caught(*site, || {
            let Some(name) = route(value) else {
                return Ok(To::Nowhere);
            };
            let at = self.batchers.iter().position(|batcher| **batcher == *name);
            let unknown = || failed(format!("there is no batcher `{name}`")).with_site(*site);
            at.map(To::Batcher).ok_or_else(unknown)
        })?
    }
}

impl<S: Source, U: Send + 'static, const LAST: bool> Role for Processor<S, U, LAST> {
    type Stage = Self;
    type In = Head<S>;
    type Out = Valued<S, U>;
    const EMITS: bool = !LAST;
    const TENDS: bool = true;
    const FAILS: ErrorKind = ErrorKind::Event;
    const VERB: &'static str = "processor";

    fn stage(&mut self) -> &mut Self {
        self
    }

    fn handle(
        &mut self,
        events: Batch<'_, Head<S>>,
        out: &mut VecDeque<Valued<S, U>>,
    ) -> Result<(), BoxError> {
        for head in events {
            let key = self.key(&head);
            if let Some(head) = self.attempts.admit(key, head) {
                self.advance(head, out);
            }
        }
        self.send();
        Ok(())
    }

    fn tend(
        &mut self,
        turn: &Turn<'_>,
        cx: &mut Context<'_, Valued<S, U>>,
    ) -> Result<Next, FlowError> {
        while let Some(head) = self.attempts.due(turn.now) {
            self.advance(head, cx.out);
        }
        self.send();
        Ok(self.attempts.next_due(turn.now).map_or(Next::Wait, Next::At))
    }

    fn on_subscribe(&mut self, _peer: &Peer, _cx: &mut Context<'_, Valued<S, U>>) {}

    fn on_cancel(&mut self, _peer: &Peer, _reason: &Reason, _cx: &mut Context<'_, Valued<S, U>>) {}
}
