//! The windows with threads and channels.

use crossbeam_channel::{Receiver, Sender, bounded};

use super::aligned::{Partial, Source, Windows};
use super::{Event, Total};
use crate::harness::THREADS;

/// What a source sends in one step to one reducer: which source, the first second that it may still
/// send, its partial sums.
type Message = (usize, i64, Vec<Partial>);

/// A thread for each source, two reducers, a bounded channel for each of these. A reducer closes a
/// window when both sources have passed it.
pub(super) fn windows<const N: i64, E>(sources: [Source<E>; 2]) -> Vec<Vec<Total>>
where
    E: Iterator<Item = Event> + Send,
{
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..THREADS).map(|_| bounded(16)).unzip();
    std::thread::scope(|scope| {
        for (nth, source) in sources.into_iter().enumerate() {
            let senders = senders.clone();
            scope.spawn(move || send(nth, source, &senders));
        }
        drop(senders);
        let reducers: Vec<_> =
            receivers.into_iter().map(|inbox| scope.spawn(move || reduce::<N>(&inbox))).collect();
        reducers.into_iter().map(|reducer| reducer.join().expect("no contestant panics")).collect()
    })
}

fn send<E>(nth: usize, mut source: Source<E>, reducers: &[Sender<Message>])
where
    E: Iterator<Item = Event>,
{
    let (mut batch, mut last) = (Vec::new(), i64::MIN);
    while let Some(open) = source.step(&mut batch) {
        // A step that neither moves time nor has a sum says nothing.
        if batch.is_empty() && open == last {
            continue;
        }
        last = open;
        let mut parts: [Vec<Partial>; THREADS] = Default::default();
        batch.drain(..).for_each(|partial| parts[partial.1 as usize % THREADS].push(partial));
        for (reducer, part) in reducers.iter().zip(parts) {
            reducer.send((nth, open, part)).expect("reducers outlive sources");
        }
    }
}

fn reduce<const N: i64>(inbox: &Receiver<Message>) -> Vec<Total> {
    let (mut windows, mut open) = (Windows::<N>::default(), [i64::MIN; 2]);
    for (source, first, partials) in inbox {
        partials.into_iter().for_each(|partial| windows.add(partial));
        open[source] = first;
        windows.close_before(open[0].min(open[1]));
    }
    windows.end()
}
