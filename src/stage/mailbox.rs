//! What stages send each other, and where it arrives.
//!
//! A mailbox belongs to one stage. Whoever sends adds a message and wakes the stage's task; the task
//! takes all messages at once. Everything between two stages goes through their two mailboxes, so
//! what one sends arrives in order, and nothing overtakes events.

use super::control::Context;
use super::rare::Rare;
use super::reason::Reason;
use super::role::Role;
use super::subscription::{Joining, Request};
use crate::runtime::post::Post;
use crate::runtime::task::TaskRef;
use crate::sync::{Mutex, unpoisoned};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Names a subscription, on both of its sides.
pub(crate) type Id = u64;

/// What is run within a stage, on its state.
pub(crate) type Call<S, O> = Box<dyn FnOnce(&mut S, &mut Context<'_, O>) + Send>;

/// What a consumer says to the stage that it takes from.
pub(crate) trait Upstream<T>: Send + Sync {
    /// A new consumer. One that comes too late is given back, with how the stage ended.
    fn subscribe(&self, request: Request<T>) -> Result<(), (Request<T>, Reason)>;
    /// It can take so many more; `spare` is an empty buffer to send them in.
    fn ask(&self, id: Id, events: usize, spare: VecDeque<T>);
    /// It leaves, and has not handled these.
    fn leave(&self, id: Id, reason: Reason, unhandled: VecDeque<T>, partition: Option<usize>);
    fn name(&self) -> Option<Arc<str>>;
    /// Whether there may be another stage here after one that ended so: who subscribes again waits for
    /// it. Otherwise how it has ended for good.
    fn resumes(&self, reason: Reason) -> Result<(), Reason> {
        Err(reason)
    }
}

/// What a stage says to a consumer.
pub(crate) trait Downstream<T>: Send + Sync {
    /// Gives them back where the consumer is over.
    fn events(&self, id: Id, events: VecDeque<T>) -> Result<(), VecDeque<T>>;
    /// Nothing more will come of this subscription.
    fn ended(&self, id: Id, reason: Reason);
    fn name(&self) -> Option<Arc<str>>;
}

/// What anybody may say to a stage about one of its own subscriptions.
pub(crate) trait Controls: Send + Sync {
    fn ask_for(&self, id: Id, events: usize);
    /// `replaced`: another subscription takes its place.
    fn unsubscribe(&self, id: Id, replaced: bool);
    /// How the stage ended, if it has.
    fn over(&self) -> Option<Reason>;
    /// Somebody outside can make the stage move, or cannot any more.
    fn handle_made(&self);
    fn handle_dropped(&self);
    /// Makes the stage have a turn.
    fn wake(&self);
}

/// What anybody may say to a stage that takes events.
pub(crate) trait Takes<T>: Downstream<T> + Controls {
    fn join(&self, joining: Joining<T>, request: Request<T>);
}

/// What anybody may say to a stage, whatever it takes and emits.
pub(crate) trait Lives: Send + Sync {
    fn stop(&self, reason: Reason);
    fn drain(&self);
    /// Tells somebody when it ends: at once if it has.
    fn watch(&self, watcher: Watcher);
}

/// A consumer that leaves.
pub(crate) struct Leaving<T> {
    pub(crate) id: Id,
    pub(crate) reason: Reason,
    pub(crate) unhandled: VecDeque<T>,
    pub(crate) partition: Option<usize>,
}

/// A message. What is rare and large is boxed.
pub(crate) enum Mail<R: Role> {
    /// From consumers.
    Subscribe(Box<Request<R::Out>>),
    Ask {
        id: Id,
        events: usize,
        spare: VecDeque<R::Out>,
    },
    Leave(Box<Leaving<R::Out>>),
    /// From producers.
    Events {
        id: Id,
        events: VecDeque<R::In>,
    },
    Ended {
        id: Id,
        reason: Reason,
    },
    /// From handles.
    Join(Box<Joining<R::In>>),
    AskFor {
        id: Id,
        events: usize,
    },
    Unsubscribe {
        id: Id,
        replaced: bool,
    },
    Call(Call<R::Stage, R::Out>),
    CallAfterBuffered(Call<R::Stage, R::Out>),
    Forward(bool),
    /// Sources end; everything else ends with its inputs.
    Drain,
    Stop(Reason),
}

/// What a stage has counted, changed once per batch.
///
/// All but `dropped` and `given_back` are written by the stage alone, so a plain addition does.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) events_in: AtomicU64,
    pub(crate) emitted: AtomicU64,
    pub(crate) events_out: AtomicU64,
    pub(crate) given_back: AtomicU64,
    pub(crate) buffered: AtomicU64,
    pub(crate) dropped: AtomicU64,
}

