//! The tables of a join: what all partitions hold, where in it a key is, and what had no match.

use super::pairs::Matching;
use crate::ops::exchange::scale;
use crate::state::Settled;
use std::sync::atomic::AtomicBool;
use std::{iter, vec};

/// The events of one key. Most joins hold one per key, which then lies in the table itself.
///
/// `more` lies beside the key that stands before it, so whoever reads it has fetched the key, too.
#[derive(Debug)]
#[repr(C)]
pub(super) struct Rows<R> {
    more: Option<Box<More<R>>>,
    pub(super) first: R,
}

#[derive(Debug)]
struct More<R> {
    rows: Vec<R>,
}

impl<R> Rows<R> {
    pub(super) fn one(row: R) -> Self {
        Rows { more: None, first: row }
    }

    #[cold]
    pub(super) fn push(&mut self, row: R) {
        self.more.get_or_insert_with(|| Box::new(More { rows: Vec::new() })).rows.push(row);
    }

    /// Whether there is but one.
    #[inline(always)]
    pub(super) fn is_single(&self) -> bool {
        self.more.is_none()
    }

    /// The row at a place, and whether it is the last one.
    #[inline(always)]
    pub(super) fn at(&self, place: usize) -> (&R, bool) {
        let more = self.more.as_ref().map_or(&[][..], |more| &more.rows);
        match place {
            0 => (&self.first, more.is_empty()),
            place => (&more[place - 1], place == more.len()),
        }
    }
}

impl<R> IntoIterator for Rows<R> {
    type Item = R;
    type IntoIter = iter::Chain<iter::Once<R>, vec::IntoIter<R>>;

    fn into_iter(self) -> Self::IntoIter {
        let more = self.more.map_or_else(Vec::new, |more| more.rows);
        iter::once(self.first).chain(more)
    }
}

/// What one partition holds.
pub(super) struct Part<S, R> {
    pub(super) table: Settled<S, Rows<R>>,
    /// Which entries of the table had a match, where something comes of the others.
    pub(super) matched: Box<[AtomicBool]>,
}

/// What all partitions hold, each its share of all hashes.
pub(super) struct Parts<S, R> {
    pub(super) parts: Vec<Part<S, R>>,
    /// The run was stopped before all was there: nothing may come of it.
    pub(super) stopped: bool,
}

impl<S, R> Parts<S, R> {
    /// The partition of a hash.
    #[inline(always)]
    pub(super) fn part(&self, hash: u64) -> &Part<S, R> {
        &self.parts[scale(hash, self.parts.len())]
    }

    pub(super) fn is_empty(&self) -> bool {
        self.parts.iter().all(|part| part.table.is_empty())
    }

    /// How many bytes the tables occupy.
    pub(super) fn bytes(&self) -> usize {
        self.parts.iter().map(|part| part.table.bytes()).sum()
    }
}

/// Where the entry of a key may be: in which partition's table, and from where up to where.
#[derive(Clone, Copy)]
pub(super) struct Spot {
    pub(super) part: u32,
    pub(super) candidates: (u32, u32),
}

impl Spot {
    #[inline(always)]
    pub(super) fn of<S, R>(all: &Parts<S, R>, hash: u64) -> Self {
        let part = scale(hash, all.parts.len());
        Spot { part: part as u32, candidates: all.parts[part].table.candidates(hash) }
    }
}

/// What a partition holds and had no match.
pub(super) struct Leftovers<S, R> {
    entries: iter::Zip<vec::IntoIter<(S, Rows<R>)>, vec::IntoIter<bool>>,
    key: Option<(S, <Rows<R> as IntoIterator>::IntoIter)>,
}

impl<S, R> Leftovers<S, R> {
    pub(super) fn of(Part { table, matched }: Part<S, R>) -> Self {
        let matched: Vec<bool> = matched.into_iter().map(|seen| seen.into_inner()).collect();
        Leftovers { entries: table.into_entries().into_iter().zip(matched), key: None }
    }

    pub(super) fn next<P, B, W>(&mut self, way: &W) -> Option<W::Out>
    where
        W: Matching<S, P, B, Row = R>,
    {
        loop {
            let Some((key, rows)) = &mut self.key else {
                let ((key, rows), _) = self.entries.find(|(_, matched)| !matched)?;
                self.key = Some((key, rows.into_iter()));
                continue;
            };
            match rows.next() {
                Some(row) => {
                    let out = way.leftover(key, row);
                    if out.is_some() {
                        return out;
                    }
                }
                None => self.key = None,
            }
        }
    }
}
