//! What becomes of events that come too late for all of their windows: they are counted, go to a
//! closure, or become a flow of their own.

mod beside;
mod side;
mod verbs;

pub(super) use beside::{BesideMake, Given};
pub use side::LateSide;
pub(super) use side::{IntoSide, side};
pub(super) use verbs::HasLate;

use crate::error::{ErrorKind, FlowError, Site};
use crate::kernel::Finish;
use crate::kernel::culprit::guarded;
use crate::ops::Delivery;
use crate::plan::{Builder, Outline, StageOptions};
use crate::runtime::Place;
use crate::runtime::task::TaskRef;
use crate::time::Timestamp;
use std::fmt;
use std::sync::Arc;

/// An event that came too late for all of its windows: what [`late_to`](crate::TimedFlow::late_to) and
/// [`split_late`](crate::TimedFlow::split_late) give.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LateEvent<K, T> {
    /// The key; `()` where whole partitions are folded.
    pub key: K,
    /// The event's time.
    pub at: Timestamp,
    /// The event; of two flows that are joined, of either one.
    pub event: T,
    /// The watermark that the windows had passed when it came: rounded down to where something can
    /// close, and at least the end of its last window and the allowed lateness.
    pub watermark: Timestamp,
}

/// What becomes of events that come too late.
pub trait Late<K, T>: Send + Sync {
    /// One instance's way to it.
    type Way: Way<K, T>;

    /// Whether late events go anywhere. If not they are dropped and counted.
    const DIVERTS: bool = true;

    /// The way of the instance at `place`.
    fn way(&self, place: &Place) -> Self::Way;

    /// The stage that was opened last is the one that late events come from.
    fn describe(&self, _stage: &StageOptions, _outline: &mut Outline) {}

    /// That stage is being built.
    fn build(&self, _builder: &mut Builder<'_>) {}
}

/// One instance's way to what becomes of late events: as a [`Kernel`](crate::kernel::Kernel) that does
/// not hold up anybody unless it says so.
pub trait Way<K, T>: Send {
    /// Whether there is somebody at its end, who may want late events when nobody wants panes.
    const SIDE: bool = false;

    /// Takes one.
    fn take(&mut self, late: LateEvent<K, T>);

    /// How many it takes now.
    fn room(&mut self) -> usize {
        usize::MAX
    }

    /// Whether nobody wants them any more.
    fn closed(&self) -> bool {
        true
    }

    /// Nothing comes for now.
    fn quiet(&mut self, _now: u64) -> Option<u64> {
        None
    }

    /// No more will come.
    fn end(&mut self, _finish: Finish) -> bool {
        true
    }

    /// The instance is over.
    fn close(self, last: bool);
}

/// Late events are dropped, and counted.
impl<K, T> Late<K, T> for () {
    type Way = ();
    const DIVERTS: bool = false;

    fn way(&self, _place: &Place) {}
}

impl<K, T> Way<K, T> for () {
    fn take(&mut self, _late: LateEvent<K, T>) {}

    fn close(self, _last: bool) {}
}

/// Late events go to a closure.
pub struct LateTo<F> {
    to: Arc<F>,
    site: Site,
}

impl<F> LateTo<F> {
    pub(super) fn new(to: F, site: Site) -> Self {
        LateTo { to: Arc::new(to), site }
    }
}

impl<F> Clone for LateTo<F> {
    fn clone(&self) -> Self {
        LateTo { to: Arc::clone(&self.to), site: self.site }
    }
}

impl<F> fmt::Debug for LateTo<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LateTo")
    }
}

impl<K, T, R, F> Late<K, T> for LateTo<F>
where
    R: Delivery,
    F: Fn(LateEvent<K, T>) -> R + Send + Sync,
{
    type Way = ToClosure<F>;

    fn way(&self, place: &Place) -> ToClosure<F> {
        ToClosure { late: self.clone(), task: place.task.clone() }
    }
}

/// One instance's way to a closure.
#[derive(Debug)]
pub struct ToClosure<F> {
    late: LateTo<F>,
    task: TaskRef,
}

impl<K, T, R, F> Way<K, T> for ToClosure<F>
where
    R: Delivery,
    F: Fn(LateEvent<K, T>) -> R + Send + Sync,
{
    #[cold]
    fn take(&mut self, event: LateEvent<K, T>) {
        let LateTo { to, site } = &self.late;
        if let Err(error) = guarded(site, || to(event).delivered()) {
            let failed =
                FlowError::new(ErrorKind::Sink, "a closure could not deliver a late event");
            self.task.fail(failed.with_source(error).with_site(*site));
        }
    }

    fn close(self, _last: bool) {}
}
