//! Handles of running stages: subscribing, calling, stopping, waiting.

use super::control::Context;
use super::ends::{Inlet, Outlet};
use super::mailbox::{Call, Controls, Lives, Mail, Mailbox, Takes, Upstream};
use super::reason::Reason;
use super::reply::{CallError, Reply};
use super::role::Role;
use super::shared::Shared;
use super::subscription::{Subscribe, Subscription};
use crate::error::{ErrorKind, FlowError, Site};
use crate::runtime::worker::on_worker;
use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// A running stage of type `S`, which takes `In` and emits `Out` ([`Infallible`]: nothing).
///
/// Clones are handles of the same stage. Dropping them changes nothing.
pub struct StageRef<S, In = Infallible, Out = Infallible> {
    address: Arc<dyn Address<S, In, Out>>,
    shared: Arc<Shared>,
}

/// What a handle can say to its stage.
pub(crate) trait Address<S, In, Out>: Upstream<Out> + Takes<In> + Lives {
    /// Calls something in its turn, however many calls wait.
    fn order(&self, call: Call<S, Out>);
    fn call(&self, call: Call<S, Out>, after_buffered: bool) -> Result<(), CallError>;
    fn forward(&self, forward: bool);
    fn counted(&self) -> StageCounts;
}

/// What a stage has counted since it was started.
///
/// Nothing is lost but what is counted: while the stage waits, and when it is over, `emitted +
/// given_back` is `events_out + buffered + dropped`, unless it broadcasts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StageCounts {
    /// Events that it has been handed.
    pub events_in: u64,
    /// Events that it has emitted.
    pub emitted: u64,
    /// Events that were sent to consumers; with a broadcast, once for each.
    pub events_out: u64,
    /// Events that came back from consumers that had left before they handled them.
    pub given_back: u64,
    /// Events that it keeps because nobody has asked for them: an estimate while it runs.
    pub buffered: u64,
    /// Events that were dropped: beyond the buffer's bound, without a partition, left at its end.
    pub dropped: u64,
}

impl<S, In, Out> Clone for StageRef<S, In, Out> {
    fn clone(&self) -> Self {
        self.address.handle_made();
        StageRef { address: Arc::clone(&self.address), shared: Arc::clone(&self.shared) }
    }
}

impl<S, In, Out> Drop for StageRef<S, In, Out> {
    fn drop(&mut self) {
        self.address.handle_dropped();
    }
}

impl<S, In, Out> fmt::Debug for StageRef<S, In, Out> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StageRef").field("over", &self.address.over()).finish_non_exhaustive()
    }
}

