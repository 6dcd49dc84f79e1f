//! `Timestamp`: when an event happened.

use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

/// When an event happened: a signed count of milliseconds, usually since 1970.
///
/// It is a number and not a `SystemTime`, so that times before the origin, logical clocks and tests
/// need no special case. Arithmetic saturates: [`MIN`](Timestamp::MIN) and [`MAX`](Timestamp::MAX)
/// stand for minus and plus infinity and stay so.
///
/// ```
/// use flow::Timestamp;
/// use std::time::Duration;
///
/// let at = Timestamp(1_500);
/// assert_eq!(at + Duration::from_secs(2), Timestamp(3_500));
/// assert_eq!(Timestamp::MAX + Duration::from_secs(2), Timestamp::MAX);
/// assert_eq!(at.to_string(), "1500");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Before every event.
    pub const MIN: Timestamp = Timestamp(i64::MIN);
    /// After every event.
    pub const MAX: Timestamp = Timestamp(i64::MAX);

    /// Later by some milliseconds; saturates, and infinities stay what they are.
    #[inline]
    pub(crate) const fn plus(self, ticks: i64) -> Self {
        match self {
            Timestamp::MIN | Timestamp::MAX => self,
            Timestamp(at) => Timestamp(at.saturating_add(ticks)),
        }
    }

    /// Earlier by some milliseconds; saturates, and infinities stay what they are.
    #[inline]
    pub(crate) const fn minus(self, ticks: i64) -> Self {
        match self {
            Timestamp::MIN | Timestamp::MAX => self,
            Timestamp(at) => Timestamp(at.saturating_sub(ticks)),
        }
    }

    /// The last multiple of `granularity` that is not later; infinities stay what they are.
    #[inline]
    pub(crate) const fn floor(self, granularity: i64) -> Self {
        match self {
            Timestamp::MIN | Timestamp::MAX => self,
            Timestamp(at) => Timestamp(at.saturating_sub(at.rem_euclid(granularity))),
        }
    }
}

/// A duration in ticks: whole milliseconds, the longest ones cut to about 292 million years.
pub(crate) fn ticks(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

impl Add<Duration> for Timestamp {
    type Output = Timestamp;

    fn add(self, duration: Duration) -> Timestamp {
        self.plus(ticks(duration))
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Timestamp;

    fn sub(self, duration: Duration) -> Timestamp {
        self.minus(ticks(duration))
    }
}

impl From<i64> for Timestamp {
    fn from(ticks: i64) -> Self {
        Timestamp(ticks)
    }
}

impl From<Timestamp> for i64 {
    fn from(at: Timestamp) -> Self {
        at.0
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Timestamp::MIN => f.pad("-inf"),
            Timestamp::MAX => f.pad("+inf"),
            Timestamp(at) => fmt::Display::fmt(&at, f),
        }
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_saturates_and_infinities_stay() {
        let year = Duration::from_secs(365 * 86_400);
        for infinity in [Timestamp::MIN, Timestamp::MAX] {
            assert_eq!((infinity + year, infinity - year), (infinity, infinity));
            assert_eq!(infinity.floor(7), infinity);
        }
        assert_eq!(Timestamp(i64::MAX - 5) + year, Timestamp::MAX);
        assert_eq!(Timestamp(i64::MIN + 5) - year, Timestamp::MIN);
        assert_eq!(Timestamp(0) + Duration::MAX, Timestamp::MAX);
        assert_eq!(ticks(Duration::from_micros(1_999)), 1);
    }

    #[test]
    fn floors_go_down_on_both_sides_of_zero() {
        let floors = [-11, -10, -1, 0, 9, 10].map(|at| Timestamp(at).floor(10).0);
        assert_eq!(floors, [-20, -10, -10, 0, 0, 10]);
        assert_eq!(Timestamp(i64::MIN + 1).floor(1_000), Timestamp::MIN);
    }

    #[test]
    fn it_shows_what_it_is() {
        let shown =
            [Timestamp::MIN, Timestamp(-3), Timestamp::MAX].map(|at| format!("{at} {at:?}"));
        assert_eq!(shown, ["-inf -inf", "-3 -3", "+inf +inf"]);
        assert_eq!(i64::from(Timestamp::from(4)), 4);
    }
}
