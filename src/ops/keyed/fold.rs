//! `fold` per key: any accumulator, no merge; events travel one by one.

use super::aggregate::{Inboxes, build_tables};
use super::bins::Bins;
use super::key::{KeyOf, Keyed, Visit, visit};
use super::merge::Combine;
use crate::error::Site;
use crate::kernel::{Finish, Kernel, Make, Mark, Push};
use crate::ops::{ByReference, Flow, Node, Partitioned};
use crate::plan::{Builder, Outline, StageOptions};
use crate::runtime::Place;
use crate::state::RoutingHash;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

impl<N: Node, X: KeyOf<N::Item>> Keyed<N, X> {
    /// Folds the events of each key into an accumulator of your own.
    ///
    /// Every event crosses to the partition of its key, in its source's order where there is one
    /// instance; [`aggregate`](Keyed::aggregate) folds before the exchange and is much faster where
    /// keys repeat.
    ///
    /// ```
    /// use flow::Flow;
    /// use std::collections::BTreeMap;
    ///
    /// let words = vec!["apple", "avocado", "bean"];
    /// let by_letter: BTreeMap<char, Vec<&str>> = Flow::from_vec(words)
    ///     .stages(1)
    ///     .key_by(|w| w.chars().next().unwrap_or(' '))
    ///     .fold(Vec::new, |list, word| list.push(word))
    ///     .collect()?;
    /// assert_eq!(by_letter[&'a'], ["apple", "avocado"]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn fold<A, I, F>(self, init: I, f: F) -> Flow<KeyedFold<N, X, I, F, A>>
    where
        A: Send,
        I: Fn() -> A + Send + Sync,
        F: Fn(&mut A, N::Item) + Send + Sync,
    {
        let site = Site::here("fold");
        let Keyed { flow, key, hash, site: key_site } = self;
        let closures = Arc::new((init, f));
        flow.across(|up, up_stage| KeyedFold {
            up,
            up_stage,
            key,
            hash,
            key_site,
            closures,
            site,
            types: PhantomData,
        })
    }
}

/// One folded accumulator per key.
pub struct KeyedFold<N, X, I, F, A> {
    up: N,
    up_stage: StageOptions,
    key: Arc<X>,
    hash: RoutingHash,
    key_site: Site,
    closures: Arc<(I, F)>,
    site: Site,
    types: PhantomData<fn() -> A>,
}

impl<N: Clone, X, I, F, A> Clone for KeyedFold<N, X, I, F, A> {
    fn clone(&self) -> Self {
        KeyedFold {
            up: self.up.clone(),
            up_stage: self.up_stage.clone(),
            key: Arc::clone(&self.key),
            hash: self.hash,
            key_site: self.key_site,
            closures: Arc::clone(&self.closures),
            site: self.site,
            types: PhantomData,
        }
    }
}

impl<N, X, I, F, A> fmt::Debug for KeyedFold<N, X, I, F, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyedFold")
    }
}

#[diagnostic::do_not_recommend]
impl<N, X, I, F, A> Partitioned for KeyedFold<N, X, I, F, A> where Self: Node {}

impl<N, X, I, F, A> Node for KeyedFold<N, X, I, F, A>
where
    N: Node,
    X: KeyOf<N::Item>,
    A: Send,
    I: Fn() -> A + Send + Sync,
    F: Fn(&mut A, N::Item) + Send + Sync,
{
    type Item = (X::Out, A);
    type Lending = ByReference;

    fn describe(&self, stage: &StageOptions, outline: &mut Outline) {
        outline.operator(self.site);
        outline.edge_from(&self.up_stage, "by key", stage.edge());
        outline.operator(self.key_site);
        self.up.describe(&self.up_stage, outline);
    }

    fn build<'env, M>(self, stage: StageOptions, builder: &mut Builder<'env>, make: M)
    where
        Self: 'env,
        M: Make<Kernel: Push<Self::Item>> + 'env,
    {
        let KeyedFold { up, up_stage, key, hash, key_site, closures, site, types: _ } = self;
        let combine = FoldEvents { closures, types: PhantomData::<fn(N::Item, X) -> A> };
        let inboxes = build_tables(combine, site, &stage, builder, make);
        let make = ByBinMake::<FoldEvents<N::Item, X, I, F, A>, _, _> {
            inboxes,
            key,
            hash,
            site: key_site,
            types: PhantomData,
        };
        up.build(up_stage, builder, make);
    }
}

