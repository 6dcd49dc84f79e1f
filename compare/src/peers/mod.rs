//! What several workloads need of one peer: how it is set up, and its form of the same job.
//!
//! Every peer works on [`THREADS`](crate::harness::THREADS) threads, as the limits do.

pub(crate) mod channels;
#[cfg(feature = "peers")]
pub(crate) mod renoir;
#[cfg(feature = "peers")]
pub(crate) mod timely;
#[cfg(feature = "peers")]
pub(crate) mod tokio;

/// A job in which every event goes to the thread that owns its key, and is folded there.
///
/// A dataflow that is written by hand is the same for all of them: each of the mappers makes
/// batches, and sends every event on to one of the reducers. `'static` is what timely and tokio
/// demand.
pub(crate) trait Shuffle: Clone + Send + Sync + 'static {
    /// What crosses from a mapper to a reducer.
    type Event: Send + 'static;
    /// What a reducer keeps.
    type State: Default + Send + 'static;

    /// Puts a share of the input that nobody has taken yet into `batch`: some thousand events.
    /// `false` where nothing is left.
    fn take(&self, batch: &mut Vec<Self::Event>) -> bool;

    /// A number that says who owns the event: all its bits count.
    fn owner(event: &Self::Event) -> u64;

    /// Folds an event that this reducer owns.
    fn fold(state: &mut Self::State, event: Self::Event);
}

/// A job on events with times, from two sources that are not in step: every event goes to the thread
/// that owns its key, which keeps what it must and gives results when time has come so far.
pub(crate) trait Timed: Clone + Send + Sync + 'static {
    /// What crosses from a source to an owner.
    type Event: Clone + Send + 'static;
    /// What one of the two sources gives.
    type Source: Iterator<Item = Self::Event> + Send + 'static;
    /// What an owner keeps.
    type State: Clone + Default + Send + 'static;
    /// What it gives.
    type Result: Clone + Send + 'static;

    /// Later events of a source may be earlier by less than this, in milliseconds.
    const DISORDER: i64;

    /// One of the sources, by its number.
    fn source(&self, nth: usize) -> Self::Source;

    /// When an event was, in milliseconds.
    fn time(event: &Self::Event) -> i64;

    /// A number that says who owns the event.
    fn owner(event: &Self::Event) -> u64;

    /// Folds an event that this thread owns.
    fn fold(state: &mut Self::State, event: Self::Event);

    /// Gives what is complete when nothing before this time comes any more.
    fn passed(state: &mut Self::State, time: i64, results: &mut Vec<Self::Result>);
}

/// How often a source of a [`Timed`] job says how far time has come, in events: whoever keeps windows
/// looks at them then.
pub(crate) const TOLD: usize = 4 * channels::BATCH;

/// The merge in which the larger of two maps absorbs the smaller one.
pub(crate) fn absorb<K, V, H>(
    one: std::collections::HashMap<K, V, H>,
    other: std::collections::HashMap<K, V, H>,
    mut add: impl FnMut(&mut V, V),
) -> std::collections::HashMap<K, V, H>
where
    K: Eq + std::hash::Hash,
    V: Default,
    H: std::hash::BuildHasher,
{
    let (mut large, small) = if one.len() < other.len() { (other, one) } else { (one, other) };
    for (key, value) in small {
        add(large.entry(key).or_default(), value);
    }
    large
}
