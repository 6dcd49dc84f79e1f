//! What fallible operators share: a check of each event, and what becomes of one that fails.

use super::letter::EventError;
use super::node::KeepsOrder;
use crate::error::{BoxError, ErrorKind, FlowError, Site};
use crate::kernel::culprit::guarded;
use crate::kernel::{Mark, Operator, Positions, Push, Spec};
use crate::runtime::Place;
use crate::runtime::tally::Tally;
use crate::runtime::task::TaskRef;
use std::fmt;
use std::iter;
use std::marker::PhantomData;
use std::sync::Arc;

/// What tells the good events from those that failed.
pub trait Check<T>: Send + Sync {
    /// What comes out.
    type Out;
    /// What a failed event gives.
    type Error;
    /// Whether something comes out for every good event.
    const ONE_TO_ONE: bool;

    /// Gives what comes of an event, if anything does.
    fn check(&self, event: T) -> Result<Option<Self::Out>, Self::Error>;
}

/// What becomes of an event that failed.
pub trait Policy<E>: Send + Sync {
    /// Whether all other events still give what they give.
    const FAILS: bool;

    /// Takes the error. What it gives fails the run.
    fn take(&self, error: E, failed: &mut Failed<'_>) -> Result<(), FlowError>;
}

/// Where an event failed, and what is counted.
#[derive(Debug)]
pub struct Failed<'a> {
    site: Site,
    position: Option<u64>,
    tally: &'a mut Tally,
}

/// The first error fails the run.
#[derive(Clone, Copy, Debug)]
pub struct Fail;

/// Events that fail are dropped and counted.
#[derive(Clone, Copy, Debug)]
pub struct Skip;

/// Errors go to a closure.
#[derive(Clone, Copy, Debug)]
pub struct Divert<F>(pub(super) F);

impl<E: EventError> Policy<E> for Fail {
    const FAILS: bool = true;

    fn take(&self, error: E, failed: &mut Failed<'_>) -> Result<(), FlowError> {
        Err(error.into_failure().into_error(failed.site, failed.position))
    }
}

impl<E> Policy<E> for Skip {
    const FAILS: bool = false;

    fn take(&self, error: E, failed: &mut Failed<'_>) -> Result<(), FlowError> {
        failed.tally.skipped += 1;
        // Its `Drop` is user code.
        guarded(&failed.site, || drop(error));
        Ok(())
    }
}

impl<E, R: Delivery, F: Fn(E) -> R + Send + Sync> Policy<E> for Divert<F> {
    const FAILS: bool = false;

    fn take(&self, error: E, failed: &mut Failed<'_>) -> Result<(), FlowError> {
        failed.tally.diverted += 1;
        guarded(&failed.site, || (self.0)(error).delivered()).map_err(|error| {
            let message = "a closure could not deliver an error";
            FlowError::new(ErrorKind::Sink, message).with_source(error).with_site(failed.site)
        })
    }
}

/// What a closure may give that takes errors: nothing, or whether it could deliver them. An error
/// that cannot be delivered fails the run.
pub trait Delivery {
    /// Whether it was delivered.
    ///
    /// # Errors
    /// Why it could not be delivered.
    fn delivered(self) -> Result<(), BoxError>;
}

impl Delivery for () {
    fn delivered(self) -> Result<(), BoxError> {
        Ok(())
    }
}

impl<X: Into<BoxError>> Delivery for Result<(), X> {
    fn delivered(self) -> Result<(), BoxError> {
        self.map_err(Into::into)
    }
}

/// A fallible operator as the plan holds it.
pub struct Checked<C, P, T> {
    shared: Arc<(C, P)>,
    site: Site,
    positioned: bool,
    types: PhantomData<fn(T)>,
}

impl<C, P, T> Checked<C, P, T> {
    /// `positioned`: whether positions of the source are those of the events.
    pub(super) fn new(site: Site, positioned: bool, check: C, policy: P) -> Self {
        Checked { shared: Arc::new((check, policy)), site, positioned, types: PhantomData }
    }
}

impl<C, P, T> Clone for Checked<C, P, T> {
    fn clone(&self) -> Self {
        let shared = Arc::clone(&self.shared);
        Checked { shared, site: self.site, positioned: self.positioned, types: PhantomData }
    }
}

impl<C, P, T> fmt::Debug for Checked<C, P, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.site.operator)
    }
}

impl<C, P, T> KeepsOrder for Checked<C, P, T> {}

/// One instance of a fallible operator.
pub struct CheckedInstance<C, P, T> {
    shared: Arc<(C, P)>,
    site: Site,
    task: TaskRef,
    tally: Tally,
    positions: Positions,
    failed: bool,
    types: PhantomData<fn(T)>,
}

impl<C, P, T> fmt::Debug for CheckedInstance<C, P, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.site.operator)
    }
}

impl<T, C, P> Spec for Checked<C, P, T>
where
    C: Check<T>,
    P: Policy<C::Error>,
{
    type Operator = CheckedInstance<C, P, T>;

    fn start(&self, place: &Place) -> Self::Operator {
        CheckedInstance {
            shared: Arc::clone(&self.shared),
            site: self.site,
            task: place.task.clone(),
            tally: Tally::new(place),
            positions: Positions::new(self.positioned),
            failed: false,
            types: PhantomData,
        }
    }
}

impl<T, C, P> CheckedInstance<C, P, T>
where
    C: Check<T>,
    P: Policy<C::Error>,
{
    #[inline(always)]
    fn check(&mut self, event: T) -> Option<C::Out> {
        let position = self.positions.step();
        match guarded(&self.site, || self.shared.0.check(event)) {
            Ok(event) => event,
            Err(error) => {
                self.take(error, position);
                None
            }
        }
    }

    #[cold]
    #[inline(never)]
    fn take(&mut self, error: C::Error, position: Option<u64>) {
        let mut failed = Failed { site: self.site, position, tally: &mut self.tally };
        if let Err(error) = self.shared.1.take(error, &mut failed) {
            self.failed = true;
            self.tally.dropped += u64::from(P::FAILS);
            self.task.fail(error);
        }
    }
}

impl<T, C, P> Operator for CheckedInstance<C, P, T>
where
    C: Check<T>,
    P: Policy<C::Error>,
{
    type In = T;
    type Out = C::Out;
    const ONE_TO_ONE: bool = C::ONE_TO_ONE && P::FAILS;

    #[inline(always)]
    fn push<K: Push<C::Out>>(&mut self, event: T, next: &mut K) {
        if self.failed {
            self.tally.dropped += 1;
        } else if let Some(event) = self.check(event) {
            next.push(event);
        }
    }

    #[inline(always)]
    fn push_all<I, K>(&mut self, mut events: I, next: &mut K)
    where
        I: Iterator<Item = T>,
        K: Push<C::Out>,
    {
        let mut good = || {
            while !self.failed {
                if let Some(event) = self.check(events.next()?) {
                    return Some(event);
                }
            }
            None
        };
        next.push_all(iter::from_fn(&mut good));
        if self.failed {
            self.tally.dropped += events.count() as u64;
        }
    }

    fn room(&mut self, next: usize) -> usize {
        if self.failed { 0 } else { next }
    }

    fn closed(&self) -> bool {
        self.failed
    }

    fn mark<K: Push<C::Out>>(&mut self, mark: Mark, next: &mut K) {
        self.positions.mark(mark);
        self.tally.publish();
        next.mark(mark);
    }

    fn flush<K: Push<C::Out>>(&mut self, _next: &mut K) {
        self.tally.publish();
    }
}
