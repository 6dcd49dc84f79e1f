//! Events as bytes in a file or any other writer: what `Lines`, `Csv` and `Json` have in common.

use super::{Part, Sink};
use crate::error::BoxError;
use crate::sync::unpoisoned;
use std::fmt;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

/// How an event becomes bytes: the format of a [`Written`] sink. Write your own for a format of
/// your own; [`Lines`](crate::Lines) is one, `Csv` and `Json` are others.
///
/// Every instance of the last stage encodes with a clone of its own.
///
/// ```
/// use flow::{BoxError, Encoder, Flow, Written};
///
/// /// Each number as four bytes.
/// #[derive(Clone)]
/// struct BigEndian;
///
/// impl Encoder<u32> for BigEndian {
///     fn encode(&mut self, event: &u32, into: &mut Vec<u8>) -> Result<(), BoxError> {
///         into.extend(event.to_be_bytes());
///         Ok(())
///     }
/// }
///
/// let sink = Written::with_encoder(BigEndian, Vec::new());
/// assert_eq!(Flow::from_vec(vec![1u32, 2]).stages(1).to(sink).run()?, [0, 0, 0, 1, 0, 0, 0, 2]);
/// # Ok::<(), flow::FlowError>(())
/// ```
pub trait Encoder<T>: Clone + Send + Sync {
    /// Appends the record of one event to `into`. Records are never torn apart.
    ///
    /// # Errors
    /// An error fails the run with [`ErrorKind::Sink`](crate::ErrorKind::Sink).
    fn encode(&mut self, event: &T, into: &mut Vec<u8>) -> Result<(), BoxError>;

    /// Appends what stands before the first record: nothing by default. It is asked by every
    /// instance with its first event, and written once.
    ///
    /// # Errors
    /// An error fails the run with [`ErrorKind::Sink`](crate::ErrorKind::Sink).
    fn head(&mut self, _first: &T, _into: &mut Vec<u8>) -> Result<(), BoxError> {
        Ok(())
    }
}

/// Where a [`Written`] sink puts its bytes: any [`io::Write`], which the run gives back when it has
/// succeeded, or an `AtomicFile`.
pub trait Destination: Send {
    /// What is written to.
    type Open: Write + Send;
    /// What the run gives.
    type Output;

    /// Whether somebody may read along while the run goes on. Then what is buffered is handed over
    /// whenever an instance has nothing to do.
    const READ_ALONG: bool = true;

    /// Opens it: once, before any source is touched.
    ///
    /// # Errors
    /// An error fails the run with [`ErrorKind::Sink`](crate::ErrorKind::Sink).
    fn open(self) -> io::Result<Self::Open>;

    /// Everything is written, and the run has succeeded. Where it has not, `open` is dropped.
    ///
    /// # Errors
    /// An error fails the run with [`ErrorKind::Sink`](crate::ErrorKind::Sink).
    fn commit(open: Self::Open) -> io::Result<Self::Output>;
}

impl<W: Write + Send> Destination for W {
    type Open = W;
    type Output = W;

    fn open(self) -> io::Result<W> {
        Ok(self)
    }

    fn commit(mut open: W) -> io::Result<W> {
        open.flush()?;
        Ok(open)
    }
}

/// A sink that writes encoded events; see [`Lines`](crate::Lines).
///
/// Every instance buffers whole records and hands them over when it has 64 KiB, when it has nothing
/// to do, and at the end: a lock per buffer, none per event. Records of several instances are in no
/// order; those of one instance are in theirs, so after [`ordered`](crate::Flow::ordered) they are in
/// the source's. A write blocks its worker for as long as the writer takes.
///
/// A run that fails has written a part of its output; with `AtomicFile` it leaves nothing.
pub struct Written<E, D: Destination> {
    pub(super) encoder: E,
    output: Mutex<Output<D>>,
}

struct Output<D: Destination> {
    /// Until it is open.
    destination: Option<D>,
    /// Until it is committed.
    open: Option<D::Open>,
    /// What stands before the first record has been written.
    headed: bool,
}

impl<E, D: Destination> fmt::Debug for Written<E, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Written")
    }
}

impl<E, D: Destination> Written<E, D> {
    /// Writes into `destination` what `encoder` makes of the events.
    pub fn with_encoder(encoder: E, destination: D) -> Self {
        let output = Output { destination: Some(destination), open: None, headed: false };
        Written { encoder, output: Mutex::new(output) }
    }
}

impl<D: Destination> Output<D> {
    fn write(&mut self, head: &[u8], records: &[u8]) -> io::Result<()> {
        let Some(open) = &mut self.open else {
            return Err(io::Error::other("the sink is not open"));
        };
        if !self.headed {
            self.headed = true;
            open.write_all(head)?;
        }
        open.write_all(records)
    }
}

impl<T, E: Encoder<T>, D: Destination> Sink<T> for Written<E, D> {
    type Part = Writing<E, D>;
    type Output = D::Output;

    fn prepare(&mut self) -> Result<(), BoxError> {
        let output = unpoisoned(self.output.get_mut());
        if let Some(destination) = output.destination.take() {
            output.open = Some(destination.open()?);
        }
        Ok(())
    }

    fn part(self: &Arc<Self>, _instance: usize) -> Writing<E, D> {
        Writing {
            sink: Arc::clone(self),
            encoder: self.encoder.clone(),
            head: Vec::new(),
            staged: Vec::new(),
            begun: false,
        }
    }

    fn commit(self: Arc<Self>, parts: Vec<Writing<E, D>>) -> Result<D::Output, BoxError> {
        for mut part in parts {
            part.hand_over()?;
        }
        match unpoisoned(self.output.lock()).open.take() {
            Some(open) => Ok(D::commit(open)?),
            None => Err("the sink is not open".into()),
        }
    }
}

/// One instance's part of a [`Written`] sink.
pub struct Writing<E, D: Destination> {
    sink: Arc<Written<E, D>>,
    encoder: E,
    head: Vec<u8>,
    /// Whole records.
    staged: Vec<u8>,
    begun: bool,
}

/// How much an instance stages before it writes: 64 KiB.
const BUFFER: usize = 64 << 10;

impl<E, D: Destination> fmt::Debug for Writing<E, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Writing")
    }
}

impl<E, D: Destination> Writing<E, D> {
    fn hand_over(&mut self) -> io::Result<()> {
        if !self.staged.is_empty() {
            unpoisoned(self.sink.output.lock()).write(&self.head, &self.staged)?;
            self.staged.clear();
        }
        Ok(())
    }
}

impl<T, E: Encoder<T>, D: Destination> Part<T> for Writing<E, D> {
    fn write(&mut self, event: T) -> Result<(), BoxError> {
        if !self.begun {
            self.begun = true;
            self.encoder.head(&event, &mut self.head)?;
        }
        self.encoder.encode(&event, &mut self.staged)?;
        if self.staged.len() >= BUFFER {
            self.hand_over()?;
        }
        Ok(())
    }

    fn quiet(&mut self) -> Result<(), BoxError> {
        if D::READ_ALONG && !self.staged.is_empty() {
            self.hand_over()?;
            if let Some(open) = &mut unpoisoned(self.sink.output.lock()).open {
                open.flush()?;
            }
        }
        Ok(())
    }
}
