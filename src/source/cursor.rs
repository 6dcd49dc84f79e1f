//! Slices and ranges: instances claim positions from a shared counter.

use crate::error::Site;
use crate::kernel::{Make, Mark, Push};
use crate::ops::{ByReference, Flow, Node, Sequenced, Stampable};
use crate::plan::{Builder, Outline, StageOptions};
use crate::runtime::core::{Cx, Phase};
use crate::runtime::credit::Credits;
use crate::runtime::stage::{Input, Pace, Pull, Stage, spread};
use crate::runtime::task::TaskRef;
use crate::runtime::worker::WORTH_A_THREAD;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

impl Flow {
    /// The elements of a slice, by reference. Workers claim them in chunks that grow until one takes
    /// about 50 µs, so 100 dear elements occupy every worker and 100 cheap ones stay on the caller.
    ///
    /// ```
    /// use flow::Flow;
    ///
    /// let numbers = [1, 2, 3];
    /// assert_eq!(Flow::from_slice(&numbers).map(|x| x * 10).sum::<i32>()?, 60);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn from_slice<T: Sync>(slice: &[T]) -> Flow<FromSlice<'_, T>> {
        Flow::of(FromSlice { slice, site: Site::here("from_slice") })
    }

    /// The integers of a range.
    ///
    /// ```
    /// use flow::Flow;
    ///
    /// assert_eq!(Flow::from_range(0..1_000u64).filter(|x| x % 7 == 0).count()?, 143);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn from_range<T: Integer>(range: Range<T>) -> Flow<FromRange<T>> {
        Flow::of(FromRange { range, site: Site::here("from_range") })
    }
}

/// A slice's elements.
#[derive(Clone, Copy, Debug)]
pub struct FromSlice<'a, T> {
    slice: &'a [T],
    site: Site,
}

/// A range's integers.
#[derive(Clone, Debug)]
pub struct FromRange<T> {
    range: Range<T>,
    site: Site,
}

/// Integers that a range can be made of.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an integer that a range can be made of",
    label = "`from_range` takes integers",
    note = "map from integers: `from_range(0..10).map(|i| i as f64 / 10.0)`; any iterator goes into `from_iter`"
)]
pub trait Integer: Copy + Send + Sync {
    /// How many there are from `start` to `end`; 0 where `end` is not above `start`.
    ///
    /// # Panics
    /// If there are more than `usize::MAX`.
    fn distance(start: Self, end: Self) -> usize;

    /// The integer so far behind this one.
    fn forward(self, by: usize) -> Self;
}

macro_rules! integers {
    ($($t:ty),*) => {$(
        impl Integer for $t {
            fn distance(start: Self, end: Self) -> usize {
                if end <= start {
                    return 0;
                }
                let distance = (end as i128).wrapping_sub(start as i128) as u128;
                usize::try_from(distance).expect("a range of at most usize::MAX integers")
            }

            #[inline(always)]
            fn forward(self, by: usize) -> Self {
                self.wrapping_add(by as $t)
            }
        }
    )*};
}

integers!(u8, u16, u32, u64, u128, usize, i8, i16, i32, i64, i128, isize);

impl<T: Sync> Stampable for FromSlice<'_, T> {}
impl<T: Integer> Stampable for FromRange<T> {}

#[diagnostic::do_not_recommend]
impl<T: Sync> Sequenced for FromSlice<'_, T> {}
#[diagnostic::do_not_recommend]
impl<T: Integer> Sequenced for FromRange<T> {}

impl<'a, T: Sync> Node for FromSlice<'a, T> {
    type Item = &'a T;
    type Lending = ByReference;
    const POSITIONED: bool = true;

    fn describe(&self, _stage: &StageOptions, outline: &mut Outline) {
        outline.source(self.site);
    }

    fn build<'env, M>(self, stage: StageOptions, builder: &mut Builder<'env>, make: M)
    where
        Self: 'env,
        M: Make<Kernel: Push<&'a T>> + 'env,
    {
        build(self.slice, self.site, stage, builder, make);
    }
}

impl<T: Integer> Node for FromRange<T> {
    type Item = T;
    type Lending = ByReference;
    const POSITIONED: bool = true;

    fn describe(&self, _stage: &StageOptions, outline: &mut Outline) {
        outline.source(self.site);
    }

    fn build<'env, M>(self, stage: StageOptions, builder: &mut Builder<'env>, make: M)
    where
        Self: 'env,
        M: Make<Kernel: Push<T>> + 'env,
    {
        build(self.range, self.site, stage, builder, make);
    }
}

/// Positions that can be visited in any order.
trait Span: Send + Sync {
    type Item;

    fn positions(&self) -> usize;

    fn push<K: Push<Self::Item>>(&self, positions: Range<usize>, kernel: &mut K);
}

