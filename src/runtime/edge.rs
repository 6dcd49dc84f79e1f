//! An edge to one consumer: an inbox of batches, and an outlet for every producer instance.
//!
//! Invariants:
//! - A producer sends only what it has credit for, so an inbox never holds more than was asked for.
//! - Messages of one producer arrive in the order in which they were sent; `End` is the last one.
//! - A spent vector goes back to a producer under the lock that hands over the next full one: in a
//!   steady state nothing is allocated, and one lock per batch does it all.

mod outlet;

pub(crate) use outlet::Outlet;

use super::core::{Core, Cx};
use super::credit::{Credits, Demand, Wake};
#[cfg(test)]
use super::fault_tests::Fault;
use super::meter::EdgeCounters;
use super::stage::{Input, Pull};
use super::task::TaskRef;
use crate::kernel::Push;
use crate::sync::unpoisoned;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// How much an edge may carry, resolved from a stage's options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EdgeOptions {
    pub(crate) max_demand: usize,
    pub(crate) min_demand: usize,
    /// The largest batch: `max_demand - min_demand`, at most 1,024.
    pub(crate) batch: usize,
    /// How long a partial batch may wait for company while its consumer is busy, in nanoseconds.
    pub(crate) linger: u64,
}

/// Who takes from an inbox.
#[derive(Clone, Debug)]
pub(crate) enum Reader {
    Task(TaskRef),
    /// Whoever reads the flow from outside.
    Caller(Arc<Core>),
}

impl Wake for Reader {
    fn wake(&self) {
        match self {
            Reader::Task(task) => task.notify(),
            Reader::Caller(core) => core.wake_reader(),
        }
    }
}

#[derive(Debug)]
pub(crate) struct Inbox<T> {
    queue: Mutex<Queue<T>>,
    reader: Reader,
    /// The reader has found nothing and waits.
    hungry: AtomicBool,
    closed: AtomicBool,
    options: EdgeOptions,
    counters: Arc<EdgeCounters>,
}

#[derive(Debug)]
struct Queue<T> {
    messages: VecDeque<Message<T>>,
    spare: Vec<Vec<T>>,
    /// The producer instances, by their numbers on this edge.
    producers: Vec<(Arc<Credits<TaskRef>>, TaskRef)>,
}

#[derive(Debug)]
pub(crate) enum Message<T> {
    Data {
        input: usize,
        events: Vec<T>,
        /// As how many events they count.
        weight: usize,
    },
    /// All producers are through. Watermarks and barriers will be further kinds.
    End,
}

impl<T> Inbox<T> {
    pub(crate) fn new(
        reader: Reader,
        options: EdgeOptions,
        counters: Arc<EdgeCounters>,
    ) -> Arc<Self> {
        Arc::new(Inbox {
            queue: Mutex::new(Queue {
                messages: VecDeque::new(),
                spare: Vec::new(),
                producers: Vec::new(),
            }),
            reader,
            hungry: AtomicBool::new(true),
            closed: AtomicBool::new(false),
            options,
            counters,
        })
    }

    /// Joins the edge as one more producer instance.
    pub(crate) fn attach(self: &Arc<Self>, task: &TaskRef) -> Sender<T> {
        let credits = Arc::new(Credits::new(self.options.max_demand));
        let mut queue = unpoisoned(self.queue.lock());
        queue.producers.push((Arc::clone(&credits), task.clone()));
        let input = queue.producers.len() - 1;
        self.counters.asked(self.options.max_demand);
        drop(queue);
        Sender { inbox: Arc::clone(self), input, credits, task: task.clone() }
    }

    pub(crate) fn options(&self) -> EdgeOptions {
        self.options
    }

    /// Says that all producers are through.
    pub(crate) fn end(&self) {
        #[cfg(test)]
        if Fault::LosesEnd.strikes() {
            return;
        }
        unpoisoned(self.queue.lock()).messages.push_back(Message::End);
        self.reader.wake();
    }

    /// The reader leaves: what is held is dropped and counted, producers are told.
    pub(crate) fn close(&self) {
        let (left, producers) = {
            let mut queue = unpoisoned(self.queue.lock());
            self.closed.store(true, Ordering::SeqCst);
            (std::mem::take(&mut queue.messages), std::mem::take(&mut queue.producers))
        };
        for message in &left {
            if let Message::Data { weight, .. } = message {
                self.counters.dropped_held(*weight);
            }
        }
        for (_, task) in producers {
            task.notify();
        }
    }

