//! A stage as a task: reads its mail, handles events while its consumers have room, asks for more.
//!
//! Invariants:
//! - What concerns credit (subscribing, asking, leaving) is done as soon as it is read. Events, ends
//!   and calls stand in one line, so that none overtakes another.
//! - A batch is handled only where the consumers have room for something; what it emits beyond that
//!   is buffered, and no further one is handled until the buffer is handed out.
//! - A stage that ends tells everybody, gives back what it has not handled, and closes its mailbox;
//!   whoever sends later learns how it ended.

use super::batch::Batch;
use super::control::{Context, Order, Peer, Side};
use super::input::Input;
use super::mailbox::{Call, Id, Leaving, Mail, Mailbox};
use super::output::Output;
use super::rare::Rare;
use super::reason::Reason;
use super::role::{Next, Role, Turn};
use super::shared::Shared;
use super::subscription::{Cancel, Request, SubscriptionId};
use crate::error::{BoxError, ErrorKind, FlowError, Site};
use crate::kernel::culprit::{self, guarded};
use crate::runtime::core::Cx;
use crate::runtime::task::{Step, Task};
use crate::source::{Asking, Produced};
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

pub(crate) struct Actor<R: Role> {
    pub(crate) mailbox: Arc<Mailbox<R>>,
    pub(crate) role: R,
    pub(crate) input: Input<R::In>,
    pub(crate) output: Output<R::Out>,
    pub(crate) asking: Asking,
    /// What has been taken out of the mailbox and not been read, the next one last.
    pub(crate) mail: Vec<Mail<R>>,
    pub(crate) line: VecDeque<Waiting<R>>,
    /// What is called when nothing is buffered any more.
    pub(crate) after_buffered: Rare<Call<R::Stage, R::Out>>,
    pub(crate) life: Life,
    pub(crate) draining: bool,
    /// The earliest time at which it is woken to tend itself, if that is to come.
    pub(crate) armed: u64,
    /// Whether it has asked for a thread of its own.
    pub(crate) apart: bool,
    /// Whether its failure is everybody's.
    pub(crate) linked: bool,
    /// Whether it ends when its last consumer has left.
    pub(crate) ends_alone: bool,
    pub(crate) shared: Arc<Shared>,
    pub(crate) site: Site,
}

/// What stands in line.
pub(crate) enum Waiting<R: Role> {
    Events {
        id: Id,
        events: VecDeque<R::In>,
    },
    Ended {
        id: Id,
        reason: Reason,
    },
    Call(Call<R::Stage, R::Out>),
    /// A call that waits, once it is its turn, until nothing is buffered.
    CallAfterBuffered(Call<R::Stage, R::Out>),
}

#[derive(Clone, Debug)]
pub(crate) enum Life {
    Running,
    /// Nothing comes any more; what is buffered is still asked for. Whether all that should have come
    /// has: otherwise it ends as one that was told to.
    Ending {
        complete: bool,
    },
    Over,
}

impl Life {
    /// How it ends, if nothing else happens.
    pub(super) fn reason(&self) -> Reason {
        match self {
            Life::Ending { complete: false } => Reason::Shutdown,
            _ => Reason::Normal,
        }
    }
}

/// Why a turn ended early.
pub(super) enum Stop {
    Failed(FlowError),
    Now(Reason),
}

impl From<FlowError> for Stop {
    fn from(error: FlowError) -> Self {
        Stop::Failed(error)
    }
}

impl<R: Role> Task for Actor<R> {
    fn run(&mut self, cx: &mut Cx<'_>) -> Step {
        match catch_unwind(AssertUnwindSafe(|| self.turn(cx))) {
            Ok(Ok(step)) => step,
            Ok(Err(Stop::Now(reason))) => self.exit(&reason),
            Ok(Err(Stop::Failed(error))) => self.exit(&Reason::Failed(self.named(error))),
            Err(payload) => {
                let error = self.named(culprit::named(payload));
                self.exit(&Reason::Failed(error))
            }
        }
    }
}

