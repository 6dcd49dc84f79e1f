//! Tests of [`Blocks`]: the readers they need and the edges.

use std::collections::VecDeque;
use std::io::{self, Cursor};

use proptest::prelude::*;

use super::super::block::Encoding;
use super::super::lines::tests::text;
use super::*;

/// A reader that gives one part with each read, or an error.
struct Parts(VecDeque<Result<Vec<u8>, ErrorKind>>);

impl Parts {
    fn of(parts: &[&str]) -> Self {
        Parts(parts.iter().map(|part| Ok(part.as_bytes().to_vec())).collect())
    }

    fn cut(bytes: &[u8], sizes: &[usize]) -> Self {
        let (mut rest, mut parts) = (bytes, VecDeque::new());
        for size in sizes.iter().cycle() {
            let (part, behind) = rest.split_at((*size).min(rest.len()));
            if part.is_empty() {
                break;
            }
            parts.push_back(Ok(part.to_vec()));
            parts.push_back(Err(ErrorKind::Interrupted));
            rest = behind;
        }
        Parts(parts)
    }
}

impl Read for Parts {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let Some(part) = self.0.pop_front() else {
            return Ok(0);
        };
        let mut part = part?;
        let got = part.len().min(into.len());
        into[..got].copy_from_slice(&part[..got]);
        part.drain(..got);
        if !part.is_empty() {
            self.0.push_front(Ok(part));
        }
        Ok(got)
    }
}

fn blocks<R: Read>(reader: R, block: usize, line: usize) -> Blocks<R> {
    Blocks::new(reader, Path::new("in").into(), Limits { block, line, ..Limits::default() })
}

/// All blocks as text, and the error at the end. Each block must begin where the
/// one before it has ended.
fn all<R: Read>(mut blocks: Blocks<R>) -> (Vec<String>, Option<ReadError>) {
    let (mut texts, mut spare, mut place) = (Vec::new(), Vec::new(), Place::default());
    loop {
        match blocks.next(&mut spare) {
            Ok(Some(block)) => {
                assert_eq!(block.place(), place);
                spare = block.decode(Encoding::Strict).unwrap().into_buffer();
                place = place.after(&spare);
                texts.push(String::from_utf8(spare.clone()).unwrap());
            }
            end => {
                assert!(blocks.next(&mut Vec::new()).unwrap().is_none());
                return (texts, end.err());
            }
        }
    }
}

#[test]
fn each_read_gives_its_whole_lines_at_once() {
    let parts = Parts::of(&["a\nb\nc", "d", "\r", "\ne\n", "f"]);
    let (texts, error) = all(blocks(parts, 1 << 10, 99));
    assert_eq!(texts, ["a\nb\n", "cd\r\ne\n", "f"]);
    assert!(error.is_none());
}

#[test]
fn empty_input_and_empty_lines() {
    assert_eq!(all(blocks(&b""[..], 4, 9)).0, [""; 0]);
    assert_eq!(all(blocks(&b"\n\n\n"[..], 2, 9)).0, ["\n\n", "\n"]);
    assert_eq!(all(blocks(&b"a"[..], 0, 0)).0, ["a"]);
}

#[test]
fn one_byte_reads_give_one_line_at_a_time() {
    let (texts, error) = all(blocks(Parts::cut("é\r\n\nb".as_bytes(), &[1]), 4, 9));
    assert_eq!(texts, ["é\r\n", "\n", "b"]);
    assert!(error.is_none());
}

#[test]
fn a_line_may_be_longer_than_a_block() {
    let text = format!("a\n{}\nb\n", "é".repeat(1000));
    let (texts, error) = all(blocks(text.as_bytes(), 8, 2000));
    assert_eq!(texts.concat(), text);
    assert!(error.is_none());
}

#[test]
fn a_line_over_the_limit_is_an_error_behind_the_good_lines() {
    for (text, good, offset) in [
        ("ab\nabcd\nabcde\nab\n", "ab\nabcd\n", 8),
        ("abcde", "", 0),
        ("\nabcdefghijkl", "\n", 1),
        ("abcd\r\nab\n", "", 0),
    ] {
        for block in [1, 3, 8, 100] {
            let (texts, error) = all(blocks(text.as_bytes(), block, 4));
            assert_eq!(texts.concat(), good);
            let expected = Place { offset, ..Place::default().after(good.as_bytes()) };
            assert!(
                matches!(error, Some(ReadError::LongLine { place, limit: 4, .. }) if place == expected),
                "{error:?}"
            );
        }
    }
}

#[test]
fn an_error_of_the_reader_names_the_input_and_ends_it() {
    let mut parts = Parts::of(&["a\nb"]);
    parts.0.push_back(Err(ErrorKind::BrokenPipe));
    parts.0.push_back(Ok(b"more\n".to_vec()));
    let (texts, error) = all(blocks(parts, 100, 100));
    assert_eq!(texts, ["a\n"]);
    assert_eq!(error.unwrap().to_string(), "cannot read in: broken pipe");
}

#[test]
fn two_buffers_go_round() {
    let text = "some line\n".repeat(10_000);
    let mut blocks = blocks(Cursor::new(&text), 1 << 10, 1 << 10);
    let (mut spare, mut seen) = (Vec::new(), Vec::new());
    while let Some(block) = blocks.next(&mut spare).unwrap() {
        spare = block.decode(Encoding::Strict).unwrap().into_buffer();
        seen.push((spare.as_ptr(), spare.capacity()));
    }
    // The first rounds may still grow the two buffers.
    let mut settled = seen.split_off(8);
    settled.sort_unstable();
    settled.dedup();
    assert_eq!(settled.len(), 2);
    assert!(settled.iter().all(|&(_, capacity)| capacity == 1 << 10));
}

proptest! {
    #[test]
    fn blocks_hold_the_lines_of_the_text(
        text in text(),
        sizes in prop::collection::vec(1_usize..90, 1..9),
        block in 1_usize..300,
    ) {
        let (texts, error) = all(blocks(Parts::cut(text.as_bytes(), &sizes), block, 1 << 16));
        prop_assert!(error.is_none());
        prop_assert_eq!(texts.concat(), &*text);
        let lines: Vec<&str> = texts.iter().flat_map(|text| text.lines()).collect();
        prop_assert_eq!(lines, text.lines().collect::<Vec<_>>());
    }
}
