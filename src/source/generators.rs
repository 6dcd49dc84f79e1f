//! Iterators that never wait: read by the stage itself.

use super::feed;
use crate::error::Site;
use crate::kernel::culprit::Guard;
use crate::kernel::{Make, Push};
use crate::ops::{ByReference, Flow, Node, Stampable};
use crate::plan::{Builder, Outline, StageOptions};
use crate::runtime::core::{Cx, Phase};
use crate::runtime::stage::{Input, Pull};

impl Flow {
    /// The items of iterators that never wait: each is read by an instance of the first stage itself,
    /// in the same loop in which its items are handled. So there is no thread and no queue between,
    /// which iterators that wait need ([`from_iters`](Flow::from_iters)).
    ///
    /// An iterator that does wait keeps a worker from everything else meanwhile. There is no order
    /// between the iterators.
    ///
    /// ```
    /// use flow::Flow;
    ///
    /// let squares = [0..1_000u64, 1_000..2_000].map(|range| range.map(|x| x * x));
    /// assert_eq!(Flow::from_generators(squares).count()?, 2_000);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn from_generators<I>(
        iters: impl IntoIterator<Item = I>,
    ) -> Flow<FromGenerators<I::IntoIter>>
    where
        I: IntoIterator<Item: Send, IntoIter: Send>,
    {
        let site = Site::here("from_generators");
        let iters = iters.into_iter().map(I::into_iter).collect();
        Flow::of(FromGenerators { iters, site })
    }
}

/// The items of iterators that never wait.
#[derive(Clone, Debug)]
pub struct FromGenerators<I> {
    iters: Vec<I>,
    site: Site,
}

impl<I: Iterator<Item: Send> + Send> Node for FromGenerators<I> {
    type Item = I::Item;
    type Lending = ByReference;

    fn describe(&self, _stage: &StageOptions, outline: &mut Outline) {
        outline.instances(self.iters.len().max(1));
        outline.operator(self.site);
    }

    fn build<'env, M>(self, stage: StageOptions, builder: &mut Builder<'env>, make: M)
    where
        Self: 'env,
        M: Make<Kernel: Push<I::Item>> + 'env,
    {
        let site = self.site;
        let inputs = self.iters.into_iter().map(|iter| Generator { iter: Some(iter), site });
        feed::build_per_source(inputs.collect(), site, stage, builder, make);
    }
}

impl<I: Iterator<Item: Send> + Send> Stampable for FromGenerators<I> {
    const PER_SOURCE: bool = true;

    fn describe_per_source(&self, stage: &StageOptions, outline: &mut Outline) {
        self.describe(stage, outline);
    }

    fn build_per_source<'env, M>(self, stage: StageOptions, builder: &mut Builder<'env>, make: M)
    where
        Self: 'env,
        M: Make<Kernel: Push<I::Item>> + 'env,
    {
        self.build(stage, builder, make);
    }
}

/// One iterator.
struct Generator<I> {
    /// None where it has ended.
    iter: Option<I>,
    site: Site,
}

/// How many items are read at most between two looks at the run.
const MOST: usize = 1 << 12;

impl<I: Iterator<Item: Send> + Send, K: Push<I::Item>> Input<K> for Generator<I> {
    fn pull(&mut self, kernel: &mut K, room: usize, cx: &mut Cx<'_>) -> Pull {
        if cx.core.phase() != Phase::Running {
            return Pull::End;
        }
        let Generator { iter, site, .. } = self;
        // Here its state can be in registers.
        let Some(mut items) = iter.take() else {
            return Pull::End;
        };
        let wanted = room.min(MOST);
        let mut left = wanted;
        kernel.push_all(std::iter::from_fn(|| {
            if left == 0 {
                return None;
            }
            let guard = Guard::of(site);
            let item = items.next();
            guard.done();
            left -= usize::from(item.is_some());
            item
        }));
        if left == 0 {
            *iter = Some(items);
        }
        Pull::Some(wanted - left)
    }
}
