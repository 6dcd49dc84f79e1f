//! What becomes of events that do not come in.

use crate::error::Site;
use crate::kernel::culprit::guarded;
use crate::runtime::tally::Tally;
use std::fmt;
use std::sync::Arc;

/// What becomes of events that do not come in.
pub trait Reject<T>: Clone + Send + Sync {
    /// Takes one.
    fn take(&self, event: T, tally: &mut Tally);
}

impl<T> Reject<T> for () {
    fn take(&self, _event: T, tally: &mut Tally) {
        tally.dropped += 1;
    }
}

/// They go to a closure.
pub struct RejectedTo<F>(pub(super) Arc<F>, pub(super) Site);

impl<F> Clone for RejectedTo<F> {
    fn clone(&self) -> Self {
        RejectedTo(Arc::clone(&self.0), self.1)
    }
}

impl<F> fmt::Debug for RejectedTo<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RejectedTo")
    }
}

impl<T, F: Fn(T) + Send + Sync> Reject<T> for RejectedTo<F> {
    #[cold]
    fn take(&self, event: T, tally: &mut Tally) {
        tally.diverted += 1;
        guarded(&self.1, || (self.0)(event));
    }
}
