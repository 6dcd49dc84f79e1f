//! The role at the end: events come in, nothing goes out.

use super::batch::Batch;
use super::control::{Context, Peer};
use super::reason::Reason;
use crate::error::BoxError;
use std::convert::Infallible;

/// A stage that takes events. State is `&mut self`; one event is handled at a time.
///
/// ```
/// use flow::BoxError;
/// use flow::stage::{Consumer, Stages};
///
/// struct Printer;
///
/// impl Consumer for Printer {
///     type Item = u64;
///
///     fn handle(&mut self, event: u64) -> Result<(), BoxError> {
///         println!("{event}");
///         Ok(())
///     }
/// }
///
/// let stages = Stages::new();
/// let numbers = stages.iter(0..3).start();
/// stages.consumer(Printer).subscribe(&numbers).start();
/// stages.join()?;
/// # Ok::<(), flow::FlowError>(())
/// ```
pub trait Consumer: Send {
    /// What it takes.
    type Item: Send;

    /// Handles one event. It must not block for long: it runs on a worker.
    ///
    /// # Errors
    /// An error ends the stage, with [`ErrorKind::Sink`](crate::ErrorKind::Sink).
    fn handle(&mut self, event: Self::Item) -> Result<(), BoxError>;

    /// Handles several events at once: by default one after the other. What is not taken out of the
    /// batch is dropped.
    ///
    /// # Errors
    /// As [`handle`](Self::handle).
    fn handle_batch(&mut self, mut batch: Batch<'_, Self::Item>) -> Result<(), BoxError> {
        batch.try_for_each(|event| self.handle(event))
    }

    /// All inputs have come to their end. Not called where the stage failed or was stopped.
    ///
    /// # Errors
    /// As [`handle`](Self::handle).
    fn end(&mut self) -> Result<(), BoxError> {
        Ok(())
    }

    /// A subscription was made.
    fn on_subscribe(&mut self, _peer: &Peer, _cx: &mut Context<'_, Infallible>) {}

    /// A subscription has ended, before what that means for this stage.
    fn on_cancel(&mut self, _peer: &Peer, _reason: &Reason, _cx: &mut Context<'_, Infallible>) {}
}
