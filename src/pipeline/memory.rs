//! A queue in memory that behaves like a broker's: for tests of pipelines.

use super::source::{Pull, Pulled, Settlement, Source};
use crate::error::BoxError;
use crate::source::Notifier;
use crate::sync::{Mutex, unpoisoned};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::sync::Arc;

/// A queue in memory that delivers again what has failed, for tests. Clones are the same queue.
///
/// It keeps all that was ever pushed, so that it can be read again from a position.
///
/// ```
/// use flow::pipeline::{MemoryQueue, Pipeline};
/// use flow::stage::Stages;
///
/// let queue = MemoryQueue::new().deliveries(2);
/// queue.extend(["7", "x"]);
/// queue.close();
/// let stages = Stages::new();
/// let parse = |text: &&str| Ok(text.parse::<u8>()?);
/// let report = Pipeline::new(queue.source(), parse).start(&stages)?.join()?;
/// assert_eq!((queue.done(), queue.failed()), (vec!["7"], vec!["x"]));
/// assert_eq!(report.counts.pulled, 3);
/// # Ok::<(), flow::FlowError>(())
/// ```
pub struct MemoryQueue<T>(Arc<Mutex<Inner<T>>>);

struct Inner<T> {
    /// All that was pushed; a message's number is its place.
    log: Vec<T>,
    /// The next one that was not delivered.
    next: usize,
    closed: bool,
    deliveries: u32,
    again: VecDeque<Delivery>,
    /// By receipt.
    outstanding: BTreeMap<u64, Delivery>,
    receipts: u64,
    done: Vec<T>,
    failed: Vec<T>,
    /// Of the sources that wait, by their numbers.
    waiting: BTreeMap<u64, Notifier>,
    sources: u64,
}

#[derive(Clone, Copy)]
struct Delivery {
    message: usize,
    /// Which one it is, from 1 on.
    number: u32,
}

/// A pipeline's end of a [`MemoryQueue`]. When it is dropped, what it has not settled is delivered
/// again.
pub struct MemorySource<T: Clone> {
    queue: MemoryQueue<T>,
    number: u64,
    /// Its own receipts that are not settled.
    unsettled: BTreeSet<u64>,
}

impl<T> Default for MemoryQueue<T> {
    fn default() -> Self {
        MemoryQueue::new()
    }
}

impl<T> Clone for MemoryQueue<T> {
    fn clone(&self) -> Self {
        MemoryQueue(Arc::clone(&self.0))
    }
}

impl<T> MemoryQueue<T> {
    /// An open queue without messages, which delivers each at most once.
    pub fn new() -> Self {
        MemoryQueue(Arc::new(Mutex::new(Inner {
            log: Vec::new(),
            next: 0,
            closed: false,
            deliveries: 1,
            again: VecDeque::new(),
            outstanding: BTreeMap::new(),
            receipts: 0,
            done: Vec::new(),
            failed: Vec::new(),
            waiting: BTreeMap::new(),
            sources: 0,
        })))
    }

    /// Delivers a message up to so many times while it is settled as failed.
    pub fn deliveries(self, times: u32) -> Self {
        unpoisoned(self.0.lock()).deliveries = times;
        self
    }

    /// Adds a message.
    pub fn push(&self, message: T) {
        self.extend([message]);
    }

    /// Adds messages.
    pub fn extend(&self, messages: impl IntoIterator<Item = T>) {
        self.change(|inner| inner.log.extend(messages));
    }

    /// Nothing is added any more: its sources are done when everything is settled for good.
    pub fn close(&self) {
        self.change(|inner| inner.closed = true);
    }

    fn change(&self, change: impl FnOnce(&mut Inner<T>)) {
        let waiting = {
            let mut inner = unpoisoned(self.0.lock());
            change(&mut inner);
            std::mem::take(&mut inner.waiting)
        };
        waiting.values().for_each(Notifier::notify);
    }

    /// How many messages are delivered and not settled.
    pub fn outstanding(&self) -> usize {
        unpoisoned(self.0.lock()).outstanding.len()
    }
}

impl<T: Clone> Inner<T> {
    fn settle(&mut self, Delivery { message, number }: Delivery, done: bool) {
        let value = self.log[message].clone();
        if done {
            self.done.push(value);
        } else if number < self.deliveries {
            self.again.push_back(Delivery { message, number: number + 1 });
        } else {
            self.failed.push(value);
        }
    }
}