    pub(crate) fn has_messages(&self) -> bool {
        !unpoisoned(self.queue.lock()).messages.is_empty()
    }
}

/// One producer instance's end of an edge.
#[derive(Debug)]
pub(crate) struct Sender<T> {
    inbox: Arc<Inbox<T>>,
    input: usize,
    credits: Arc<Credits<TaskRef>>,
    task: TaskRef,
}

impl<T> Sender<T> {
    pub(crate) fn closed(&self) -> bool {
        self.inbox.closed.load(Ordering::Relaxed)
    }

    pub(crate) fn end(&self) {
        self.inbox.end();
    }

    /// Sends from the front of `staged` as much as there is credit for, up to one batch, and leaves
    /// a spare vector where all of it went. Returns how many were sent; 0: no credit, and the task
    /// will be woken when there is. A closed edge takes everything and drops it, counted.
    pub(crate) fn send(&self, staged: &mut Vec<T>) -> usize {
        let want = staged.len().min(self.inbox.options.batch);
        if self.closed() {
            return self.drop_all(staged);
        }
        let granted = self.credits.take_or_wait(want, || self.task.clone());
        if granted == 0 {
            return if self.closed() { self.drop_all(staged) } else { 0 };
        }
        if self.hand_over(staged, granted, granted) { granted } else { self.drop_all(staged) }
    }

    /// As [`send`](Self::send), of what counts as several events: as much as there is credit for, up to one
    /// batch or the first. Whatever is first must not count as more than a consumer asks for that has
    /// handled all. Returns as how many events what was sent counts.
    pub(crate) fn send_heavy(&self, staged: &mut Vec<T>, weigh: fn(&T) -> usize) -> usize {
        let all = |staged: &[T]| staged.iter().map(weigh).sum::<usize>();
        let Some(least) = staged.first().map(weigh) else {
            return 0;
        };
        if self.closed() {
            return self.drop_heavy(staged, all(staged));
        }
        // Nobody else takes: there are as many or more.
        let batch = self.inbox.options.batch;
        let most = self.credits.available().min(batch);
        let (mut first, mut weight) = (0, 0);
        for moment in &*staged {
            let more = weight + weigh(moment);
            if more > most {
                break;
            }
            (first, weight) = (first + 1, more);
        }
        // Where there was too little for the first one, there may be enough by now.
        let (first, weight) = (first.max(1), weight.max(least));
        if self.credits.take_or_wait_for(weight, weight, || self.task.clone()) == 0 {
            return if self.closed() { self.drop_heavy(staged, all(staged)) } else { 0 };
        }
        if self.hand_over(staged, first, weight) {
            weight
        } else {
            self.drop_heavy(staged, all(staged))
        }
    }

    /// Hands over the first of what is staged, for which credit has been taken; false where the edge is
    /// closed.
    #[inline(always)]
    fn hand_over(&self, staged: &mut Vec<T>, first: usize, weight: usize) -> bool {
        let mut queue = unpoisoned(self.inbox.queue.lock());
        if self.inbox.closed.load(Ordering::SeqCst) {
            return false;
        }
        let spare = queue.spare.pop();
        let mut rest = spare.unwrap_or_else(|| Vec::with_capacity(staged.capacity()));
        if first < staged.len() {
            rest.extend(staged.drain(first..));
        }
        let events = std::mem::replace(staged, rest);
        queue.messages.push_back(Message::Data { input: self.input, events, weight });
        #[cfg(test)]
        Fault::spoil(&mut queue.messages);
        self.inbox.counters.sent(weight);
        self.inbox.counters.spent(weight);
        self.inbox.hungry.store(false, Ordering::Relaxed);
        drop(queue);
        self.inbox.reader.wake();
        true
    }

    #[cold]
    fn drop_all(&self, staged: &mut Vec<T>) -> usize {
        let dropped = staged.len();
        self.drop_heavy(staged, dropped)
    }

    #[cold]
    fn drop_heavy(&self, staged: &mut Vec<T>, weight: usize) -> usize {
        self.inbox.counters.dropped_unsent(weight);
        staged.clear();
        weight
    }
}

/// The consumer's end of an edge, as the input of a stage instance.
#[derive(Debug)]
pub(crate) struct FromInbox<T> {
    receiver: Receiver<T>,
    /// The batch at hand, where the kernel had no room for all of it.
    rest: VecDeque<T>,
    rest_of: usize,
    batch_len: usize,
}

