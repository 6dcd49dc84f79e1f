//! What counts as text: `str`, bytes, and what owns either.
//!
//! All of it is bytes to whoever looks for line feeds. A cut is only ever made
//! beside a line feed or at an end of the text, and a line feed is a character
//! of its own in UTF-8, so a cut `str` consists of whole characters.

use std::fmt;

pub(crate) use sealed::Cut;

/// Text that can be cut into lines: [`str`], bytes, and what owns either.
///
/// The lines are `&str` for `str` and `String`, and `&[u8]` for everything made
/// of bytes. This trait is sealed.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not text",
    label = "`from_text` takes a reference to text or bytes",
    note = "`from_files` takes paths, `from_reader` and `from_lines` take readers, `from_vec` takes lines"
)]
pub trait Text: sealed::Sealed {
    /// What a reference to one line points to: `str` or `[u8]`.
    type Line: sealed::Cut + fmt::Debug + ?Sized;

    #[doc(hidden)]
    fn text(&self) -> &Self::Line;
}

pub(crate) mod sealed {
    use std::ops::Range;

    pub trait Sealed {}

    /// What can be sliced by byte positions. `Sync`, because workers share it.
    pub trait Cut: Sync + 'static {
        fn bytes(&self) -> &[u8];

        /// The part at `range`, whose ends lie beside line feeds or at the ends
        /// of the text: character boundaries, then, in any `str`.
        fn piece(&self, range: Range<usize>) -> &Self;
    }

    impl Cut for str {
        #[inline]
        fn bytes(&self) -> &[u8] {
            self.as_bytes()
        }

        #[inline]
        fn piece(&self, range: Range<usize>) -> &Self {
            &self[range]
        }
    }

    impl Cut for [u8] {
        #[inline]
        fn bytes(&self) -> &[u8] {
            self
        }

        #[inline]
        fn piece(&self, range: Range<usize>) -> &Self {
            &self[range]
        }
    }
}

macro_rules! texts {
    ($([$($size:tt)*] $kind:ty => $line:ty;)*) => {$(
        impl<$($size)*> sealed::Sealed for $kind {}

        impl<$($size)*> Text for $kind {
            type Line = $line;

            #[inline]
            fn text(&self) -> &$line {
                self
            }
        }
    )*};
}

texts! {
    [] str => str;
    [] String => str;
    [] [u8] => [u8];
    [] Vec<u8> => [u8];
    [const N: usize] [u8; N] => [u8];
}