impl<R: Role> Actor<R> {
    fn turn(&mut self, cx: &mut Cx<'_>) -> Result<Step, Stop> {
        self.read_mail()?;
        if R::BLOCKS && !self.apart {
            self.apart = true;
            return Ok(Step::OwnThread);
        }
        loop {
            self.call_after_buffered()?;
            if self.work_off(cx)? {
                return Ok(Step::Again);
            }
            if R::LATER {
                self.settle()?;
            }
            let more = self.produce(cx)? | self.tend(cx)?;
            self.call_after_buffered()?;
            if matches!(self.life, Life::Ending { .. }) && self.nobody_takes_more() {
                return Err(Stop::Now(self.life.reason()));
            }
            if !more {
                let holds = !self.line.is_empty() || self.output.buffered() > 0;
                let answers = R::ANSWERS_DEMAND || !R::EMITS;
                let waits = answers || !holds || self.mailbox.waits_for_demand();
                return Ok(if waits { Step::Wait } else { Step::Again });
            }
            cx.lap();
            if R::BLOCKS || cx.spent() {
                return Ok(Step::Again);
            }
            cx.share_if_long();
        }
    }

    /// Reads all mail. What cannot be read, because the stage ends before, stays in `mail`.
    fn read_mail(&mut self) -> Result<(), Stop> {
        self.mailbox.take(&mut self.mail);
        self.mail.reverse();
        let asked = self.read()?;
        if asked {
            self.dispatch()?;
        }
        Ok(())
    }

    /// Does at once what concerns credit. True: consumers can perhaps be given more.
    fn read(&mut self) -> Result<bool, Stop> {
        let mut asked = false;
        while let Some(mail) = self.mail.pop() {
            match mail {
                Mail::Subscribe(request) => self.admit(*request)?,
                Mail::Ask { id, events, spare } => {
                    self.output.give(id, events, spare);
                    asked = true;
                }
                Mail::Leave(leaving) => {
                    self.dismiss(*leaving)?;
                    asked = true;
                }
                Mail::Events { id, events } => {
                    self.line.push_back(Waiting::Events { id, events });
                }
                Mail::Ended { id, reason } => self.line.push_back(Waiting::Ended { id, reason }),
                Mail::Join(joining) => {
                    let (id, name) = (joining.id, joining.upstream.name());
                    let peer = Peer { id, side: Side::Producer, name };
                    self.input.join(*joining);
                    self.with_context(|role, cx| role.on_subscribe(&peer, cx))?;
                    // One that is at its end takes nothing more.
                    if let (Life::Ending { .. }, Some(taking)) = (&self.life, self.input.get(id)) {
                        taking.leave(self.life.reason());
                    }
                }
                Mail::AskFor { id, events } => {
                    if let Some(taking) = self.input.get(id) {
                        taking.ask(events);
                    }
                }
                Mail::Unsubscribe { id, replaced } => {
                    if let Some(taking) = self.input.get(id) {
                        if replaced {
                            // Its end means nothing.
                            taking.cancel = Cancel::Temporary;
                        }
                        taking.leave(Reason::Cancelled);
                    }
                }
                Mail::Call(call) => self.line.push_back(Waiting::Call(call)),
                Mail::CallAfterBuffered(call) => {
                    self.line.push_back(Waiting::CallAfterBuffered(call));
                }
                Mail::Forward(forward) => {
                    self.output.accumulate(!forward);
                    asked = true;
                }
                Mail::Drain => {
                    self.draining = true;
                    self.output.accumulate(false);
                    asked = true;
                    let ends = self.role.ends_when_drained();
                    if ends && (R::PRODUCES || self.input.is_empty()) {
                        self.end(true)?;
                    }
                }
                Mail::Stop(reason) => {
                    if !self.role.stops(&reason) {
                        return Err(Stop::Now(reason));
                    }
                }
            }
        }
        Ok(asked)
    }

