//! The kinds of windows, as types: `Window` makes them.

use super::Span;
use crate::time::{Timestamp, ticks};
use std::time::Duration;

/// Makes windows: how the events of a key (or partition) are divided into what is folded together.
///
/// Windows of time are half-open and aligned to the origin of time plus an offset, never to an event,
/// so that they do not depend on what comes first. Sizes are in milliseconds; a size of less is
/// refused by the terminal.
///
/// ```
/// use flow::Window;
/// use std::time::Duration;
///
/// let minutes = Window::fixed(Duration::from_secs(60));
/// let of_an_hour = Window::sliding(Duration::from_secs(3600), Duration::from_secs(60));
/// let visits = Window::session(Duration::from_secs(1800));
/// # let _ = (minutes, of_an_hour, visits);
/// ```
#[derive(Debug)]
pub enum Window {}

impl Window {
    /// One window for all events; it closes when the input ends.
    pub fn global() -> Global {
        Global
    }

    /// Windows of one size, one after the other: `[0, size)`, `[size, 2 size)`, and so on, also below
    /// zero.
    pub fn fixed(size: Duration) -> Fixed {
        Fixed { size: ticks(size), offset: 0 }
    }

    /// Windows of one size that begin at every multiple of `every`. If `every` is shorter they
    /// overlap and an event is in several; if it is longer there are events that are in none.
    pub fn sliding(size: Duration, every: Duration) -> Sliding {
        Sliding { size: ticks(size), every: ticks(every), offset: 0 }
    }

    /// Windows per key that last as long as there is no gap of this length or longer between events.
    ///
    /// An event at `t` opens `[t, t + gap)`; windows that overlap become one. Two events exactly
    /// `gap` apart are in two sessions.
    pub fn session(gap: Duration) -> Session {
        Session { gap: ticks(gap) }
    }

    /// Windows of `n` events of a key (or partition), whatever their timestamps.
    pub fn count(n: u32) -> Count {
        Count { size: n }
    }

    /// The last `size` events of a key (or partition), after every `every` of them: the first windows
    /// have fewer. At the end of the input, events that no window has shown get a last one.
    pub fn sliding_count(size: u32, every: u32) -> SlidingCount {
        SlidingCount { size, every }
    }

    /// Windows by the clock instead of by timestamps: an event belongs where the clock is when it is
    /// folded, and windows close as time passes. A replay gives other results.
    pub fn by_clock<W>(windows: W) -> ByClock<W> {
        ByClock(windows)
    }

    /// Windows of your own: an [`Assigner`].
    pub fn assigned<A>(assigner: A) -> Assigned<A> {
        Assigned(assigner)
    }
}

/// Says in which windows an event is: for [`Window::assigned`]. Closures of the same shape are
/// assigners.
///
/// ```
/// use flow::{Span, Timestamp, Window};
///
/// // Minutes of the devices' own lengths.
/// struct Reading { minute: i64 }
/// let windows = Window::assigned(|reading: &Reading, at: Timestamp, windows: &mut Vec<Span>| {
///     let start = Timestamp(at.0 - at.0.rem_euclid(reading.minute));
///     windows.push(Span::new(start, Timestamp(start.0 + reading.minute)));
/// });
/// # let _ = windows;
/// ```
pub trait Assigner<E>: Send + Sync {
    /// Adds the event's windows, each of them once. Empty ones are ignored; an event without windows
    /// is in none, which does not make it late.
    fn assign(&self, event: &E, at: Timestamp, windows: &mut Vec<Span>);
}

impl<E, F: Fn(&E, Timestamp, &mut Vec<Span>) + Send + Sync> Assigner<E> for F {
    fn assign(&self, event: &E, at: Timestamp, windows: &mut Vec<Span>) {
        self(event, at, windows);
    }
}

/// One window for all events; made by [`Window::global`].
#[derive(Clone, Copy, Debug)]
pub struct Global;

/// Windows of one size; made by [`Window::fixed`].
#[derive(Clone, Copy, Debug)]
pub struct Fixed {
    size: i64,
    offset: i64,
}

/// Windows of one size at regular distances; made by [`Window::sliding`].
#[derive(Clone, Copy, Debug)]
pub struct Sliding {
    size: i64,
    every: i64,
    offset: i64,
}

/// Windows that end with a gap; made by [`Window::session`].
#[derive(Clone, Copy, Debug)]
pub struct Session {
    pub(super) gap: i64,
}

/// Windows of a number of events; made by [`Window::count`].
#[derive(Clone, Copy, Debug)]
pub struct Count {
    size: u32,
}

/// The last so many events; made by [`Window::sliding_count`].
#[derive(Clone, Copy, Debug)]
pub struct SlidingCount {
    size: u32,
    every: u32,
}

