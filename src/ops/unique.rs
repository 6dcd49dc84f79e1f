//! `unique`, `unique_by`: every key once, as it comes.

use super::Flow;
use super::Key;
use super::exchange::{Exchange, Route, scale};
use super::node::{Node, Then};
use crate::error::Site;
use crate::kernel::culprit::guarded;
use crate::kernel::{Operator, Push, Spec};
use crate::runtime::Place;
use crate::state::{RoutingHash, Table};
use std::fmt;
use std::hash::Hash;
use std::marker::PhantomData;
use std::sync::Arc;

impl<N: Node> Flow<N> {
    /// Lets every event through that has not been there before, as soon as it comes.
    ///
    /// Equal events meet in one partition, so this is exact however many there are, and the result is
    /// partitioned and has no order. Memory: a copy of every different event, as long as the flow
    /// runs; [`unique_by`](Flow::unique_by) copies no event and keeps only keys.
    ///
    /// ```
    /// use flow::Flow;
    ///
    /// let mut letters: Vec<char> = Flow::from_vec("hello".chars().collect()).unique().collect()?;
    /// letters.sort();
    /// assert_eq!(letters, ['e', 'h', 'l', 'o']);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[doc(alias = "distinct")]
    #[doc(alias = "dedup")]
    #[track_caller]
    pub fn unique(self) -> Flow<Then<Exchange<N, ByIdentity<Itself>>, Unique<Itself, N::Item>>>
    where
        N::Item: Hash + Eq + Clone,
    {
        self.once_per(Site::here("unique"), "by hash", Itself)
    }

    /// Lets the first event of every key through, as soon as it comes.
    ///
    /// Which one of several events with one key comes first is certain only where the source has one
    /// instance (`stages(1)`). The key is computed twice, before and after the event crosses to the
    /// partition of its key. Memory: every different key, as long as the flow runs.
    ///
    /// ```
    /// use flow::Flow;
    ///
    /// let logins = vec![("ann", 9), ("bob", 10), ("ann", 11)];
    /// let mut first: Vec<(&str, u32)> =
    ///     Flow::from_vec(logins).stages(1).unique_by(|login| login.0).collect()?;
    /// first.sort();
    /// assert_eq!(first, [("ann", 9), ("bob", 10)]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[doc(alias = "distinct_by")]
    #[doc(alias = "dedup_by_key")]
    #[track_caller]
    pub fn unique_by<K, F>(
        self,
        key: F,
    ) -> Flow<Then<Exchange<N, ByIdentity<KeyFn<F>>>, Unique<KeyFn<F>, N::Item>>>
    where
        K: Key,
        F: Fn(&N::Item) -> K + Send + Sync,
    {
        self.once_per(Site::here("unique_by"), "by key", KeyFn(key))
    }

    fn once_per<D>(
        self,
        site: Site,
        routing: &'static str,
        identity: D,
    ) -> Flow<Then<Exchange<N, ByIdentity<D>>, Unique<D, N::Item>>>
    where
        D: Identity<N::Item>,
    {
        let identity = Arc::new(identity);
        let route = ByIdentity(Arc::clone(&identity));
        self.exchange(site, routing, route)
            .then(site, Unique { identity, site, types: PhantomData })
    }
}

/// What makes events the same.
pub trait Identity<T>: Send + Sync {
    /// What is kept of an event.
    type Kept: Send;

    /// The hash by which the event is routed and found.
    fn hash(&self, event: &T, hash: RoutingHash) -> u64;

    /// Notes the event; whether it is new.
    fn note(&self, event: &T, hash: RoutingHash, seen: &mut Seen<Self::Kept>) -> bool;
}

/// What one partition has seen.
pub struct Seen<S>(Table<S, ()>);

impl<S> Seen<S> {
    /// Keeps what is not there yet; whether it was not. One probe.
    #[inline(always)]
    fn note<C>(
        &mut self,
        hash: u64,
        context: C,
        same: impl Fn(&C, &S) -> bool,
        keep: impl FnOnce(C) -> S,
    ) -> bool {
        let mut new = false;
        let miss = |context| {
            new = true;
            (keep(context), ())
        };
        self.0.upsert(hash, context, same, |(), _| (), miss);
        new
    }
}

impl<S> Default for Seen<S> {
    fn default() -> Self {
        Seen(Table::new())
    }
}

impl<S> fmt::Debug for Seen<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seen")
    }
}

/// The event itself.
#[derive(Clone, Copy, Debug)]
pub struct Itself;

impl<T: Hash + Eq + Clone + Send> Identity<T> for Itself {
    type Kept = T;

    #[inline(always)]
    fn hash(&self, event: &T, hash: RoutingHash) -> u64 {
        hash.hash(event)
    }

    #[inline(always)]
    fn note(&self, event: &T, hash: RoutingHash, seen: &mut Seen<T>) -> bool {
        seen.note(hash.hash(event), event, |event, kept| *event == kept, T::clone)
    }
}

/// A key computed from the event.
pub struct KeyFn<F>(pub(super) F);

impl<F> fmt::Debug for KeyFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyFn")
    }
}

impl<T, K, F> Identity<T> for KeyFn<F>
where
    K: Hash + Eq + Send,
    F: Fn(&T) -> K + Send + Sync,
{
    type Kept = K;

    #[inline(always)]
    fn hash(&self, event: &T, hash: RoutingHash) -> u64 {
        hash.hash(&(self.0)(event))
    }

    #[inline(always)]
    fn note(&self, event: &T, hash: RoutingHash, seen: &mut Seen<K>) -> bool {
        let key = (self.0)(event);
        seen.note(hash.hash(&key), key, |key, kept| key == kept, |key| key)
    }
}

/// Sends events that are the same to the same partition.
pub struct ByIdentity<D>(Arc<D>);

impl<D> fmt::Debug for ByIdentity<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ByIdentity")
    }
}

impl<T, D: Identity<T>> Route<T> for ByIdentity<D> {
    const SENDS_ALL: bool = true;

    #[inline(always)]
    fn route(&self, event: &T, partitions: usize) -> Option<usize> {
        Some(scale(self.0.hash(event, RoutingHash::default()), partitions))
    }
}

/// `unique` as the plan holds it.
pub struct Unique<D, T> {
    identity: Arc<D>,
    site: Site,
    types: PhantomData<fn(T)>,
}

impl<D, T> Clone for Unique<D, T> {
    fn clone(&self) -> Self {
        Unique { identity: Arc::clone(&self.identity), site: self.site, types: PhantomData }
    }
}

impl<D, T> fmt::Debug for Unique<D, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.site.operator)
    }
}

/// `unique` in one partition.
pub struct UniqueInstance<D: Identity<T>, T> {
    spec: Unique<D, T>,
    seen: Seen<D::Kept>,
}

impl<D: Identity<T>, T> fmt::Debug for UniqueInstance<D, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.spec.site.operator)
    }
}

impl<D: Identity<T>, T: Send> Spec for Unique<D, T> {
    type Operator = UniqueInstance<D, T>;

    fn start(&self, _place: &Place) -> Self::Operator {
        UniqueInstance { spec: self.clone(), seen: Seen::default() }
    }
}

impl<D: Identity<T>, T: Send> Operator for UniqueInstance<D, T> {
    type In = T;
    type Out = T;

    #[inline(always)]
    fn push<K: Push<T>>(&mut self, event: T, next: &mut K) {
        let UniqueInstance { spec, seen } = self;
        let hash = RoutingHash::default();
        if guarded(&spec.site, || spec.identity.note(&event, hash, seen)) {
            next.push(event);
        }
    }
}
