//! Which operator's closure panicked, at no cost while none does.
//!
//! A guard stands around every call of user code and is forgotten when the call returns; only
//! unwinding drops it, and its drop notes the operator. The innermost call is noted first and wins.

use crate::error::{FlowError, Site};
use std::any::Any;
use std::cell::Cell;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};

thread_local! {
    static CULPRIT: Cell<Option<Site>> = const { Cell::new(None) };
}

/// Stands around user code until it is [`done`](Guard::done).
pub(crate) struct Guard<'a>(&'a Site);

impl<'a> Guard<'a> {
    /// As [`guarded`], where a closure would stand in the way of inlining.
    #[inline(always)]
    pub(crate) fn of(site: &'a Site) -> Self {
        Guard(site)
    }

    /// The call has returned.
    #[inline(always)]
    pub(crate) fn done(self) {
        mem::forget(self);
    }
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        if CULPRIT.get().is_none() {
            CULPRIT.set(Some(*self.0));
        }
    }
}

/// Calls user code in the name of an operator.
#[inline(always)]
pub(crate) fn guarded<R>(site: &Site, call: impl FnOnce() -> R) -> R {
    let guard = Guard(site);
    let result = call();
    mem::forget(guard);
    result
}

/// Calls user code outside of any task in the name of an operator, and makes an error of its panic.
pub(crate) fn caught<R>(site: Site, call: impl FnOnce() -> R) -> Result<R, FlowError> {
    take();
    catch_unwind(AssertUnwindSafe(|| guarded(&site, call)))
        .map_err(|payload| FlowError::panic(payload).with_site(take().unwrap_or(site)))
}

/// The error that a caught panic is, in the name of the operator whose closure panicked.
pub(crate) fn named(payload: Box<dyn Any + Send>) -> FlowError {
    let error = FlowError::panic(payload);
    match take() {
        Some(site) => error.with_site(site),
        None => error,
    }
}

/// The operator whose closure panicked on this thread, if one did; forgotten afterwards.
pub(crate) fn take() -> Option<Site> {
    CULPRIT.take()
}
