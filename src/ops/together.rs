//! Two flows with an order that become one: what `zip`, `chain` and `merge_sorted` share.

use super::Flow;
use super::boxed::Boxed;
use super::exchange::Route;
use super::junction::{Meeting, build_two, describe_two};
use super::node::{ByReference, Node, Sequenced, Single};
use super::ordered::Ordered;
use crate::error::Site;
use crate::kernel::{Make, Push};
use crate::plan::{Builder, Outline, StageOptions};
use crate::runtime::edge::EdgeOptions;
use crate::runtime::junction::Junction;
use std::fmt;

impl<N: Sequenced> Flow<N> {
    pub(super) fn together<M, W>(
        self,
        other: Flow<M>,
        site: Site,
        way: W,
    ) -> Flow<Together<N, M, W>>
    where
        M: Sequenced,
        W: Way<N::Item, M::Item>,
    {
        self.beside(other, |left, left_stage, right, right_stage| Together {
            left: Ordered::implied(left, left_stage, site),
            right: Ordered::implied(right, right_stage, site),
            way,
            site,
        })
    }
}

impl<N: Sequenced> Flow<N> {
    /// Erases the type of a flow with an order, which it keeps.
    pub(super) fn one_by_one<'env>(self, by: Site) -> Flow<OneByOne<'env, N::Item>>
    where
        N: 'env,
        N::Item: 'env,
    {
        self.across(|up, up_stage| Ordered::implied(up, up_stage, by)).boxed().within(OneByOne)
    }
}

/// A flow with an order, of which only the item type is known; its last stage has one instance.
pub struct OneByOne<'env, T>(Boxed<'env, T>);

impl<T> fmt::Debug for OneByOne<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OneByOne")
    }
}

#[diagnostic::do_not_recommend]
impl<T: Send> Sequenced for OneByOne<'_, T> {}

#[diagnostic::do_not_recommend]
impl<T: Send> Single for OneByOne<'_, T> {}

impl<T: Send> Node for OneByOne<'_, T> {
    type Item = T;
    type Lending = ByReference;
    const SINGLE: bool = true;

    fn describe(&self, stage: &StageOptions, outline: &mut Outline) {
        self.0.describe(stage, outline);
    }

    fn build<'e, M>(self, stage: StageOptions, builder: &mut Builder<'e>, make: M)
    where
        Self: 'e,
        M: Make<Kernel: Push<T>> + 'e,
    {
        self.0.build(stage, builder, make);
    }
}

/// How two flows become one, as the plan holds it.
pub trait Way<A, B>: Send + Sync {
    /// What comes out.
    type Out: Send;

    /// The machine that does it, in the one instance that there is.
    #[doc(hidden)]
    #[allow(private_bounds, reason = "of this library only")]
    type Machine: Junction<Left = A, Right = B, Out = Self::Out>;

    /// Makes the machine.
    fn start(&self) -> Self::Machine;
}

/// Two flows with an order that become one.
#[derive(Clone)]
pub struct Together<N, M, W> {
    left: Ordered<N>,
    right: Ordered<M>,
    way: W,
    site: Site,
}

impl<N, M, W> fmt::Debug for Together<N, M, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.site.operator)
    }
}

/// What the stages that put a side in order are told by the one behind them.
fn side(stage: &StageOptions) -> StageOptions {
    let StageOptions { in_flight, wanted, .. } = *stage;
    StageOptions { in_flight, wanted, ..StageOptions::default() }
}

/// The edges into the stage: no further ahead than results are wanted, where that is known.
fn edge(stage: &StageOptions, partitions: usize) -> EdgeOptions {
    let mut edge = stage.edge();
    if stage.wanted.is_some() {
        edge.max_demand = edge.max_demand.min(stage.in_flight(partitions));
        edge.min_demand = edge.min_demand.min(edge.max_demand - 1);
        edge.batch = edge.batch.min(edge.max_demand - edge.min_demand);
    }
    edge
}

#[diagnostic::do_not_recommend]
impl<N, M, W> Sequenced for Together<N, M, W>
where
    N: Sequenced,
    M: Sequenced,
    W: Way<N::Item, M::Item>,
{
}

#[diagnostic::do_not_recommend]
impl<N, M, W> Single for Together<N, M, W> where Self: Sequenced {}

impl<N, M, W> Node for Together<N, M, W>
where
    N: Sequenced,
    M: Sequenced,
    W: Way<N::Item, M::Item>,
{
    type Item = W::Out;
    type Lending = ByReference;
    const SINGLE: bool = true;

    fn describe(&self, stage: &StageOptions, outline: &mut Outline) {
        outline.instances(1);
        outline.operator(self.site);
        let (side, edge) = (side(stage), edge(stage, outline.partitions()));
        describe_two(
            outline,
            ["in order"; 2],
            edge,
            [&side; 2],
            |outline| self.left.describe(&side, outline),
            |outline| self.right.describe(&side, outline),
        );
    }

    fn build<'env, K>(self, stage: StageOptions, builder: &mut Builder<'env>, make: K)
    where
        Self: 'env,
        K: Make<Kernel: Push<W::Out>> + 'env,
    {
        let Together { left, right, way, site } = self;
        let open = builder.open(&stage, site, 1);
        if stage.wanted == Some(0) {
            // Nothing will wake it, but it has to say that it wants nothing.
            builder.start_with(open.tasks[0].clone());
        }
        let partitions = builder.core().partitions;
        // The reader holds as much as it may of the results of an ordered stage.
        builder.held_by_reader(stage.in_flight(partitions), open.tasks[0].id());
        build_two(
            Meeting { site, stage: open, edge: edge(&stage, partitions) },
            builder,
            make,
            |_| way.start(),
            |to, builder| left.build(side(&stage), builder, to.sender(ToOne, site)),
            |to, builder| right.build(side(&stage), builder, to.sender(ToOne, site)),
        );
    }
}

/// To the one instance that there is.
struct ToOne;

impl<T> Route<T> for ToOne {
    const SENDS_ALL: bool = true;

    #[inline(always)]
    fn route(&self, _event: &T, _partitions: usize) -> Option<usize> {
        Some(0)
    }
}
