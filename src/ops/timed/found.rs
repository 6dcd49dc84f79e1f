//! What a window of a join has found, and the rows of that.

use crate::ops::keyed::Shape;
use crate::window::Pane;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Range;

/// Which pairs have been given: those of the lefts and rights of each of these parts, which have
/// nothing in common and are in order. There is more than one where several sessions have become one.
pub(super) type Given = Vec<(Range<usize>, Range<usize>)>;

/// What a window has found: all pairs of both lists, without those that have been given. Where one
/// list is empty, the other has no match.
#[derive(Debug)]
pub struct Found<L, R> {
    pub(super) left: Vec<L>,
    pub(super) right: Vec<R>,
    pub(super) given: Given,
}

/// The rows of what was found, made one by one.
pub struct Rows<K, L, R, Z> {
    key: K,
    found: Found<L, R>,
    /// The left event at hand, and the next right one.
    at: (usize, usize),
    shape: PhantomData<fn() -> Z>,
}

impl<K, L, R, Z> fmt::Debug for Rows<K, L, R, Z> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Rows")
    }
}

impl<K, L, R, Z> Rows<K, L, R, Z> {
    pub(super) fn of(pane: Pane<K, Found<L, R>>) -> Self {
        let Pane { key, value: found, .. } = pane;
        Rows { key, found, at: (0, 0), shape: PhantomData }
    }

    /// Where the next pair is that has not been given.
    fn next_pair(&mut self) -> Option<(usize, usize)> {
        let Found { left, right, given } = &self.found;
        while self.at.0 < left.len() {
            let (left, nth) = self.at;
            let part = given.partition_point(|(lefts, _)| lefts.end <= left);
            let old = given.get(part).filter(|(lefts, _)| lefts.contains(&left));
            let nth = match old {
                Some((_, rights)) if rights.contains(&nth) => rights.end,
                _ => nth,
            };
            if nth < right.len() {
                self.at.1 = nth + 1;
                return Some((left, nth));
            }
            self.at = (left + 1, 0);
        }
        None
    }
}

impl<K: Clone, L: Clone, R: Clone, Z: Shape<K, L, R>> Iterator for Rows<K, L, R, Z> {
    type Item = Z::Out;

    fn next(&mut self) -> Option<Z::Out> {
        let alone = self.at.0;
        if self.found.left.is_empty() {
            let right = self.found.right.get(alone)?;
            self.at.0 += 1;
            return Z::right(self.key.clone(), right.clone());
        }
        if self.found.right.is_empty() {
            let left = self.found.left.get(alone)?;
            self.at.0 += 1;
            return Z::left(self.key.clone(), left.clone());
        }
        let (left, right) = self.next_pair()?;
        let (left, right) = (self.found.left[left].clone(), self.found.right[right].clone());
        Some(Z::pair(self.key.clone(), left, right))
    }
}
