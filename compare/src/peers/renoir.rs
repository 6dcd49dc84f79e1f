//! Renoir: two replicas of each block, batches of a fixed number of elements.

use std::sync::{Arc, Mutex};

use ::renoir::operator::StreamElement;
use ::renoir::{BatchMode, RuntimeConfig, StreamContext};

use super::timely::InProcess;
use super::{Shuffle, TOLD, Timed};
use crate::harness::THREADS;

/// How a [`Shuffle`] is written.
pub(crate) const SHUFFLE: &str =
    "two sources, `group_by` the owner of a key, `rich_map_custom` by hand; batches of 4,096";
/// How a [`Timed`] job is written.
pub(crate) const TIMED: &str = "two sources, `group_by` the owner of a key, `rich_map_custom` with state by hand; batches and a watermark each 4,096 events";

/// How [`sum`] is written.
pub(crate) const SUM: &str = "two sources, `filter_map`, `fold_assoc`; batches of 4,096";

/// Runs the streams that `build` makes.
pub(crate) fn run(build: impl FnOnce(&StreamContext)) {
    let config = RuntimeConfig::local(THREADS as u64).expect("two replicas are possible");
    let context = StreamContext::new(config);
    build(&context);
    context.execute_blocking();
}

/// How many elements it sends at once: the most that was of use here.
pub(crate) fn batches() -> BatchMode {
    BatchMode::fixed(4_096)
}

/// The sum over what `value` makes of all events of the sources, whose number each is told.
pub(crate) fn sum<I>(
    source: impl FnOnce(usize) -> I + Clone + Send + 'static,
    value: impl Fn(I::Item) -> Option<u64> + Clone + Send + 'static,
) -> u64
where
    I: Iterator<Item: Clone + Send + 'static> + Send + 'static,
{
    let gathered = Gathered::new();
    let mut place = gathered.place();
    run(|context| {
        let events = context.stream_par_iter(move |nth: u64, _: u64| source(nth as usize));
        let add = |sum: &mut u64, x: u64| *sum = sum.wrapping_add(x);
        let sums = events.batch_mode(batches()).filter_map(value).fold_assoc(0, add, add);
        sums.for_each(move |sum| place.push(sum));
    });
    gathered.take().into_iter().flatten().fold(0, u64::wrapping_add)
}

/// Every event to the replica that owns its key, which folds it by hand, in an operator that is called
/// with every element.
pub(crate) fn shuffle<S: Shuffle>(job: &S) -> Vec<S::State>
where
    S::Event: Clone,
    S::State: Clone,
{
    let gathered = Gathered::new();
    let mut place = gathered.place();
    let job = job.clone();
    run(|context| {
        let taken = move |_: u64, _: u64| {
            let mut batch = Vec::new();
            std::iter::from_fn(move || job.take(&mut batch).then(|| std::mem::take(&mut batch)))
        };
        let events = context.stream_par_iter(taken).batch_mode(batches()).flatten();
        let owned = events.map(InProcess).group_by(|event| S::owner(&event.0) % THREADS as u64);
        let mut fold = ByHand::new(S::State::default());
        let states = owned.rich_map_custom(move |mut elements| {
            fold.run(|| elements.next(), |state, (_, event)| S::fold(state, event.0), |_, _| ())
        });
        states.for_each(move |state| place.push(state));
    });
    gathered.take().into_iter().flatten().collect()
}

/// The same with times: what a watermark has passed is given when it comes.
pub(crate) fn timed<J: Timed>(job: &J) -> Vec<Vec<J::Result>> {
    let gathered = Gathered::new();
    let mut place = gathered.place();
    let job = job.clone();
    run(|context| {
        let source = move |nth: u64, _: u64| job.source(nth as usize).map(InProcess);
        let (mut highest, mut untold) = (i64::MIN / 2, 0);
        let events = context.stream_par_iter(source).batch_mode(batches()).add_timestamps(
            |event| J::time(&event.0),
            move |_, at| {
                highest = highest.max(*at);
                untold = (untold + 1) % TOLD;
                // A watermark is the last time that is over.
                (untold == 0).then_some(highest - J::DISORDER - 1)
            },
        );
        let owned = events.group_by(|event| J::owner(&event.0) % THREADS as u64);
        let mut fold = ByHand::new((J::State::default(), Vec::new()));
        let results = owned.rich_map_custom(move |mut elements| {
            fold.run(
                || elements.next(),
                |(state, _), (_, event)| J::fold(state, event.0),
                |(state, results), time| J::passed(state, time, results),
            )
        });
        results.for_each(move |(_, results)| results.into_iter().for_each(|one| place.push(one)));
    });
    gathered.take()
}

/// What one replica folds by hand, in `rich_map_custom`, and gives when its input has ended.
#[derive(Clone)]
pub(crate) struct ByHand<S> {
    state: S,
    ended: bool,
}

impl<S: Default> ByHand<S> {
    pub(crate) fn new(state: S) -> Self {
        ByHand { state, ended: false }
    }

    /// Folds all elements. `passed` is told the time before which nothing comes any more.
    pub(crate) fn run<T>(
        &mut self,
        mut next: impl FnMut() -> StreamElement<T>,
        mut fold: impl FnMut(&mut S, T),
        mut passed: impl FnMut(&mut S, i64),
    ) -> StreamElement<S> {
        // The end is passed on behind what it has made.
        if std::mem::take(&mut self.ended) {
            return StreamElement::FlushAndRestart;
        }
        loop {
            match next() {
                StreamElement::Timestamped(one, _) | StreamElement::Item(one) => {
                    fold(&mut self.state, one);
                }
                StreamElement::Watermark(time) => passed(&mut self.state, time + 1),
                StreamElement::FlushAndRestart => {
                    self.ended = true;
                    passed(&mut self.state, i64::MAX);
                    return StreamElement::Item(std::mem::take(&mut self.state));
                }
                StreamElement::FlushBatch => return StreamElement::FlushBatch,
                StreamElement::Terminate => return StreamElement::Terminate,
            }
        }
    }
}

/// What all replicas have gathered, each in a list of its own; `collect_vec` would send everything
/// through one of them.
pub(crate) struct Gathered<T>(Arc<Mutex<Vec<Vec<T>>>>);

impl<T: Send> Gathered<T> {
    pub(crate) fn new() -> Self {
        Gathered(Arc::default())
    }

    /// Where a replica puts what it has.
    pub(crate) fn place(&self) -> Place<T> {
        Place { own: Vec::new(), all: self.0.clone() }
    }

    /// To be called when the run is over.
    pub(crate) fn take(self) -> Vec<Vec<T>> {
        std::mem::take(&mut self.0.lock().expect("no contestant panics"))
    }
}

/// One replica's part of [`Gathered`].
pub(crate) struct Place<T> {
    own: Vec<T>,
    all: Arc<Mutex<Vec<Vec<T>>>>,
}

impl<T> Place<T> {
    pub(crate) fn push(&mut self, value: T) {
        self.own.push(value);
    }
}

/// For another replica.
impl<T> Clone for Place<T> {
    fn clone(&self) -> Self {
        Place { own: Vec::new(), all: self.all.clone() }
    }
}

impl<T> Drop for Place<T> {
    fn drop(&mut self) {
        if let (false, Ok(mut all)) = (self.own.is_empty(), self.all.lock()) {
            all.push(std::mem::take(&mut self.own));
        }
    }
}
