//! Sinks that keep every event: `collect`, `into_partitions`.

use super::{Part, Sink};
use crate::error::{BoxError, FlowError, Site};
use crate::ops::{Flow, Node, Partitioned};
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

impl<N: Node> Flow<N> {
    /// Collects the events into any collection, also maps, and `Result` or `Option` of one.
    ///
    /// Where the flow has one order (one source, per-event operators) the collection has it too;
    /// where it is partitioned, events come partition by partition. Into a `Result` it reads to the end;
    /// [`try_collect`](Flow::try_collect) stops at the first `Err`.
    ///
    /// # Errors
    /// The first cause, if the run fails.
    ///
    /// ```
    /// use flow::Flow;
    /// use std::collections::BTreeSet;
    ///
    /// let digits: BTreeSet<u64> = Flow::from_range(0..100u64).map(|x| x % 10).collect()?;
    /// assert_eq!(digits.len(), 10);
    ///
    /// let parsed: Result<Vec<i32>, _> =
    ///     Flow::from_vec(vec!["1", "x"]).map(|s| s.parse::<i32>()).collect()?;
    /// assert!(parsed.is_err());
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn collect<C: FromIterator<N::Item>>(self) -> Result<C, FlowError> {
        self.into_sink(Site::here("collect"), Collect(PhantomData)).run()
    }
}

impl<N: Node> Flow<N> {
    /// Collects the events of each partition into a vector of its own, by the partition's index.
    /// Nothing is merged on the calling thread.
    ///
    /// # Errors
    /// The first cause, if the run fails.
    ///
    /// ```
    /// use flow::Flow;
    ///
    /// let letters = Flow::from_vec("abcab".chars().collect());
    /// let parts = letters.key_by(|c| *c).count().stages(2).into_partitions()?;
    /// assert_eq!(parts.len(), 2);
    /// assert_eq!(parts.concat().len(), 3);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn into_partitions(self) -> Result<Vec<Vec<N::Item>>, FlowError>
    where
        N: Partitioned,
    {
        self.into_sink(Site::here("into_partitions"), Partitions).run()
    }
}

/// Collects events into a `C`.
pub struct Collect<C>(PhantomData<fn() -> C>);

impl<C> Collect<C> {
    /// A sink that collects into a `C`.
    pub fn new() -> Self {
        Collect(PhantomData)
    }
}

impl<C> Default for Collect<C> {
    fn default() -> Self {
        Collect::new()
    }
}

impl<C> fmt::Debug for Collect<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Collect")
    }
}

/// One instance's events, with the source's positions where the flow has one order.
///
/// They lie in pieces: a vector that becomes large is not copied into one of twice its size, whose pages
/// would all have to be made, but followed by another one.
#[derive(Debug)]
pub struct Collected<T> {
    /// The pieces before, and how many events they have.
    before: Vec<Vec<T>>,
    earlier: usize,
    /// The last piece.
    events: Vec<T>,
    /// From which index on events come from which position of the source.
    runs: Vec<(u64, usize)>,
}

/// From how many bytes on a piece is not made larger.
const PIECE: usize = if cfg!(test) { 64 } else { 1 << 20 };
/// How many events may come at once without making it larger, where nobody knows how many come.
const AT_ONCE: usize = if cfg!(test) { 4 } else { 1 << 10 };

impl<T> Collected<T> {
    pub(crate) fn new() -> Self {
        Collected { before: Vec::new(), earlier: 0, events: Vec::new(), runs: Vec::new() }
    }

    pub(crate) fn len(&self) -> usize {
        self.earlier + self.events.len()
    }

    /// Begins another piece for so many events if the last one is large: twice as large until it is sixteen
    /// times what is large, then as large.
    #[cold]
    #[inline(never)]
    fn make_room(&mut self, events: usize) {
        let bytes = size_of::<T>().saturating_mul(self.events.capacity());
        if bytes < PIECE || self.events.is_empty() {
            return;
        }
        let larger = if bytes < 16 * PIECE { 2 } else { 1 };
        let piece = Vec::with_capacity(events.max(larger * self.events.capacity()));
        let full = std::mem::replace(&mut self.events, piece);
        self.earlier += full.len();
        self.before.push(full);
    }
}

impl<T: Send, C: FromIterator<T>> Sink<T> for Collect<C> {
    type Part = Collected<T>;
    type Output = C;

    fn part(self: &Arc<Self>, _instance: usize) -> Collected<T> {
        Collected::new()
    }

    fn commit(self: Arc<Self>, parts: Vec<Collected<T>>) -> Result<C, BoxError> {
        Ok(in_order(parts).collect())
    }
}

impl<T: Send> Part<T> for Collected<T> {
    #[inline(always)]
    fn write(&mut self, event: T) -> Result<(), BoxError> {
        if self.events.len() == self.events.capacity() {
            self.make_room(1);
        }
        self.events.push(event);
        Ok(())
    }

    #[inline(always)]
    fn write_all<I: Iterator<Item = T>>(&mut self, events: I) -> Result<(), BoxError> {
        let (least, most) = events.size_hint();
        let wanted = least.max(most.unwrap_or(AT_ONCE).min(AT_ONCE));
        if self.events.capacity() - self.events.len() < wanted {
            self.make_room(wanted);
        }
        self.events.extend(events);
        Ok(())
    }