/// Windows by the clock; made by [`Window::by_clock`].
#[derive(Clone, Copy, Debug)]
pub struct ByClock<W>(pub(super) W);

/// Windows of your own; made by [`Window::assigned`].
#[derive(Clone, Copy, Debug)]
pub struct Assigned<A>(A);

impl Fixed {
    /// Shifts all windows: they begin at multiples of the size plus this.
    pub fn offset(self, offset: Duration) -> Self {
        Fixed { offset: ticks(offset), ..self }
    }
}

impl Sliding {
    /// Shifts all windows: they begin at multiples of `every` plus this.
    pub fn offset(self, offset: Duration) -> Self {
        Sliding { offset: ticks(offset), ..self }
    }

    /// How many windows an event is in at most.
    pub(crate) fn overlap(&self) -> i64 {
        self.size.div_euclid(self.every) + i64::from(self.size.rem_euclid(self.every) != 0)
    }
}

/// What is known about windows without an event.
pub trait WindowKind: Send + Sync {
    /// Whether the clock decides instead of timestamps.
    const BY_CLOCK: bool = false;

    /// What is wrong with them.
    fn invalid(&self) -> Option<String>;

    /// To which multiples a watermark may be rounded down without any of these windows noticing, if
    /// they keep events for `lateness` ticks; 0 if no watermark but the last one matters.
    fn granularity(&self, lateness: i64) -> i64;
}

/// Windows that an event belongs to by its timestamp or by itself, and that never change.
pub trait Assign<E>: WindowKind {
    /// Adds the windows of an event in the order of their starts. Gives the span of timestamps around
    /// `at` of which all events are in the same windows: empty if nothing is known about others.
    fn windows(&self, event: &E, at: Timestamp, windows: &mut Vec<Span>) -> Span;
}

/// Gives an event, and its key, to one or several windows.
pub trait Deal<K, T> {
    /// Calls `fold` for each of the windows, of which there is at least one.
    fn deal(&self, key: K, event: T, windows: &[u32], fold: impl FnMut(u32, K, T));
}

/// How far behind the latest window's start a timestamp is; never overflows.
#[inline]
fn behind(at: Timestamp, every: i64, offset: i64) -> i64 {
    (at.0.rem_euclid(every) - offset.rem_euclid(every)).rem_euclid(every)
}

/// Saturates without regard to infinities: the first and last windows reach to them.
#[inline]
fn around(at: Timestamp, before: i64, after: i64) -> Span {
    let (start, end) = (at.0.saturating_sub(before), at.0.saturating_add(after));
    Span::new(Timestamp(start), Timestamp(end))
}

fn too_short(what: &str, size: i64) -> Option<String> {
    (size <= 0).then(|| format!("{what} of less than a millisecond"))
}

fn gcd(one: i64, other: i64) -> i64 {
    let (mut one, mut other) = (one, other);
    while other != 0 {
        (one, other) = (other, one % other);
    }
    one
}

impl WindowKind for Global {
    fn invalid(&self) -> Option<String> {
        None
    }

    fn granularity(&self, _lateness: i64) -> i64 {
        0
    }
}

impl<E> Assign<E> for Global {
    fn windows(&self, _event: &E, _at: Timestamp, windows: &mut Vec<Span>) -> Span {
        windows.push(Span::ALL);
        Span::ALL
    }
}

impl WindowKind for Fixed {
    fn invalid(&self) -> Option<String> {
        too_short("windows", self.size)
    }

    fn granularity(&self, lateness: i64) -> i64 {
        gcd(gcd(self.size, self.offset), lateness)
    }
}

impl<E> Assign<E> for Fixed {
    #[inline]
    fn windows(&self, _event: &E, at: Timestamp, windows: &mut Vec<Span>) -> Span {
        let behind = behind(at, self.size, self.offset);
        let window = around(at, behind, self.size - behind);
        windows.push(window);
        window
    }
}

impl WindowKind for Sliding {
    fn invalid(&self) -> Option<String> {
        too_short("windows", self.size).or_else(|| too_short("a distance of windows", self.every))
    }

    fn granularity(&self, lateness: i64) -> i64 {
        gcd(gcd(gcd(self.size, self.every), self.offset), lateness)
    }
}

impl Sliding {
    /// How far before `at` the windows begin that contain it, the first of them first.
    fn starts(&self, at: Timestamp) -> impl Iterator<Item = i64> {
        let (last, every) = (behind(at, self.every, self.offset), self.every);
        // How many starts there are less than a size before `at`.
        let count = if last >= self.size { 0 } else { (self.size - 1 - last) / every + 1 };
        (0..count).rev().map(move |nth| last + nth * every)
    }

    /// The windows that contain `at`, the first of them first.
    pub(crate) fn containing(&self, at: Timestamp) -> impl Iterator<Item = Span> {
        let size = self.size;
        self.starts(at).map(move |behind| around(at, behind, size - behind))
    }

