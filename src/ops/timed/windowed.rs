//! Windows that have been chosen: when they fire, for how long they are kept, how their panes relate.

use super::Timed;
use crate::error::Site;
use crate::ops::keyed::Keyed;
use crate::time::ticks;
use crate::window::{
    Accumulating, AtWatermark, Discarding, Each, Never, Once, Retracting, Triggering,
};
use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

/// Windows per key: `aggregate`, `fold` and their kin say what is folded in them.
#[must_use = "windows need a verb such as `count` or `aggregate`, and then a terminal"]
pub struct Windowed<N, X, W, R = AtWatermark<Never, Each>, M = Once> {
    pub(super) keyed: Keyed<Timed<N>, X>,
    pub(super) window: W,
    pub(super) trigger: R,
    /// In milliseconds.
    pub(super) lateness: i64,
    pub(super) site: Site,
    pub(super) mode: PhantomData<fn() -> M>,
}

impl<N, X, W, R, M> fmt::Debug for Windowed<N, X, W, R, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Windowed")
    }
}

impl<N, X, W, R, M> Windowed<N, X, W, R, M> {
    /// When windows fire, see [`Trigger`](crate::Trigger). Any trigger but the default one needs to be told how the
    /// panes of a window relate: [`accumulating`](Self::accumulating),
    /// [`discarding`](Self::discarding) or [`retracting`](Self::retracting).
    ///
    /// ```
    /// use flow::{Flow, Timestamp, Timing, Trigger, Window};
    /// use std::time::Duration;
    ///
    /// let panes: Vec<(Timing, u64)> = Flow::from_range(0..10i64)
    ///     .timestamps(|x| Timestamp(*x), |w| w.ascending())
    ///     .key_by(|_| ())
    ///     .window(Window::fixed(Duration::from_millis(10)))
    ///     .trigger(Trigger::at_watermark().early(Trigger::every(4)))
    ///     .accumulating()
    ///     .count()
    ///     .map(|pane| (pane.timing, pane.value))
    ///     .collect()?;
    /// assert_eq!(panes, [(Timing::Early, 4), (Timing::Early, 8), (Timing::OnTime, 10)]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn trigger<G: Triggering>(self, trigger: G) -> Windowed<N, X, W, G, M> {
        let Windowed { mut keyed, window, lateness, site, mode, .. } = self;
        if let Some(why) = trigger.invalid() {
            keyed.flow.run.refuse(Site::here("trigger"), why);
        }
        Windowed { keyed, window, trigger, lateness, site, mode }
    }

    /// For how long, in event time, a window goes on accepting events after the watermark has passed
    /// its end. Default: not at all. What comes later still is dropped and counted, unless
    /// [`late_to`](crate::TimedFlow::late_to) or [`split_late`](crate::TimedFlow::split_late) stands behind the verb
    /// that folds. Windows are kept for that much longer.
    ///
    /// ```
    /// use flow::{Flow, Timestamp, Window};
    /// use std::time::Duration;
    ///
    /// let panes: Vec<(u32, u64)> = Flow::from_vec(vec![1i64, 12, 3])
    ///     .timestamps(|at| Timestamp(*at), |w| w.ascending())
    ///     .key_by(|_| ())
    ///     .window(Window::fixed(Duration::from_millis(10)))
    ///     .allowed_lateness(Duration::from_millis(5))
    ///     .accumulating()
    ///     .count()
    ///     .map(|pane| (pane.index, pane.value))
    ///     .collect()?;
    /// assert_eq!(panes, [(0, 1), (1, 2), (0, 1)]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    pub fn allowed_lateness(self, lateness: Duration) -> Self {
        Windowed { lateness: ticks(lateness), ..self }
    }

    /// Every pane of a window has all of its events so far. A pane before the last one costs a clone of
    /// the accumulator. [`trigger`](Self::trigger) has an example.
    pub fn accumulating(self) -> Windowed<N, X, W, R, Accumulating> {
        self.mode()
    }

    /// Every pane of a window has the events since the pane before; one on time that has none has the
    /// fold's value of nothing.
    ///
    /// ```
    /// use flow::{Flow, Timestamp, Trigger, Window};
    /// use std::time::Duration;
    ///
    /// let panes: Vec<u64> = Flow::from_range(0..10i64)
    ///     .timestamps(|x| Timestamp(*x), |w| w.ascending())
    ///     .key_by(|_| ())
    ///     .window(Window::fixed(Duration::from_millis(10)))
    ///     .trigger(Trigger::at_watermark().early(Trigger::every(5)))
    ///     .discarding()
    ///     .count()
    ///     .map(|pane| pane.value)
    ///     .collect()?;
    /// assert_eq!(panes, [5, 5, 0]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    pub fn discarding(self) -> Windowed<N, X, W, R, Discarding> {
        self.mode()
    }

    /// As [`accumulating`](Self::accumulating), and every pane that a later one replaces is taken
    /// back before, by one with the old value and [`retraction`](crate::Pane::retraction) set. A value that
    /// has not changed is not repeated. What was given last is kept, too.
    ///
    /// ```
    /// use flow::{Flow, Timestamp, Trigger, Window};
    /// use std::time::Duration;
    ///
    /// let panes: Vec<(bool, i64)> = Flow::from_range(0..10i64)
    ///     .timestamps(|x| Timestamp(*x), |w| w.ascending())
    ///     .key_by(|_| ())
    ///     .window(Window::fixed(Duration::from_millis(10)))
    ///     .trigger(Trigger::at_watermark().early(Trigger::every(6)))
    ///     .retracting()
    ///     .sum(|x| *x)
    ///     .map(|pane| (pane.retraction, pane.value))
    ///     .collect()?;
    /// assert_eq!(panes, [(false, 15), (true, 15), (false, 45)]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    pub fn retracting(self) -> Windowed<N, X, W, R, Retracting> {
        self.mode()
    }

    fn mode<M2>(self) -> Windowed<N, X, W, R, M2> {
        let Windowed { keyed, window, trigger, lateness, site, .. } = self;
        Windowed { keyed, window, trigger, lateness, site, mode: PhantomData }
    }
}
