//! Text that carries its own first bytes, so that most comparisons do not touch the text.
//!
//! **Invariant.** Two [`Spelling`]s that are [`exact`](Spelling::exact) are equal exactly if the
//! texts are; where one is not exact, equal texts have equal spellings, and the texts themselves
//! decide. A spelling is never compared in the place of a key whose type is not known to be text
//! ([`is_text`]): what a type feeds to [`Hasher`] need not be all that its `Eq` looks at.
//!
//! A word that is counted as `&str` lies somewhere in the input. To compare it with one that is in a
//! table is a miss of the cache for either, once the input is larger than the cache; these were a
//! third of the time of a word count. Sixteen bytes beside the key spare both for up to 15 bytes of text.

use super::hash::short;
use std::any::TypeId;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// The length of a text and, if it is short, all of its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Spelling([u64; 2]);

/// The length that stands for all that are not exact.
const LONG: u8 = 16;

impl Spelling {
    /// How a text is spelled, by what it feeds to a hasher.
    #[inline(always)]
    pub(crate) fn of<K: Hash + ?Sized>(key: &K) -> Self {
        let mut reader = Reader { spelling: Spelling([0, LONG.into()]), writes: 0 };
        key.hash(&mut reader);
        // What is fed in pieces is no text as we know it.
        if reader.writes == 1 { reader.spelling } else { Spelling([0, LONG.into()]) }
    }

    /// Up to 15 bytes, by the two words that the hash function makes of them. The lowest byte of the
    /// second is then one that the first has, too (or, of less than four bytes, is zero), so that it
    /// can hold the length.
    #[inline(always)]
    fn read(bytes: &[u8]) -> Self {
        let length = bytes.len();
        if length < LONG.into() {
            let (a, b) = short(bytes);
            Spelling([a, b & !0xff | length as u64])
        } else {
            Spelling([0, LONG.into()])
        }
    }

    /// Whether this is the whole text.
    #[inline(always)]
    pub(crate) fn exact(self) -> bool {
        self.0[1] as u8 != LONG
    }
}

/// Takes the bytes that a text feeds.
struct Reader {
    spelling: Spelling,
    writes: u32,
}

impl Hasher for Reader {
    #[inline(always)]
    fn write(&mut self, bytes: &[u8]) {
        self.spelling = Spelling::read(bytes);
        self.writes += 1;
    }

    /// The end of a `str`, always the same.
    #[inline(always)]
    fn write_u8(&mut self, _end: u8) {}

    /// The length of a slice, which the bytes have, too.
    #[inline(always)]
    fn write_usize(&mut self, _length: usize) {}

    fn finish(&self) -> u64 {
        0
    }
}

/// Whether a type is text or bytes that lie elsewhere: equal exactly if its bytes are, which it feeds
/// to a hasher.
pub(crate) fn is_text<K>() -> bool {
    [
        TypeId::of::<&str>(),
        TypeId::of::<&[u8]>(),
        TypeId::of::<Box<str>>(),
        TypeId::of::<Box<[u8]>>(),
        TypeId::of::<Arc<str>>(),
        TypeId::of::<Arc<[u8]>>(),
    ]
    .contains(&typeid::of::<K>())
}

/// A text with its spelling beside it.
#[derive(Debug)]
pub(crate) struct Spelled<K> {
    spelling: Spelling,
    pub(crate) key: K,
}

impl<K> Spelled<K> {
    /// `key` must be a text, and `spelling` its own.
    #[inline(always)]
    pub(crate) fn new(spelling: Spelling, key: K) -> Self {
        Spelled { spelling, key }
    }

    /// Whether this is the text that is spelled so and, if that does not say it, is the `same`.
    #[inline(always)]
    pub(crate) fn is(&self, spelling: Spelling, same: impl FnOnce(&K) -> bool) -> bool {
        self.spelling == spelling && (spelling.exact() || same(&self.key))
    }
}

impl<K: Eq> PartialEq for Spelled<K> {
    #[inline(always)]
    fn eq(&self, other: &Self) -> bool {
        self.is(other.spelling, |key| *key == other.key)
    }
}

impl<K: Eq> Eq for Spelled<K> {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn agree(one: &[u8], other: &[u8]) -> bool {
        let spelled = |bytes| Spelled::new(Spelling::of(bytes), bytes);
        let equal = one == other;
        let boxed = |bytes: &[u8]| Spelling::of(&Box::<[u8]>::from(bytes));
        (spelled(one) == spelled(other)) == equal
            && (!equal || Spelling::of(one) == Spelling::of(other))
            && boxed(one) == Spelling::of(&one)
            && Spelling::of(one).exact() == (one.len() < 16)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn texts_are_equal_as_their_bytes_are(
            one in prop::collection::vec(0..3_u8, 0..20),
            change in (any::<prop::sample::Index>(), any::<u8>()),
            cut in 0..20_usize,
        ) {
            let mut other = one.clone();
            if let Some(last) = other.len().checked_sub(1) {
                other[change.0.index(last + 1)] = change.1;
            }
            let cut = &one[..cut.min(one.len())];
            for other in [&other[..], cut, &one] {
                prop_assert!(agree(&one, other));
            }
        }
    }

    /// Every length with every single byte changed, to every value.
    #[test]
    fn each_byte_counts() {
        for length in 0..20 {
            let text = vec![7; length];
            for (at, value) in (0..length).flat_map(|at| (0..=255).map(move |value| (at, value))) {
                let mut other = text.clone();
                other[at] = value;
                assert!(agree(&text, &other), "{length} {at} {value}");
            }
            assert!(agree(&text, &vec![7; length + 1]));
            assert!(agree(&vec![0; length], &vec![0; length + 1]));
        }
    }

    #[test]
    fn a_key_of_several_parts_is_never_exact() {
        assert!(!Spelling::of(&("a", "b")).exact());
        assert!(!Spelling::of(&()).exact());
        assert!(Spelling::of("größe").exact() && !Spelling::of("sixteen bytes ok").exact());
    }

    #[test]
    fn text_is_told_from_what_only_looks_like_it() {
        #[derive(Hash, PartialEq, Eq)]
        struct Name<'a>(&'a str);
        fn borrowed<'a>(_: &'a str) -> (bool, bool) {
            (is_text::<&'a str>(), is_text::<Name<'a>>())
        }
        assert_eq!(borrowed(&String::from("a")), (true, false));
        assert!(is_text::<Arc<str>>() && is_text::<&[u8]>());
        assert!(!is_text::<u64>() && !is_text::<(&str, u8)>() && !is_text::<&&str>());
    }
}