    /// Does what stands in line. True: it has run for long enough.
    fn work_off(&mut self, cx: &mut Cx<'_>) -> Result<bool, Stop> {
        let mut done = 0;
        loop {
            match self.line.front_mut() {
                None => break,
                Some(Waiting::Events { id, events }) => {
                    let id = *id;
                    let Some(taking) = self.input.get(id) else {
                        // Its subscription has ended: nothing comes after an end.
                        self.mailbox.counters.dropped(events.len());
                        self.line.pop_front();
                        continue;
                    };
                    if taking.takes_back(events) {
                        self.line.pop_front();
                        continue;
                    }
                    if self.output.room() == 0 {
                        break;
                    }
                    let n = taking.takes(cx.limit(taking.batch.min(events.len())));
                    done += n;
                    self.mailbox.counters.took(n);
                    let batch = Batch { events: events.drain(..n), from: id };
                    let (role, buffer) = (&mut self.role, &mut self.output.buffer);
                    let handled = guarded(&self.site, || role.handle(batch, buffer));
                    handled.map_err(|error| Self::failed(error))?;
                    let emptied = events.is_empty().then(|| std::mem::take(events));
                    if emptied.is_some() {
                        self.line.pop_front();
                    }
                    self.dispatch()?;
                    if let (Some(taking), false) = (self.input.get(id), R::LATER) {
                        taking.handled(n, emptied);
                    }
                }
                Some(Waiting::Ended { .. }) => {
                    if let Some(Waiting::Ended { id, reason }) = self.line.pop_front() {
                        self.ended(id, reason)?;
                    }
                }
                Some(Waiting::Call(_)) => {
                    if !self.output.has_buffer() {
                        break;
                    }
                    if let Some(Waiting::Call(call)) = self.line.pop_front() {
                        self.call(call)?;
                    }
                }
                Some(Waiting::CallAfterBuffered(_)) => {
                    if let Some(Waiting::CallAfterBuffered(call)) = self.line.pop_front() {
                        self.after_buffered.push(call);
                        self.call_after_buffered()?;
                    }
                }
            }
            // A look at the clock costs as much as a small event.
            if done >= 16 {
                done = 0;
                cx.lap();
                cx.share_if_long();
            }
            if cx.spent() {
                return Ok(!self.line.is_empty());
            }
        }
        Ok(false)
    }

    /// Asks the user's producer, if there is demand. True: it should be asked again.
    fn produce(&mut self, cx: &mut Cx<'_>) -> Result<bool, Stop> {
        if !R::PRODUCES || !matches!(self.life, Life::Running) {
            return Ok(false);
        }
        let room = cx.limit(self.output.room());
        if room == 0 || self.asking.still_pending(cx) {
            return Ok(false);
        }
        let (role, buffer) = (&mut self.role, &mut self.output.buffer);
        let site = &self.site;
        let produced = self
            .asking
            .ask(room, buffer, None, cx, |demand| guarded(site, || role.produce(demand)));
        match produced.map_err(Self::failed)? {
            Produced::Done => {
                self.life = Life::Ending { complete: true };
                self.dispatch()?;
                Ok(false)
            }
            // Whether it is still pending is looked at before it is asked again.
            Produced::Pending | Produced::More => {
                self.dispatch()?;
                Ok(self.output.room() > 0)
            }
        }
    }

    /// Lets the role do what it does of its own accord. True: it wants to again.
    fn tend(&mut self, cx: &mut Cx<'_>) -> Result<bool, Stop> {
        if !R::TENDS || !matches!(self.life, Life::Running) {
            return Ok(false);
        }
        cx.lap();
        let turn = Turn { now: cx.now(), room: cx.limit(self.output.room()), task: cx.task };
        let mut next = Ok(Next::Wait);
        self.with_context(|role, cx| next = role.tend(&turn, cx))?;
        match next? {
            Next::Again => return Ok(true),
            Next::At(at) if at <= turn.now => return Ok(true),
            Next::At(at) if at < self.armed || self.armed <= turn.now => {
                self.armed = at;
                cx.wake_at(at);
            }
            Next::At(_) | Next::Wait => {}
        }
        Ok(false)
    }

