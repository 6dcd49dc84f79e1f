//! Why a stage or a subscription ended.

use crate::error::FlowError;
use std::fmt;

/// Why a stage or a subscription ended.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Reason {
    /// It came to its end: a producer was done, all inputs had ended.
    Normal,
    /// It was told to end.
    Shutdown,
    /// The subscription was cancelled; both stages may live.
    Cancelled,
    /// It failed: an error was returned, a callback panicked, or what it depends on failed.
    Failed(FlowError),
}

impl Reason {
    /// Whether it is a failure.
    pub fn is_failure(&self) -> bool {
        matches!(self, Reason::Failed(_))
    }

    /// The failure, if it is one.
    pub fn error(&self) -> Option<&FlowError> {
        match self {
            Reason::Failed(error) => Some(error),
            _ => None,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::Normal => f.write_str("normal"),
            Reason::Shutdown => f.write_str("shutdown"),
            Reason::Cancelled => f.write_str("cancelled"),
            Reason::Failed(error) => error.fmt(f),
        }
    }
}
