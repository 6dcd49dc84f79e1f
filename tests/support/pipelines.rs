//! What tests of pipelines share.
#![allow(dead_code, reason = "every test file uses a part of it")]

use flow::pipeline::{Batch, Closed, Pull, Pulled, Settlement, Source};
use flow::stage::Stages;
use flow::{BoxError, Executor};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const HOUR: Duration = Duration::from_secs(3600);

pub(crate) fn same(n: &u64) -> Result<u64, BoxError> {
    Ok(*n)
}

pub(crate) fn simulated(seed: u64) -> Stages {
    Stages::on(Executor::simulation(seed)).unwrap()
}

pub(crate) fn sorted<T: Ord>(mut all: Vec<T>) -> Vec<T> {
    all.sort_unstable();
    all
}

/// What closures note, in the order in which they are called.
#[derive(Clone, Debug)]
pub(crate) struct Notes<T>(Arc<Mutex<Vec<T>>>);

impl<T: Clone> Notes<T> {
    pub(crate) fn new() -> Self {
        Notes(Arc::default())
    }

    pub(crate) fn add(&self, note: T) {
        self.0.lock().unwrap().push(note);
    }

    pub(crate) fn all(&self) -> Vec<T> {
        self.0.lock().unwrap().clone()
    }
}

/// Notes batches: batcher, values, why they were closed.
pub(crate) type Batches = Notes<(String, Vec<u64>, Closed)>;

pub(crate) fn noting<K>(
    batches: &Batches,
) -> impl Fn(&mut Batch<u64, K>) -> Result<(), BoxError> + Send + Sync + 'static + use<K> {
    let batches = batches.clone();
    move |batch| {
        batches.add((batch.batcher().to_owned(), batch.to_vec(), batch.closed()));
        Ok(())
    }
}

/// What a source is told, counted, and what it is to fail with.
#[derive(Default)]
pub(crate) struct Script {
    pub(crate) pulls: AtomicUsize,
    pub(crate) drained: AtomicUsize,
    pub(crate) fail_pulls: AtomicUsize,
    pub(crate) panic_in_pull: AtomicUsize,
    pub(crate) fail_settles: AtomicUsize,
    pub(crate) fail_drain: AtomicUsize,
    pub(crate) settled: Mutex<Vec<u64>>,
    pub(crate) most: AtomicUsize,
    pub(crate) most_bytes: AtomicUsize,
}

pub(crate) fn down(counter: &AtomicUsize) -> bool {
    counter.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1)).is_ok()
}

/// Endless numbers of 10 bytes each, or so many.
pub(crate) struct Scripted {
    script: Arc<Script>,
    next: u64,
    end: u64,
    unsettled: BTreeSet<u64>,
}

impl Scripted {
    pub(crate) fn new(script: &Arc<Script>, end: u64) -> Self {
        Scripted { script: Arc::clone(script), next: 0, end, unsettled: BTreeSet::new() }
    }
}

impl Source for Scripted {
    type Item = u64;
    type Receipt = u64;

    fn pull(&mut self, pull: &mut Pull<'_, Self>) -> Result<Pulled, BoxError> {
        assert_eq!(self.script.drained.load(Ordering::SeqCst), 0, "pulled while draining");
        self.script.pulls.fetch_add(1, Ordering::SeqCst);
        if down(&self.script.fail_pulls) {
            return Err("no connection".into());
        }
        assert!(!down(&self.script.panic_in_pull), "a bug in a client");
        while pull.items() > 0 && pull.bytes() >= 10 && self.next < self.end {
            pull.emit_sized(self.next, self.next, 10);
            self.unsettled.insert(self.next);
            self.next += 1;
        }
        self.script.most.fetch_max(self.unsettled.len(), Ordering::SeqCst);
        self.script.most_bytes.fetch_max(10 * self.unsettled.len(), Ordering::SeqCst);
        Ok(if self.next < self.end { Pulled::More } else { Pulled::Done })
    }

    fn settle(&mut self, settled: &Settlement<u64>) -> Result<(), BoxError> {
        if down(&self.script.fail_settles) {
            return Err("no connection".into());
        }
        let mut all = self.script.settled.lock().unwrap();
        for receipt in settled.done.iter().chain(settled.failed.iter().map(|f| &f.receipt)) {
            assert!(self.unsettled.remove(receipt), "{receipt} was settled twice");
            all.push(*receipt);
        }
        Ok(())
    }

    fn prepare_for_drain(&mut self) -> Result<(), BoxError> {
        self.script.drained.fetch_add(1, Ordering::SeqCst);
        if down(&self.script.fail_drain) { Err("not cancelled".into()) } else { Ok(()) }
    }
}
