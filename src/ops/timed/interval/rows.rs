//! The rows of one key and side of an interval join, in the order of their times.

use crate::time::Timestamp;
use std::collections::VecDeque;

/// A row: its time, which one it is of all that came, and whether it has had a match.
#[derive(Debug)]
pub(super) struct Row<T> {
    pub(super) at: Timestamp,
    pub(super) row: u64,
    pub(super) value: T,
    pub(super) matched: bool,
}

/// Rows in the order of their times, those of one time as they came.
#[derive(Debug)]
pub(super) struct Side<T>(VecDeque<Row<T>>);

impl<T> Side<T> {
    pub(super) fn new() -> Self {
        Side(VecDeque::new())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The time of the first one, and which it is.
    #[inline]
    pub(super) fn first(&self) -> Option<(Timestamp, u64)> {
        self.0.front().map(|row| (row.at, row.row))
    }

    #[inline]
    pub(super) fn get_mut(&mut self, place: usize) -> Option<&mut Row<T>> {
        self.0.get_mut(place)
    }

    /// Takes out the first row, to be given if it is `wanted` and had no match; where none is wanted, all
    /// at the beginning whose times are over. Says how many.
    pub(super) fn free(
        &mut self,
        wanted: bool,
        is_over: impl Fn(Timestamp) -> bool,
    ) -> (Option<T>, usize) {
        if wanted {
            let row = self.0.pop_front().filter(|row| !row.matched);
            return (row.map(|row| row.value), 1);
        }
        let many = self.0.iter().take_while(|row| is_over(row.at)).count();
        self.0.drain(..many);
        (None, many)
    }

    /// Puts one where it belongs; says where that is. Cost: that of moving what comes behind it.
    #[inline]
    pub(super) fn insert(&mut self, row: Row<T>) -> usize {
        let place = match self.0.back() {
            Some(last) if last.at > row.at => self.0.partition_point(|known| known.at <= row.at),
            _ => self.0.len(),
        };
        if place == self.0.len() {
            self.0.push_back(row);
        } else {
            self.0.insert(place, row);
        }
        place
    }

    /// Where the first one is that is not before a time.
    #[inline]
    pub(super) fn from(&self, at: Timestamp) -> usize {
        match self.0.front() {
            Some(first) if first.at < at => self.0.partition_point(|known| known.at < at),
            _ => 0,
        }
    }
}
