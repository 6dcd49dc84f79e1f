//! Stages for tests: numbers that are asked for, sinks that write down what they get.
#![allow(dead_code, reason = "every test file uses a part of it")]

use flow::stage::{Batch, Consumer, Context, Peer, Reason, Side, StageRef, Stages};
use flow::{BoxError, Demand, Emitter, Executor, Notifier, Produced, Producer, ProducerConsumer};
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// What has happened, in order.
#[derive(Debug)]
pub(crate) struct Log<T>(Arc<Mutex<Vec<T>>>);

impl<T> Clone for Log<T> {
    fn clone(&self) -> Self {
        Log(Arc::clone(&self.0))
    }
}

impl<T> Default for Log<T> {
    fn default() -> Self {
        Log(Arc::default())
    }
}

impl<T: Clone> Log<T> {
    pub(crate) fn new() -> Self {
        Log::default()
    }

    pub(crate) fn push(&self, entry: T) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(entry);
    }

    pub(crate) fn all(&self) -> Vec<T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

/// One worker, several, and some schedules of the simulation.
pub(crate) fn runtimes() -> impl Iterator<Item = Stages> {
    crate::support::executors().into_iter().map(on)
}

/// Only threads: the simulation cuts batches as it likes.
pub(crate) fn on_threads() -> impl Iterator<Item = Stages> {
    [1, 2, 4].into_iter().map(|workers| on(Executor::threads(workers)))
}

pub(crate) fn on(executor: Executor) -> Stages {
    Stages::on(executor).expect("it has workers")
}

/// Runs until something is so, and fails where it never is.
pub(crate) fn until(stages: &Stages, what: &str, so: impl Fn() -> bool) {
    let began = Instant::now();
    stages.settle();
    while !so() {
        assert!(began.elapsed() < Duration::from_secs(20), "never: {what}");
        thread::yield_now();
        stages.advance(Duration::from_millis(1));
    }
}

/// The numbers of a range, so many per call at most.
#[derive(Debug)]
pub(crate) struct Numbers {
    pub(crate) next: u64,
    pub(crate) end: u64,
    pub(crate) per_call: usize,
    /// How many were asked for in every call.
    pub(crate) asked: Log<usize>,
}

impl Numbers {
    pub(crate) fn to(end: u64) -> Self {
        Numbers { next: 0, end, per_call: usize::MAX, asked: Log::new() }
    }

    pub(crate) fn from(next: u64, end: u64) -> Self {
        Numbers { next, ..Numbers::to(end) }
    }

    pub(crate) fn endless() -> Self {
        Numbers::to(u64::MAX)
    }
}

impl Producer for Numbers {
    type Item = u64;

    fn produce(&mut self, demand: &mut Demand<'_, u64>) -> Result<Produced, BoxError> {
        self.asked.push(demand.events());
        for _ in 0..demand.events().min(self.per_call) {
            if self.next == self.end {
                return Ok(Produced::Done);
            }
            demand.emit(self.next);
            self.next += 1;
        }
        Ok(if self.next == self.end { Produced::Done } else { Produced::More })
    }
}

/// Produces nothing by itself: what is to be emitted is emitted in calls.
#[derive(Debug, Default)]
pub(crate) struct Idle(Option<Notifier>);

impl Producer for Idle {
    type Item = u64;

    fn produce(&mut self, demand: &mut Demand<'_, u64>) -> Result<Produced, BoxError> {
        // Waits for a bell that nobody rings.
        self.0 = Some(demand.notifier());
        Ok(Produced::Pending)
    }
}

/// A running producer that emits only what it is told to.
pub(crate) type IdleRef = StageRef<Idle, Infallible, u64>;

/// Lets an idle producer emit something.
pub(crate) fn emit(stage: &IdleRef, events: impl IntoIterator<Item = u64> + Send + 'static) {
    drop(stage.call(move |_, cx| events.into_iter().for_each(|event| cx.emit(event))));
}

