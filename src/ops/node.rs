//! Nodes: what a flow is made of before a terminal compiles it.

use super::each::{Call, PerEvent};
use crate::error::Site;
use crate::kernel::{FusedMake, Kernel, Make, Operator, Push, Spec, pass_on};
use crate::plan::{Builder, Outline, StageOptions};
use crate::runtime::Place;

/// A lazy, typed step of a flow. Implemented by this library only; to be named in signatures:
///
/// ```
/// use flow::{Flow, Node};
///
/// fn words(text: &str) -> Flow<impl Node<Item = &str>> {
///     Flow::from_text(text).flat_map(|line| line.split_whitespace())
/// }
/// assert_eq!(words("a b\nc").count()?, 3);
/// # Ok::<(), flow::FlowError>(())
/// ```
///
/// Such a signature hides how the flow lends its events, so `flat_map_emit` and `key_each` need a
/// step between, `map(|x| x)` or [`boxed`](crate::Flow::boxed), after which events are lent one by one.
pub trait Node: Sized + Send {
    /// What comes out.
    type Item: Send;

    /// How items can be had by reference: as the items themselves, or straight from a block.
    #[doc(hidden)]
    type Lending: Lending<Self>;

    /// Whether the stage that this node ends has exactly one instance.
    #[doc(hidden)]
    const SINGLE: bool = false;

    /// Whether the positions that marks name are events of this node, one for one.
    #[doc(hidden)]
    const POSITIONED: bool = false;

    /// Adds this node to the outline, and what is before it.
    #[doc(hidden)]
    fn describe(&self, stage: &StageOptions, outline: &mut Outline);

    /// Compiles this node with what is behind it, and what is before it.
    #[doc(hidden)]
    fn build<'env, M>(self, stage: StageOptions, builder: &mut Builder<'env>, make: M)
    where
        Self: 'env,
        M: Make<Kernel: Push<Self::Item>> + 'env;

    /// As [`build`](Self::build), with stateless calls between this node and what is behind it.
    #[doc(hidden)]
    fn build_calls<'env, C, U, M>(
        self,
        stage: StageOptions,
        builder: &mut Builder<'env>,
        calls: C,
        make: M,
    ) where
        Self: 'env,
        C: Call<Self::Item, Out = U> + 'env,
        M: Make<Kernel: Push<U>> + 'env,
    {
        self.build(stage, builder, FusedMake { spec: PerEvent::new(calls), next: make });
    }
}

/// A flow with one order: one source, followed by per-event operators. What needs an order
/// (`ordered`, `take`, `skip`, `scan`, `enumerate`, `chunks`, `first`, …) exists only on these.
#[diagnostic::on_unimplemented(
    message = "this flow has no order: its events are spread over partitions or come from several sources",
    label = "what counts, compares or stops along an order needs a flow of one source and per-event operators",
    note = "call it before `partition`, `key_by` or `merge`",
    note = "without an order there are: `take_any` takes any events, `find_any` finds any, `map_batch` gets them many at a time, `fold` keeps a value per instance"
)]
pub trait Sequenced: Node {}

/// A flow whose events come in the order of their source, or of each of several sources, so that
/// their times can be told from it.
#[diagnostic::on_unimplemented(
    message = "the events of this flow come in no order of their sources",
    label = "`timestamps` needs sources followed by per-event operators",
    note = "call it before `partition`, `key_by`, `merge` or `rebalance`"
)]
pub trait Stampable: Node {
    /// Whether it can be built with one instance per source; else it is put in order.
    #[doc(hidden)]
    const PER_SOURCE: bool = false;

    /// Whether its sources may say themselves how far they have come in time.
    #[doc(hidden)]
    const SAYS_TIME: bool = false;

    /// As [`Node::describe`], with one instance per source.
    #[doc(hidden)]
    fn describe_per_source(&self, stage: &StageOptions, outline: &mut Outline) {
        self.describe(stage, outline);
    }

    /// As [`Node::build`], with one instance per source.
    #[doc(hidden)]
    fn build_per_source<'env, M>(self, stage: StageOptions, builder: &mut Builder<'env>, make: M)
    where
        Self: 'env,
        M: Make<Kernel: Push<Self::Item>> + 'env,
    {
        self.build(stage, builder, make);
    }
}

/// A sequenced flow whose last stage has one instance: what comes out of it is in order already.
#[doc(hidden)]
pub trait Single: Sequenced {}

