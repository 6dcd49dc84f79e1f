//! The kinds of windows, as types: `Window` makes them.

mod any;
mod assign;
#[cfg(test)]
mod tests;

pub use any::AnyWindow;
pub use assign::{Assign, WindowKind};
pub(super) use assign::{Counts, Deal, Parted};

use super::Span;
use crate::time::{Timestamp, ticks};
use std::fmt;
use std::sync::Arc;
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
    #[doc(alias = "tumbling")]
    pub fn fixed(size: Duration) -> Fixed {
        Fixed { size: ticks(size), offset: 0 }
    }

    /// Windows of one size that begin at every multiple of `every`. If `every` is shorter they
    /// overlap and an event is in several; if it is longer there are events that are in none.
    #[doc(alias = "hopping")]
    pub fn sliding(size: Duration, every: Duration) -> Sliding {
        Sliding { size: ticks(size), every: ticks(every), offset: 0 }
    }

    /// Windows per key that last as long as there is no gap of this length or longer between events.
    ///
    /// An event at `t` opens `[t, t + gap)`; windows that overlap become one. Two events exactly
    /// `gap` apart are in two sessions. Whatever is folded in sessions has to merge.
    ///
    /// ```
    /// use flow::{Flow, Timestamp, Window};
    /// use std::time::Duration;
    ///
    /// // 9 comes last, and makes one session of two.
    /// let visits: Vec<(i64, u64)> = Flow::from_vec(vec![1, 16, 40, 9])
    ///     .timestamps(|at| Timestamp(*at), |w| w.bounded(Duration::from_millis(60)))
    ///     .key_by(|_| ())
    ///     .window(Window::session(Duration::from_millis(10)))
    ///     .count()
    ///     .map(|pane| (pane.window.start().0, pane.value))
    ///     .collect()?;
    /// assert_eq!(visits, [(1, 3), (40, 1)]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    pub fn session(gap: Duration) -> Session {
        Session { gap: ticks(gap) }
    }

    /// Windows of `n` events of a key (or partition), whatever their timestamps.
    pub fn count(n: u32) -> Count {
        Count { size: n }
    }

    /// The last `size` events of a key (or partition), after every `every` of them: the first windows
    /// have fewer. At the end of the input, events that no window has shown get a last one.
    ///
    /// ```
    /// use flow::{Flow, Window};
    ///
    /// let sums = Flow::from_range(1..6u32)
    ///     .stages(1)
    ///     .key_by(|_| ())
    ///     .window(Window::sliding_count(3, 2))
    ///     .sum(|x| *x)
    ///     .map(|pane| pane.value);
    /// assert_eq!(sums.collect::<Vec<_>>()?, [1 + 2, 2 + 3 + 4, 4 + 5]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    pub fn sliding_count(size: u32, every: u32) -> SlidingCount {
        SlidingCount { size, every }
    }

    /// Windows by the clock instead of by timestamps: an event belongs where the clock is when it comes to
    /// its window, and windows close as time passes. It comes with its batch, which may wait as long as
    /// [`linger`](crate::Flow::linger) says, and the clock is read every 32 events. A replay gives other
    /// results.
    ///
    /// ```
    /// use flow::testing::{Script, assert_panes};
    /// use flow::{Executor, Flow, Timestamp, Window};
    /// use std::time::Duration;
    ///
    /// let ms = Duration::from_millis;
    /// let at = Timestamp(0); // Nobody asks for it.
    /// let script = Script::new().clock(ms(3)).event(at, "a").clock(ms(12)).event(at, "a");
    /// let panes = Flow::from_scripts([script])
    ///     .key_by(|name| *name)
    ///     .window(Window::by_clock(Window::fixed(ms(10))))
    ///     .count()
    ///     .linger(Duration::ZERO)
    ///     .on(Executor::simulation(7));
    /// assert_panes(panes.collect::<Vec<_>>()?, ["a [0,10)=1 O0*", "a [10,20)=1 O0*"]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    pub fn by_clock<W>(windows: W) -> ByClock<W> {
        ByClock(windows)
    }

    /// For panes: the windows that they are of. So all panes of one window come together, whatever
    /// keys they had: the best few keys of a window, or all partitions.
    ///
    /// It is for windows of time. A pane comes before the watermark that closes its window, so none is
    /// late unless it is a late one itself, for which `allowed_lateness` is needed here, too.
    ///
    /// ```
    /// use flow::{Flow, Timestamp, Window};
    /// use std::time::Duration;
    ///
    /// let words = Flow::from_vec(vec![(1, "a"), (2, "b"), (3, "a"), (12, "c")]);
    /// let best = words
    ///     .timestamps(|(at, _)| Timestamp(*at), |w| w.ascending())
    ///     .key_by(|(_, word)| *word)
    ///     .window(Window::sliding(Duration::from_millis(10), Duration::from_millis(5)))
    ///     .count()
    ///     .key_by(|_| ())
    ///     .window(Window::of_panes())
    ///     .aggregate(|a| a.top_k(1, |pane| (pane.value, pane.key)))
    ///     .map(|pane| (pane.window.start().0, pane.value[0]));
    /// let best: Vec<_> = best.collect()?;
    /// assert_eq!(best, [(-5, (2, "a")), (0, (2, "a")), (5, (1, "c")), (10, (1, "c"))]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    pub fn of_panes() -> OfPanes {
        OfPanes
    }

    /// Windows of your own: an [`Assigner`].
    pub fn assigned<A>(assigner: A) -> Assigned<A> {
        Assigned(Arc::new(assigner))
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

/// The windows that panes are of; made by [`Window::of_panes`].
#[derive(Clone, Copy, Debug)]
pub struct OfPanes;

/// Windows of your own; made by [`Window::assigned`].
pub struct Assigned<A>(Arc<A>);

impl<A> Clone for Assigned<A> {
    fn clone(&self) -> Self {
        Assigned(Arc::clone(&self.0))
    }
}

impl<A> fmt::Debug for Assigned<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Assigned")
    }
}

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
