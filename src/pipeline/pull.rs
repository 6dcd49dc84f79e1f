//! The stage that owns a source: settles, pulls within the bounds, hands on at the rate, and ends when
//! everything is settled.
//!
//! A stage that has ended could settle nothing, so it lives on after its source is done or it was told
//! to drain. Its consumers therefore do not learn from its end that nothing more comes: see `ledger`.

use super::ledger::{Ledger, Settled, Settling, add};
use super::message::Head;
use super::rate::Rate;
use super::source::{Pull, Pulled, Source};
use crate::error::{BoxError, ErrorKind, FlowError, Site};
use crate::kernel::culprit::caught;
use crate::ops::Retry;
use crate::runtime::clock::nanos;
use crate::runtime::task::TaskRef;
use crate::source::Rung;
use crate::stage::{Batch, Context, Next, Peer, Reason, Role, Turn};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;

/// What is the same for all sources of a pipeline.
pub(super) struct Pulling<T> {
    pub(super) in_flight: usize,
    pub(super) in_flight_bytes: usize,
    pub(super) rate: Option<Rate>,
    pub(super) partition: Option<PartitionBy<T>>,
    pub(super) retry: Retry,
    pub(super) site: Site,
}

/// The hash of a message's key.
pub(super) type PartitionBy<T> = (Box<dyn Fn(&T) -> u64 + Send + Sync>, Site);

pub(super) struct Puller<S: Source> {
    source: S,
    number: usize,
    pulling: Arc<Pulling<S::Item>>,
    ledger: Arc<Ledger<S>>,
    task: Option<TaskRef>,
    /// What was pulled and not handed on.
    backlog: VecDeque<Head<S>>,
    /// What was pulled and not settled.
    in_flight: usize,
    in_flight_bytes: usize,
    /// What is to be settled.
    settled: Settled<S::Receipt>,
    /// Messages that failed before they were handed on.
    refused: Settling<S>,
    last: Pulled,
    rung: Arc<Rung>,
    pull_at: u64,
    settle_at: u64,
    /// How many calls of either have failed in a row.
    pull_errors: u32,
    settle_errors: u32,
    life: Life,
    /// What it fails with when everything is settled.
    failure: Option<FlowError>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Life {
    Pulling,
    /// Told to drain, which the source does not know yet.
    Draining,
    /// Nothing is pulled any more.
    Emptying,
    /// Everything was handed on.
    Settling,
}

impl<S: Source> Puller<S> {
    pub(super) fn new(
        source: S,
        number: usize,
        pulling: &Arc<Pulling<S::Item>>,
        ledger: &Arc<Ledger<S>>,
    ) -> Self {
        Puller {
            source,
            number,
            pulling: Arc::clone(pulling),
            ledger: Arc::clone(ledger),
            task: None,
            backlog: VecDeque::new(),
            in_flight: 0,
            in_flight_bytes: 0,
            settled: Settled::new(),
            refused: Settling::new(ledger),
            last: Pulled::More,
            rung: Arc::default(),
            pull_at: 0,
            settle_at: 0,
            pull_errors: 0,
            settle_errors: 0,
            life: Life::Pulling,
            failure: None,
        }
    }

    fn begin(&mut self, task: &TaskRef) {
        if self.task.is_none() {
            self.task = Some(task.clone());
            self.ledger.wake_source(self.number, task);
            if let Some(rate) = &self.pulling.rate {
                rate.wakes(task);
            }
        }
    }

    pub(super) fn source(&mut self) -> &mut S {
        &mut self.source
    }

    /// Tells the source what is settled now, before it is stopped with the rest. Where it fails, that
    /// is delivered again like what was not finished.
    pub(super) fn settle_last(&mut self) {
        self.settle_at = 0;
        let _counted = self.settle(0);
    }

    /// Tells the source what became of its messages; returns when that is tried again.
    fn settle(&mut self, now: u64) -> Result<Option<u64>, FlowError> {
        self.ledger.take(self.number, &mut self.settled);
        if self.settled.settlement.is_empty() {
            return Ok(None);
        }
        if now < self.settle_at {
            return Ok(Some(self.settle_at));
        }
        let (source, settlement) = (&mut self.source, &self.settled.settlement);
        let told = caught(self.pulling.site, || source.settle(settlement));
        if let Err(error) = flat(told) {
            add(&self.ledger.counts.source_errors, 1);
            self.settle_errors += 1;
            if self.settle_errors > self.pulling.retry.times {
                return Err(error);
            }
            self.settle_at = self.pulling.retry.due(now, self.settle_errors);
            return Ok(Some(self.settle_at));
        }
        let counts = &self.ledger.counts;
        add(&counts.done, settlement.done.len());
        add(&counts.failed, settlement.failed.len());
        self.settle_errors = 0;
        self.in_flight -= settlement.len();
        self.in_flight_bytes -= self.settled.bytes;
        self.settled = Settled::new();
        // What it gave back may be there again.
        if self.last == Pulled::Wait {
            self.last = Pulled::More;
        }
        Ok(None)
    }