    pub(super) fn dispatch(&mut self) -> Result<(), Stop> {
        let (output, counters) = (&mut self.output, &self.mailbox.counters);
        Ok(guarded(&self.site, || output.dispatch(counters))?)
    }

    pub(super) fn failed(error: BoxError) -> Stop {
        Stop::Failed(FlowError::of(R::FAILS, "a stage failed", error))
    }

    /// Runs a closure on the user's own type.
    fn call(&mut self, call: Call<R::Stage, R::Out>) -> Result<(), Stop> {
        self.mailbox.one_call_less();
        self.with_context(|role, cx| call(role.stage(), cx))
    }

    /// Runs what waits until nothing is buffered, if nothing is.
    fn call_after_buffered(&mut self) -> Result<(), Stop> {
        if !self.after_buffered.is_empty() && self.output.buffered() == 0 {
            for call in self.after_buffered.take() {
                self.call(call)?;
            }
        }
        Ok(())
    }

    /// Asks for more where events have been handled since.
    fn settle(&mut self) -> Result<(), Stop> {
        let mut settled = Vec::new();
        self.role.settle(&mut settled).map_err(Self::failed)?;
        for (SubscriptionId(id), events) in settled {
            if let Some(taking) = self.input.get(id) {
                taking.handled(events, None);
            }
        }
        Ok(())
    }

    pub(super) fn with_context(
        &mut self,
        call: impl FnOnce(&mut R, &mut Context<'_, R::Out>),
    ) -> Result<(), Stop> {
        let mut orders = Vec::new();
        let (role, out) = (&mut self.role, &mut self.output.buffer);
        guarded(&self.site, || call(role, &mut Context { out, orders: &mut orders }));
        for order in orders {
            match order {
                Order::Ask(id, events) => {
                    if let Some(taking) = self.input.get(id) {
                        taking.ask(events);
                    }
                }
                Order::Cancel(id) => {
                    if let Some(taking) = self.input.get(id) {
                        taking.leave(Reason::Cancelled);
                    }
                    if let Some(downstream) = self.output.remove(id) {
                        downstream.ended(id, Reason::Cancelled);
                        self.end_if_alone()?;
                    }
                }
                Order::Stop => self.end(true)?,
                Order::Exit(Reason::Failed(error)) => return Err(Stop::Failed(error)),
                Order::Exit(reason) => return Err(Stop::Now(reason)),
            }
        }
        self.dispatch()
    }

    fn admit(&mut self, request: Request<R::Out>) -> Result<(), Stop> {
        let peer = Peer { id: request.id, side: Side::Consumer, name: request.downstream.name() };
        match self.output.add(request) {
            Ok(()) => {
                self.with_context(|role, cx| role.on_subscribe(&peer, cx))?;
            }
            Err((request, why)) => {
                let error = FlowError::new(ErrorKind::Option, why).with_site(self.site);
                request.refused(Reason::Failed(error));
            }
        }
        Ok(())
    }

    /// A consumer leaves, or gives back what reached it after it had left.
    fn dismiss(&mut self, leaving: Leaving<R::Out>) -> Result<(), Stop> {
        let Leaving { id, reason, unhandled, partition } = leaving;
        let downstream = self.output.remove(id);
        self.output.give_back(unhandled, partition, &self.mailbox.counters);
        let Some(downstream) = downstream else {
            return Ok(());
        };
        // One that lives on waits to hear that nothing more comes.
        downstream.ended(id, Reason::Cancelled);
        let peer = Peer { id, side: Side::Consumer, name: downstream.name() };
        self.with_context(|role, cx| role.on_cancel(&peer, &reason, cx))?;
        self.end_if_alone()
    }
}
