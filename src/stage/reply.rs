//! What a call gives, and why it gives nothing.

use super::mailbox::Controls;
use super::reason::Reason;
use super::shared::Shared;
use crate::runtime::worker::on_worker;
use crossbeam_channel::Receiver;
use std::error::Error;
use std::fmt;
use std::sync::Arc;

/// What a call gives, some time.
#[must_use = "drop it to say that nobody waits"]
pub struct Reply<T> {
    pub(super) receiver: Receiver<T>,
    pub(super) refused: Option<CallError>,
    pub(super) stage: Arc<dyn Controls>,
    pub(super) shared: Arc<Shared>,
}

/// Why a call was not run.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum CallError {
    /// Too many calls wait in the stage.
    Full,
    /// The stage ended before, like this.
    Ended(Reason),
}

impl<T> Reply<T> {
    /// Waits for it.
    ///
    /// # Errors
    /// Why the call was not run to its end, if it was not.
    ///
    /// # Panics
    /// On a worker, where it would block other stages.
    pub fn wait(self) -> Result<T, CallError> {
        assert!(!on_worker(), "a stage must not wait for another one on a worker");
        if let Some(refused) = self.refused {
            return Err(refused);
        }
        self.shared.receive(&self.receiver).ok_or_else(|| {
            // A call that is given up is given up by a stage that ends.
            CallError::Ended(self.shared.wait_until(|| self.stage.over()))
        })
    }

    /// Why the call will not be run, where that was clear at once.
    pub fn refused(&self) -> Option<&CallError> {
        self.refused.as_ref()
    }
}

impl<T> fmt::Debug for Reply<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reply(arrived: {})", !self.receiver.is_empty())
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CallError::Full => f.write_str("too many calls wait in the stage"),
            CallError::Ended(reason) => write!(f, "the stage has ended: {reason}"),
        }
    }
}

impl Error for CallError {}
