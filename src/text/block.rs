//! A block of whole lines from one input, as bytes or as text.
//!
//! A block owns one buffer. Decoding keeps that buffer when the bytes are valid
//! UTF-8, and [`Block::into_buffer`] gives it back for the next read, so blocks
//! in a steady state go round without allocation. A block begins and ends where
//! lines do, hence a character never spans two blocks, and decoding a block
//! gives the same text as decoding its lines one by one.

use std::path::Path;
use std::sync::Arc;

use super::kinds::Text;
use super::lines::Cursor;
#[cfg(test)]
use super::lines::Lines;
use super::{Place, ReadError};

/// What becomes of bytes that are not UTF-8.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// They are an error.
    #[default]
    Strict,
    /// They are replaced by U+FFFD, as `String::from_utf8_lossy` does it.
    Lossy,
}

/// Whole lines of one input; `C` is `Vec<u8>` as read, `String` once decoded.
#[derive(Debug)]
pub(crate) struct Block<C = String> {
    content: C,
    input: Arc<Path>,
    place: Place,
    cursor: Cursor,
}

impl Block<Vec<u8>> {
    /// How many bytes it has.
    pub(crate) fn len(&self) -> usize {
        self.content.len()
    }

    #[cfg(feature = "csv")]
    /// All of them.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.content
    }
}

impl<C: Text> Block<C> {
    pub(super) fn new(content: C, input: Arc<Path>, place: Place) -> Self {
        Block { content, input, place, cursor: Cursor::default() }
    }

    #[cfg(any(test, feature = "csv", feature = "json"))]
    /// The input's path as given or found; "-" for the standard input.
    pub(crate) fn input(&self) -> &Arc<Path> {
        &self.input
    }

    #[cfg(any(test, feature = "csv", feature = "json"))]
    /// Where in the input the block begins.
    pub(crate) fn place(&self) -> Place {
        self.place
    }

    #[cfg(test)]
    /// All lines of the block.
    pub(crate) fn lines(&self) -> Lines<'_, C::Line> {
        Lines::new(self.content.text())
    }

    /// The next line, for who owns the block and goes through it in steps.
    #[inline]
    pub(crate) fn next_line(&mut self) -> Option<&C::Line> {
        self.cursor.next(self.content.text())
    }
}

impl<C: Into<Vec<u8>>> Block<C> {
    /// The buffer, for another block. What it holds no longer matters, but it is
    /// worth keeping: bytes that are there need not be zeroed before a read.
    pub(crate) fn into_buffer(self) -> Vec<u8> {
        self.content.into()
    }
}

impl Block<Vec<u8>> {
    /// The block as text, in the same buffer unless bytes had to be replaced.
    pub(crate) fn decode(self, encoding: Encoding) -> Result<Block<String>, ReadError> {
        let Block { content, input, place, .. } = self;
        match (String::from_utf8(content), encoding) {
            (Ok(text), _) => Ok(Block::new(text, input, place)),
            (Err(error), Encoding::Lossy) => {
                let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
                Ok(Block::new(text, input, place))
            }
            (Err(error), Encoding::Strict) => {
                let valid = error.utf8_error().valid_up_to();
                let place = place.after(&error.as_bytes()[..valid]);
                Err(ReadError::Utf8 { input, place })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(bytes: &[u8]) -> Block<Vec<u8>> {
        let place = Place { offset: 100, lines: 7 };
        Block::new(bytes.to_vec(), Path::new("a.txt").into(), place)
    }

    #[test]
    fn valid_bytes_become_text_in_the_same_buffer() {
        let block = block("é\r\n🦀\n".as_bytes());
        let address = block.content.as_ptr();
        let block = block.decode(Encoding::Strict).unwrap();
        assert_eq!(block.lines().collect::<Vec<_>>(), ["é", "🦀"]);
        assert_eq!((block.place().offset, &**block.input()), (100, Path::new("a.txt")));
        let buffer = block.into_buffer();
        assert_eq!(buffer.as_ptr(), address);
    }

    #[test]
    fn a_block_can_be_gone_through_in_steps() {
        let mut block = block(b"a\n\xff\nb");
        assert_eq!(block.next_line(), Some(&b"a"[..]));
        let mut moved = Box::new(block);
        assert_eq!(moved.next_line(), Some(&b"\xff"[..]));
        assert_eq!(moved.next_line(), Some(&b"b"[..]));
        assert_eq!(moved.next_line(), None);
        assert_eq!(moved.next_line(), None);
    }

    #[test]
    fn strict_names_the_first_invalid_byte_in_the_input() {
        // The last one is a character that the end of the block cuts off.
        for (bytes, offset, lines) in
            [(&b"ab\nc\xffd\n"[..], 104, 8), (b"\xff\xfe", 100, 7), (b"\n\xe2\x82\n", 101, 8)]
        {
            let error = block(bytes).decode(Encoding::Strict).unwrap_err();
            let expected = Place { offset, lines };
            assert!(matches!(error, ReadError::Utf8 { place, .. } if place == expected), "{error}");
        }
    }

    #[test]
    fn lossy_replaces_as_if_line_by_line() {
        let bytes = b"a\xe2\x82\n\xff\xff\nb\xf0\x9f";
        let text = block(bytes).decode(Encoding::Lossy).unwrap();
        let lines = bytes.split(|&byte| byte == b'\n').map(String::from_utf8_lossy);
        assert_eq!(text.lines().collect::<Vec<_>>(), lines.collect::<Vec<_>>());
    }
}
