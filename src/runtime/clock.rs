//! Time as the engine sees it: nanoseconds since the run began, real or virtual.
//!
//! Pace, linger and timers read time only from here, so a simulated run never waits and is the same
//! at every replay.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

#[derive(Debug)]
pub(crate) enum Clock {
    Real(Instant),
    Virtual(AtomicU64),
}

impl Clock {
    pub(crate) fn real() -> Self {
        Clock::Real(Instant::now())
    }

    pub(crate) fn simulated() -> Self {
        Clock::Virtual(AtomicU64::new(0))
    }

    /// Nanoseconds since the run began. Cost on a real clock: one read of the monotonic clock.
    pub(crate) fn now(&self) -> u64 {
        match self {
            Clock::Real(start) => nanos(start.elapsed()),
            Clock::Virtual(now) => now.load(Ordering::Relaxed),
        }
    }

    /// The time of day, in milliseconds since 1970; a virtual clock begins there.
    pub(crate) fn millis(&self) -> i64 {
        let since = match self {
            Clock::Real(_) => SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default(),
            Clock::Virtual(_) => Duration::from_nanos(self.now()),
        };
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    }

    /// Moves a virtual clock forward; a real one moves by itself.
    pub(crate) fn advance_to(&self, time: u64) {
        if let Clock::Virtual(now) = self {
            now.fetch_max(time, Ordering::Relaxed);
        }
    }
}

/// A duration in nanoseconds, the longest ones cut to about 584 years.
pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
