//! The last stage: handles batches, tries again what has failed, settles.

use super::attempts::{Attempts, Policy, Verdict};
use super::batch::{Batch, Held};
use super::ledger::{Ledger, Settling, add};
use super::source::Source;
use crate::error::{BoxError, ErrorKind, FlowError, Site};
use crate::stage::{self, Context, Next, Peer, Reason, Role, Turn};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;

/// What is the same for all handlers of a batcher.
pub(super) struct Handling<U, K> {
    pub(super) handle: Handle<U, K>,
    pub(super) policy: Policy,
    /// Whether a batch waits for one before it that is tried again.
    pub(super) ordered: bool,
    pub(super) site: Site,
}

/// What is done with a batch.
pub(super) type Handle<U, K> = Box<dyn Fn(&mut Batch<U, K>) -> Result<(), BoxError> + Send + Sync>;

pub(super) struct Handler<S: Source, U, K> {
    handling: Arc<Handling<U, K>>,
    ledger: Arc<Ledger<S>>,
    attempts: Attempts<Held<S, U, K>>,
    settling: Settling<S>,
}

impl<S: Source, U, K> Handler<S, U, K> {
    pub(super) fn new(handling: &Arc<Handling<U, K>>, ledger: &Arc<Ledger<S>>) -> Self {
        Handler {
            attempts: Attempts::new(&handling.policy),
            settling: Settling::new(ledger),
            handling: Arc::clone(handling),
            ledger: Arc::clone(ledger),
        }
    }

    /// All batches of a handler whose keys are ordered stand in one line.
    fn key(&self) -> Option<u64> {
        self.handling.ordered.then_some(0)
    }

    /// Handles a batch, and those that waited behind it.
    fn advance(&mut self, held: Held<S, U, K>) {
        let key = self.key();
        let mut next = Some(held);
        while let Some(held) = next {
            next = match self.attempt(held) {
                None => self.attempts.finished(key),
                Some(again) => {
                    let retry = again.batch.attempt;
                    add(&self.ledger.counts.retries, again.heads.len());
                    self.attempts.park(key, again, retry);
                    None
                }
            };
        }
        self.settling.send(&self.ledger);
    }

    /// Handles a batch; returns what of it is to be tried again.
    fn attempt(&mut self, mut held: Held<S, U, K>) -> Option<Held<S, U, K>> {
        held.batch.attempt += 1;
        held.batch.failed.clear();
        let attempt = held.batch.attempt;
        held.heads.iter_mut().for_each(|head| head.attempts = attempt);
        let Handling { handle, policy, site, .. } = &*self.handling;
        match policy.attempt(*site, attempt, || handle(&mut held.batch)) {
            Ok(()) if held.batch.failed.is_empty() => {
                held.heads.into_iter().for_each(|head| self.settling.done(head));
                None
            }
            Ok(()) => self.settle_apart(held),
            Err(Verdict::Again) => Some(held),
            Err(Verdict::Failed(error)) => {
                for head in held.heads {
                    self.ledger.give_up(head, error.clone(), *site, &mut self.settling);
                }
                None
            }
        }
    }

    /// Some have failed by themselves.
    fn settle_apart(&mut self, held: Held<S, U, K>) -> Option<Held<S, U, K>> {
        let Handling { policy, site, .. } = &*self.handling;
        let Held { mut batch, heads } = held;
        let mut errors: Vec<Option<BoxError>> = heads.iter().map(|_| None).collect();
        for (at, error) in batch.failed.drain(..) {
            errors[at].get_or_insert(error);
        }
        let (mut values, mut again) = (Vec::new(), Vec::new());
        for ((head, value), error) in heads.into_iter().zip(batch.values.drain(..)).zip(errors) {
            let Some(error) = error else {
                self.settling.done(head);
                continue;
            };
            match policy.attempt::<()>(*site, batch.attempt, || Err(error)) {
                Err(Verdict::Again) => {
                    values.push(value);
                    again.push(head);
                }
                Err(Verdict::Failed(error)) => {
                    self.ledger.give_up(head, error, *site, &mut self.settling);
                }
                Ok(()) => {}
            }
        }
        batch.values = values;
        (!again.is_empty()).then_some(Held { batch, heads: again })
    }
}

impl<S: Source, U: Send + 'static, K: Send + 'static> Role for Handler<S, U, K> {
    type Stage = Self;
    type In = Held<S, U, K>;
    type Out = Infallible;
    const EMITS: bool = false;
    const TENDS: bool = true;
    const FAILS: ErrorKind = ErrorKind::Sink;
    const VERB: &'static str = "handler";

    fn stage(&mut self) -> &mut Self {
        self
    }

    fn handle(
        &mut self,
        batches: stage::Batch<'_, Held<S, U, K>>,
        _out: &mut VecDeque<Infallible>,
    ) -> Result<(), BoxError> {
        for held in batches {
            if let Some(held) = self.attempts.admit(self.key(), held) {
                self.advance(held);
            }
        }
        Ok(())
    }

    fn tend(
        &mut self,
        turn: &Turn<'_>,
        _cx: &mut Context<'_, Infallible>,
    ) -> Result<Next, FlowError> {
        while let Some(held) = self.attempts.due(turn.now) {
            self.advance(held);
        }
        Ok(self.attempts.next_due(turn.now).map_or(Next::Wait, Next::At))
    }

    fn on_subscribe(&mut self, _peer: &Peer, _cx: &mut Context<'_, Infallible>) {}

    fn on_cancel(&mut self, _peer: &Peer, _reason: &Reason, _cx: &mut Context<'_, Infallible>) {}
}
