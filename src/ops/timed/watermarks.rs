//! How watermarks are told from the times of events.

use super::Watermarking;
use crate::time::{self, Timestamp, ticks};
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

/// How watermarks are told from the times of events: what [`Flow::timestamps`](crate::Flow::timestamps)
/// lets choose from.
pub struct Watermarks<T>(PhantomData<fn(T)>);

impl<T> fmt::Debug for Watermarks<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watermarks")
    }
}

impl<T> Watermarks<T> {
    pub(super) fn new() -> Self {
        Watermarks(PhantomData)
    }

    /// The times of a source never go back: nothing is expected before the last one.
    pub fn ascending(self) -> Bounded {
        Bounded(0)
    }

    /// The events of a source are out of order by less than `disorder`.
    pub fn bounded(self, disorder: Duration) -> Bounded {
        Bounded(ticks(disorder))
    }

    /// Some events say themselves before which time none is expected any more.
    pub fn punctuated<F>(self, says: F) -> Punctuated<F>
    where
        F: Fn(&T) -> Option<Timestamp> + Send + Sync,
    {
        Punctuated(Arc::new(says))
    }
}

/// Out of order by less than so many milliseconds.
#[derive(Clone, Copy, Debug)]
pub struct Bounded(i64);

impl<T> Watermarking<T> for Bounded {
    type Marks = time::Bounded;

    fn start(&self) -> time::Bounded {
        time::Bounded::new(self.0, 1)
    }

    #[inline(always)]
    fn observe(&self, marks: &mut time::Bounded, at: Timestamp, event: &T) -> Option<Timestamp> {
        time::Watermarks::event(marks, event, at)
    }
}

/// As events say.
pub struct Punctuated<F>(Arc<F>);

impl<F> fmt::Debug for Punctuated<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Punctuated")
    }
}

impl<T, F: Fn(&T) -> Option<Timestamp> + Send + Sync> Watermarking<T> for Punctuated<F> {
    type Marks = time::Floored;

    fn start(&self) -> time::Floored {
        time::Floored::new(1)
    }

    #[inline(always)]
    fn observe(&self, marks: &mut time::Floored, _at: Timestamp, event: &T) -> Option<Timestamp> {
        (self.0)(event).and_then(|to| marks.advance(to))
    }
}
