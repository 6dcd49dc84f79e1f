//! Stateless operators: calls in a row become one operator, with one kernel and one pointer for all.

use super::node::{ByReference, KeepsOrder, Node};
use super::{Partitioned, Sequenced, Single, Stampable};
use crate::error::Site;
use crate::kernel::{FusedMake, Make, Operator, Push, Spec};
use crate::plan::{Builder, Outline, StageOptions};
use crate::runtime::Place;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

/// A flow with a stateless operator at its end. Not a function: nearly every operator of every flow is
/// made here, each compiled for itself in the user's crate.
macro_rules! each {
    ($flow:expr, $call:expr) => {{
        let call = $call;
        let Flow { node: up, stage, run } = $flow;
        Flow { node: Each { up, call, types: PhantomData }, stage, run }
    }};
}
pub(crate) use each;

/// What a stateless operator does with one event.
pub trait Call<T>: Send + Sync {
    /// What comes out.
    type Out;

    /// Whether something comes out for every event.
    const ONE_TO_ONE: bool = false;

    /// The operator, the first one of several.
    fn site(&self) -> Site;

    /// Calls the user's closure in the operator's name; gives what comes of it, if anything does.
    fn call(&self, event: T) -> Option<Self::Out>;
}

/// A call, and another with what comes of it.
#[derive(Debug)]
pub(crate) struct Both<A, B> {
    first: A,
    then: B,
}

impl<T, A: Call<T>, B: Call<A::Out>> Call<T> for Both<A, B> {
    type Out = B::Out;
    const ONE_TO_ONE: bool = A::ONE_TO_ONE && B::ONE_TO_ONE;

    fn site(&self) -> Site {
        self.first.site()
    }

    #[inline(always)]
    fn call(&self, event: T) -> Option<B::Out> {
        match self.first.call(event) {
            Some(event) => self.then.call(event),
            None => None,
        }
    }
}

/// A stateless operator behind a node.
#[derive(Clone, Debug)]
pub struct Each<N, C, U> {
    pub(crate) up: N,
    pub(crate) call: C,
    pub(crate) types: PhantomData<fn() -> U>,
}

impl<N: Node, C: Call<N::Item, Out = U>, U: Send> Node for Each<N, C, U> {
    type Item = U;
    type Lending = ByReference;
    const SINGLE: bool = N::SINGLE;
    const POSITIONED: bool = N::POSITIONED && C::ONE_TO_ONE;

    fn describe(&self, stage: &StageOptions, outline: &mut Outline) {
        outline.operator(self.call.site());
        self.up.describe(stage, outline);
    }

    fn build<'env, M>(self, stage: StageOptions, builder: &mut Builder<'env>, make: M)
    where
        Self: 'env,
        M: Make<Kernel: Push<U>> + 'env,
    {
        self.up.build_calls(stage, builder, self.call, make);
    }

    fn build_calls<'env, D, V, M>(
        self,
        stage: StageOptions,
        builder: &mut Builder<'env>,
        calls: D,
        make: M,
    ) where
        Self: 'env,
        D: Call<U, Out = V> + 'env,
        M: Make<Kernel: Push<V>> + 'env,
    {
        self.up.build_calls(stage, builder, Both { first: self.call, then: calls }, make);
    }
}

#[diagnostic::do_not_recommend]
impl<N: Partitioned, C, U> Partitioned for Each<N, C, U> where Each<N, C, U>: Node {}

#[diagnostic::do_not_recommend]
impl<N: Sequenced, C, U> Sequenced for Each<N, C, U> where Each<N, C, U>: Node {}

#[diagnostic::do_not_recommend]
impl<N: Single, C, U> Single for Each<N, C, U> where Each<N, C, U>: Node {}

impl<N: Stampable, C: Call<N::Item, Out = U>, U: Send> Stampable for Each<N, C, U> {
    const PER_SOURCE: bool = N::PER_SOURCE;
    const SAYS_TIME: bool = N::SAYS_TIME;

    fn describe_per_source(&self, stage: &StageOptions, outline: &mut Outline) {
        outline.operator(self.call.site());
        self.up.describe_per_source(stage, outline);
    }

    fn build_per_source<'env, M>(self, stage: StageOptions, builder: &mut Builder<'env>, make: M)
    where
        Self: 'env,
        M: Make<Kernel: Push<U>> + 'env,
    {
        let make = FusedMake { spec: PerEvent::new(self.call), next: make };
        self.up.build_per_source(stage, builder, make);
    }
}

/// A stateless operator: the plan's form and the instances' form in one.
pub struct PerEvent<C, T> {
    call: Arc<C>,
    types: PhantomData<fn(T)>,
}

impl<C, T> PerEvent<C, T> {
    pub(crate) fn new(call: C) -> Self {
        PerEvent { call: Arc::new(call), types: PhantomData }
    }
}

impl<C, T> Clone for PerEvent<C, T> {
    fn clone(&self) -> Self {
        PerEvent { call: Arc::clone(&self.call), types: PhantomData }
    }
}

impl<C, T> fmt::Debug for PerEvent<C, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PerEvent")
    }
}

impl<C, T> KeepsOrder for PerEvent<C, T> {}

impl<C: Call<T>, T> Spec for PerEvent<C, T> {
    type Operator = Self;

    fn start(&self, _place: &Place) -> Self {
        self.clone()
    }
}

impl<C: Call<T>, T> Operator for PerEvent<C, T> {
    type In = T;
    type Out = C::Out;
    const ONLY_PUSHES: bool = true;
    const ONE_TO_ONE: bool = C::ONE_TO_ONE;

    #[inline(always)]
    fn push<K: Push<C::Out>>(&mut self, event: T, next: &mut K) {
        if let Some(event) = self.call.call(event) {
            next.push(event);
        }
    }

    #[inline(always)]
    fn push_all<I, K>(&mut self, events: I, next: &mut K)
    where
        I: Iterator<Item = T>,
        K: Push<C::Out>,
    {
        let call = &*self.call;
        if C::ONE_TO_ONE {
            // How many come is known then, to whoever makes room for them.
            next.push_all(events.map(|event| match call.call(event) {
                Some(event) => event,
                None => unreachable!("a call that is one to one gives something"),
            }));
        } else {
            next.push_all(events.filter_map(|event| call.call(event)));
        }
    }
}
