//! How an event gets its key.

use crate::error::Site;
use crate::kernel::culprit::guarded;
use crate::ops::{Flow, Node};
use crate::state::{Hashing, Lend, RoutingHash, is_text};
use std::fmt;
use std::hash::Hash;
use std::marker::PhantomData;
use std::sync::Arc;

impl<N: Node> Flow<N> {
    /// Gives every event a key; the verbs that follow keep one accumulator per key.
    ///
    /// A key that borrows from the event itself needs [`key_by_ref`](Flow::key_by_ref).
    ///
    /// ```
    /// use flow::Flow;
    /// use std::collections::HashMap;
    ///
    /// let by_parity: HashMap<bool, u64> =
    ///     Flow::from_range(0..10u64).key_by(|x| x % 2 == 0).sum(|x| *x).collect()?;
    /// assert_eq!(by_parity, HashMap::from([(true, 20), (false, 25)]));
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn key_by<K, F>(self, key: F) -> Keyed<N, ByKeyFn<F>>
    where
        K: Key,
        F: Fn(&N::Item) -> K + Send + Sync,
    {
        self.keyed(Site::here("key_by"), ByKeyFn(key))
    }

    /// Gives every event a key that is part of it. The key is looked up by reference and copied only
    /// where it is new.
    ///
    /// ```
    /// use flow::Flow;
    /// use std::collections::HashMap;
    ///
    /// let names = vec!["ann".to_string(), "bob".to_string(), "ann".to_string()];
    /// let counts: HashMap<String, u64> =
    ///     Flow::from_vec(names).key_by_ref(|name| name.as_str()).count().collect()?;
    /// assert_eq!(counts["ann"], 2);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn key_by_ref<K, F>(self, key: F) -> Keyed<N, ByKeyRef<F, K>>
    where
        K: Lend + ?Sized,
        F: for<'a> Fn(&'a N::Item) -> &'a K + Send + Sync,
    {
        self.keyed(Site::here("key_by_ref"), ByKeyRef(key, PhantomData))
    }

    pub(super) fn keyed<X>(self, site: Site, key: X) -> Keyed<N, X> {
        Keyed { flow: self, key: Arc::new(key), hash: RoutingHash::default(), site }
    }
}

impl<N, X> Keyed<N, X> {
    /// Hashes keys with a random secret seed, so that whoever chooses the keys cannot make them
    /// collide. Which partition a key is in, and so the order of results, then differs from run to
    /// run; by default it never does.
    ///
    /// ```
    /// use flow::Flow;
    ///
    /// let keys = Flow::from_range(0..100u64).key_by(|x| x % 10).untrusted_keys();
    /// assert_eq!(keys.count().count()?, 10);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    pub fn untrusted_keys(mut self) -> Self {
        self.hash = RoutingHash::secret();
        self
    }
}

/// A flow whose events have keys. Its verbs give a flow of `(key, value)` pairs, in no promised
/// order, one pair per key, when the input has ended.
#[must_use = "a keyed flow needs a verb such as `count` or `aggregate`, and then a terminal"]
pub struct Keyed<N, X> {
    pub(in crate::ops) flow: Flow<N>,
    pub(in crate::ops) key: Arc<X>,
    pub(in crate::ops) hash: RoutingHash,
    pub(in crate::ops) site: Site,
}

impl<N: Clone, X> Clone for Keyed<N, X> {
    fn clone(&self) -> Self {
        let (key, hash) = (Arc::clone(&self.key), self.hash);
        Keyed { flow: self.flow.clone(), key, hash, site: self.site }
    }
}

impl<N: Node, X> fmt::Debug for Keyed<N, X> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keyed {:?}", self.flow)
    }
}

/// What can be a key: whatever is hashed, compared for equality, and can be sent between workers.
/// Every such type is one; there is nothing to implement.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a key",
    label = "a key must be `Hash`, `Eq` and `Send`",
    note = "derive `PartialEq, Eq, Hash` for a type of your own; of a float take `to_bits()` or a rounded integer"
)]
pub trait Key: Hash + Eq + Send {}

#[diagnostic::do_not_recommend]
impl<K: Hash + Eq + Send> Key for K {}

/// How an event gets its key, how the key is stored and what comes out of it.
pub trait KeyOf<T>: Send + Sync {
    /// The key as tables keep it.
    type Stored: Eq + Send;
    /// The key as results have it.
    type Out: Send;

    /// Finds the event's key and lets `visit` look it up.
    fn visit<V: Visit<Self::Stored>, H: Hashing>(&self, event: &T, hash: H, visit: V) -> V::Out;

    /// The stored key as it comes out.
    fn out(stored: Self::Stored) -> Self::Out;

    /// The key as closures see it.
    type Lent: ?Sized;

    /// Lends a stored key.
    fn lent(stored: &Self::Stored) -> &Self::Lent;