impl<S: 'static, In: Send + 'static, Out: Send + 'static> StageRef<S, In, Out> {
    pub(crate) fn new<R>(mailbox: Arc<Mailbox<R>>, shared: &Arc<Shared>) -> Self
    where
        R: Role<Stage = S, In = In, Out = Out>,
    {
        mailbox.handle_made();
        StageRef { address: mailbox, shared: Arc::clone(shared) }
    }

    /// Subscribes this stage to another one, while both run. When it returns, the other one has been
    /// told. One that is over ends the subscription at once; where this stage is over, nothing happens.
    ///
    /// # Errors
    /// If `max_demand` is 0 or `min_demand` is not less, or the other stage is this one.
    #[track_caller]
    pub fn subscribe(&self, to: impl Into<Subscribe<In>>) -> Result<Subscription, FlowError> {
        self.subscribe_at(to.into(), Site::here("subscribe"))
    }

    fn subscribe_at(&self, how: Subscribe<In>, site: Site) -> Result<Subscription, FlowError> {
        self.inlet().subscribe_at(how, site)
    }

    /// Takes from another stage, or in another way, in place of a subscription of this stage. Whatever
    /// the old one's [`Cancel`](super::Cancel) says, its end means nothing.
    ///
    /// # Errors
    /// As [`subscribe`](Self::subscribe); then the old one is kept.
    #[track_caller]
    pub fn resubscribe(
        &self,
        old: &Subscription,
        to: impl Into<Subscribe<In>>,
    ) -> Result<Subscription, FlowError> {
        let new = self.subscribe_at(to.into(), Site::here("resubscribe"))?;
        self.address.unsubscribe(old.id, true);
        Ok(new)
    }

    /// Runs a closure on the stage's own value, after all events that have arrived; what it emits is
    /// dispatched like any other. The reply can be waited for, or dropped.
    ///
    /// At most 10,000 calls wait in one stage: further ones are refused, which the reply says.
    ///
    /// ```
    /// use flow::stage::{Stages, consume_with};
    ///
    /// let stages = Stages::new();
    /// let numbers = stages.iter(0..10).start();
    /// assert_eq!(numbers.call(|numbers, _| numbers.len()).wait().expect("it lives"), 10);
    /// stages.consumer(consume_with(|_: i32| Ok(()))).subscribe(&numbers).start();
    /// stages.join()?;
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    pub fn call<T, F>(&self, call: F) -> Reply<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut S, &mut Context<'_, Out>) -> T + Send + 'static,
    {
        self.call_when(false, call)
    }

    /// As [`call`](Self::call), but not before everything that is buffered now was handed out.
    pub fn call_after_buffered<T, F>(&self, call: F) -> Reply<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut S, &mut Context<'_, Out>) -> T + Send + 'static,
    {
        self.call_when(true, call)
    }

    fn call_when<T, F>(&self, after_buffered: bool, call: F) -> Reply<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut S, &mut Context<'_, Out>) -> T + Send + 'static,
    {
        let (reply, receiver) = crossbeam_channel::bounded(1);
        let call: Call<S, Out> = Box::new(move |stage, cx| {
            let _nobody_waits = reply.send(call(stage, cx));
        });
        let refused = self.address.call(call, after_buffered).err();
        let stage = Arc::clone(&self.address) as Arc<dyn Controls>;
        Reply { receiver, refused, stage, shared: Arc::clone(&self.shared) }
    }

    /// Lets demand through that was held back.
    pub fn forward(&self) {
        self.address.forward(true);
    }

    /// Holds demand back until [`forward`](Self::forward).
    pub fn accumulate(&self) {
        self.address.forward(false);
    }

    /// Ends the stage at once. Consumers see [`Reason::Shutdown`]; what it has not handled goes back.
    pub fn stop(&self) {
        self.address.stop(Reason::Shutdown);
    }

    /// Ends the stage as at the end of its input: a producer is not asked any more, what is buffered
    /// still goes out; others end with their inputs.
    pub fn drain(&self) {
        self.address.drain();
    }

    /// Waits until the stage is over, and says how it ended.
    ///
    /// # Panics
    /// On a worker, where it would block other stages.
    pub fn join(&self) -> Reason {
        assert!(!on_worker(), "a stage must not wait for another one on a worker");
        self.shared.wait_until(|| self.address.over())
    }

    /// Whether it is over, and how it ended.
    pub fn over(&self) -> Option<Reason> {
        self.address.over()
    }

    /// Calls a closure when the stage is over: at once if it is.
    pub fn on_exit(&self, call: impl FnOnce(&Reason) + Send + 'static) {
        self.address.watch(Box::new(call));
    }

    /// What it has counted.
    pub fn counts(&self) -> StageCounts {
        self.address.counted()
    }

    /// Its name, if it has one.
    pub fn name(&self) -> Option<Arc<str>> {
        Upstream::name(&*self.address)
    }

    /// What it emits, as something to subscribe to, whatever the stage is.
    pub fn outlet(&self) -> Outlet<Out> {
        Outlet { upstream: self.upstream(), shared: Arc::clone(&self.shared) }
    }

    /// Where it takes events, as something that can be made to subscribe, whatever the stage is.
    pub fn inlet(&self) -> Inlet<In> {
        Inlet::new(Arc::clone(&self.address) as Arc<dyn Takes<In>>, &self.shared)
    }

    pub(crate) fn upstream(&self) -> Arc<dyn Upstream<Out>> {
        Arc::clone(&self.address) as Arc<dyn Upstream<Out>>
    }

    pub(crate) fn lives(&self) -> Arc<dyn Lives> {
        Arc::clone(&self.address) as Arc<dyn Lives>
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Calls something in its turn, however many calls wait.
    pub(crate) fn order(&self, call: impl FnOnce(&mut S, &mut Context<'_, Out>) + Send + 'static) {
        self.address.order(Box::new(call));
    }

    /// Registers it, or fails it.
    pub(crate) fn register(
        &self,
        name: &Arc<str>,
        task: usize,
        address: Option<Arc<dyn Upstream<Out>>>,
        site: Site,
    ) {
        let takes = Arc::clone(&self.address) as Arc<dyn Takes<In>>;
        let upstream = address.unwrap_or_else(|| self.upstream());
        if let Err(why) = self.shared.names.register(name, task, upstream, takes) {
            let refused = FlowError::new(ErrorKind::Option, why).with_site(site);
            self.address.stop(Reason::Failed(refused.with_stage(|| name.to_string())));
        }
    }
}

impl<R: Role> Address<R::Stage, R::In, R::Out> for Mailbox<R> {
    fn order(&self, call: Call<R::Stage, R::Out>) {
        Mailbox::order(self, call);
    }

    fn call(&self, call: Call<R::Stage, R::Out>, after_buffered: bool) -> Result<(), CallError> {
        if !self.one_call_more() {
            return Err(CallError::Full);
        }
        let mail = if after_buffered { Mail::CallAfterBuffered(call) } else { Mail::Call(call) };
        self.send(mail).map_err(|(_, reason)| CallError::Ended(reason))
    }

    fn forward(&self, forward: bool) {
        let _ended_meanwhile = self.send(Mail::Forward(forward));
    }

    fn counted(&self) -> StageCounts {
        let counters = &self.counters;
        StageCounts {
            events_in: counters.events_in.load(Ordering::Relaxed),
            emitted: counters.emitted.load(Ordering::Relaxed),
            events_out: counters.events_out.load(Ordering::Relaxed),
            given_back: counters.given_back.load(Ordering::Relaxed),
            buffered: counters.buffered.load(Ordering::Relaxed),
            dropped: counters.dropped.load(Ordering::Relaxed),
        }
    }
}