    /// Asks the source for more; returns when it is asked again.
    fn pull(&mut self, turn: &Turn<'_>) -> Next {
        let allowed = self.pulling.rate.as_ref().map_or(usize::MAX, |rate| rate.left(turn.now));
        let room = turn.room.min(allowed).saturating_sub(self.backlog.len());
        let items = room.min(self.pulling.in_flight.saturating_sub(self.in_flight));
        let bytes = self.pulling.in_flight_bytes.saturating_sub(self.in_flight_bytes);
        if self.life != Life::Pulling || items == 0 || bytes == 0 {
            return Next::Wait;
        }
        let rung = self.rung.take();
        match self.last {
            Pulled::Wait if !rung => return Next::Wait,
            Pulled::After(_) if rung => {}
            _ if turn.now < self.pull_at => return Next::At(self.pull_at),
            _ => {}
        }
        self.rung.next_call();
        let mut pulled = Vec::new();
        let (source, number, rung) = (&mut self.source, self.number, &self.rung);
        let asked = caught(self.pulling.site, || {
            let pulled = &mut pulled;
            source.pull(&mut Pull { items, bytes, pulled, source: number, task: turn.task, rung })
        });
        self.take_in(pulled);
        match flat(asked) {
            Ok(how) => {
                self.pull_errors = 0;
                self.last = how;
                match how {
                    Pulled::More => Next::Again,
                    Pulled::Wait => Next::Wait,
                    Pulled::After(wait) => {
                        self.pull_at = turn.now.saturating_add(nanos(wait));
                        Next::At(self.pull_at)
                    }
                    Pulled::Done => {
                        self.life = Life::Emptying;
                        Next::Wait
                    }
                }
            }
            Err(error) => {
                add(&self.ledger.counts.source_errors, 1);
                self.pull_errors += 1;
                if self.pull_errors > self.pulling.retry.times {
                    self.failure = Some(error);
                    self.life = Life::Draining;
                    return Next::Again;
                }
                self.last = Pulled::More;
                self.pull_at = self.pulling.retry.due(turn.now, self.pull_errors);
                Next::At(self.pull_at)
            }
        }
    }

    /// Counts what was pulled, and hashes keys.
    fn take_in(&mut self, pulled: Vec<Head<S>>) {
        add(&self.ledger.counts.pulled, pulled.len());
        self.in_flight += pulled.len();
        for mut head in pulled {
            self.in_flight_bytes += head.bytes;
            match &self.pulling.partition {
                None => self.backlog.push_back(head),
                Some((partition, site)) => match caught(*site, || partition(&head.event)) {
                    Ok(key) => {
                        head.key = key;
                        self.backlog.push_back(head);
                    }
                    Err(panicked) => {
                        self.ledger.give_up(head, panicked, *site, &mut self.refused);
                    }
                },
            }
        }
        self.refused.send(&self.ledger);
    }

    /// Hands on what consumers have room for, at the rate; returns when there is more of it.
    fn hand_on(&mut self, turn: &Turn<'_>, cx: &mut Context<'_, Head<S>>) -> Option<u64> {
        let ready = self.backlog.len().min(turn.room);
        let (n, more_at) = match &self.pulling.rate {
            Some(rate) => rate.take(turn.now, ready),
            None => (ready, u64::MAX),
        };
        self.ledger.enter(n);
        self.backlog.drain(..n).for_each(|head| cx.emit(head));
        if n < ready {
            return Some(more_at);
        }
        if n > 0 && !self.backlog.is_empty() {
            // There may be room for more.
            return Some(turn.now);
        }
        let waits = self.pulling.rate.is_some() && self.life == Life::Pulling && turn.room > n;
        waits.then_some(more_at)
    }

    fn drain(&mut self) {
        self.life = Life::Emptying;
        let source = &mut self.source;
        let told = caught(self.pulling.site, || source.prepare_for_drain());
        if let Err(error) = flat(told) {
            add(&self.ledger.counts.source_errors, 1);
            self.failure.get_or_insert(error);
        }
    }
}

/// The failure of a source.
fn flat<T>(called: Result<Result<T, BoxError>, FlowError>) -> Result<T, FlowError> {
    called?.map_err(|error| FlowError::new(ErrorKind::Source, "a source failed").with_source(error))
}

impl<S: Source> Role for Puller<S> {
    type Stage = Self;
    type In = Infallible;
    type Out = Head<S>;
    const ANSWERS_DEMAND: bool = true;
    const TENDS: bool = true;
    const BLOCKS: bool = S::BLOCKS;
    const FAILS: ErrorKind = ErrorKind::Source;
    const VERB: &'static str = "source";

    fn stage(&mut self) -> &mut Self {
        self
    }

    fn handle(
        &mut self,
        _events: Batch<'_, Infallible>,
        _out: &mut VecDeque<Head<S>>,
    ) -> Result<(), BoxError> {
        Ok(())
    }

    fn tend(&mut self, turn: &Turn<'_>, cx: &mut Context<'_, Head<S>>) -> Result<Next, FlowError> {
        self.begin(turn.task);
        let settle_at = self.settle(turn.now)?;
        if self.life == Life::Draining {
            self.drain();
        }
        let mut next = self.pull(turn);
        let more_at = self.hand_on(turn, cx);
        if self.life == Life::Emptying && self.backlog.is_empty() {
            self.life = Life::Settling;
            self.ledger.source_ends();
        }
        if self.life == Life::Settling && self.in_flight == 0 {
            match self.failure.take() {
                Some(error) => return Err(error),
                None => cx.stop(),
            }
            return Ok(Next::Wait);
        }
        for at in [settle_at, more_at].into_iter().flatten() {
            next = next.or_at(at);
        }
        Ok(next)
    }

    fn ends_when_drained(&mut self) -> bool {
        if self.life == Life::Pulling {
            self.life = Life::Draining;
        }
        false
    }

    fn on_subscribe(&mut self, _peer: &Peer, _cx: &mut Context<'_, Head<S>>) {}

    fn on_cancel(&mut self, _peer: &Peer, _reason: &Reason, _cx: &mut Context<'_, Head<S>>) {}
}

impl<S: Source> Drop for Puller<S> {
    fn drop(&mut self) {
        if let (Some(rate), Some(task)) = (&self.pulling.rate, &self.task) {
            rate.forgets(task);
        }
    }
}
