//! Sources that one thread reads: a feeding stage before the stage that claims.

use crate::error::Site;
use crate::kernel::{Make, Push};
use crate::plan::{Builder, Outline, StageOptions};
use crate::runtime::pool::{FromPool, IntoPool, IntoPoolMake, Pool};
use crate::runtime::stage::{Input, Stage};
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