    /// The hash of an event's key, for a look-up that comes later, and the key itself unless it can be had
    /// again at no cost.
    #[inline(always)]
    fn early(&self, event: &T, hash: RoutingHash) -> (u64, Option<Self::Stored>) {
        let (hash, key) = self.visit(event, hash, TakeKey);
        (hash, Some(key))
    }

    /// Whether an event's key, as it was had early, is the same as a stored one.
    #[inline(always)]
    fn is(&self, _event: &T, early: &Option<Self::Stored>, stored: &Self::Stored) -> bool {
        early.as_ref().is_some_and(|key| key == stored)
    }

    /// An event's key, as it was had early, as tables keep it.
    #[inline(always)]
    fn own(&self, event: &T, early: Option<Self::Stored>) -> Self::Stored {
        early.unwrap_or_else(|| self.visit(event, RoutingHash::default(), TakeKey).1)
    }

    /// Whether the stored key can be text that lies elsewhere, as far as its size says: what is built for
    /// text alone is compiled for no other key.
    const SIZED_AS_TEXT: bool = false;

    /// Whether the stored key is text that lies elsewhere, and visitors are given this text.
    fn is_text() -> bool {
        false
    }
}

/// What is done with a key once it is found.
pub trait Visit<S> {
    /// What comes of it.
    type Out;

    /// Looks up a key that can be compared with stored ones and becomes one where it is new.
    fn key<C: Hash>(
        self,
        hash: u64,
        key: C,
        same: impl Fn(&C, &S) -> bool,
        store: impl FnOnce(C) -> S,
    ) -> Self::Out;
}

/// A key computed from the event.
#[derive(Debug)]
pub struct ByKeyFn<F>(pub(in crate::ops) F);

impl<T, K, F> KeyOf<T> for ByKeyFn<F>
where
    K: Key,
    F: Fn(&T) -> K + Send + Sync,
{
    type Stored = K;
    type Out = K;

    #[inline(always)]
    fn visit<V: Visit<K>, H: Hashing>(&self, event: &T, hash: H, visit: V) -> V::Out {
        let key = (self.0)(event);
        visit.key(hash.hash(&key), key, |key, stored| key == stored, |key| key)
    }

    fn out(stored: K) -> K {
        stored
    }

    type Lent = K;

    #[inline(always)]
    fn lent(stored: &K) -> &K {
        stored
    }

    const SIZED_AS_TEXT: bool = size_of::<K>() == size_of::<&str>();

    fn is_text() -> bool {
        is_text::<K>()
    }
}

/// A key that is part of the event.
#[derive(Debug)]
pub struct ByKeyRef<F, K: ?Sized>(F, PhantomData<fn(&K)>);

impl<T, K, F> KeyOf<T> for ByKeyRef<F, K>
where
    K: Lend + ?Sized,
    F: for<'a> Fn(&'a T) -> &'a K + Send + Sync,
{
    type Stored = K::Stored;
    type Out = K::Owned;

    #[inline(always)]
    fn visit<V: Visit<K::Stored>, H: Hashing>(&self, event: &T, hash: H, visit: V) -> V::Out {
        let key = (self.0)(event);
        visit.key(hash.hash(key), key, |key, stored| key.is(stored), |key| key.store())
    }

    fn out(stored: K::Stored) -> K::Owned {
        K::into_owned(stored)
    }

    #[inline(always)]
    fn early(&self, event: &T, hash: RoutingHash) -> (u64, Option<K::Stored>) {
        (hash.hash((self.0)(event)), None)
    }

    #[inline(always)]
    fn is(&self, event: &T, _early: &Option<K::Stored>, stored: &K::Stored) -> bool {
        (self.0)(event).is(stored)
    }

    #[inline(always)]
    fn own(&self, event: &T, _early: Option<K::Stored>) -> K::Stored {
        (self.0)(event).store()
    }

    type Lent = K;

    #[inline(always)]
    fn lent(stored: &K::Stored) -> &K {
        K::lend(stored)
    }
}

/// Gives the key itself, to travel with its event.
pub(in crate::ops) struct TakeKey;

impl<S> Visit<S> for TakeKey {
    type Out = (u64, S);

    #[inline(always)]
    fn key<C: Hash>(
        self,
        hash: u64,
        key: C,
        _same: impl Fn(&C, &S) -> bool,
        store: impl FnOnce(C) -> S,
    ) -> (u64, S) {
        (hash, store(key))
    }
}

/// Calls a key function in the operator's name.
#[inline(always)]
pub(super) fn visit<T, X: KeyOf<T>, V: Visit<X::Stored>>(
    key: &X,
    site: &Site,
    event: &T,
    hash: RoutingHash,
    visitor: V,
) -> V::Out {
    guarded(site, || key.visit(event, hash, visitor))
}
