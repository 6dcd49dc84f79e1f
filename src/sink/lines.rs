//! Events as lines of text.

use super::write::{Destination, Encoder, Written};
use crate::error::BoxError;
use std::fmt::Display;
use std::io::Write;

/// Writes one line per event: what it displays as, or its bytes. See [`Written`] for what is
/// buffered and in which order lines come. Ends every line with a line feed; an event that holds
/// line feeds itself gives several lines.
///
/// # Errors
/// The run fails with [`ErrorKind::Sink`](crate::ErrorKind::Sink) where the writer does; the
/// error's source is the [`io::Error`](std::io::Error).
///
/// ```
/// use flow::{Flow, Lines};
///
/// let numbers = Flow::from_range(8..11u32).ordered();
/// assert_eq!(numbers.to(Lines::new(Vec::new())).run()?, b"8\n9\n10\n");
///
/// Flow::from_range(0..3u32).to(Lines::new(std::io::stdout())).run()?;
/// # Ok::<(), flow::FlowError>(())
/// ```
pub type Lines<D> = Written<DisplayLine, D>;

impl<D: Destination> Written<DisplayLine, D> {
    /// Lines of what events display as, into a writer or an `AtomicFile`.
    pub fn new(destination: D) -> Self {
        Written::with_encoder(DisplayLine, destination)
    }

    /// Lines of bytes: of events that are `AsRef<[u8]>`, such as `Vec<u8>`.
    ///
    /// ```
    /// use flow::{Flow, Lines};
    ///
    /// let bytes = Flow::from_vec(vec![b"a".to_vec(), b"\xff".to_vec()]).ordered();
    /// assert_eq!(bytes.to(Lines::bytes(Vec::new())).run()?, b"a\n\xff\n");
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    pub fn bytes(destination: D) -> Written<BytesLine, D> {
        Written::with_encoder(BytesLine, destination)
    }
}

/// A line of what an event displays as.
#[derive(Clone, Copy, Debug)]
pub struct DisplayLine;

impl<T: Display> Encoder<T> for DisplayLine {
    fn encode(&mut self, event: &T, into: &mut Vec<u8>) -> Result<(), BoxError> {
        Ok(writeln!(into, "{event}")?)
    }
}

/// A line of an event's bytes.
#[derive(Clone, Copy, Debug)]
pub struct BytesLine;

impl<T: AsRef<[u8]>> Encoder<T> for BytesLine {
    fn encode(&mut self, event: &T, into: &mut Vec<u8>) -> Result<(), BoxError> {
        into.extend_from_slice(event.as_ref());
        into.push(b'\n');
        Ok(())
    }
}
