//! Keys that are lent: looked up by reference, stored only when they are new.
//!
//! **Invariant.** For one key, `Hash`, `Eq`, [`Lend::is`] and the `Eq` of [`Lend::Stored`] agree:
//! `key.is(&stored)` holds exactly if `stored` was made from an equal key, and two stored keys are
//! equal exactly if their keys are. Tables rely on it: source instances compare a lent key with a
//! stored one, partitions two stored ones.

use compact_str::CompactString;
use std::fmt;
use std::hash::Hash;
use std::ops::Deref;

/// A key that can be lent to keyed state: `str`, `[u8]`, or any value that is
/// `Clone + Hash + Eq + Send`.
///
/// Keyed state looks a lent key up by reference and calls [`store`](Lend::store) only when the key
/// is not yet there, so that a word seen a million times is copied a few times and not a million.
///
/// Why not [`ToOwned`]: a new `String` per new key means one allocation in the source instance that
/// saw it first, freed on another thread by the partition that knows it already, and such frees
/// were half of the run time of a naive word count. So text is stored as a [`CompactString`] and
/// bytes as a similar type: 24 bytes, which hold up to 24 and 22 bytes without any allocation, and
/// become a `String` or a `Vec<u8>` once, when a result is emitted.
///
/// ```
/// use flow::Lend;
///
/// let stored = "word".store();
/// assert!("word".is(&stored) && !"other".is(&stored));
/// let owned: String = <str as Lend>::into_owned(stored);
/// assert_eq!(owned, "word");
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be lent as a key",
    label = "a lent key is `str`, `[u8]`, or `Clone`, `Hash`, `Eq` and `Send`",
    note = "derive `Clone, PartialEq, Eq, Hash` for a type of your own; `key_by` takes a computed key, without `Clone`"
)]
pub trait Lend: Hash + Eq {
    /// How state holds the key. Its equality must agree with that of the key.
    type Stored: Eq + Send;
    /// What results carry.
    type Owned: Send;

    /// Copies the key, because it is new. Cost: none beyond the copy for up to 24 bytes of text and
    /// 22 of bytes, one allocation beyond; for other keys that of `clone`.
    fn store(&self) -> Self::Stored;

    /// Whether `stored` was made from an equal key.
    fn is(&self, stored: &Self::Stored) -> bool;

    /// The key of a result. Cost: one allocation for text and bytes, nothing for other keys.
    fn into_owned(stored: Self::Stored) -> Self::Owned;

    /// The key that is stored, as it was lent.
    fn lend(stored: &Self::Stored) -> &Self;
}

#[diagnostic::do_not_recommend]
impl<K: Clone + Hash + Eq + Send> Lend for K {
    type Stored = K;
    type Owned = K;

    #[inline]
    fn store(&self) -> K {
        self.clone()
    }

    #[inline]
    fn is(&self, stored: &K) -> bool {
        self == stored
    }

    #[inline]
    fn into_owned(stored: K) -> K {
        stored
    }

    #[inline]
    fn lend(stored: &K) -> &K {
        stored
    }
}

impl Lend for str {
    type Stored = CompactString;
    type Owned = String;

    #[inline]
    fn store(&self) -> CompactString {
        CompactString::new(self)
    }

    #[inline]
    fn is(&self, stored: &CompactString) -> bool {
        self == stored.as_str()
    }

    #[inline]
    fn into_owned(stored: CompactString) -> String {
        stored.into_string()
    }

    #[inline]
    fn lend(stored: &CompactString) -> &str {
        stored
    }
}

impl Lend for [u8] {
    type Stored = StoredBytes;
    type Owned = Vec<u8>;

    #[inline]
    fn store(&self) -> StoredBytes {
        StoredBytes::new(self)
    }

    #[inline]
    fn is(&self, stored: &StoredBytes) -> bool {
        self == &**stored
    }

    #[inline]
    fn into_owned(stored: StoredBytes) -> Vec<u8> {
        match stored.0 {
            Bytes::Boxed(bytes) => bytes.into_vec(),
            Bytes::Inline { .. } => stored.to_vec(),
        }
    }

    #[inline]
    fn lend(stored: &StoredBytes) -> &[u8] {
        stored
    }
}

const INLINE: usize = 22;

/// A byte string as state holds it: 24 bytes, of which up to 22 are the string itself; longer ones
/// are boxed.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredBytes(Bytes);

/// Short strings are always inline and padded with zeros, so that the derived equality is that of
/// the strings.
#[derive(Clone, PartialEq, Eq)]
enum Bytes {
    Inline { length: u8, bytes: [u8; INLINE] },
    Boxed(Box<[u8]>),
}

impl StoredBytes {
    fn new(from: &[u8]) -> Self {
        let mut bytes = [0; INLINE];
        Self(match bytes.get_mut(..from.len()) {
            Some(start) => {
                start.copy_from_slice(from);
                Bytes::Inline { length: from.len() as u8, bytes }
            }
            None => Bytes::Boxed(from.into()),
        })
    }
}

impl Deref for StoredBytes {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match &self.0 {
            Bytes::Inline { length, bytes } => &bytes[..usize::from(*length)],
            Bytes::Boxed(bytes) => bytes,
        }
    }
}

impl fmt::Debug for StoredBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Everything that tables rely on, for a pair of keys.
    fn agrees<K: Lend + ?Sized>(one: &K, other: &K) -> bool {
        let (first, second) = (one.store(), other.store());
        let equal = one == other;
        one.is(&first)
            && one.is(&second) == equal
            && other.is(&first) == equal
            && (first == second) == equal
    }

    proptest! {
        #[test]
        fn lent_keys_and_stored_keys_agree(
            one in prop::collection::vec(0..2_u8, 0..40),
            other in prop::collection::vec(0..2_u8, 0..40),
            cut in 0..40_usize,
        ) {
            let prefix = &one[..cut.min(one.len())];
            for other in [&other[..], prefix, &one] {
                prop_assert!(agrees(&one[..], other));
                prop_assert!(agrees(&one, &other.to_vec()));
                prop_assert!(agrees(&one.as_slice(), &other));
            }
            prop_assert_eq!(<[u8]>::into_owned(one[..].store()), one);
        }

        #[test]
        fn text_comes_back_as_it_was(one in ".{0,30}", other in ".{0,30}") {
            prop_assert!(agrees(one.as_str(), &other) && agrees(&one, &other));
            prop_assert!(agrees(&one.as_str(), &other.as_str()));
            prop_assert_eq!(str::into_owned(one.as_str().store()), one);
        }
    }

    #[test]
    fn stored_keys_are_24_bytes_with_room_for_a_flag() {
        assert_eq!((size_of::<StoredBytes>(), size_of::<CompactString>()), (24, 24));
        assert_eq!(
            (size_of::<Option<StoredBytes>>(), size_of::<Option<(CompactString, u64)>>()),
            (24, 32)
        );
    }

    #[test]
    fn owned_forms_of_plain_keys_are_the_keys() {
        let pair = (7, "seven".to_owned());
        assert_eq!(<(u32, String)>::into_owned(pair.store()), pair);
        assert_eq!(<&str>::into_owned((&"seven").store()), "seven");
    }

    #[test]
    fn short_bytes_are_inline() {
        for length in 0..=INLINE {
            assert!(matches!(vec![0; length][..].store().0, Bytes::Inline { .. }));
        }
        assert!(matches!([0_u8; INLINE + 1][..].store().0, Bytes::Boxed(_)));
        assert_eq!(format!("{:?}", [1_u8, 2][..].store()), "[1, 2]");
    }
}
