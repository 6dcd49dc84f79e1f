//! Closures as stages, where there is no state to name.

use super::consumer::Consumer;
use crate::error::BoxError;
use crate::ops::{Emitter, ProducerConsumer};
use crate::source::{Demand, Produced, Producer};
use std::fmt;
use std::marker::PhantomData;

/// A closure as a stage. See [`produce_with`], [`transform_with`] and [`consume_with`].
pub struct Closure<F, T> {
    f: F,
    types: PhantomData<fn() -> T>,
}

impl<F, T> fmt::Debug for Closure<F, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Closure")
    }
}

/// A closure as a [`Producer`].
///
/// ```
/// use flow::Produced;
/// use flow::stage::{Stages, consume_with, produce_with};
///
/// let mut next = 0;
/// let counter = produce_with(move |demand| {
///     while demand.events() > 0 && next < 100 {
///         demand.emit(next);
///         next += 1;
///     }
///     Ok(if next < 100 { Produced::More } else { Produced::Done })
/// });
/// let stages = Stages::new();
/// let counter = stages.producer(counter).start();
/// stages.consumer(consume_with(|n: u32| Ok(assert!(n < 100)))).subscribe(&counter).start();
/// stages.join()?;
/// # Ok::<(), flow::FlowError>(())
/// ```
pub fn produce_with<T, F>(f: F) -> Closure<F, T>
where
    T: Send,
    F: FnMut(&mut Demand<'_, T>) -> Result<Produced, BoxError> + Send,
{
    Closure { f, types: PhantomData }
}

/// A closure as a [`ProducerConsumer`].
///
/// ```
/// use flow::stage::{Stages, consume_with, transform_with};
///
/// let stages = Stages::new();
/// let numbers = stages.iter(0..3).start();
/// let double = transform_with(|n: i32, out| Ok(out.emit(n * 2)));
/// let double = stages.producer_consumer(double).subscribe(&numbers).start();
/// stages.consumer(consume_with(|n| Ok(assert!(n < 6)))).subscribe(&double).start();
/// stages.join()?;
/// # Ok::<(), flow::FlowError>(())
/// ```
pub fn transform_with<T, U, F>(f: F) -> Closure<F, (T, U)>
where
    T: Send,
    U: Send,
    F: FnMut(T, &mut Emitter<'_, U>) -> Result<(), BoxError> + Send,
{
    Closure { f, types: PhantomData }
}

/// A closure as a [`Consumer`].
///
/// ```
/// use flow::stage::{Stages, consume_with};
///
/// let stages = Stages::new();
/// let words = stages.iter(["to", "be"]).start();
/// stages.consumer(consume_with(|word: &str| Ok(println!("{word}")))).subscribe(&words).start();
/// stages.join()?;
/// # Ok::<(), flow::FlowError>(())
/// ```
pub fn consume_with<T, F>(f: F) -> Closure<F, [T; 1]>
where
    T: Send,
    F: FnMut(T) -> Result<(), BoxError> + Send,
{
    Closure { f, types: PhantomData }
}

#[diagnostic::do_not_recommend]
impl<T, F> Producer for Closure<F, T>
where
    T: Send,
    F: FnMut(&mut Demand<'_, T>) -> Result<Produced, BoxError> + Send,
{
    type Item = T;

    fn produce(&mut self, demand: &mut Demand<'_, T>) -> Result<Produced, BoxError> {
        (self.f)(demand)
    }
}

impl<T, U, F> ProducerConsumer for Closure<F, (T, U)>
where
    T: Send,
    U: Send,
    F: FnMut(T, &mut Emitter<'_, U>) -> Result<(), BoxError> + Send,
{
    type In = T;
    type Out = U;

    fn handle(&mut self, event: T, out: &mut Emitter<'_, U>) -> Result<(), BoxError> {
        (self.f)(event, out)
    }
}

impl<T, F> Consumer for Closure<F, [T; 1]>
where
    T: Send,
    F: FnMut(T) -> Result<(), BoxError> + Send,
{
    type Item = T;

    fn handle(&mut self, event: T) -> Result<(), BoxError> {
        (self.f)(event)
    }
}
