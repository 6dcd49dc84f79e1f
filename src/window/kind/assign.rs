//! Which windows an event belongs to.

use super::{
    Assigned, Assigner, ByClock, Count, Fixed, Global, OfPanes, Session, Sliding, SlidingCount,
};
use crate::time::Timestamp;
use crate::window::{Pane, Span};

/// What is known about windows without an event.
pub trait WindowKind: Send + Sync {
    /// Whether the clock decides instead of timestamps.
    const BY_CLOCK: bool = false;

    /// Whether windows span numbers of events instead of times.
    fn by_number(&self) -> bool {
        false
    }

    /// Whether accumulators of two windows, or of two parts of one, become one.
    const MERGES: bool = false;

    /// Whether there is one window, which everything is in.
    const WHOLE: bool = false;

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

/// Windows whose events can be folded in parts before they come together: an event belongs to all
/// windows that its part belongs to.
pub(crate) trait Parted: WindowKind {
    /// The part of a timestamp: what is folded together before it travels. It has to arrive before a
    /// watermark passes its end.
    fn part(&self, at: Timestamp) -> Span;
}

impl Parted for Global {
    fn part(&self, _at: Timestamp) -> Span {
        Span::ALL
    }
}

impl Parted for Fixed {
    #[inline]
    fn part(&self, at: Timestamp) -> Span {
        let behind = behind(at, self.size, self.offset);
        around(at, behind, self.size - behind)
    }
}

impl Parted for Sliding {
    fn part(&self, at: Timestamp) -> Span {
        self.slice(at)
    }
}

/// Whatever comes at the same time is in the same windows.
impl<W: WindowKind> Parted for ByClock<W> {
    fn part(&self, _at: Timestamp) -> Span {
        Span::ALL
    }
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
    const WHOLE: bool = true;

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
        windows.push(self.part(at));
        self.part(at)
    }
}

impl WindowKind for Sliding {
    const MERGES: bool = true;

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
    const MERGES: bool = true;

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
            fn by_number(&self) -> bool {
                true
            }

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
    const MERGES: bool = W::MERGES;
    const WHOLE: bool = W::WHOLE;

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

impl WindowKind for OfPanes {
    fn invalid(&self) -> Option<String> {
        None
    }

    fn granularity(&self, _lateness: i64) -> i64 {
        1
    }
}

impl<K, V> Assign<Pane<K, V>> for OfPanes {
    fn windows(&self, pane: &Pane<K, V>, _at: Timestamp, windows: &mut Vec<Span>) -> Span {
        windows.push(pane.window);
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

one_window!(Global, Fixed, Count, OfPanes);

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
