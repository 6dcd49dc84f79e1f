//! `minmax`: the smallest and the largest event in one go.

use super::{Part, Sink};
use crate::error::{BoxError, FlowError, Site};
use crate::ops::{Comparable, Flow, Node};
use std::mem;
use std::sync::Arc;

impl<N: Node> Flow<N> {
    /// The smallest and the largest event; of equal ones the first and the last, where the flow has
    /// one order, else any.
    ///
    /// # Errors
    /// The first cause, if the run fails.
    ///
    /// ```
    /// use flow::{Flow, MinMax};
    ///
    /// let range = Flow::from_vec(vec![3, 1, 2]).minmax()?;
    /// assert_eq!(range, MinMax::Both(1, 3));
    /// assert_eq!(Flow::from_vec(vec![3]).minmax()?.into_pair(), Some((3, 3)));
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn minmax(self) -> Result<MinMax<N::Item>, FlowError>
    where
        N::Item: Comparable,
    {
        self.into_sink(Site::here("minmax"), Extremes).run()
    }
}

/// What [`minmax`](Flow::minmax) gives. A single event is not copied, so it is a case of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MinMax<T> {
    /// There was no event.
    Empty,
    /// There was one event: the smallest and the largest.
    One(T),
    /// The smallest event and the largest, which may be equal.
    Both(T, T),
}

impl<T> MinMax<T> {
    /// The smallest and the largest event, where there was any.
    ///
    /// ```
    /// use flow::MinMax;
    ///
    /// assert_eq!(MinMax::One(3).into_pair(), Some((3, 3)));
    /// ```
    pub fn into_pair(self) -> Option<(T, T)>
    where
        T: Clone,
    {
        match self {
            MinMax::Empty => None,
            MinMax::One(event) => Some((event.clone(), event)),
            MinMax::Both(min, max) => Some((min, max)),
        }
    }
}

/// Keeps the smallest and the largest event.
struct Extremes;

/// An event, and the source's position from which its claim was.
type At<T> = (u64, T);

/// One instance's events.
struct ExtremesPart<T> {
    at: u64,
    kept: MinMax<At<T>>,
}

/// Takes one event more, which is behind those that are kept.
#[inline(always)]
fn keep<T: Ord>(min: &mut At<T>, max: &mut At<T>, event: At<T>) {
    if event.1 < min.1 {
        *min = event;
    } else if event.1 >= max.1 {
        *max = event;
    }
}

fn pair<T: Ord>(first: At<T>, second: At<T>) -> (At<T>, At<T>) {
    if second.1 < first.1 { (second, first) } else { (first, second) }
}

impl<T: Ord> ExtremesPart<T> {
    #[inline(always)]
    fn keep_all(&mut self, mut events: impl Iterator<Item = At<T>>) {
        let (mut min, mut max) = match mem::replace(&mut self.kept, MinMax::Empty) {
            MinMax::Both(min, max) => (min, max),
            one_or_none => {
                let first = match one_or_none {
                    MinMax::One(one) => Some(one),
                    _ => events.next(),
                };
                let Some(first) = first else {
                    return;
                };
                let Some(second) = events.next() else {
                    self.kept = MinMax::One(first);
                    return;
                };
                pair(first, second)
            }
        };
        events.for_each(|event| keep(&mut min, &mut max, event));
        self.kept = MinMax::Both(min, max);
    }
}

impl<T: Ord + Send> Sink<T> for Extremes {
    type Part = ExtremesPart<T>;
    type Output = MinMax<T>;

    fn part(self: &Arc<Self>, _instance: usize) -> ExtremesPart<T> {
        ExtremesPart { at: 0, kept: MinMax::Empty }
    }

    fn commit(self: Arc<Self>, parts: Vec<ExtremesPart<T>>) -> Result<MinMax<T>, BoxError> {
        let mut kept = Vec::new();
        for part in parts {
            match part.kept {
                MinMax::Empty => {}
                MinMax::One(one) => kept.push(one),
                MinMax::Both(min, max) => kept.extend([min, max]),
            }
        }
        // Stable: without positions the instances keep their order.
        kept.sort_by_key(|(at, _)| *at);
        let mut all = ExtremesPart { at: 0, kept: MinMax::Empty };
        all.keep_all(kept.into_iter());
        Ok(match all.kept {
            MinMax::Empty => MinMax::Empty,
            MinMax::One(one) => MinMax::One(one.1),
            MinMax::Both(min, max) => MinMax::Both(min.1, max.1),
        })
    }
}

impl<T: Ord + Send> Part<T> for ExtremesPart<T> {
    #[inline(always)]
    fn write(&mut self, event: T) -> Result<(), BoxError> {
        self.write_all(std::iter::once(event))
    }

    #[inline(always)]
    fn write_all<I: Iterator<Item = T>>(&mut self, events: I) -> Result<(), BoxError> {
        let at = self.at;
        self.keep_all(events.map(|event| (at, event)));
        Ok(())
    }

    fn position(&mut self, start: u64) {
        self.at = start;
    }
}
