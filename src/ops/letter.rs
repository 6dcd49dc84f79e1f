//! What is known of an event that failed: letters, and the errors that are made of them.

use crate::error::{BoxError, ErrorKind, FlowError, Site};
use std::fmt;
use std::panic::Location;

/// An event that failed for good in [`attempt`](crate::Flow::attempt), with all that is known.
///
/// It is no [`Error`](std::error::Error) itself: where it fails a run, the run's error says what the letter
/// says, and its `source()` is `error`.
///
/// ```
/// use flow::Flow;
///
/// let tried: Vec<_> = Flow::from_vec(vec!["x"]).attempt(|s| s.parse::<u8>()).collect()?;
/// let letter = tried[0].as_ref().unwrap_err();
/// assert_eq!((letter.event, letter.attempts, letter.position), ("x", 1, Some(0)));
/// assert!(letter.to_string().contains("position 0 of the source: invalid digit"));
/// # Ok::<(), flow::FlowError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct DeadLetter<T, E> {
    /// The event as it came.
    pub event: T,
    /// What the last attempt gave.
    pub error: E,
    /// How many attempts were made: 1 where none was repeated.
    pub attempts: u32,
    /// The event's position in the source, from 0 on, where it is known: in a flow of
    /// [`from_slice`](crate::Flow::from_slice), [`from_vec`](crate::Flow::from_vec),
    /// [`from_range`](crate::Flow::from_range), [`from_iter`](crate::Flow::from_iter) or
    /// [`from_channel`](crate::Flow::from_channel), after operators that give one event for each.
    pub position: Option<u64>,
    pub(crate) site: Site,
}

impl<T, E> DeadLetter<T, E> {
    /// The operator in which the event failed, by its method's name.
    pub fn operator(&self) -> &'static str {
        self.site.operator
    }

    /// The line of the caller's code that built the operator.
    pub fn location(&self) -> &'static Location<'static> {
        self.site.at
    }
}

impl<T, E: fmt::Display> fmt::Display for DeadLetter<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let DeadLetter { error, attempts, position, site, .. } = self;
        write!(f, "{}: {error}, in `{}` at {}", said(*attempts, *position), site.operator, site.at)
    }
}

/// What an event can fail with so that it fails the run: everything that a [`BoxError`] can be made
/// of, and a [`DeadLetter`] with such an error. Implemented by this library only.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot become the cause of a failed run",
    label = "an event's error must be a `std::error::Error + Send + Sync`, text, or a `DeadLetter` of one",
    note = "`map_err` makes another error of it; `skip_errors` and `errors_to` take any"
)]
pub trait EventError: Send {
    #[doc(hidden)]
    fn into_failure(self) -> EventFailure;
}

/// What an event's error says about it.
#[doc(hidden)]
#[derive(Debug)]
pub struct EventFailure {
    cause: BoxError,
    attempts: u32,
    position: Option<u64>,
    site: Option<Site>,
}

impl<E: Into<BoxError> + Send> EventError for E {
    fn into_failure(self) -> EventFailure {
        EventFailure { cause: self.into(), attempts: 1, position: None, site: None }
    }
}

impl<T: Send, E: Into<BoxError> + Send> EventError for DeadLetter<T, E> {
    fn into_failure(self) -> EventFailure {
        let DeadLetter { error, attempts, position, site, .. } = self;
        EventFailure { cause: error.into(), attempts, position, site: Some(site) }
    }
}

impl EventFailure {
    /// The error of a run that fails at `site`, unless the failure knows better.
    pub(super) fn into_error(self, site: Site, position: Option<u64>) -> FlowError {
        let EventFailure { cause, attempts, position: known, site: other } = self;
        FlowError::new(ErrorKind::Event, said(attempts, known.or(position)))
            .with_source(cause)
            .with_site(other.unwrap_or(site))
    }
}

fn said(attempts: u32, position: Option<u64>) -> String {
    let mut said = "an event failed".to_owned();
    if attempts != 1 {
        said += &format!(" after {attempts} attempts");
    }
    if let Some(position) = position {
        said += &format!(" at position {position} of the source");
    }
    said
}
