//! Where CSV records end: the one thing about them that cannot be found out from the middle.
//!
//! A line feed within quotes ends no record, and whether it is within quotes depends on all that is
//! before it. So the thread that reads goes through the quotes (a search for one byte at a time, no
//! fields, no copies), and what is behind it gets whole records.

use memchr::{memchr, memchr3};

/// The state of a scan behind the last byte that it saw.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RecordEnds {
    delimiter: u8,
    at: At,
    /// How many bytes of a byte order mark have been seen, at the very beginning.
    mark: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// Where a quote opens a field.
    Start,
    /// In a field without quotes; those that it has mean themselves.
    Field,
    Quoted,
    /// Behind a quote within quotes: it was the closing one, or one of two that mean one.
    Quote,
}

const MARK: [u8; 3] = *b"\xef\xbb\xbf";

impl RecordEnds {
    pub(crate) fn new(delimiter: u8) -> Self {
        RecordEnds { delimiter, at: At::Start, mark: 0 }
    }

    /// Goes on through `bytes`; gives the end of the last record that ends with a line feed there.
    pub(crate) fn scan(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut last = None;
        let mut next = 0;
        while self.mark < MARK.len() && bytes.get(next) == Some(&MARK[self.mark]) {
            self.mark += 1;
            next += 1;
        }
        if next < bytes.len() {
            self.mark = MARK.len();
        }
        while next < bytes.len() {
            let rest = &bytes[next..];
            let skipped = match self.at {
                At::Start | At::Quote => Some(0),
                At::Field => memchr3(self.delimiter, b'\n', b'\r', rest),
                At::Quoted => memchr(b'"', rest),
            };
            let Some(skipped) = skipped else {
                break;
            };
            let byte = rest[skipped];
            next += skipped + 1;
            self.at = match (self.at, byte) {
                (At::Quoted, _) => At::Quote,
                (At::Start | At::Quote, b'"') => At::Quoted,
                (_, b'\n') => {
                    last = Some(next);
                    At::Start
                }
                (_, b'\r') => At::Start,
                (_, byte) if byte == self.delimiter => At::Start,
                _ => At::Field,
            };
        }
        last
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The pieces between cuts, found in steps of so many bytes.
    fn pieces(text: &[u8], step: usize) -> Vec<&[u8]> {
        let mut ends = RecordEnds::new(b',');
        let mut pieces = Vec::new();
        let mut begin = 0;
        for (number, part) in text.chunks(step).enumerate() {
            if let Some(end) = ends.scan(part) {
                pieces.push(&text[begin..number * step + end]);
                begin = number * step + end;
            }
        }
        pieces.push(&text[begin..]);
        pieces
    }

    fn records(text: &[u8]) -> Vec<csv::ByteRecord> {
        let mut reader =
            csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text);
        reader.byte_records().map(Result::unwrap).collect()
    }

    #[test]
    fn a_line_feed_within_quotes_ends_nothing() {
        let text = b"a,\"b\n\"\"\n\"\nc\"\nd,e";
        assert_eq!(pieces(text, 1), [&b"a,\"b\n\"\"\n\"\n"[..], b"c\"\n", b"d,e"]);
        assert_eq!(pieces(text, 100), [&b"a,\"b\n\"\"\n\"\nc\"\n"[..], b"d,e"]);
        assert_eq!(pieces(b"\xef\xbb\xbf\"a\nb\"\nc", 2), [&b"\xef\xbb\xbf\"a\nb\"\n"[..], b"c"]);
    }

    proptest! {
        #[test]
        fn pieces_have_the_records_of_the_whole(
            text in proptest::collection::vec(proptest::sample::select(&b"a,\"\n\r"[..]), 0..60),
            step in 1usize..9,
        ) {
            let apart: Vec<_> = pieces(&text, step).into_iter().flat_map(records).collect();
            prop_assert_eq!(apart, records(&text));
        }
    }
}
