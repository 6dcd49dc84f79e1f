//! `fold` per key: any accumulator, no merge; events travel one by one.

use super::by_event::{ByBinMake, FoldEach, FoldEvents};
use super::key::{KeyOf, Keyed};
use super::merge::build_tables;
use crate::error::Site;
use crate::kernel::{Make, Push};
use crate::ops::{ByReference, Flow, Node, Partitioned};
use crate::plan::{Builder, Outline, StageOptions};
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
    pub fn fold<A, I, F>(self, init: I, f: F) -> Flow<KeyedFold<N, X, With<I, F, A>>>
    where
        A: Send,
        I: Fn() -> A + Send + Sync,
        F: Fn(&mut A, N::Item) + Send + Sync,
    {
        self.folded(Site::here("fold"), With { init, f, types: PhantomData })
    }

    pub(super) fn folded<G: FoldEach<N::Item>>(
        self,
        site: Site,
        fold: G,
    ) -> Flow<KeyedFold<N, X, G>> {
        let Keyed { flow, key, hash, site: key_site } = self;
        let fold = Arc::new(fold);
        flow.across(|up, up_stage| KeyedFold { up, up_stage, key, hash, key_site, fold, site })
    }
}

/// Folds with closures.
pub struct With<I, F, A> {
    init: I,
    f: F,
    types: PhantomData<fn() -> A>,
}

impl<I, F, A> fmt::Debug for With<I, F, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("With")
    }
}

impl<T, I, F, A> FoldEach<T> for With<I, F, A>
where
    A: Send,
    I: Fn() -> A + Send + Sync,
    F: Fn(&mut A, T) + Send + Sync,
{
    type Acc = A;
    type Output = A;

    fn start(&self, event: T) -> A {
        let mut acc = (self.init)();
        (self.f)(&mut acc, event);
        acc
    }

    #[inline(always)]
    fn add(&self, acc: &mut A, event: T) {
        (self.f)(acc, event);
    }

    fn finish(&self, acc: A) -> A {
        acc
    }
}

/// One folded accumulator per key.
pub struct KeyedFold<N, X, G> {
    up: N,
    up_stage: StageOptions,
    key: Arc<X>,
    hash: RoutingHash,
    key_site: Site,
    fold: Arc<G>,
    site: Site,
}

impl<N: Clone, X, G> Clone for KeyedFold<N, X, G> {
    fn clone(&self) -> Self {
        KeyedFold {
            up: self.up.clone(),
            up_stage: self.up_stage.clone(),
            key: Arc::clone(&self.key),
            hash: self.hash,
            key_site: self.key_site,
            fold: Arc::clone(&self.fold),
            site: self.site,
        }
    }
}

impl<N, X, G> fmt::Debug for KeyedFold<N, X, G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyedFold({})", self.site.operator)
    }
}

#[diagnostic::do_not_recommend]
impl<N, X, G> Partitioned for KeyedFold<N, X, G> where Self: Node {}

impl<N, X, G> Node for KeyedFold<N, X, G>
where
    N: Node,
    X: KeyOf<N::Item>,
    G: FoldEach<N::Item>,
{
    type Item = (X::Out, G::Output);
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
        let KeyedFold { up, up_stage, key, hash, key_site, fold, site } = self;
        let combine = FoldEvents::<N::Item, X, G>::new(fold);
        let inboxes = build_tables(combine, site, &stage, builder, make);
        up.build(up_stage, builder, ByBinMake { inboxes, key, hash, site: key_site });
    }
}
