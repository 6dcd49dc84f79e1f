//! CSV records, with the feature `csv`.

use super::files::{FileSet, OneReader, failed};
use super::records::{Bad, Decode, Format, Records, bad};
use crate::error::{FlowError, Site};
use crate::ops::Flow;
use crate::text::{self, Block, Limits};
use csv::ByteRecord;
use serde::de::DeserializeOwned;
use std::io::{Cursor, Read};
use std::marker::PhantomData;
use std::path::Path;
use std::sync::Arc;

impl Flow {
    /// The records of a reader, as CSV. With the feature `csv`.
    ///
    /// The first record names the fields, unless [`header`](Flow::header) says that there is none;
    /// fields are separated by commas, unless [`delimiter`](Flow::delimiter) says otherwise. All
    /// records have as many fields as the first one. The type of the records is what the flow makes
    /// of them, or the first parameter: a struct, a tuple, a `Vec<String>`.
    ///
    /// A thread of its own reads large blocks and looks for the ends of records, which need not be
    /// those of lines; workers take them apart and deserialise them, as the crate `csv` does it.
    ///
    /// # Errors
    /// The run fails with [`ErrorKind::Source`](crate::ErrorKind::Source) if the reader does, a
    /// record is not of this type or has another number of fields, or is longer than
    /// [`max_record`](Flow::max_record). The message names the line at which the record begins; the
    /// cause is the error's source.
    ///
    /// ```
    /// use flow::Flow;
    ///
    /// #[derive(serde::Deserialize)]
    /// struct City { name: String, people: u32 }
    ///
    /// let text = "people,name\n330000,Bonn\n1,\"A,\nB\"\n";
    /// let cities = Flow::from_csv::<City, _>(text.as_bytes());
    /// assert_eq!(cities.filter(|city| city.people > 1).map(|city| city.name).max()?, Some("Bonn".into()));
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn from_csv<T, R>(reader: R) -> Flow<Records<OneReader<R>, CsvRecords<T>>>
    where
        T: DeserializeOwned + Send,
        R: Read + Send,
    {
        let site = Site::here("from_csv");
        Flow::of(Records::of(OneReader::of(reader), CsvRecords::new(), site))
    }

    /// The records of files, as CSV: paths, directories, patterns and `-`, as for
    /// [`from_files`](Flow::from_files); else as [`from_csv`](Flow::from_csv). Every file has its own
    /// header. With the feature `csv`.
    ///
    /// # Errors
    /// Here if a path does not exist or a pattern matches nothing; from the run as with
    /// [`from_csv`](Flow::from_csv). The message names file and line.
    #[track_caller]
    pub fn from_csv_files<T, P>(
        paths: impl IntoIterator<Item = P>,
    ) -> Result<Flow<Records<FileSet, CsvRecords<T>>>, FlowError>
    where
        T: DeserializeOwned + Send,
        P: AsRef<Path>,
    {
        let site = Site::here("from_csv_files");
        let inputs = text::expand(paths).map_err(|error| failed(error, site))?;
        Ok(Flow::of(Records::of(FileSet::of(inputs), CsvRecords::new(), site)))
    }
}

impl<S, T> Flow<Records<S, CsvRecords<T>>> {
    /// Whether the first record names the fields. Default: yes. Without names, fields go by their
    /// order.
    pub fn header(mut self, header: bool) -> Self {
        self.node.format.header = header;
        self
    }

    /// What stands between two fields. Default: a comma. A quote or a line end is refused.
    #[track_caller]
    pub fn delimiter(mut self, delimiter: u8) -> Self {
        if b"\"\r\n".contains(&delimiter) {
            let why = "a quote or a line end cannot separate fields".to_owned();
            self.run.refuse(Site::here("delimiter"), why);
        }
        self.node.format.delimiter = delimiter;
        self
    }
}

/// Bytes as CSV records.
#[derive(Debug)]
pub struct CsvRecords<T> {
    delimiter: u8,
    header: bool,
    /// The most bytes of a record.
    most: usize,
    types: PhantomData<fn() -> T>,
}

impl<T> CsvRecords<T> {
    fn new() -> Self {
        let most = Limits::default().line;
        CsvRecords { delimiter: b',', header: true, most, types: PhantomData }
    }

