//! A list that grows without moving what is in it.
//!
//! **Invariant.** The first [`CHUNK`](Chunks::CHUNK) elements lie in `first`, the others in `more`, whose
//! vectors have that capacity from the beginning; all but the last are full. So an element stays where
//! it is once there are more than a chunk.
//!
//! A vector that doubles leaves behind pieces that together are as large as it is itself, and that
//! hardly anything fits into: with hundreds of tables that grow side by side, an allocator held twice
//! the memory that was in use, and to have a page for the first time costs more than to write it.

use std::vec;

/// Bytes of a chunk at most, unless one element is larger.
const BYTES: usize = if cfg!(test) { 256 } else { 8 << 10 };

/// A list as described above.
#[derive(Debug)]
pub(crate) struct Chunks<T> {
    first: Vec<T>,
    more: Vec<Vec<T>>,
    len: usize,
}

impl<T> Chunks<T> {
    /// Elements of a chunk, a power of two.
    const CHUNK: usize = {
        let size = if size_of::<T>() == 0 { 1 } else { size_of::<T>() };
        let fitting = if size > BYTES { 1 } else { BYTES / size };
        1 << fitting.ilog2()
    };

    pub(crate) const fn new() -> Self {
        Chunks { first: Vec::new(), more: Vec::new(), len: 0 }
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    #[inline(always)]
    pub(crate) fn get(&self, at: usize) -> Option<&T> {
        match self.first.get(at) {
            None => self.more.get((at / Self::CHUNK).wrapping_sub(1))?.get(at % Self::CHUNK),
            first => first,
        }
    }

    #[inline(always)]
    pub(crate) fn get_mut(&mut self, at: usize) -> Option<&mut T> {
        match self.first.get_mut(at) {
            None => {
                self.more.get_mut((at / Self::CHUNK).wrapping_sub(1))?.get_mut(at % Self::CHUNK)
            }
            first => first,
        }
    }

    #[inline(always)]
    pub(crate) fn push(&mut self, element: T) {
        if self.len < Self::CHUNK {
            self.first.push(element);
        } else {
            let nth = self.len / Self::CHUNK - 1;
            if nth == self.more.len() {
                self.add_chunk();
            }
            self.more[nth].push(element);
        }
        self.len += 1;
    }

    #[cold]
    #[inline(never)]
    fn add_chunk(&mut self) {
        self.more.push(Vec::with_capacity(Self::CHUNK));
    }

    /// How many elements there is memory for.
    #[cfg(test)]
    pub(crate) fn capacity(&self) -> usize {
        self.first.capacity() + self.more.iter().map(Vec::capacity).sum::<usize>()
    }

    /// All elements, from the first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.first.iter().chain(self.more.iter().flatten())
    }
}

impl<T> IntoIterator for Chunks<T> {
    type Item = T;
    type IntoIter = IntoIter<T>;

    fn into_iter(self) -> IntoIter<T> {
        IntoIter { at: self.first.into_iter(), more: self.more.into_iter(), left: self.len }
    }
}

/// The elements of a list, from the first. The memory of a chunk is free when it has been read.
#[derive(Debug)]
pub(crate) struct IntoIter<T> {
    at: vec::IntoIter<T>,
    more: vec::IntoIter<Vec<T>>,
    left: usize,
}

impl<T> Iterator for IntoIter<T> {
    type Item = T;

    #[inline]
    fn next(&mut self) -> Option<T> {
        self.left = self.left.checked_sub(1)?;
        loop {
            if let Some(element) = self.at.next() {
                return Some(element);
            }
            self.at = self.more.next()?.into_iter();
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl<T> ExactSizeIterator for IntoIter<T> {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_is_a_vector(values in prop::collection::vec(any::<u32>(), 0..400)) {
            let (mut chunks, mut model) = (Chunks::new(), Vec::new());
            for value in values {
                chunks.push(value);
                model.push(value);
                let at = value as usize % (model.len() + 2);
                prop_assert_eq!(chunks.get(at), model.get(at));
                prop_assert_eq!(chunks.get_mut(at), model.get_mut(at));
                prop_assert_eq!(chunks.len(), model.len());
            }
            prop_assert_eq!(chunks.iter().collect::<Vec<_>>(), model.iter().collect::<Vec<_>>());
            let all = chunks.into_iter();
            prop_assert_eq!(all.len(), model.len());
            prop_assert_eq!(all.collect::<Vec<_>>(), model);
        }
    }

    #[test]
    fn elements_stay_where_they_are() {
        let mut chunks = Chunks::new();
        (0..1000_u64).for_each(|element| chunks.push(element));
        let place = |chunks: &Chunks<u64>, at| std::ptr::from_ref(chunks.get(at).expect("pushed"));
        let places: Vec<_> = (0..1000).map(|at| place(&chunks, at)).collect();
        (0..1000).for_each(|element| chunks.push(element));
        assert!((0..1000).all(|at| place(&chunks, at) == places[at]));
    }

    #[test]
    fn what_is_large_has_a_chunk_of_its_own_and_nothing_has_large_ones() {
        assert_eq!((Chunks::<[u64; 100]>::CHUNK, Chunks::<()>::CHUNK), (1, 256));
        let mut large = Chunks::new();
        (0..5).for_each(|nth| large.push([nth; 100]));
        assert_eq!((large.get(4), large.get(5)), (Some(&[4; 100]), None));
        let mut nothing = Chunks::new();
        (0..1000).for_each(|_| nothing.push(()));
        assert_eq!((nothing.get(999), nothing.get(1000)), (Some(&()), None));
        assert_eq!(nothing.into_iter().count(), 1000);
    }
}