/// A flow whose events are spread over partitions: what `reduce` keeps its accumulators over.
#[diagnostic::on_unimplemented(
    message = "this flow is not partitioned",
    label = "`reduce`, its windows and `into_partitions` keep one accumulator per partition",
    note = "call `partition()`, `partition_by(..)` or `partition_with(..)` first"
)]
pub trait Partitioned: Node {}

/// How a node gives its items by reference.
#[doc(hidden)]
pub trait Lending<N: Node> {
    /// What is lent.
    type Lent: ?Sized;

    /// As [`Node::build`], for a kernel that takes references.
    fn build<'env, M>(node: N, stage: StageOptions, builder: &mut Builder<'env>, make: M)
    where
        N: 'env,
        M: Make<Kernel: for<'x> Push<&'x Self::Lent>> + 'env;
}

/// Items are made, then lent.
#[doc(hidden)]
#[derive(Debug)]
pub struct ByReference;

impl<N: Node> Lending<N> for ByReference {
    type Lent = N::Item;

    fn build<'env, M>(node: N, stage: StageOptions, builder: &mut Builder<'env>, make: M)
    where
        N: 'env,
        M: Make<Kernel: for<'x> Push<&'x N::Item>> + 'env,
    {
        node.build(stage, builder, LendMake(make));
    }
}

/// A kernel that takes items and lends them to the next.
#[derive(Debug)]
pub(crate) struct Lend<K>(K);

#[derive(Debug)]
struct LendMake<M>(M);

impl<M: Make> Make for LendMake<M> {
    type Kernel = Lend<M::Kernel>;

    fn make(&self, place: &Place) -> Self::Kernel {
        Lend(self.0.make(place))
    }

    fn planned(&self, instances: usize) {
        self.0.planned(instances);
    }
}

impl<K: Kernel> Kernel for Lend<K> {
    pass_on!(0: room resume closed mark quiet end close);
}

impl<T, K: for<'x> Push<&'x T>> Push<T> for Lend<K> {
    #[inline(always)]
    fn push(&mut self, event: T) {
        self.0.push(&event);
    }
}

/// A per-event operator behind a node.
#[derive(Clone, Debug)]
pub struct Then<N, S> {
    pub(crate) up: N,
    pub(crate) spec: S,
    pub(crate) site: Site,
}

impl<N, S> Node for Then<N, S>
where
    N: Node,
    S: Spec,
    S::Operator: Operator<In = N::Item, Out: Send>,
{
    type Item = <S::Operator as Operator>::Out;
    type Lending = ByReference;
    const SINGLE: bool = N::SINGLE;
    const POSITIONED: bool = N::POSITIONED && <S::Operator as Operator>::ONE_TO_ONE;

    fn describe(&self, stage: &StageOptions, outline: &mut Outline) {
        outline.operator(self.site);
        self.up.describe(stage, outline);
    }

    fn build<'env, M>(self, stage: StageOptions, builder: &mut Builder<'env>, make: M)
    where
        Self: 'env,
        M: Make<Kernel: Push<Self::Item>> + 'env,
    {
        self.up.build(stage, builder, FusedMake { spec: self.spec, next: make });
    }
}

#[diagnostic::do_not_recommend]
impl<N: Partitioned, S> Partitioned for Then<N, S> where Then<N, S>: Node {}

#[diagnostic::do_not_recommend]
impl<N: Sequenced, S: KeepsOrder> Sequenced for Then<N, S> where Then<N, S>: Node {}

impl<N: Stampable, S: Spec + KeepsOrder> Stampable for Then<N, S>
where
    Then<N, S>: Node<Item = <S::Operator as Operator>::Out>,
    S::Operator: Operator<In = N::Item>,
{
    const PER_SOURCE: bool = N::PER_SOURCE;
    const SAYS_TIME: bool = N::SAYS_TIME;

    fn describe_per_source(&self, stage: &StageOptions, outline: &mut Outline) {
        outline.operator(self.site);
        self.up.describe_per_source(stage, outline);
    }

    fn build_per_source<'env, M>(self, stage: StageOptions, builder: &mut Builder<'env>, make: M)
    where
        Self: 'env,
        M: Make<Kernel: Push<Self::Item>> + 'env,
    {
        let make = FusedMake { spec: self.spec, next: make };
        self.up.build_per_source(stage, builder, make);
    }
}

#[diagnostic::do_not_recommend]
impl<N: Single, S: KeepsOrder> Single for Then<N, S> where Then<N, S>: Node {}

/// A per-event operator that leaves its events in their order.
#[doc(hidden)]
pub trait KeepsOrder {}
