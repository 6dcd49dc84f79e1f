//! How often and when an attempt is repeated.

use crate::runtime::clock::nanos;
use std::time::Duration;

/// How often an attempt that failed is repeated, and how long it waits before: the strategy of
/// [`retry`](crate::Flow::retry).
///
/// ```
/// use flow::Retry;
/// use std::time::Duration;
///
/// let second = Duration::from_secs(1);
/// let retry = Retry::exponential(second).up_to(5 * second).times(4);
/// let waits: Vec<u64> = (1..=4).map(|retry_number| retry.wait(retry_number).as_secs()).collect();
/// assert_eq!(waits, [1, 2, 4, 5]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    first: Duration,
    exponential: bool,
    longest: Duration,
    pub(crate) times: u32,
    pub(super) window: usize,
}

impl Retry {
    /// The same wait before every repetition; 3 of them, unless [`times`](Retry::times) says
    /// otherwise.
    pub fn every(wait: Duration) -> Self {
        let longest = Duration::MAX;
        Retry { first: wait, exponential: false, longest, times: 3, window: 256 }
    }

    /// Waits that double: `first`, twice that, and so on; 3 of them, unless [`times`](Retry::times)
    /// says otherwise. They grow without limit where none is set by [`up_to`](Retry::up_to).
    pub fn exponential(first: Duration) -> Self {
        Retry { exponential: true, ..Retry::every(first) }
    }

    /// The longest wait.
    pub fn up_to(self, longest: Duration) -> Self {
        Retry { longest, ..self }
    }

    /// How many more attempts there are after the first one. 0: none.
    pub fn times(self, times: u32) -> Self {
        Retry { times, ..self }
    }

    /// The most events that one instance of the stage may hold: those that wait for another attempt
    /// and, where order is kept, those behind them. Default: 256. When so many are held nothing more
    /// is asked for. 0 is refused when the flow is built.
    pub fn window(self, events: usize) -> Self {
        Retry { window: events, ..self }
    }

    /// How long to wait before repetition number `retry`, counted from 1.
    pub fn wait(&self, retry: u32) -> Duration {
        let doublings = if self.exponential { retry.saturating_sub(1) } else { 0 };
        let factor = 2u32.checked_pow(doublings).unwrap_or(u32::MAX);
        self.first.saturating_mul(factor).min(self.longest)
    }

    /// When a repetition is due, of an attempt that failed at `now`, in the run's time.
    pub(crate) fn due(&self, now: u64, retry: u32) -> u64 {
        now.saturating_add(nanos(self.wait(retry)))
    }
}
