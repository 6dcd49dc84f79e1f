//! Events as lines of JSON, with the feature `json`.

use super::write::{Destination, Encoder, Written};
use crate::error::BoxError;
use serde::Serialize;

/// Writes one JSON value per event and line; see [`Written`] for what is buffered and in which
/// order lines come. With the feature `json`.
///
/// # Errors
/// The run fails with [`ErrorKind::Sink`](crate::ErrorKind::Sink) where the writer does, or an
/// event cannot be serialised; the cause is the error's source.
///
/// ```
/// use flow::{Flow, Json};
///
/// let pairs = Flow::from_vec(vec![("a", 1), ("b", 2)]).ordered();
/// assert_eq!(pairs.to(Json::new(Vec::new())).run()?, b"[\"a\",1]\n[\"b\",2]\n");
/// # Ok::<(), flow::FlowError>(())
/// ```
pub type Json<D> = Written<JsonLine, D>;

impl<D: Destination> Written<JsonLine, D> {
    /// Lines of JSON into a writer or an `AtomicFile`.
    pub fn new(destination: D) -> Self {
        Written::with_encoder(JsonLine, destination)
    }
}

/// An event as a JSON value on a line of its own.
#[derive(Clone, Copy, Debug)]
pub struct JsonLine;

impl<T: Serialize> Encoder<T> for JsonLine {
    fn encode(&mut self, event: &T, into: &mut Vec<u8>) -> Result<(), BoxError> {
        serde_json::to_writer(&mut *into, event)?;
        into.push(b'\n');
        Ok(())
    }
}