    /// The timestamps around `at` that are in the same windows. Windows are unions of such slices.
    pub(crate) fn slice(&self, at: Timestamp) -> Span {
        let last = behind(at, self.every, self.offset);
        let to_start = self.every - last;
        // The window that ended last, and the next one to end.
        let first = last + (self.size - last).max(0).div_euclid(self.every) * self.every;
        let ended = if first >= self.size { first } else { first.saturating_add(self.every) };
        let since_end = ended - self.size;
        let to_end = self.every - since_end;
        around(at, last.min(since_end), to_start.min(to_end))
    }
}

impl<E> Assign<E> for Sliding {
    fn windows(&self, _event: &E, at: Timestamp, windows: &mut Vec<Span>) -> Span {
        windows.extend(self.containing(at));
        self.slice(at)
    }
}

impl WindowKind for Session {
    fn invalid(&self) -> Option<String> {
        too_short("a gap", self.gap)
    }

    fn granularity(&self, _lateness: i64) -> i64 {
        1
    }
}

/// Windows of a number of events.
pub trait Counts: WindowKind {
    /// How many events a window has.
    fn size(&self) -> i64;

    /// After how many events a window is full.
    fn every(&self) -> i64;
}

macro_rules! counts {
    ($kind:ty, $every:ident) => {
        impl WindowKind for $kind {
            fn invalid(&self) -> Option<String> {
                if self.size == 0 {
                    return Some("windows of 0 events".to_owned());
                }
                (self.$every == 0).then(|| "windows after every 0 events".to_owned())
            }

            fn granularity(&self, _lateness: i64) -> i64 {
                0
            }
        }

        impl Counts for $kind {
            fn size(&self) -> i64 {
                self.size.into()
            }

            fn every(&self) -> i64 {
                self.$every.into()
            }
        }
    };
}

counts!(Count, size);
counts!(SlidingCount, every);

impl<W: WindowKind> WindowKind for ByClock<W> {
    const BY_CLOCK: bool = true;

    fn invalid(&self) -> Option<String> {
        self.0.invalid()
    }

    fn granularity(&self, _lateness: i64) -> i64 {
        0
    }
}

impl<E, W: Assign<E>> Assign<E> for ByClock<W> {
    #[inline]
    fn windows(&self, event: &E, at: Timestamp, windows: &mut Vec<Span>) -> Span {
        self.0.windows(event, at, windows)
    }
}

impl<A: Send + Sync> WindowKind for Assigned<A> {
    fn invalid(&self) -> Option<String> {
        None
    }

    fn granularity(&self, _lateness: i64) -> i64 {
        1
    }
}

impl<E, A: Assigner<E>> Assign<E> for Assigned<A> {
    fn windows(&self, event: &E, at: Timestamp, windows: &mut Vec<Span>) -> Span {
        self.0.assign(event, at, windows);
        windows.retain(|window| window.start() < window.end());
        Span::NONE
    }
}

/// An event has one window: it is moved there.
macro_rules! one_window {
    ($($kind:ty),+) => {$(
        impl<K, T> Deal<K, T> for $kind {
            #[inline(always)]
            fn deal(&self, key: K, event: T, windows: &[u32], mut fold: impl FnMut(u32, K, T)) {
                if let Some(window) = windows.first() {
                    fold(*window, key, event);
                }
            }
        }
    )+};
}

one_window!(Global, Fixed, Count);

/// An event can have several windows: all but the last are given copies.
macro_rules! several_windows {
    ($([$($part:ident),*] $kind:ty),+ $(,)?) => {$(
        impl<K: Clone, T: Clone, $($part),*> Deal<K, T> for $kind {
            #[inline]
            fn deal(&self, key: K, event: T, windows: &[u32], mut fold: impl FnMut(u32, K, T)) {
                if let Some((last, others)) = windows.split_last() {
                    others.iter().for_each(|at| fold(*at, key.clone(), event.clone()));
                    fold(*last, key, event);
                }
            }
        }
    )+};
}

several_windows!([] Sliding, [] SlidingCount, [A] Assigned<A>);

