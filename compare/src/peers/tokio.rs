//! Tokio's tasks and bounded channels by hand.

use ::tokio::runtime::{Builder, Runtime};
use ::tokio::sync::mpsc;

use super::Shuffle;
use super::channels::Batches;
use crate::harness::THREADS;

/// Batches that wait for a reducer.
const WAITING: usize = 16;

/// As many workers as everyone has. Starting them is part of a run, as it is with threads.
pub(crate) fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(THREADS).build().expect("the runtime starts")
}

/// Two tasks that map, two that reduce, and a bounded channel of batches for each reducer.
pub(crate) fn shuffle<S: Shuffle>(job: &S) -> Vec<S::State> {
    let runtime = runtime();
    let (senders, receivers): (Vec<_>, Vec<_>) =
        (0..THREADS).map(|_| mpsc::channel(WAITING)).unzip();
    let reducers: Vec<_> =
        receivers.into_iter().map(|inbox| runtime.spawn(reducer::<S>(inbox))).collect();
    for _ in 0..THREADS {
        runtime.spawn(mapper(job.clone(), senders.clone()));
    }
    drop(senders);
    runtime.block_on(async {
        let mut states = Vec::new();
        for reducer in reducers {
            states.push(reducer.await.expect("no contestant panics"));
        }
        states
    })
}

async fn mapper<S: Shuffle>(job: S, reducers: Vec<mpsc::Sender<Vec<S::Event>>>) {
    let mut batches = Batches::<S>::new();
    let mut taken = Vec::new();
    while job.take(&mut taken) {
        for event in taken.drain(..) {
            if let Some((owner, full)) = batches.push(event) {
                reducers[owner].send(full).await.expect("reducers outlive mappers");
            }
        }
    }
    for (reducer, rest) in reducers.iter().zip(batches.rest()) {
        reducer.send(rest).await.expect("reducers outlive mappers");
    }
}

async fn reducer<S: Shuffle>(mut inbox: mpsc::Receiver<Vec<S::Event>>) -> S::State {
    let mut state = S::State::default();
    while let Some(batch) = inbox.recv().await {
        batch.into_iter().for_each(|event| S::fold(&mut state, event));
    }
    state
}
