//! What the verbs along one order share: one instance sees every event once, in order.

use super::Flow;
use super::node::{KeepsOrder, Sequenced, Then};
use super::ordered::Ordered;
use crate::error::Site;
use crate::kernel::culprit::guarded;
use crate::kernel::{Operator, Push, Spec};
use crate::runtime::Place;
use std::fmt;
use std::marker::PhantomData;
use std::ops::ControlFlow::{self, Break, Continue};
use std::sync::Arc;

/// What a verb does along an order: at most one event for every event, until it has enough.
pub trait Along<T>: Send + Sync {
    /// What comes out.
    type Out: Send;
    /// What is remembered between events.
    type State: Send;

    /// What is remembered before the first event. May call the user's closure.
    fn start(&self) -> Self::State;

    /// Gives what comes of an event, if anything does; or breaks: nothing is wanted from here on.
    fn step(&self, state: &mut Self::State, event: T) -> ControlFlow<(), Option<Self::Out>>;
}

impl<N: Sequenced> Flow<N> {
    pub(super) fn along<V>(self, site: Site, verb: V) -> Flow<Then<Ordered<N>, InOrder<V, N::Item>>>
    where
        V: Along<N::Item>,
    {
        let verb = InOrder { verb: Arc::new(verb), site, types: PhantomData };
        self.ordered_for(site, None).then(site, verb)
    }
}

/// A verb along an order, as the plan holds it.
pub struct InOrder<V, T> {
    verb: Arc<V>,
    site: Site,
    types: PhantomData<fn(T)>,
}

impl<V, T> Clone for InOrder<V, T> {
    fn clone(&self) -> Self {
        InOrder { verb: Arc::clone(&self.verb), site: self.site, types: PhantomData }
    }
}

impl<V, T> fmt::Debug for InOrder<V, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.site.operator)
    }
}

impl<V, T> KeepsOrder for InOrder<V, T> {}

impl<V: Along<T>, T> Spec for InOrder<V, T> {
    type Operator = InOrderInstance<V, T>;

    fn start(&self, _place: &Place) -> Self::Operator {
        let state = guarded(&self.site, || self.verb.start());
        InOrderInstance { spec: self.clone(), state, ended: false }
    }
}

/// The one instance of a verb along an order.
pub struct InOrderInstance<V: Along<T>, T> {
    spec: InOrder<V, T>,
    state: V::State,
    /// The verb has enough.
    ended: bool,
}

impl<V: Along<T>, T> fmt::Debug for InOrderInstance<V, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.spec, f)
    }
}

impl<V: Along<T>, T> InOrderInstance<V, T> {
    #[inline(always)]
    fn step(&mut self, event: T) -> ControlFlow<(), Option<V::Out>> {
        let InOrder { verb, site, .. } = &self.spec;
        let step = guarded(site, || verb.step(&mut self.state, event));
        self.ended |= step.is_break();
        step
    }
}

impl<V: Along<T>, T> Operator for InOrderInstance<V, T> {
    type In = T;
    type Out = V::Out;

    #[inline(always)]
    fn push<K: Push<V::Out>>(&mut self, event: T, next: &mut K) {
        if !self.ended
            && let Continue(Some(event)) = self.step(event)
        {
            next.push(event);
        }
    }

    #[inline(always)]
    fn push_all<I, K>(&mut self, events: I, next: &mut K)
    where
        I: Iterator<Item = T>,
        K: Push<V::Out>,
    {
        if !self.ended {
            next.push_all(Steps { events, along: self });
        }
    }

    fn closed(&self) -> bool {
        self.ended
    }
}

/// What a verb gives of the events of an iterator, which is not asked any more once it has enough.
struct Steps<'a, I, V: Along<T>, T> {
    events: I,
    along: &'a mut InOrderInstance<V, T>,
}

impl<I: Iterator<Item = T>, V: Along<T>, T> Iterator for Steps<'_, I, V, T> {
    type Item = V::Out;

    #[inline(always)]
    fn next(&mut self) -> Option<V::Out> {
        while !self.along.ended {
            if let Continue(Some(event)) = self.along.step(self.events.next()?) {
                return Some(event);
            }
        }
        None
    }

    #[inline(always)]
    fn fold<B, F: FnMut(B, V::Out) -> B>(self, init: B, mut f: F) -> B {
        let Steps { mut events, along } = self;
        if along.ended {
            return init;
        }
        let folded = events.try_fold(init, |acc, event| match along.step(event) {
            Continue(Some(event)) => Continue(f(acc, event)),
            Continue(None) => Continue(acc),
            Break(()) => Break(acc),
        });
        match folded {
            Continue(acc) | Break(acc) => acc,
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, self.events.size_hint().1)
    }
}