    fn expect(&mut self, events: usize) {
        self.events.reserve(events);
    }

    fn position(&mut self, start: u64) {
        let at = self.len();
        match self.runs.last_mut() {
            // The run before gave nothing.
            Some(last) if last.1 == at => *last = (start, at),
            _ => self.runs.push((start, at)),
        }
    }
}

/// All events: by position where there are positions, else instance by instance.
pub(crate) fn in_order<T>(parts: Vec<Collected<T>>) -> impl Iterator<Item = T> {
    let mut runs = Vec::new();
    for (part, collected) in parts.iter().enumerate() {
        let ends = collected.runs.iter().skip(1).map(|run| run.1);
        let ends = ends.chain([collected.len()]);
        for (&(start, from), to) in collected.runs.iter().zip(ends) {
            runs.push((start, part, to - from));
        }
        if collected.runs.is_empty() {
            runs.push((0, part, collected.len()));
        }
    }
    sort(&mut runs);
    let left = parts.iter().map(Collected::len).sum();
    let pieces = |part: Collected<T>| {
        let mut pieces = part.before;
        pieces.push(part.events);
        Pieces { piece: Vec::new().into_iter(), further: pieces.into_iter() }
    };
    let parts = parts.into_iter().map(pieces).collect();
    InOrder { parts, runs: runs.into_iter(), part: 0, in_run: 0, left }
}

/// Sorts runs by their positions; without positions the instances keep their order. Apart, so that it
/// is not compiled for every type of events.
fn sort(runs: &mut [(u64, usize, usize)]) {
    runs.sort_by_key(|run| run.0);
}

/// The events of one instance.
struct Pieces<T> {
    piece: std::vec::IntoIter<T>,
    further: std::vec::IntoIter<Vec<T>>,
}

impl<T> Pieces<T> {
    #[inline]
    fn next(&mut self) -> Option<T> {
        loop {
            match self.piece.next() {
                None => self.piece = self.further.next()?.into_iter(),
                event => return event,
            }
        }
    }
}

struct InOrder<T> {
    parts: Vec<Pieces<T>>,
    runs: std::vec::IntoIter<(u64, usize, usize)>,
    part: usize,
    in_run: usize,
    left: usize,
}

impl<T> Iterator for InOrder<T> {
    type Item = T;

    #[inline]
    fn next(&mut self) -> Option<T> {
        while self.in_run == 0 {
            let (_, part, events) = self.runs.next()?;
            (self.part, self.in_run) = (part, events);
        }
        self.in_run -= 1;
        self.left -= 1;
        self.parts[self.part].next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

/// Collects the events of each partition.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Partitions;

/// One partition's events.
#[derive(Debug)]
pub(crate) struct PartitionEvents<T>(Vec<T>);

impl<T: Send> Sink<T> for Partitions {
    type Part = PartitionEvents<T>;
    type Output = Vec<Vec<T>>;

    fn part(self: &Arc<Self>, _instance: usize) -> PartitionEvents<T> {
        PartitionEvents(Vec::new())
    }

    fn commit(self: Arc<Self>, parts: Vec<PartitionEvents<T>>) -> Result<Vec<Vec<T>>, BoxError> {
        Ok(parts.into_iter().map(|part| part.0).collect())
    }
}

impl<T: Send> Part<T> for PartitionEvents<T> {
    #[inline(always)]
    fn write(&mut self, event: T) -> Result<(), BoxError> {
        self.0.push(event);
        Ok(())
    }

    #[inline(always)]
    fn write_all<I: Iterator<Item = T>>(&mut self, events: I) -> Result<(), BoxError> {
        self.0.extend(events);
        Ok(())
    }

    fn expect(&mut self, events: usize) {
        self.0.reserve(events);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Whatever comes at once, and whether its number is known: nothing is lost between the pieces,
        /// and positions say the order.
        #[test]
        fn pieces_give_what_a_list_gives(
            steps in prop::collection::vec((0..3_u8, 0..40_u64), 0..60),
            instances in 1..4_usize,
        ) {
            let mut parts: Vec<_> = (0..instances).map(|_| Collected::new()).collect();
            let mut next = 0;
            for (nth, (how, events)) in steps.into_iter().enumerate() {
                let part = &mut parts[nth * 7 % 5 % instances];
                part.position(next);
                let came = next..next + events;
                match how {
                    0 => came.for_each(|event| part.write(event).unwrap()),
                    1 => part.write_all(came).unwrap(),
                    _ => part.write_all(came.filter(|_| true)).unwrap(),
                }
                next += events;
            }
            prop_assert_eq!(parts.iter().map(Collected::len).sum::<usize>() as u64, next);
            let all = in_order(parts);
            prop_assert_eq!(all.size_hint(), (next as usize, Some(next as usize)));
            prop_assert!(all.eq(0..next));
        }

        #[test]
        fn without_positions_instances_follow_each_other(lens in prop::collection::vec(0..60_u64, 0..4)) {
            let mut parts: Vec<_> = lens.iter().map(|_| Collected::new()).collect();
            for (part, len) in parts.iter_mut().zip(&lens) {
                (0..*len).for_each(|event| part.write(event).unwrap());
            }
            prop_assert!(in_order(parts).eq(lens.into_iter().flat_map(|len| 0..len)));
        }
    }
}
