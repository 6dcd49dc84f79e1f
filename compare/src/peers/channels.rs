//! Threads and bounded channels by hand, as a careful programmer writes them.

use crossbeam_channel::{Receiver, Sender, bounded};

use super::{Shuffle, TOLD, Timed};
use crate::harness::THREADS;

/// Events in a batch: enough to make the channel's cost per event disappear, few enough to stay in
/// a first or second-level cache.
pub(crate) const BATCH: usize = 1_024;
/// How much of the input a mapper takes at once.
pub(crate) const SHARE: u64 = 8 * BATCH as u64;
/// Batches that wait for a reducer.
const WAITING: usize = 16;

/// How a [`Timed`] job is written.
pub(crate) const TIMED: &str =
    "a thread for each of two sources, two that own keys, bounded channels; state by hand";

/// Two mappers, two reducers, and a bounded channel of batches for each reducer.
pub(crate) fn shuffle<S: Shuffle>(job: &S) -> Vec<S::State> {
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..THREADS).map(|_| bounded(WAITING)).unzip();
    std::thread::scope(|scope| {
        let reducers: Vec<_> =
            receivers.into_iter().map(|inbox| scope.spawn(move || reducer::<S>(&inbox))).collect();
        for _ in 0..THREADS {
            let senders = senders.clone();
            scope.spawn(move || mapper(job, &senders));
        }
        // The reducers stop when the last sender is gone.
        drop(senders);
        reducers.into_iter().map(|reducer| reducer.join().expect("no contestant panics")).collect()
    })
}

fn mapper<S: Shuffle>(job: &S, reducers: &[Sender<Vec<S::Event>>]) {
    let mut batches = Batches::<S>::new();
    let mut taken = Vec::new();
    while job.take(&mut taken) {
        for event in taken.drain(..) {
            if let Some((owner, full)) = batches.push(event) {
                reducers[owner].send(full).expect("reducers outlive mappers");
            }
        }
    }
    for (reducer, rest) in reducers.iter().zip(batches.rest()) {
        reducer.send(rest).expect("reducers outlive mappers");
    }
}

fn reducer<S: Shuffle>(inbox: &Receiver<Vec<S::Event>>) -> S::State {
    let mut state = S::State::default();
    inbox.iter().flatten().for_each(|event| S::fold(&mut state, event));
    state
}

/// The batch that a mapper fills for each reducer.
pub(crate) struct Batches<S: Shuffle>([Vec<S::Event>; THREADS]);

impl<S: Shuffle> Batches<S> {
    pub(crate) fn new() -> Self {
        Batches([(); THREADS].map(|()| Vec::with_capacity(BATCH)))
    }

    /// Adds an event to its owner's batch, and gives that where it is full.
    #[inline]
    pub(crate) fn push(&mut self, event: S::Event) -> Option<(usize, Vec<S::Event>)> {
        let owner = S::owner(&event) as usize % THREADS;
        let batch = &mut self.0[owner];
        batch.push(event);
        (batch.len() == BATCH).then(|| (owner, std::mem::replace(batch, Vec::with_capacity(BATCH))))
    }

    /// What has not become full, for each reducer.
    pub(crate) fn rest(self) -> [Vec<S::Event>; THREADS] {
        self.0
    }
}

/// What a source of a [`Timed`] job sends to an owner: its number, the time before which nothing of it
/// comes any more, and events.
type Message<J> = (usize, i64, Vec<<J as Timed>::Event>);

/// A thread for each source, and two that own keys, who wait for the source that is behind.
pub(crate) fn timed<J: Timed>(job: &J) -> Vec<Vec<J::Result>> {
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..THREADS).map(|_| bounded(WAITING)).unzip();
    std::thread::scope(|scope| {
        for nth in 0..THREADS {
            let senders = senders.clone();
            scope.spawn(move || send(job, nth, &senders));
        }
        drop(senders);
        let owners: Vec<_> =
            receivers.into_iter().map(|inbox| scope.spawn(move || own::<J>(&inbox))).collect();
        owners.into_iter().map(|owner| owner.join().expect("no contestant panics")).collect()
    })
}

fn send<J: Timed>(job: &J, nth: usize, owners: &[Sender<Message<J>>]) {
    let mut events = job.source(nth).peekable();
    let mut highest = i64::MIN / 2;
    while events.peek().is_some() {
        let mut parts: [Vec<J::Event>; THREADS] = Default::default();
        for event in events.by_ref().take(TOLD) {
            highest = highest.max(J::time(&event));
            parts[J::owner(&event) as usize % THREADS].push(event);
        }
        for (owner, part) in owners.iter().zip(parts) {
            owner.send((nth, highest - J::DISORDER, part)).expect("owners outlive sources");
        }
    }
    for owner in owners {
        owner.send((nth, i64::MAX, Vec::new())).expect("owners outlive sources");
    }
}

fn own<J: Timed>(inbox: &Receiver<Message<J>>) -> Vec<J::Result> {
    let (mut state, mut results) = (J::State::default(), Vec::new());
    let mut passed = [i64::MIN; THREADS];
    for (source, time, events) in inbox {
        events.into_iter().for_each(|event| J::fold(&mut state, event));
        passed[source] = time;
        let all = passed.into_iter().min().expect("there are sources");
        J::passed(&mut state, all, &mut results);
    }
    results
}