impl<T: Clone> MemoryQueue<T> {
    /// An end for a pipeline. Several divide the messages.
    pub fn source(&self) -> MemorySource<T> {
        let number = {
            let mut inner = unpoisoned(self.0.lock());
            inner.sources += 1;
            inner.sources
        };
        MemorySource { queue: self.clone(), number, unsettled: BTreeSet::new() }
    }

    /// The messages that were settled as done, in this order.
    pub fn done(&self) -> Vec<T> {
        unpoisoned(self.0.lock()).done.clone()
    }

    /// The messages that were settled as failed and are not delivered again, in this order.
    pub fn failed(&self) -> Vec<T> {
        unpoisoned(self.0.lock()).failed.clone()
    }
}

/// A closed queue of these messages.
impl<T> FromIterator<T> for MemoryQueue<T> {
    fn from_iter<I: IntoIterator<Item = T>>(messages: I) -> Self {
        let queue = MemoryQueue::new();
        queue.extend(messages);
        queue.close();
        queue
    }
}

impl<T: Clone + Send + 'static> Source for MemorySource<T> {
    type Item = T;
    type Receipt = u64;

    fn pull(&mut self, pull: &mut Pull<'_, Self>) -> Result<Pulled, BoxError> {
        let inner = &mut *unpoisoned(self.queue.0.lock());
        while pull.items() > 0 {
            let delivery = match inner.again.pop_front() {
                Some(delivery) => delivery,
                None if inner.next < inner.log.len() => {
                    inner.next += 1;
                    Delivery { message: inner.next - 1, number: 1 }
                }
                None if inner.closed && inner.outstanding.is_empty() => return Ok(Pulled::Done),
                None if inner.closed && inner.deliveries == 1 => return Ok(Pulled::Done),
                None => {
                    inner.waiting.insert(self.number, pull.notifier());
                    return Ok(Pulled::Wait);
                }
            };
            let receipt = inner.receipts;
            inner.receipts += 1;
            inner.outstanding.insert(receipt, delivery);
            self.unsettled.insert(receipt);
            pull.emit(inner.log[delivery.message].clone(), receipt);
        }
        Ok(Pulled::More)
    }

    fn settle(&mut self, settled: &Settlement<u64>) -> Result<(), BoxError> {
        let failed = settled.failed.iter().map(|failed| (failed.receipt, false));
        let all = settled.done.iter().map(|receipt| (*receipt, true)).chain(failed);
        let unsettled = &mut self.unsettled;
        let mut twice = false;
        // Others may wait for what is given back.
        self.queue.change(|inner| {
            for (receipt, done) in all {
                let own = unsettled.remove(&receipt);
                match inner.outstanding.remove(&receipt).filter(|_| own) {
                    Some(delivery) => inner.settle(delivery, done),
                    None => twice = true,
                }
            }
        });
        if twice { Err("a message was settled twice".into()) } else { Ok(()) }
    }

    fn position(&self) -> Option<Vec<u8>> {
        let next = unpoisoned(self.queue.0.lock()).next as u64;
        Some(next.to_le_bytes().to_vec())
    }

    fn seek(&mut self, position: &[u8]) -> Result<(), BoxError> {
        let position = usize::try_from(u64::from_le_bytes(position.try_into()?))?;
        let inner = &mut *unpoisoned(self.queue.0.lock());
        if position > inner.log.len() {
            return Err("there is no such position".into());
        }
        inner.next = position;
        Ok(())
    }
}

impl<T: Clone> Drop for MemorySource<T> {
    fn drop(&mut self) {
        let receipts = std::mem::take(&mut self.unsettled);
        self.queue.change(|inner| {
            let back = receipts.iter().filter_map(|receipt| inner.outstanding.remove(receipt));
            inner.again.extend(back);
        });
    }
}

impl<T> fmt::Debug for MemoryQueue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = unpoisoned(self.0.lock());
        f.debug_struct("MemoryQueue")
            .field("messages", &inner.log.len())
            .field("outstanding", &inner.outstanding.len())
            .field("done", &inner.done.len())
            .field("failed", &inner.failed.len())
            .finish_non_exhaustive()
    }
}

impl<T: Clone> fmt::Debug for MemorySource<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.queue.fmt(f)
    }
}