impl Counters {
    pub(crate) fn took(&self, events: usize) {
        Self::add_alone(&self.events_in, events);
    }

    pub(crate) fn emitted(&self, events: usize) {
        Self::add_alone(&self.emitted, events);
    }

    pub(crate) fn sent(&self, events: usize) {
        Self::add_alone(&self.events_out, events);
    }

    pub(crate) fn holds(&self, events: usize) {
        self.buffered.store(events as u64, Ordering::Relaxed);
    }

    pub(crate) fn dropped(&self, events: usize) {
        if events > 0 {
            self.dropped.fetch_add(events as u64, Ordering::Relaxed);
        }
    }

    pub(crate) fn came_back(&self, events: usize) {
        if events > 0 {
            self.given_back.fetch_add(events as u64, Ordering::Relaxed);
        }
    }

    /// Events came back to a stage that is over.
    pub(crate) fn came_back_too_late(&self, events: usize) {
        self.came_back(events);
        self.dropped(events);
    }

    fn add_alone(counter: &AtomicU64, events: usize) {
        counter.store(counter.load(Ordering::Relaxed) + events as u64, Ordering::Relaxed);
    }
}

pub(crate) struct Mailbox<R: Role> {
    post: Post<Mail<R>, Rare<Watcher>, Reason>,
    pub(crate) task: TaskRef,
    pub(crate) counters: Counters,
    /// How many calls wait.
    calls: AtomicUsize,
    pub(crate) name: Option<Arc<str>>,
    /// Handles outside: while there is one, somebody can make the stage move.
    handles: AtomicUsize,
}

/// How many calls may wait in one stage.
pub(crate) const CALLS: usize = 10_000;

/// Who wants to know how a stage ends.
pub(crate) type Watcher = Box<dyn FnOnce(&Reason) + Send>;

impl<R: Role> Mailbox<R> {
    pub(crate) fn new(task: TaskRef, name: Option<Arc<str>>) -> Arc<Self> {
        let counters = Counters::default();
        let (calls, handles) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Arc::new(Mailbox { post: Post::new(), task, counters, calls, name, handles })
    }

    /// Gives the message back if the stage is over, with how it ended.
    pub(crate) fn send(&self, mail: Mail<R>) -> Result<(), (Mail<R>, Reason)> {
        let can_wait = matches!(mail, Mail::Ask { .. });
        if self.post.send(mail, can_wait)? {
            self.task.notify();
        }
        Ok(())
    }

    /// Subscribes the stage, unless it is over: all are made before it can hear of the end of one.
    ///
    /// The producers learn of it while nothing can be sent here, so each knows the subscription before
    /// it is asked, and the stage knows it before it gets events. Nowhere else is a mailbox locked
    /// while another one is; one subscribing at a time, two that subscribe to each other do not wait
    /// for each other.
    pub(crate) fn join(&self, joins: Vec<(Joining<R::In>, Request<R::In>)>) {
        static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

        let mut refused = Vec::new();
        let one = unpoisoned(ONE_AT_A_TIME.lock());
        let wakes = self.post.send_all(|mail| {
            for (joining, request) in joins {
                let id = joining.id;
                let subscribed = joining.upstream.subscribe(request);
                mail.push(Mail::Join(Box::new(joining)));
                if let Err((request, reason)) = subscribed {
                    mail.push(Mail::Ended { id, reason });
                    refused.push(request);
                }
            }
        });
        drop(one);
        if wakes {
            self.task.notify();
        }
    }