/// Lets an idle producer come to its end.
pub(crate) fn end(stage: &IdleRef) {
    drop(stage.call(|_, cx| cx.stop()));
}

/// Writes down the batches that it gets, and what else happens.
#[derive(Debug, Default)]
pub(crate) struct Sink {
    pub(crate) batches: Log<Vec<u64>>,
    pub(crate) events: Log<u64>,
    pub(crate) notes: Log<String>,
    /// Fails at this event.
    pub(crate) fails_at: Option<u64>,
}

impl Sink {
    pub(crate) fn new() -> (Self, Log<u64>) {
        let sink = Sink::default();
        let events = sink.events.clone();
        (sink, events)
    }
}

pub(crate) fn reason(reason: &Reason) -> &'static str {
    match reason {
        Reason::Normal => "normal",
        Reason::Shutdown => "shutdown",
        Reason::Cancelled => "cancelled",
        Reason::Failed(_) => "failed",
        _ => "another",
    }
}

fn side(peer: &Peer) -> &'static str {
    match peer.side() {
        Side::Producer => "producer",
        Side::Consumer => "consumer",
    }
}

pub(crate) fn subscribed(notes: &Log<String>, peer: &Peer) {
    notes.push(format!("{} {} joins", side(peer), peer.name().unwrap_or("?")));
}

pub(crate) fn cancelled(notes: &Log<String>, peer: &Peer, why: &Reason) {
    notes.push(format!("{} {} leaves: {}", side(peer), peer.name().unwrap_or("?"), reason(why)));
}

impl Consumer for Sink {
    type Item = u64;

    fn handle(&mut self, event: u64) -> Result<(), BoxError> {
        if self.fails_at == Some(event) {
            return Err("it had to be".into());
        }
        self.events.push(event);
        Ok(())
    }

    fn handle_batch(&mut self, batch: Batch<'_, u64>) -> Result<(), BoxError> {
        let batch: Vec<u64> = batch.collect();
        self.batches.push(batch.clone());
        batch.into_iter().try_for_each(|event| self.handle(event))
    }

    fn end(&mut self) -> Result<(), BoxError> {
        self.notes.push("end".into());
        Ok(())
    }

    fn on_subscribe(&mut self, peer: &Peer, _cx: &mut Context<'_, Infallible>) {
        subscribed(&self.notes, peer);
    }

    fn on_cancel(&mut self, peer: &Peer, reason: &Reason, _cx: &mut Context<'_, Infallible>) {
        cancelled(&self.notes, peer, reason);
    }
}

/// Passes on what it gets, so many times.
#[derive(Debug)]
pub(crate) struct Pass {
    pub(crate) times: usize,
    pub(crate) batches: Log<Vec<u64>>,
    pub(crate) notes: Log<String>,
}

impl Pass {
    pub(crate) fn times(times: usize) -> Self {
        Pass { times, batches: Log::new(), notes: Log::new() }
    }
}

impl ProducerConsumer for Pass {
    type In = u64;
    type Out = u64;

    fn handle(&mut self, event: u64, out: &mut Emitter<'_, u64>) -> Result<(), BoxError> {
        (0..self.times).for_each(|_| out.emit(event));
        Ok(())
    }

    fn handle_batch(
        &mut self,
        batch: Batch<'_, u64>,
        out: &mut Emitter<'_, u64>,
    ) -> Result<(), BoxError> {
        let batch: Vec<u64> = batch.collect();
        self.batches.push(batch.clone());
        batch.into_iter().try_for_each(|event| self.handle(event, out))
    }

    fn end(&mut self, _out: &mut Emitter<'_, u64>) -> Result<(), BoxError> {
        self.notes.push("end".into());
        Ok(())
    }

    fn on_subscribe(&mut self, peer: &Peer, _cx: &mut Context<'_, u64>) {
        subscribed(&self.notes, peer);
    }

    fn on_cancel(&mut self, peer: &Peer, reason: &Reason, _cx: &mut Context<'_, u64>) {
        cancelled(&self.notes, peer, reason);
    }
}