impl<K, T, W: Deal<K, T>> Deal<K, T> for ByClock<W> {
    #[inline(always)]
    fn deal(&self, key: K, event: T, windows: &[u32], fold: impl FnMut(u32, K, T)) {
        self.0.deal(key, event, windows, fold);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(kind: impl Assign<()>, at: i64) -> Vec<(i64, i64)> {
        let mut windows = Vec::new();
        kind.windows(&(), Timestamp(at), &mut windows);
        windows.iter().map(|window| (window.start().0, window.end().0)).collect()
    }

    fn millis(n: i64) -> Duration {
        Duration::from_millis(n as u64)
    }

    #[test]
    fn fixed_windows_are_aligned_on_both_sides_of_zero() {
        let starts = |offset| {
            let kind = Window::fixed(millis(10)).offset(millis(offset));
            [-11, -10, -1, 0, 5, 9, 10].map(|at| of(kind, at)[0].0)
        };
        assert_eq!(starts(0), [-20, -10, -10, 0, 0, 0, 10]);
        assert_eq!(starts(3), [-17, -17, -7, -7, 3, 3, 3]);
        assert_eq!(starts(23), starts(3));
    }

    #[test]
    fn the_windows_at_the_ends_of_time_reach_to_them() {
        let kind = Window::fixed(millis(10)).offset(millis(3));
        assert_eq!(of(kind, i64::MAX), [(i64::MAX - 4, i64::MAX)]);
        assert_eq!(of(kind, i64::MIN), [(i64::MIN, i64::MIN + 1)]);
        let kind = Window::sliding(Duration::MAX, millis(1 << 61));
        assert!(of(kind, 0).contains(&(0, i64::MAX)));
    }

    /// Windows `k * every` of `size`, as they are known from another system.
    #[test]
    fn sliding_windows_begin_at_multiples() {
        let ids = |every: i64, at| -> Vec<i64> {
            let kind = Window::sliding(millis(10), millis(every));
            of(kind, at).iter().map(|window| window.0 / every).collect()
        };
        let cases: [(i64, i64, &[i64]); 16] = [
            (5, 13, &[1, 2]),
            (5, -3, &[-2, -1]),
            (5, 3, &[-1, 0]),
            (5, -5, &[-2, -1]),
            (5, 0, &[-1, 0]),
            (5, 10, &[1, 2]),
            (3, 11, &[1, 2, 3]),
            (3, -1, &[-3, -2, -1]),
            (3, 5, &[-1, 0, 1]),
            (7, 14, &[1, 2]),
            (7, -7, &[-2, -1]),
            (7, 17, &[2]),
            (7, -4, &[-1]),
            (10, 15, &[1]),
            (10, -5, &[-1]),
            (10, -10, &[-1]),
        ];
        for (every, at, expected) in cases {
            assert_eq!(ids(every, at), expected, "every {every} at {at}");
        }
        let sampled = Window::sliding(millis(5), millis(10));
        assert_eq!((of(sampled, 4), of(sampled, 7)), (vec![(0, 5)], vec![]));
    }

    #[test]
    fn sizes_that_make_no_sense_are_named() {
        let wrong = [
            Window::fixed(Duration::ZERO).invalid(),
            Window::fixed(Duration::from_micros(999)).invalid(),
            Window::sliding(millis(1), millis(0)).invalid(),
            Window::sliding(millis(0), millis(1)).invalid(),
            Window::session(millis(0)).invalid(),
            Window::count(0).invalid(),
            Window::sliding_count(3, 0).invalid(),
            Window::by_clock(Window::fixed(millis(0))).invalid(),
        ];
        assert!(wrong.iter().all(Option::is_some));
        assert_eq!(Window::sliding(millis(10), millis(3)).invalid(), None);
    }

    #[test]
    fn watermarks_need_only_be_as_fine_as_what_they_close() {
        assert_eq!(Window::fixed(millis(60)).granularity(0), 60);
        assert_eq!(Window::fixed(millis(60)).offset(millis(9)).granularity(0), 3);
        assert_eq!(Window::fixed(millis(60)).granularity(45), 15);
        assert_eq!(Window::sliding(millis(10), millis(4)).granularity(0), 2);
        assert_eq!(Window::global().granularity(7), 0);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]

        #[test]
        fn a_slice_is_what_has_the_same_windows(
            size in 1..30_i64, every in 1..30_i64, offset in 0..30_i64, at in -100..100_i64
        ) {
            let kind = Window::sliding(millis(size), millis(every)).offset(millis(offset));
            let windows = of(kind, at);
            let expected: Vec<_> = (-300..300)
                .map(|k| k * every + offset)
                .filter(|start| *start <= at && at < start + size)
                .map(|start| (start, start + size))
                .collect();
            prop_assert_eq!(&windows, &expected);
            prop_assert!(windows.len() as i64 <= kind.overlap());
            let slice = kind.slice(Timestamp(at));
            prop_assert!(slice.contains(Timestamp(at)));
            for inside in slice.start().0..slice.end().0 {
                prop_assert_eq!(&of(kind, inside), &windows);
            }
            let outside = [slice.start().0 - 1, slice.end().0];
            let parted = (-300..300).map(|k| k * every + offset).any(|start| {
                [start, start + size].contains(&slice.start().0)
            });
            prop_assert!(parted && outside.iter().all(|at| !slice.contains(Timestamp(*at))));
        }
    }
}