impl<T> FromInbox<T> {
    pub(crate) fn new(inbox: Arc<Inbox<T>>) -> Self {
        FromInbox {
            receiver: Receiver::new(inbox),
            rest: VecDeque::new(),
            rest_of: 0,
            batch_len: 0,
        }
    }
}

impl<T: Send, K: Push<T>> Input<K> for FromInbox<T> {
    fn pull(&mut self, kernel: &mut K, room: usize, cx: &mut Cx<'_>) -> Pull {
        if !self.rest.is_empty() {
            let now = room.min(self.rest.len());
            kernel.push_all(self.rest.drain(..now));
            if self.rest.is_empty() {
                let spent = Vec::from(std::mem::take(&mut self.rest));
                self.receiver.handled(self.rest_of, self.batch_len, spent, cx.delays());
            }
            return Pull::Some(now);
        }
        match self.receiver.receive() {
            Received::Batch { input, mut events, weight } if events.len() <= room => {
                kernel.push_batch(&mut events);
                self.receiver.handled(input, weight, events, cx.delays());
                Pull::Some(weight)
            }
            Received::Batch { input, events, weight } => {
                self.rest_of = input;
                self.batch_len = weight;
                self.rest = VecDeque::from(events);
                self.pull(kernel, room, cx)
            }
            Received::Nothing => Pull::Wait,
            Received::End => Pull::End,
        }
    }

    fn cancel(&mut self) {
        self.receiver.inbox.close();
    }
}

/// Takes batches and gives credit for them.
#[derive(Debug)]
pub(crate) struct Receiver<T> {
    inbox: Arc<Inbox<T>>,
    arrived: VecDeque<Message<T>>,
    spent: Vec<Vec<T>>,
    inputs: Vec<(Arc<Credits<TaskRef>>, Demand)>,
    /// Credits that the simulation delays.
    owed: Vec<(usize, usize)>,
}

pub(crate) enum Received<T> {
    Batch { input: usize, events: Vec<T>, weight: usize },
    Nothing,
    End,
}

impl<T> Receiver<T> {
    pub(crate) fn new(inbox: Arc<Inbox<T>>) -> Self {
        Receiver {
            inbox,
            arrived: VecDeque::new(),
            spent: Vec::new(),
            inputs: Vec::new(),
            owed: Vec::new(),
        }
    }

    pub(crate) fn inbox(&self) -> &Arc<Inbox<T>> {
        &self.inbox
    }

    /// The next batch, if there is one.
    pub(crate) fn receive(&mut self) -> Received<T> {
        if !self.owed.is_empty() {
            for (input, events) in std::mem::take(&mut self.owed) {
                self.ask(input, events);
            }
        }
        if self.arrived.is_empty() {
            let mut queue = unpoisoned(self.inbox.queue.lock());
            std::mem::swap(&mut queue.messages, &mut self.arrived);
            queue.spare.append(&mut self.spent);
            if self.arrived.is_empty() {
                self.inbox.hungry.store(true, Ordering::Relaxed);
                return Received::Nothing;
            }
            let options = self.inbox.options;
            for (credits, _) in &queue.producers[self.inputs.len()..] {
                let demand = Demand::new(options.max_demand, options.min_demand);
                self.inputs.push((Arc::clone(credits), demand));
            }
        }
        match self.arrived.pop_front() {
            Some(Message::Data { input, events, weight }) => {
                self.inbox.counters.received(weight);
                Received::Batch { input, events, weight }
            }
            Some(Message::End) => Received::End,
            None => Received::Nothing,
        }
    }

    /// A batch has been handled: its vector goes home, and more is asked for as the demand says.
    pub(crate) fn handled(&mut self, input: usize, events: usize, spent: Vec<T>, late: bool) {
        self.spent.push(spent);
        if late {
            self.owed.push((input, events));
        } else {
            self.ask(input, events);
        }
    }

    /// Events of a batch that was received are dropped unseen.
    pub(crate) fn dropped(&self, events: usize) {
        self.inbox.counters.dropped_after_receipt(events);
    }

    fn ask(&mut self, input: usize, events: usize) {
        let (credits, demand) = &mut self.inputs[input];
        match demand.handled(events) {
            0 => {}
            more => {
                self.inbox.counters.asked(more);
                credits.give(more);
            }
        }
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        for message in &self.arrived {
            if let Message::Data { weight, .. } = message {
                self.inbox.counters.dropped_held(*weight);
            }
        }
        self.inbox.close();
    }
}