/// Folds events where their keys are.
pub(crate) struct FoldEvents<T, X, I, F, A> {
    closures: Arc<(I, F)>,
    types: PhantomData<fn(T, X) -> A>,
}

impl<T, X, I, F, A> Combine for FoldEvents<T, X, I, F, A>
where
    T: Send,
    X: KeyOf<T>,
    A: Send,
    I: Fn() -> A + Send + Sync,
    F: Fn(&mut A, T) + Send + Sync,
{
    type Stored = X::Stored;
    type Partial = T;
    type Acc = A;
    type Out = (X::Out, A);

    fn start(&self, event: T) -> A {
        let mut acc = (self.closures.0)();
        (self.closures.1)(&mut acc, event);
        acc
    }

    #[inline(always)]
    fn add(&self, acc: &mut A, event: T) {
        (self.closures.1)(acc, event);
    }

    fn finish(&self, key: X::Stored, acc: A) -> Self::Out {
        (X::out(key), acc)
    }
}

struct ByBinMake<C: Combine, X, T> {
    inboxes: Inboxes<C>,
    key: Arc<X>,
    hash: RoutingHash,
    site: Site,
    types: PhantomData<fn(T)>,
}

impl<C, X, T> Make for ByBinMake<C, X, T>
where
    C: Combine<Stored = X::Stored, Partial = T>,
    X: KeyOf<T>,
    T: Send,
{
    type Kernel = ByBin<X, T>;

    fn make(&self, place: &Place) -> ByBin<X, T> {
        let bins = Bins::new(&self.inboxes, place);
        ByBin { bins, key: Arc::clone(&self.key), hash: self.hash, site: self.site }
    }
}

/// One source instance's end of a keyed exchange without pre-aggregation.
pub(crate) struct ByBin<X: KeyOf<T>, T> {
    bins: Bins<X::Stored, T>,
    key: Arc<X>,
    hash: RoutingHash,
    site: Site,
}

impl<X: KeyOf<T>, T> fmt::Debug for ByBin<X, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ByBin")
    }
}

impl<X: KeyOf<T>, T: Send> Kernel for ByBin<X, T> {
    #[inline]
    fn room(&mut self) -> usize {
        self.bins.room()
    }

    fn resume(&mut self) {
        self.bins.resume();
    }

    fn closed(&self) -> bool {
        self.bins.closed()
    }

    fn mark(&mut self, _mark: Mark) {}

    fn quiet(&mut self, _now: u64) -> Option<u64> {
        None
    }

    fn end(&mut self, _finish: Finish) -> bool {
        self.bins.flush()
    }

    fn close(self, last: bool) {
        if last {
            self.bins.end();
        }
    }
}

impl<X: KeyOf<T>, T: Send> Push<T> for ByBin<X, T> {
    #[inline(always)]
    fn push(&mut self, event: T) {
        let (hash, key) = visit(&*self.key, &self.site, &event, self.hash, TakeKey);
        self.bins.push((hash, key, event));
    }
}

/// Gives the key itself, to travel with its event.
struct TakeKey;

impl<S> Visit<S> for TakeKey {
    type Out = (u64, S);

    #[inline(always)]
    fn key<C>(
        self,
        hash: u64,
        key: C,
        _same: impl Fn(&C, &S) -> bool,
        store: impl FnOnce(C) -> S,
    ) -> (u64, S) {
        (hash, store(key))
    }
}