    /// Calls something in its turn, however many calls wait.
    pub(crate) fn order(&self, call: Call<R::Stage, R::Out>) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let _ended_meanwhile = self.send(Mail::Call(call));
    }

    /// Counts one more call that waits. False: too many do.
    pub(crate) fn one_call_more(&self) -> bool {
        let more = |calls| (calls < CALLS).then_some(calls + 1);
        self.calls.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
    }

    pub(crate) fn one_call_less(&self) {
        self.calls.fetch_sub(1, Ordering::Relaxed);
    }

    /// Swaps what has arrived for an empty buffer. What is asked for from now on does not wake the
    /// stage, unless it produces by itself or says that it [waits for it](Self::waits_for_demand).
    pub(crate) fn take(&self, taken: &mut Vec<Mail<R>>) {
        self.post.take(taken, !R::ANSWERS_DEMAND);
    }

    /// The stage holds what nobody has asked for. False: something has arrived meanwhile.
    pub(crate) fn waits_for_demand(&self) -> bool {
        self.post.waits()
    }

    /// Closes it for good; returns what had arrived, and who wants to know.
    pub(crate) fn close(&self, reason: &Reason) -> (Vec<Mail<R>>, Rare<Watcher>) {
        self.post.close(reason.clone())
    }

    /// How the stage ended, if it has.
    pub(crate) fn over(&self) -> Option<Reason> {
        self.post.over()
    }

    /// Tells somebody when it ends: at once if it has.
    pub(crate) fn watch(&self, watcher: Watcher) {
        let mut watcher = Some(watcher);
        let watched = self
            .post
            .watch(|watchers| watcher.take().into_iter().for_each(|one| watchers.push(one)));
        if let (Err(reason), Some(watcher)) = (watched, watcher) {
            watcher(&reason);
        }
    }
}

impl<R: Role> Upstream<R::Out> for Mailbox<R> {
    fn subscribe(&self, request: Request<R::Out>) -> Result<(), (Request<R::Out>, Reason)> {
        match self.send(Mail::Subscribe(Box::new(request))) {
            Err((Mail::Subscribe(request), reason)) => Err((*request, reason)),
            _ => Ok(()),
        }
    }

    fn ask(&self, id: Id, events: usize, spare: VecDeque<R::Out>) {
        let _ended_meanwhile = self.send(Mail::Ask { id, events, spare });
    }

    fn leave(&self, id: Id, reason: Reason, unhandled: VecDeque<R::Out>, partition: Option<usize>) {
        let leaving = Box::new(Leaving { id, reason, unhandled, partition });
        if let Err((Mail::Leave(leaving), _)) = self.send(Mail::Leave(leaving)) {
            self.counters.came_back_too_late(leaving.unhandled.len());
        }
    }

    fn name(&self) -> Option<Arc<str>> {
        self.name.clone()
    }
}

impl<R: Role> Downstream<R::In> for Mailbox<R> {
    fn events(&self, id: Id, events: VecDeque<R::In>) -> Result<(), VecDeque<R::In>> {
        match self.send(Mail::Events { id, events }) {
            Err((Mail::Events { events, .. }, _)) => Err(events),
            _ => Ok(()),
        }
    }

    fn ended(&self, id: Id, reason: Reason) {
        let _ended_meanwhile = self.send(Mail::Ended { id, reason });
    }

    fn name(&self) -> Option<Arc<str>> {
        self.name.clone()
    }
}

impl<R: Role> Controls for Mailbox<R> {
    fn ask_for(&self, id: Id, events: usize) {
        let _ended_meanwhile = self.send(Mail::AskFor { id, events });
    }

    fn unsubscribe(&self, id: Id, replaced: bool) {
        let _ended_meanwhile = self.send(Mail::Unsubscribe { id, replaced });
    }

    fn over(&self) -> Option<Reason> {
        Mailbox::over(self)
    }

    fn handle_made(&self) {
        if self.handles.fetch_add(1, Ordering::SeqCst) == 0 {
            self.task.core().outside_enters();
        }
    }

    fn handle_dropped(&self) {
        if self.handles.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.task.core().outside_leaves();
        }
    }

    fn wake(&self) {
        self.task.notify();
    }
}

impl<R: Role> Takes<R::In> for Mailbox<R> {
    fn join(&self, joining: Joining<R::In>, request: Request<R::In>) {
        Mailbox::join(self, vec![(joining, request)]);
    }
}

impl<R: Role> Lives for Mailbox<R> {
    fn stop(&self, reason: Reason) {
        let _ended_meanwhile = self.send(Mail::Stop(reason));
    }

    fn drain(&self) {
        let _ended_meanwhile = self.send(Mail::Drain);
    }

    fn watch(&self, watcher: Watcher) {
        Mailbox::watch(self, watcher);
    }
}
