//! What can go wrong in a flow, as one opaque error.

use std::any::Any;
use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::panic::Location;
use std::sync::{Arc, Mutex, PoisonError};

/// A boxed error, as user-written sources and sinks return it.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// What kind of thing went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// An option was refused when the flow was built; no source was touched.
    Option,
    /// A source failed: a producer returned an error, a file could not be read, text was invalid.
    Source,
    /// A sink failed to prepare, to write or to commit.
    Sink,
    /// A closure or a `Drop` panicked. [`FlowError::into_panic`] gives the payload.
    Panic,
    /// Routing gave a partition that does not exist.
    Routing,
    /// An event failed for good in a fallible operator. The error's `source()` is what the closure
    /// returned, so that it can be downcast to its own type.
    Event,
    /// Something outgrew the limit that was set for it.
    Limit,
    /// The run was cancelled.
    Cancelled,
    /// The run was stopped before its end; nothing was emitted as final.
    Stopped,
    /// Nothing could ever move again: a bug in a hand-written source, or in this library.
    Stalled,
}

/// The first cause of a run's failure: what happened, in which stage and operator, and the line of
/// the caller's code that built this operator.
///
/// The display form is one line, with the seed where the run was simulated; `source()` is the error
/// that a producer or a sink returned.
///
/// A clone is the same error; the payload of a panic is taken out by whoever comes first.
#[derive(Clone)]
pub struct FlowError(Arc<Inner>);

struct Inner {
    kind: ErrorKind,
    message: Cow<'static, str>,
    stage: Option<String>,
    site: Option<Site>,
    source: Option<BoxError>,
    /// The seed of a simulated run.
    seed: Option<u64>,
    // A payload is not `Sync`; the lock makes the error so.
    payload: Option<Mutex<Option<Box<dyn Any + Send>>>>,
}

/// An operator and the line of the caller's code that built it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Site {
    pub(crate) operator: &'static str,
    pub(crate) at: &'static Location<'static>,
}

impl Site {
    /// The caller's line, seen from a `#[track_caller]` operator.
    #[track_caller]
    pub(crate) fn here(operator: &'static str) -> Self {
        Site { operator, at: Location::caller() }
    }
}

impl FlowError {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        FlowError(Arc::new(Inner {
            kind,
            message: message.into(),
            stage: None,
            site: None,
            source: None,
            seed: None,
            payload: None,
        }))
    }

    pub(crate) fn panic(payload: Box<dyn Any + Send>) -> Self {
        let said = payload
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| payload.downcast_ref::<String>().cloned());
        let message = match said {
            Some(said) => format!("a closure panicked: {said}"),
            None => "a closure panicked".to_owned(),
        };
        let error = FlowError::new(ErrorKind::Panic, message);
        error.change(|inner| inner.payload = Some(Mutex::new(Some(payload))))
    }

    /// An error that a user's code returned. One of ours comes through as it is: it is the first cause.
    pub(crate) fn of(kind: ErrorKind, what: &'static str, error: BoxError) -> Self {
        match error.downcast::<FlowError>() {
            Ok(cause) => *cause,
            Err(error) => FlowError::new(kind, what).with_source(error),
        }
    }

    pub(crate) fn with_site(self, site: Site) -> Self {
        self.change(|inner| {
            inner.site.get_or_insert(site);
        })
    }

    pub(crate) fn with_stage(self, stage: impl FnOnce() -> String) -> Self {
        self.change(|inner| {
            inner.stage.get_or_insert_with(stage);
        })
    }

    pub(crate) fn with_source(self, source: impl Into<BoxError>) -> Self {
        self.change(|inner| inner.source = Some(source.into()))
    }

    /// Names the simulated run that went wrong, so that it can be run again.
    pub(crate) fn with_seed(self, seed: u64) -> Self {
        self.change(|inner| {
            inner.seed.get_or_insert(seed);
        })
    }

    /// Adds what is known where it comes from; what others have seen stays as it is.
    fn change(mut self, change: impl FnOnce(&mut Inner)) -> Self {
        if let Some(inner) = Arc::get_mut(&mut self.0) {
            change(inner);
        }
        self
    }

    /// What kind of thing went wrong.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The stage in which it went wrong: its name, or its number and first operator.
    pub fn stage(&self) -> Option<&str> {
        self.0.stage.as_deref()
    }

    /// The operator in which it went wrong, by its method's name.
    pub fn operator(&self) -> Option<&'static str> {
        self.0.site.map(|site| site.operator)
    }

    /// The line of the caller's code that built the operator.
    pub fn location(&self) -> Option<&'static Location<'static>> {
        self.0.site.map(|site| site.at)
    }

    /// The payload of a panic, to resume it with [`std::panic::resume_unwind`].
    ///
    /// # Errors
    /// Gives the error back where it is not a panic.
    pub fn into_panic(self) -> Result<Box<dyn Any + Send>, FlowError> {
        let payload = self
            .0
            .payload
            .as_ref()
            .and_then(|payload| payload.lock().unwrap_or_else(PoisonError::into_inner).take());
        payload.ok_or(self)
    }
}

impl fmt::Display for FlowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        if let Some(source) = &self.0.source {
            write!(f, ": {source}")?;
        }
        if let Some(site) = &self.0.site {
            write!(f, ", in `{}` at {}", site.operator, site.at)?;
        }
        if let Some(stage) = &self.0.stage {
            write!(f, " (stage {stage})")?;
        }
        if let Some(seed) = self.0.seed {
            write!(f, " (simulation seed {seed})")?;
        }
        Ok(())
    }
}

impl fmt::Debug for FlowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FlowError({:?}: {self})", self.0.kind)
    }
}

impl Error for FlowError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source.as_ref().map(|source| source.as_ref() as &(dyn Error + 'static))
    }
}
