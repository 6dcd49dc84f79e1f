//! Events as CSV records, with the feature `csv`.

use super::write::{Destination, Encoder, Written};
use crate::error::BoxError;
use crate::sync::unpoisoned;
use serde::Serialize;
use std::io;
use std::sync::{Arc, Mutex};

/// Writes one CSV record per event, quoted where it must be, as the crate `csv` does it; see
/// [`Written`] for what is buffered and in which order records come. With the feature `csv`.
///
/// The first line is a header of the field names, where events are structs; a run without events
/// writes nothing. Costs a flush within memory per record, under a lock that nobody contends for.
///
/// # Errors
/// The run fails with [`ErrorKind::Sink`](crate::ErrorKind::Sink) where the writer does, or an
/// event is no record; the cause is the error's source.
///
/// ```
/// use flow::{Csv, Flow};
///
/// #[derive(serde::Serialize)]
/// struct City { name: &'static str, people: u32 }
///
/// let cities = vec![City { name: "Bonn", people: 330_000 }, City { name: "A, B", people: 1 }];
/// let text = Flow::from_vec(cities).ordered().to(Csv::new(Vec::new())).run()?;
/// assert_eq!(text, b"name,people\nBonn,330000\n\"A, B\",1\n");
/// # Ok::<(), flow::FlowError>(())
/// ```
pub type Csv<D> = Written<CsvRecord, D>;

impl<D: Destination> Written<CsvRecord, D> {
    /// CSV records into a writer or an `AtomicFile`.
    pub fn new(destination: D) -> Self {
        let record = CsvRecord { delimiter: b',', header: true, writer: None };
        Written::with_encoder(record, destination)
    }

    /// What stands between two fields. Default: a comma.
    pub fn delimiter(mut self, delimiter: u8) -> Self {
        self.encoder.delimiter = delimiter;
        self
    }

    /// Whether the first line names the fields. Default: yes.
    pub fn header(mut self, header: bool) -> Self {
        self.encoder.header = header;
        self
    }
}

/// An event as a CSV record.
#[derive(Debug)]
pub struct CsvRecord {
    delimiter: u8,
    header: bool,
    /// One instance's; the crate's writer never lends out what it writes to.
    writer: Option<(csv::Writer<Pipe>, Pipe)>,
}

impl Clone for CsvRecord {
    fn clone(&self) -> Self {
        CsvRecord { writer: None, ..*self }
    }
}

impl CsvRecord {
    fn builder(&self) -> csv::WriterBuilder {
        let mut builder = csv::WriterBuilder::new();
        builder.delimiter(self.delimiter).has_headers(false);
        builder
    }

    fn one<T: Serialize>(builder: &csv::WriterBuilder, event: &T) -> Result<Vec<u8>, BoxError> {
        let mut writer = builder.from_writer(Vec::new());
        writer.serialize(event)?;
        Ok(writer.into_inner().map_err(csv::IntoInnerError::into_error)?)
    }
}

impl<T: Serialize> Encoder<T> for CsvRecord {
    fn encode(&mut self, event: &T, into: &mut Vec<u8>) -> Result<(), BoxError> {
        let builder = self.builder();
        let (writer, pipe) = self.writer.get_or_insert_with(|| {
            let pipe = Pipe::default();
            (builder.from_writer(pipe.clone()), pipe)
        });
        writer.serialize(event)?;
        writer.flush()?;
        into.append(&mut *unpoisoned(pipe.0.lock()));
        Ok(())
    }

    fn head(&mut self, first: &T, into: &mut Vec<u8>) -> Result<(), BoxError> {
        if self.header {
            let mut builder = self.builder();
            let record = Self::one(&builder, first)?;
            let with_header = Self::one(builder.has_headers(true), first)?;
            into.extend_from_slice(&with_header[..with_header.len() - record.len()]);
        }
        Ok(())
    }
}

#[derive(Clone, Debug, Default)]
struct Pipe(Arc<Mutex<Vec<u8>>>);

impl io::Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        unpoisoned(self.0.lock()).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
