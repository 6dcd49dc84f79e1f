//! Sinks that add up: `count`, `sum`.

use super::{Part, Sink};
use crate::error::{BoxError, FlowError, Site};
use crate::ops::{Flow, Node};
use std::fmt;
use std::iter;
use std::marker::PhantomData;
use std::sync::Arc;

impl<N: Node> Flow<N> {
    /// How many events there are.
    ///
    /// # Errors
    /// The first cause, if the run fails.
    #[track_caller]
    pub fn count(self) -> Result<u64, FlowError> {
        self.into_sink(Site::here("count"), Count).run()
    }

    /// The sum of the events. Floating-point sums depend on the order, which parallel runs do not
    /// keep.
    ///
    /// # Errors
    /// The first cause, if the run fails.
    #[track_caller]
    pub fn sum<S>(self) -> Result<S, FlowError>
    where
        S: iter::Sum<N::Item> + iter::Sum<S> + Send,
    {
        self.into_sink(Site::here("sum"), Sum(PhantomData)).run()
    }
}

/// Counts events.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Count;

/// One instance's count.
#[derive(Debug)]
pub(crate) struct Counted(u64);

impl<T> Sink<T> for Count {
    type Part = Counted;
    type Output = u64;

    fn part(self: &Arc<Self>, _instance: usize) -> Counted {
        Counted(0)
    }

    fn commit(self: Arc<Self>, parts: Vec<Counted>) -> Result<u64, BoxError> {
        Ok(parts.iter().map(|part| part.0).sum())
    }
}

impl<T> Part<T> for Counted {
    #[inline(always)]
    fn write(&mut self, _event: T) -> Result<(), BoxError> {
        self.0 += 1;
        Ok(())
    }

    #[inline(always)]
    fn write_all<I: Iterator<Item = T>>(&mut self, events: I) -> Result<(), BoxError> {
        self.0 += events.fold(0, |count, _| count + 1);
        Ok(())
    }
}

/// Adds up events.
pub(crate) struct Sum<S>(PhantomData<fn() -> S>);

impl<S> fmt::Debug for Sum<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sum")
    }
}

/// One instance's sum.
#[derive(Debug)]
pub(crate) struct Summed<S>(S);

impl<T, S> Sink<T> for Sum<S>
where
    S: iter::Sum<T> + iter::Sum<S> + Send,
{
    type Part = Summed<S>;
    type Output = S;

    fn part(self: &Arc<Self>, _instance: usize) -> Summed<S> {
        Summed(iter::empty::<S>().sum())
    }

    fn commit(self: Arc<Self>, parts: Vec<Summed<S>>) -> Result<S, BoxError> {
        Ok(parts.into_iter().map(|part| part.0).sum())
    }
}

impl<T, S> Part<T> for Summed<S>
where
    S: iter::Sum<T> + iter::Sum<S> + Send,
{
    #[inline(always)]
    fn write(&mut self, event: T) -> Result<(), BoxError> {
        self.write_all(iter::once(event))
    }

    #[inline(always)]
    fn write_all<I: Iterator<Item = T>>(&mut self, events: I) -> Result<(), BoxError> {
        let more: S = events.sum();
        let zero = iter::empty::<S>().sum();
        self.0 = [std::mem::replace(&mut self.0, zero), more].into_iter().sum();
        Ok(())
    }
}
