//! Sources that one thread reads: a feeding stage before the stage that claims.

use crate::error::Site;
use crate::kernel::{Make, Push};
use crate::plan::{Builder, Outline, StageOptions};
use crate::runtime::core::Cx;
use crate::runtime::pool::{FromPool, IntoPool, IntoPoolMake, IntoPoolsMake, Pool};
use crate::runtime::stage::{Input, Pull, Stage};
use crate::runtime::task::TaskRef;
use std::sync::Arc;

/// Adds the claiming stage's edge and the feeding stage to the outline.
pub(crate) fn describe(stage: &StageOptions, feeders: usize, site: Site, outline: &mut Outline) {
    outline.spread_over_workers();
    outline.edge_from(&StageOptions::default(), "claimed", stage.edge());
    outline.instances(feeders);
    outline.operator(site);
}

/// Builds the feeding stage, one instance per input, and the stage that claims what they feed.
pub(crate) fn build<'env, T, I, M>(
    inputs: impl FnOnce(&Pool<T>) -> Vec<I>,
    site: Site,
    options: StageOptions,
    builder: &mut Builder<'env>,
    make: M,
) where
    T: Send + 'env,
    I: Input<IntoPool<T>> + 'env,
    M: Make<Kernel: Push<T>> + 'env,
{
    build_with(inputs, site, options, builder, make, FromPool::new);
}

/// As [`build`], with another input in place of [`FromPool`].
pub(crate) fn build_with<'env, T, I, M, C>(
    inputs: impl FnOnce(&Pool<T>) -> Vec<I>,
    site: Site,
    options: StageOptions,
    builder: &mut Builder<'env>,
    make: M,
    claimer: impl Fn(Arc<Pool<T>>, Arc<Stage>, TaskRef) -> C,
) where
    T: Send + 'env,
    I: Input<IntoPool<T>> + 'env,
    M: Make + 'env,
    C: Input<M::Kernel> + 'env,
{
    let stage = builder.open_source(&options, site);
    let counters = builder.edge_counters();
    let (edge, tokens) = (options.edge(), options.tokens);
    let pool = Pool::new(edge, tokens, stage.tasks[0].clone(), counters);
    builder.fill_source(stage, make, |task, stage| {
        claimer(Arc::clone(&pool), Arc::clone(stage), task.clone())
    });

    let inputs = inputs(&pool);
    let feeders = inputs.len();
    if feeders == 0 {
        return pool.end();
    }
    let feeding = builder.open(&StageOptions::default(), site, feeders);
    feeding.tasks.iter().for_each(|task| builder.start_with(task.clone()));
    let mut inputs = inputs.into_iter();
    builder.fill(feeding, feeders, IntoPoolMake(pool), |_, _, _| {
        inputs.next().expect("one input per feeder")
    });
}

/// Builds a stage with one instance per input, which it reads itself.
pub(crate) fn build_per_source<'env, I, M>(
    inputs: Vec<I>,
    site: Site,
    options: StageOptions,
    builder: &mut Builder<'env>,
    make: M,
) where
    I: Input<M::Kernel> + 'env,
    M: Make + 'env,
{
    // A stage needs an instance to come to an end.
    let instances = inputs.len().max(1);
    let stage = builder.open(&options, site, instances);
    stage.tasks.iter().for_each(|task| builder.start_with(task.clone()));
    let mut inputs = inputs.into_iter();
    builder.fill(stage, instances, make, |_, _, _| Maybe(inputs.next()));
}

/// Builds a stage with one instance per input, which is read by a task of its own in front of it.
pub(super) fn build_fed_per_source<'env, T, I, M>(
    inputs: Vec<I>,
    site: Site,
    options: StageOptions,
    builder: &mut Builder<'env>,
    make: M,
) where
    T: Send + 'env,
    I: Input<IntoPool<T>> + 'env,
    M: Make<Kernel: Push<T>> + 'env,
{
    let instances = inputs.len().max(1);
    let stage = builder.open(&options, site, instances);
    let counters = builder.edge_counters();
    let pool = |task: &TaskRef| Pool::new(options.edge(), None, task.clone(), counters.clone());
    let pools: Arc<[_]> = stage.tasks.iter().map(pool).collect();
    builder.fill(stage, instances, make, |at, task, stage| {
        FromPool::new(Arc::clone(&pools[at]), Arc::clone(stage), task.clone())
    });
    let feeding = builder.open(&StageOptions::default(), site, instances);
    feeding.tasks.iter().for_each(|task| builder.start_with(task.clone()));
    let mut inputs = inputs.into_iter();
    builder.fill(feeding, instances, IntoPoolsMake(pools), |_, _, _| Maybe(inputs.next()));
}

/// An input, or one that has ended.
struct Maybe<I>(Option<I>);

impl<K, I: Input<K>> Input<K> for Maybe<I> {
    fn pull(&mut self, kernel: &mut K, room: usize, cx: &mut Cx<'_>) -> Pull {
        self.0.as_mut().map_or(Pull::End, |input| input.pull(kernel, room, cx))
    }

    fn took(&mut self, nanos: u64, cx: &Cx<'_>) {
        if let Some(input) = &mut self.0 {
            input.took(nanos, cx);
        }
    }

    fn cancel(&mut self) {
        if let Some(input) = &mut self.0 {
            input.cancel();
        }
    }
}
