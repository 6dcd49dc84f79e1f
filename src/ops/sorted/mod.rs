//! `sorted` and its kin, `k_smallest` and its kin (`few.rs`): an order made of the values.
//!
//! ```text
//!  instance                                        one instance
//!  keep all (or the k first) ─▶ sort at the end ══ edge ══▶ merge the runs, as there is room ─▶
//! ```
//!
//! Every instance of the stage before sorts what it has kept, in parallel, and hands it on as one
//! run. A stage of one instance merges the runs while it emits (`merge.rs`), so nothing is copied
//! into a whole first.

mod few;
mod merge;
mod order;
mod runs;

use super::Comparable;
use super::Flow;
use super::node::{ByReference, Node, Sequenced, Single};
use crate::error::Site;
use crate::kernel::{FusedMake, Make, Push};
use crate::plan::{Builder, Outline, StageOptions};
use crate::runtime::edge::{FromInbox, Inbox, Reader};
use merge::MergeRuns;
use order::{By, ByKey, Natural, Order};
use runs::RunMake;
use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

impl<N: Node> Flow<N> {
    /// All events, the smallest first, when the input has ended.
    ///
    /// Every instance sorts its events, and one merges them while it emits: what follows is one
    /// sequential stage, which `take` stops early. The sort is not stable: equal events come in no
    /// promised order, since they come from several instances; where it matters, make the place a
    /// part of the key. Memory: all events. A run that is cancelled ends after the sorting of the
    /// instances that are at it.
    ///
    /// ```
    /// use flow::Flow;
    ///
    /// let sorted: Vec<i32> = Flow::from_vec(vec![3, 1, 2]).sorted().collect()?;
    /// assert_eq!(sorted, [1, 2, 3]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn sorted(self) -> Flow<Sorted<N, Natural>>
    where
        N::Item: Comparable,
    {
        self.sort(Site::here("sorted"), Natural, None)
    }

    /// All events in an order of your own, a total one; else as [`sorted`](Flow::sorted).
    ///
    /// ```
    /// use flow::Flow;
    ///
    /// let falling: Vec<f64> = Flow::from_vec(vec![0.5, 2.0, 1.5])
    ///     .sorted_by(|x, y| f64::total_cmp(y, x))
    ///     .collect()?;
    /// assert_eq!(falling, [2.0, 1.5, 0.5]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn sorted_by<C>(self, compare: C) -> Flow<Sorted<N, By<C>>>
    where
        C: Fn(&N::Item, &N::Item) -> Ordering + Send + Sync,
    {
        self.sort(Site::here("sorted_by"), By(compare), None)
    }

    /// All events in the order of a key; else as [`sorted`](Flow::sorted). The key is computed for
    /// every comparison.
    ///
    /// ```
    /// use flow::Flow;
    ///
    /// let words = Flow::from_vec(vec!["ccc", "a", "bb"]).sorted_by_key(|word| word.len());
    /// assert_eq!(words.collect::<Vec<_>>()?, ["a", "bb", "ccc"]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn sorted_by_key<K, F>(self, key: F) -> Flow<Sorted<N, ByKey<F>>>
    where
        K: Ord,
        F: Fn(&N::Item) -> K + Send + Sync,
    {
        self.sort(Site::here("sorted_by_key"), ByKey(key), None)
    }

    /// Sorts all events, or gives the first few.
    fn sort<O>(self, site: Site, order: O, few: Option<usize>) -> Flow<Sorted<N, O>>
    where
        O: Order<N::Item>,
    {
        let order = Arc::new(order);
        self.across(|up, up_stage| Sorted { up, up_stage, order, few, site })
    }
}

/// A flow in an order made of its values.
pub struct Sorted<N, O> {
    up: N,
    up_stage: StageOptions,
    order: Arc<O>,
    /// How many of the first are wanted, if not all.
    few: Option<usize>,
    site: Site,
}

impl<N: Clone, O> Clone for Sorted<N, O> {
    fn clone(&self) -> Self {
        Sorted {
            up: self.up.clone(),
            up_stage: self.up_stage.clone(),
            order: Arc::clone(&self.order),
            few: self.few,
            site: self.site,
        }
    }
}

impl<N, O> fmt::Debug for Sorted<N, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sorted({})", self.site.operator)
    }
}

#[diagnostic::do_not_recommend]
impl<N: Node, O: Order<N::Item>> Sequenced for Sorted<N, O> {}

#[diagnostic::do_not_recommend]
impl<N: Node, O: Order<N::Item>> Single for Sorted<N, O> {}

impl<N: Node, O: Order<N::Item>> Node for Sorted<N, O> {
    type Item = N::Item;
    type Lending = ByReference;
    const SINGLE: bool = true;

    fn describe(&self, stage: &StageOptions, outline: &mut Outline) {
        outline.instances(1);
        outline.operator(self.site);
        outline.edge_from(&self.up_stage, "sorted runs", stage.edge());
        outline.operator(self.site);
        self.up.describe(&self.up_stage, outline);
    }

    fn build<'env, M>(self, stage: StageOptions, builder: &mut Builder<'env>, make: M)
    where
        Self: 'env,
        M: Make<Kernel: Push<N::Item>> + 'env,
    {
        let Sorted { up, up_stage, order, few, site } = self;
        let open = builder.open(&stage, site, 1);
        let reader = Reader::Task(open.tasks[0].clone());
        let inbox = Inbox::new(reader, stage.edge(), builder.edge_counters());
        let merge = MergeRuns::new(Arc::clone(&order), few, site);
        let make = FusedMake { spec: merge, next: make };
        builder.fill(open, 1, make, |_, _, _| FromInbox::new(Arc::clone(&inbox)));
        up.build(up_stage, builder, RunMake::new(inbox, order, few, site));
    }
}