impl<'a, T: Sync> Span for &'a [T] {
    type Item = &'a T;

    fn positions(&self) -> usize {
        self.len()
    }

    #[inline]
    fn push<K: Push<&'a T>>(&self, positions: Range<usize>, kernel: &mut K) {
        kernel.push_all(self[positions].iter());
    }
}

impl<T: Integer> Span for Range<T> {
    type Item = T;

    fn positions(&self) -> usize {
        T::distance(self.start, self.end)
    }

    #[inline]
    fn push<K: Push<T>>(&self, positions: Range<usize>, kernel: &mut K) {
        let start = self.start;
        kernel.push_all(positions.map(|position| start.forward(position)));
    }
}

fn build<'env, S, M>(
    span: S,
    site: Site,
    options: StageOptions,
    builder: &mut Builder<'env>,
    make: M,
) where
    S: Span + 'env,
    M: Make<Kernel: Push<S::Item>> + 'env,
{
    let stage = builder.open_source(&options, site);
    let cursor = Arc::new(Cursor { len: span.positions(), span, next: AtomicUsize::new(0) });
    builder.fill_source(stage, make, |task, stage| FromCursor {
        cursor: Arc::clone(&cursor),
        stage: Arc::clone(stage),
        task: task.clone(),
        tokens: options.tokens.clone(),
        pace: Pace::new(1, usize::MAX),
        claim: 0..0,
        rest: 0,
        busy: 0,
    });
}

/// Claims up to `want` of `len` positions. The counter never passes `len`, so it cannot wrap.
pub(super) fn claim(next: &AtomicUsize, len: usize, want: usize) -> (usize, usize) {
    let end = |start: usize| start + want.min(len - start);
    let claimed = next.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |start| {
        (start < len).then(|| end(start))
    });
    claimed.map_or((len, len), |start| (start, end(start)))
}

#[derive(Debug)]
struct Cursor<S> {
    span: S,
    len: usize,
    next: AtomicUsize,
}

/// One claiming instance.
struct FromCursor<S> {
    cursor: Arc<Cursor<S>>,
    stage: Arc<Stage>,
    task: TaskRef,
    tokens: Option<Arc<Credits<TaskRef>>>,
    pace: Pace,
    /// The claim at hand; of it, from `rest` on nothing has been pushed.
    claim: Range<usize>,
    rest: usize,
    /// How long the claim has taken so far, in nanoseconds.
    busy: u64,
}

impl<S: Span> FromCursor<S> {
    fn remaining(&self) -> usize {
        self.cursor.len.saturating_sub(self.cursor.next.load(Ordering::Relaxed))
    }

    fn claim(&mut self) -> Result<(), Pull> {
        let remaining = self.remaining();
        if remaining == 0 {
            return Err(Pull::End);
        }
        let instances = self.stage.instances().len();
        let mut want = self.pace.claim(remaining, instances);
        if let Some(tokens) = &self.tokens {
            want = want.min((tokens.available() / (2 * instances)).max(1));
            want = tokens.take_or_wait(want, || self.task.clone());
            if want == 0 {
                return Err(Pull::Wait);
            }
        }
        let Cursor { next, len, .. } = &*self.cursor;
        let (start, end) = claim(next, *len, want);
        if let Some(tokens) = &self.tokens
            && end - start < want
        {
            tokens.give(want - (end - start));
        }
        if start == end {
            return Err(Pull::End);
        }
        self.claim = start..end;
        self.rest = start;
        self.busy = 0;
        Ok(())
    }
}

impl<S, K> Input<K> for FromCursor<S>
where
    S: Span,
    K: Push<S::Item>,
{
    fn pull(&mut self, kernel: &mut K, room: usize, cx: &mut Cx<'_>) -> Pull {
        if self.rest == self.claim.end {
            if !self.claim.is_empty() {
                kernel.mark(Mark::Settled);
                self.claim = self.rest..self.rest;
            }
            if cx.core.phase() != Phase::Running {
                return Pull::End;
            }
            if let Err(why) = self.claim() {
                return why;
            }
            let (start, len) = (self.claim.start as u64, self.claim.len() as u64);
            kernel.mark(Mark::Claimed { start, len });
        }
        let now = room.min(self.claim.end - self.rest);
        self.cursor.span.push(self.rest..self.rest + now, kernel);
        self.rest += now;
        Pull::Some(now)
    }

    fn took(&mut self, nanos: u64, cx: &Cx<'_>) {
        self.busy += nanos;
        if self.rest == self.claim.end {
            self.pace.learn(self.claim.len(), self.busy);
            spread(&self.stage, cx.core, || self.pace.estimate(self.remaining()) > WORTH_A_THREAD);
        }
    }

    fn cancel(&mut self) {
        self.cursor.next.fetch_max(self.cursor.len, Ordering::Relaxed);
    }
}
