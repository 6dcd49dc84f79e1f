//! `merge`: the events of several flows as one flow, as they come.

use super::Flow;
use super::node::{ByReference, Node};
use crate::error::Site;
use crate::kernel::{Kernel, Make, Mark, Push, pass_on};
use crate::plan::{Builder, Outline, StageOptions};
use crate::runtime::Place;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

impl<N: Node> Flow<N> {
    /// The events of this flow and of another one, as they come.
    ///
    /// There is no stage for it and no queue: what follows is fused into the last stages of both
    /// flows. Options that are set afterwards hold for both.
    ///
    /// ```
    /// use flow::Flow;
    ///
    /// let numbers = Flow::from_range(0..3u64).merge(Flow::from_vec(vec![10, 20]));
    /// assert_eq!(numbers.map(|x| x + 1).sum::<u64>()?, 1 + 2 + 3 + 11 + 21);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn merge<M>(self, other: Flow<M>) -> Flow<Merge<N, M>>
    where
        M: Node<Item = N::Item>,
    {
        let site = Site::here("merge");
        merge_as(self, other, |first, second| Merge::of(first, second, site))
    }
}

/// Two flows before a node that merges them.
pub(super) fn merge_as<N, M, U>(
    flow: Flow<N>,
    other: Flow<M>,
    merge: impl FnOnce((N, StageOptions), (M, StageOptions)) -> U,
) -> Flow<U> {
    let Flow { node: second, stage: second_stage, mut run } = other;
    run.check_stage(&second_stage);
    let mut merged =
        flow.across(|first, first_stage| merge((first, first_stage), (second, second_stage)));
    merged.run = merged.run.or(run);
    merged
}

impl<N, M> Merge<N, M> {
    pub(super) fn of(first: (N, StageOptions), second: (M, StageOptions), site: Site) -> Self {
        Merge { first, second, site }
    }
}

impl Flow {
    /// The events of any number of flows of one type, as they come; see [`merge`](Flow::merge) for
    /// two of different types. Of no flow at all it is refused.
    ///
    /// ```
    /// use flow::Flow;
    ///
    /// let thirds = (0..3u64).map(|third| Flow::from_range(10 * third..10 * third + 10));
    /// assert_eq!(Flow::merge_all(thirds).count()?, 30);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn merge_all<N: Node>(flows: impl IntoIterator<Item = Flow<N>>) -> Flow<MergeAll<N>> {
        let site = Site::here("merge_all");
        let mut merged = Flow::of(MergeAll { flows: Vec::new(), site });
        for Flow { node, stage, mut run } in flows {
            run.check_stage(&stage);
            merged.run = merged.run.or(run);
            merged.node.flows.push((node, stage));
        }
        if merged.node.flows.is_empty() {
            merged.run.refuse(site, "there is nothing to merge: no flow was given".to_owned());
        }
        merged
    }
}

/// Two flows as one.
#[derive(Clone)]
pub struct Merge<N, M> {
    first: (N, StageOptions),
    second: (M, StageOptions),
    site: Site,
}

impl<N, M> fmt::Debug for Merge<N, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Merge")
    }
}

impl<N: Node, M: Node<Item = N::Item>> Node for Merge<N, M> {
    type Item = N::Item;
    type Lending = ByReference;

    fn describe(&self, stage: &StageOptions, outline: &mut Outline) {
        outline.operator(self.site);
        let twin = outline.twin();
        describe_input(&self.first, stage, outline);
        outline.take_up(twin);
        describe_input(&self.second, stage, outline);
    }

    fn build<'env, K>(self, stage: StageOptions, builder: &mut Builder<'env>, make: K)
    where
        Self: 'env,
        K: Make<Kernel: Push<N::Item>> + 'env,
    {
        let make = MergedMake::new(make, 2);
        build_input(self.first, stage.clone(), builder, make.clone());
        build_input(self.second, stage, builder, make);
    }
}

/// Flows of one type as one.
#[derive(Clone)]
pub struct MergeAll<N> {
    flows: Vec<(N, StageOptions)>,
    site: Site,
}

impl<N> fmt::Debug for MergeAll<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MergeAll({})", self.flows.len())
    }
}