    fn reader<R: Read>(&self, bytes: R) -> csv::Reader<R> {
        let mut builder = csv::ReaderBuilder::new();
        // Lengths are compared with those of the first record of the file, not of the block.
        builder.delimiter(self.delimiter).has_headers(false).flexible(true).from_reader(bytes)
    }
}

impl<T> Clone for CsvRecords<T> {
    fn clone(&self) -> Self {
        CsvRecords { ..*self }
    }
}

/// A block of whole records.
pub(crate) struct CsvPiece {
    block: Block<Vec<u8>>,
    /// The first record of the file.
    first: Option<Arc<ByteRecord>>,
    /// Whether this block begins with it.
    has_first: bool,
}

/// A block whose records are deserialised.
pub(crate) struct CsvBlock {
    reader: csv::Reader<Cursor<Vec<u8>>>,
    input: Arc<Path>,
    /// How many lines are before the block.
    lines: u64,
    first: Option<Arc<ByteRecord>>,
    skip: bool,
    record: ByteRecord,
}

impl CsvBlock {
    /// The error of the record at hand.
    fn bad(&self, why: &str) -> Bad {
        let (byte, line) = self.record.position().map_or((0, 1), |at| (at.byte(), at.line()));
        // Blank lines before it count as part of it.
        let bytes = self.reader.get_ref().get_ref();
        let rest = bytes.get(byte as usize..).unwrap_or_default();
        let blank = rest.iter().take_while(|byte| b"\r\n".contains(byte));
        let blank = blank.filter(|byte| **byte == b'\n').count() as u64;
        bad(&text::name(&self.input), self.lines + line + blank, why)
    }
}

impl<T: Send> Format for CsvRecords<T> {
    type Item = T;
}

impl<T: DeserializeOwned + Send> Decode for CsvRecords<T> {
    type Piece = CsvPiece;
    type Decoding = CsvBlock;

    fn limits(&mut self, limits: &mut Limits) {
        limits.delimiter = Some(self.delimiter);
        self.most = limits.line;
    }

    fn pieces(&self) -> impl FnMut(Block<Vec<u8>>) -> CsvPiece + Send + use<T> {
        let format = self.clone();
        let mut first = None;
        move |block| {
            if block.place().offset == 0 {
                first = None;
            }
            let mut has_first = false;
            if first.is_none() {
                let mut record = ByteRecord::new();
                // There are no errors in bytes of a flexible number of fields.
                has_first =
                    matches!(format.reader(block.bytes()).read_byte_record(&mut record), Ok(true));
                first = has_first.then(|| Arc::new(record));
            }
            CsvPiece { block, first: first.clone(), has_first }
        }
    }

    fn decode(&self, piece: CsvPiece) -> CsvBlock {
        let CsvPiece { block, first, has_first } = piece;
        let (input, lines) = (Arc::clone(block.input()), block.place().lines);
        let reader = self.reader(Cursor::new(block.into_buffer()));
        let skip = has_first && self.header;
        CsvBlock { reader, input, lines, first, skip, record: ByteRecord::new() }
    }

    fn next(&self, decoding: &mut CsvBlock) -> Option<Result<T, Bad>> {
        loop {
            let begin = decoding.reader.position().byte();
            match decoding.reader.read_byte_record(&mut decoding.record) {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) => return Some(Err(decoding.bad("no record").with_source(error))),
            }
            if decoding.reader.position().byte() - begin > self.most as u64 {
                let why = format!("the record has more than {} bytes", self.most);
                return Some(Err(decoding.bad(&why)));
            }
            if !std::mem::take(&mut decoding.skip) {
                break;
            }
        }
        let first = decoding.first.as_deref();
        let (fields, want) = (decoding.record.len(), first.map_or(0, ByteRecord::len));
        if fields != want {
            let why = format!("{fields} fields, but the first record has {want}");
            return Some(Err(decoding.bad(&why)));
        }
        let header = first.filter(|_| self.header);
        Some(decoding.record.deserialize(header).map_err(|error| {
            let bad = decoding.bad("no such record");
            match error.into_kind() {
                // What it says of the place is about the block.
                csv::ErrorKind::Deserialize { err, .. } => bad.with_source(err),
                kind => bad.with_source(format!("{kind:?}")),
            }
        }))
    }

    fn spare(decoding: CsvBlock) -> Vec<u8> {
        decoding.reader.into_inner().into_inner()
    }
}
