//! `key_each`: an event lends any number of keys, which are counted without being copied.

use super::bins::Bins;
use super::merge::{Combine, Inboxes, build_tables};
use super::pre::Folding;
use crate::error::Site;
use crate::kernel::culprit::guarded;
use crate::kernel::{Kernel, Make, Push, pass_on};
use crate::ops::{ByReference, Flow, Lending, Node, Partitioned};
use crate::plan::{Builder, Outline, StageOptions};
use crate::runtime::Place;
use crate::state::{Lend, RoutingHash};
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

impl<N: Node> Flow<N> {
    /// Lets every event lend any number of keys: `f(&event, keys)` calls `keys.add(key)`.
    ///
    /// A key may borrow from the event; it is looked up by reference and copied only where it is
    /// new. From files this is the fast way to count: lines come as `&str` straight from the block
    /// that was read, and no line and no word is allocated. A flow that is known as `impl Node` only
    /// does not say how it lends; call `boxed()` or `map(|x| x)` first.
    ///
    /// ```
    /// use flow::Flow;
    /// use std::collections::HashMap;
    ///
    /// let counts: HashMap<String, u64> = Flow::from_lines("to be or\nnot to be".as_bytes())
    ///     .key_each::<str>(|line, keys| line.split_whitespace().for_each(|word| keys.add(word)))
    ///     .count()
    ///     .collect()?;
    /// assert_eq!(counts["be"], 2);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn key_each<K: Lend + ?Sized>(
        self,
        f: impl Fn(&<N::Lending as Lending<N>>::Lent, &mut Keys<'_, K>) + Send + Sync,
    ) -> KeyedEach<N, K, impl Fn(&<N::Lending as Lending<N>>::Lent, &mut Keys<'_, K>) + Send + Sync>
    {
        KeyedEach { flow: self, f: Arc::new(f), site: Site::here("key_each"), key: PhantomData }
    }
}

/// Where an event puts the keys that it lends.
pub struct Keys<'a, K: ?Sized> {
    add: &'a mut dyn FnMut(&K),
}

impl<K: ?Sized> Keys<'_, K> {
    /// Lends one key. Cost: one indirect call, one hash, one look-up in a table that stays in the
    /// cache.
    #[inline]
    pub fn add(&mut self, key: &K) {
        (self.add)(key);
    }
}

impl<K: ?Sized> fmt::Debug for Keys<'_, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys")
    }
}

/// A flow whose events lend keys.
#[must_use = "a keyed flow needs a verb such as `count`, and then a terminal"]
pub struct KeyedEach<N, K: ?Sized, F> {
    flow: Flow<N>,
    f: Arc<F>,
    site: Site,
    key: PhantomData<fn(&K)>,
}

impl<N: Node, K: ?Sized, F> fmt::Debug for KeyedEach<N, K, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyedEach {:?}", self.flow)
    }
}

impl<N: Node, K: Lend + ?Sized, F> KeyedEach<N, K, F>
where
    F: Fn(&<N::Lending as Lending<N>>::Lent, &mut Keys<'_, K>) + Send + Sync,
{
    /// Counts how often each key was lent.
    #[track_caller]
    pub fn count(self) -> Flow<CountEach<N, K, F>> {
        let site = Site::here("count");
        let KeyedEach { flow, f, site: key_site, key } = self;
        flow.across(|up, up_stage| CountEach { up, up_stage, f, key_site, site, key })
    }
}

/// How often each lent key came.
pub struct CountEach<N, K: ?Sized, F> {
    up: N,
    up_stage: StageOptions,
    f: Arc<F>,
    key_site: Site,
    site: Site,
    key: PhantomData<fn(&K)>,
}

impl<N: Clone, K: ?Sized, F> Clone for CountEach<N, K, F> {
    fn clone(&self) -> Self {
        CountEach {
            up: self.up.clone(),
            up_stage: self.up_stage.clone(),
            f: Arc::clone(&self.f),
            key_site: self.key_site,
            site: self.site,
            key: PhantomData,
        }
    }
}

impl<N, K: ?Sized, F> fmt::Debug for CountEach<N, K, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CountEach")
    }
}

#[diagnostic::do_not_recommend]
impl<N, K: ?Sized, F> Partitioned for CountEach<N, K, F> where Self: Node {}

impl<N, K, F> Node for CountEach<N, K, F>
where
    N: Node,
    K: Lend + ?Sized,
    F: Fn(&<N::Lending as Lending<N>>::Lent, &mut Keys<'_, K>) + Send + Sync,
{
    type Item = (K::Owned, u64);
    type Lending = ByReference;

    fn describe(&self, stage: &StageOptions, outline: &mut Outline) {
        outline.operator(self.site);
        outline.edge_from(&self.up_stage, "by key, pre-aggregated", stage.edge());
        outline.operator(self.key_site);
        self.up.describe(&self.up_stage, outline);
    }

    fn build<'env, M>(self, stage: StageOptions, builder: &mut Builder<'env>, make: M)
    where
        Self: 'env,
        M: Make<Kernel: Push<Self::Item>> + 'env,
    {
        let inboxes = build_tables(AddUp(PhantomData::<fn(&K)>), self.site, &stage, builder, make);
        let make = EachMake { inboxes, f: self.f, site: self.key_site };
        N::Lending::build(self.up, self.up_stage, builder, make);
    }
}

/// Adds up counts.
pub(crate) struct AddUp<K: ?Sized>(PhantomData<fn(&K)>);

impl<K: Lend + ?Sized> Combine for AddUp<K> {
    type Stored = K::Stored;
    type Partial = u64;
    type Acc = u64;
    type Out = (K::Owned, u64);

    fn start(&self, count: u64) -> u64 {
        count
    }

    fn add(&self, count: &mut u64, more: u64) {
        *count += more;
    }

    fn finish(&self, key: K::Stored, count: u64) -> Self::Out {
        (K::into_owned(key), count)
    }
}

struct EachMake<K: Lend + ?Sized, F> {
    inboxes: Inboxes<AddUp<K>>,
    f: Arc<F>,
    site: Site,
}

impl<K: Lend + ?Sized, F: Send + Sync> Make for EachMake<K, F> {
    type Kernel = Each<K, F>;

    fn make(&self, place: &Place) -> Each<K, F> {
        let folding = Folding::new(Bins::new(&self.inboxes, place));
        Each { folding, f: Arc::clone(&self.f), site: self.site }
    }
}

/// One source instance's end of a keyed exchange whose events lend their keys.
pub(crate) struct Each<K: Lend + ?Sized, F> {
    folding: Folding<K::Stored, u64>,
    f: Arc<F>,
    site: Site,
}

impl<K: Lend + ?Sized, F> fmt::Debug for Each<K, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Each")
    }
}

impl<K: Lend + ?Sized, F: Send + Sync> Kernel for Each<K, F> {
    pass_on!(folding: room resume closed mark quiet end close);
}

impl<L, K, F> Push<&L> for Each<K, F>
where
    L: ?Sized,
    K: Lend + ?Sized,
    F: Fn(&L, &mut Keys<'_, K>) + Send + Sync,
{
    #[inline(always)]
    fn push(&mut self, event: &L) {
        let folding = &mut self.folding;
        let hash = RoutingHash::default();
        let mut add = |key: &K| {
            folding.fold(
                hash.hash(key),
                key,
                |key, stored| key.is(stored),
                |count, _| *count += 1,
                |key| (key.store(), 1),
            );
        };
        guarded(&self.site, || (self.f)(event, &mut Keys { add: &mut add }));
    }
}
