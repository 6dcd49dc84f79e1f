//! Any iterator, also one that waits.

use super::feed;
use crate::error::Site;
use crate::kernel::culprit::guarded;
use crate::kernel::{Make, Push};
use crate::ops::{ByReference, Flow, Node, Sequenced, Stampable};
use crate::plan::{Builder, Outline, StageOptions};
use crate::runtime::core::{Cx, Phase};
use crate::runtime::pool::IntoPool;
use crate::runtime::stage::{Input, Pull};
use std::marker::PhantomData;

impl Flow {
    /// The items of any iterator. It may wait: it is read by a thread of its own, which is not one
    /// of the workers, and what it gave is handled while it waits for more. An iterator that knows
    /// its length is first read by the caller, for one batch or 50 µs, so a short one starts no
    /// thread.
    ///
    /// A run that is cancelled, or whose reader wants no more, ends after at most one pending
    /// `next`.
    ///
    /// ```
    /// use flow::Flow;
    ///
    /// let squares: Vec<u64> = Flow::from_iter(1..=3u64).map(|x| x * x).collect()?;
    /// assert_eq!(squares, [1, 4, 9]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[allow(clippy::should_implement_trait, reason = "a source among sources, not a collection")]
    #[track_caller]
    pub fn from_iter<I>(iter: I) -> Flow<FromIter<I::IntoIter, One>>
    where
        I: IntoIterator<Item: Send, IntoIter: Send>,
    {
        let site = Site::here("from_iter");
        Flow::of(FromIter { iters: vec![iter.into_iter()], site, sources: PhantomData })
    }

    /// The items of several iterators as they come, each read by a thread of its own.
    ///
    /// ```
    /// use flow::Flow;
    ///
    /// assert_eq!(Flow::from_iters([0..3u64, 10..13]).sum::<u64>()?, 36);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn from_iters<I>(iters: impl IntoIterator<Item = I>) -> Flow<FromIter<I::IntoIter, Several>>
    where
        I: IntoIterator<Item: Send, IntoIter: Send>,
    {
        let site = Site::here("from_iters");
        let iters = iters.into_iter().map(I::into_iter).collect();
        Flow::of(FromIter { iters, site, sources: PhantomData })
    }
}

/// One source: its order is the flow's.
#[derive(Clone, Copy, Debug)]
pub struct One;

/// Several sources: there is no order between them.
#[derive(Clone, Copy, Debug)]
pub struct Several;

/// How many sources there are.
pub trait Sources: Send {
    /// Whether there is one.
    const ONE: bool;
}

impl Sources for One {
    const ONE: bool = true;
}

impl Sources for Several {
    const ONE: bool = false;
}

/// The items of iterators.
#[derive(Clone, Debug)]
pub struct FromIter<I, S> {
    iters: Vec<I>,
    site: Site,
    sources: PhantomData<S>,
}

#[diagnostic::do_not_recommend]
impl<I: Iterator<Item: Send> + Send> Sequenced for FromIter<I, One> {}

impl<I: Iterator<Item: Send> + Send, S: Sources> Node for FromIter<I, S> {
    type Item = I::Item;
    type Lending = ByReference;
    const POSITIONED: bool = S::ONE;

    fn describe(&self, stage: &StageOptions, outline: &mut Outline) {
        feed::describe(stage, self.iters.len(), self.site, outline);
    }

    fn build<'env, M>(self, stage: StageOptions, builder: &mut Builder<'env>, make: M)
    where
        Self: 'env,
        M: Make<Kernel: Push<I::Item>> + 'env,
    {
        let site = self.site;
        let inputs =
            self.iters.into_iter().map(|iter| FromOneIter { iter: Some(iter), site, inline: 0 });
        feed::build(|_| inputs.collect(), site, stage, builder, make);
    }
}

impl<I: Iterator<Item: Send> + Send, S: Sources> Stampable for FromIter<I, S> {
    const PER_SOURCE: bool = true;

    fn describe_per_source(&self, stage: &StageOptions, outline: &mut Outline) {
        let instances = self.iters.len().max(1);
        outline.instances(instances);
        outline.edge_from(&StageOptions::default(), "one to one", stage.edge());
        outline.instances(instances);
        outline.operator(self.site);
    }

    fn build_per_source<'env, M>(self, stage: StageOptions, builder: &mut Builder<'env>, make: M)
    where
        Self: 'env,
        M: Make<Kernel: Push<I::Item>> + 'env,
    {
        let site = self.site;
        let inputs = self.iters.into_iter();
        let inputs = inputs.map(|iter| FromOneIter { iter: Some(iter), site, inline: 0 });
        feed::build_fed_per_source(inputs.collect(), site, stage, builder, make);
    }
}

/// One iterator.
struct FromOneIter<I> {
    iter: Option<I>,
    site: Site,
    /// For how long it has been read beside others on a worker, in nanoseconds.
    inline: u64,
}

/// How long the caller reads an iterator itself: 50 µs, in nanoseconds.
const INLINE: u64 = 50_000;

impl<I: Iterator<Item: Send> + Send> Input<IntoPool<I::Item>> for FromOneIter<I> {
    fn pull(&mut self, pool: &mut IntoPool<I::Item>, room: usize, cx: &mut Cx<'_>) -> Pull {
        let apart = cx.task.home().is_some();
        let Some(iter) = &mut self.iter else {
            return Pull::End;
        };
        if !apart && cx.core.own_threads_allowed {
            let (least, most) = iter.size_hint();
            if most != Some(least) || self.inline > INLINE {
                return Pull::Blocks;
            }
            cx.lap();
        }
        // Beside others on a worker: a few at a time, looking at the clock between.
        let room = if apart { room } else { room.min(64) };
        for pulled in 0..room {
            if apart && cx.core.phase() != Phase::Running {
                return Pull::End;
            }
            match guarded(&self.site, || iter.next()) {
                Some(event) => {
                    pool.push(event);
                    // A slow one goes to its own thread early; looked at after 1, 2, 4, … events.
                    if !apart && (pulled + 1).is_power_of_two() {
                        self.inline += cx.lap();
                        if self.inline > INLINE {
                            return Pull::Some(pulled + 1);
                        }
                    }
                }
                None => {
                    self.iter = None;
                    return if pulled == 0 { Pull::End } else { Pull::Some(pulled) };
                }
            }
        }
        if cx.core.phase() == Phase::Running { Pull::Some(room) } else { Pull::End }
    }
}
