//! What becomes of events that come too late for all of their windows.

use crate::error::Site;
use crate::kernel::culprit::guarded;
use crate::runtime::tally::Tally;
use std::fmt;
use std::sync::Arc;

/// What becomes of events that come too late.
pub trait Late<T>: Clone + Send + Sync {
    /// Takes one.
    fn take(&self, event: T, tally: &mut Tally);
}

impl<T> Late<T> for () {
    fn take(&self, _event: T, tally: &mut Tally) {
        tally.dropped += 1;
    }
}

/// Late events go to a closure.
pub struct LateTo<F>(pub(super) Arc<F>, pub(super) Site);

impl<F> Clone for LateTo<F> {
    fn clone(&self) -> Self {
        LateTo(Arc::clone(&self.0), self.1)
    }
}

impl<F> fmt::Debug for LateTo<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LateTo")
    }
}

impl<T, F: Fn(T) + Send + Sync> Late<T> for LateTo<F> {
    #[cold]
    fn take(&self, event: T, tally: &mut Tally) {
        tally.diverted += 1;
        guarded(&self.1, || (self.0)(event));
    }
}