impl<N: Node> Node for MergeAll<N> {
    type Item = N::Item;
    type Lending = ByReference;

    fn describe(&self, stage: &StageOptions, outline: &mut Outline) {
        outline.operator(self.site);
        let twin = outline.twin();
        for (number, flow) in self.flows.iter().enumerate() {
            if number > 0 {
                outline.take_up(twin.clone());
            }
            describe_input(flow, stage, outline);
        }
    }

    fn build<'env, K>(self, stage: StageOptions, builder: &mut Builder<'env>, make: K)
    where
        Self: 'env,
        K: Make<Kernel: Push<N::Item>> + 'env,
    {
        let make = MergedMake::new(make, self.flows.len());
        for flow in self.flows {
            build_input(flow, stage.clone(), builder, make.clone());
        }
    }
}

fn describe_input<N: Node>(
    (node, own): &(N, StageOptions),
    stage: &StageOptions,
    outline: &mut Outline,
) {
    let stage = own.clone().absorb(stage.clone());
    outline.reopen(&stage);
    node.describe(&stage, outline);
}

fn build_input<'env, N, M>(
    (node, own): (N, StageOptions),
    stage: StageOptions,
    builder: &mut Builder<'env>,
    make: M,
) where
    N: Node + 'env,
    M: Make<Kernel: Push<N::Item>> + 'env,
{
    node.build(own.absorb(stage), builder, make);
}

/// Makes what follows a merge, for the instances of all stages that are merged.
struct MergedMake<M> {
    next: Arc<M>,
    group: Arc<Group>,
}

/// The stages that are merged.
#[derive(Debug)]
struct Group {
    /// How many have not come to their end.
    open: AtomicUsize,
    /// How many instances they have together so far: whoever writes parts tells them by their number.
    instances: AtomicUsize,
    /// How many they will have.
    planned: AtomicUsize,
}

impl<M> MergedMake<M> {
    fn new(next: M, stages: usize) -> Self {
        let (instances, planned) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let group = Group { open: AtomicUsize::new(stages), instances, planned };
        MergedMake { next: Arc::new(next), group: Arc::new(group) }
    }
}

impl<M> Clone for MergedMake<M> {
    fn clone(&self) -> Self {
        MergedMake { next: Arc::clone(&self.next), group: Arc::clone(&self.group) }
    }
}

impl<M: Make> Make for MergedMake<M> {
    type Kernel = Merged<M::Kernel>;

    fn make(&self, place: &Place) -> Self::Kernel {
        let instance = self.group.instances.fetch_add(1, Ordering::Relaxed);
        let instances = self.group.planned.load(Ordering::Relaxed);
        let next = self.next.make(&Place { instance, instances, ..place.clone() });
        Merged { next, group: Arc::clone(&self.group) }
    }

    fn planned(&self, instances: usize) {
        self.group.planned.fetch_add(instances, Ordering::Relaxed);
        self.next.planned(instances);
    }
}

/// One instance of what follows a merge.
#[derive(Debug)]
pub(crate) struct Merged<K> {
    next: K,
    group: Arc<Group>,
}

impl<K: Kernel> Kernel for Merged<K> {
    pass_on!(next: room resume closed quiet end);

    fn mark(&mut self, mark: Mark) {
        match mark {
            // An instance is one of so many, of which the least watermark counts.
            Mark::Watermark(_) | Mark::Idle => self.next.mark(mark),
            // Positions of one source say nothing among those of others.
            Mark::Claimed { .. } | Mark::Settled => {}
        }
    }

    fn close(self, last: bool) {
        let last = last && self.group.open.fetch_sub(1, Ordering::AcqRel) == 1;
        self.next.close(last);
    }
}

impl<T, K: Push<T>> Push<T> for Merged<K> {
    #[inline(always)]
    fn push(&mut self, event: T) {
        self.next.push(event);
    }

    #[inline(always)]
    fn push_all<I: Iterator<Item = T>>(&mut self, events: I) {
        self.next.push_all(events);
    }

    #[inline(always)]
    fn push_batch(&mut self, batch: &mut Vec<T>) {
        self.next.push_batch(batch);
    }
}
