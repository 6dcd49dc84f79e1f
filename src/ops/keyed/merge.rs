//! The receiving end of a keyed exchange: one table per bin, emitted when the input has ended.
//!
//! **Batches wait where that spares misses of the cache.** Where there are so many keys that all tables
//! together are in no cache, each partial of a batch finds another line of its table missing. So batches
//! are held until a bin has as many partials as its table has keys; then they are merged at once, and the
//! table, which is small, is read from memory once for all of them.
//!
//! **Invariant.** A bin holds fewer partials than its table has keys, so memory stays within a constant
//! factor of what the keys need.

use super::bins::{Layout, Partial};
use crate::error::Site;
use crate::kernel::culprit::guarded;
use crate::kernel::{Finish, FusedMake, Make, Operator, Push, Spec};
use crate::plan::{Builder, StageOptions};
use crate::runtime::Place;
use crate::runtime::edge::{FromInbox, Inbox, Reader};
use crate::state::{Entries, Table};
use std::fmt;
use std::sync::Arc;
use std::{iter, mem, vec};

/// What a partition does with partials and with what it has in the end.
pub(crate) trait Combine: Send + Sync {
    /// The key as tables keep it.
    type Stored: Eq + Send;
    /// What travels.
    type Partial: Send;
    /// What is kept.
    type Acc: Send;
    /// What comes out.
    type Out: Send;

    /// The accumulator of a key's first partial.
    fn start(&self, partial: Self::Partial) -> Self::Acc;

    /// Folds a further partial.
    fn add(&self, acc: &mut Self::Acc, partial: Self::Partial);

    /// The result of a key.
    fn finish(&self, key: Self::Stored, acc: Self::Acc) -> Self::Out;
}

/// Builds the stage behind a keyed exchange; gives the inboxes of its partitions.
pub(super) fn build_tables<'env, C, M>(
    combine: C,
    site: Site,
    stage: &StageOptions,
    builder: &mut Builder<'env>,
    make: M,
) -> Inboxes<C>
where
    C: Combine + 'env,
    M: Make<Kernel: Push<C::Out>> + 'env,
{
    let open = builder.open_partitions(stage, site);
    let counters = builder.edge_counters();
    let inboxes: Inboxes<C> = open
        .tasks
        .iter()
        .map(|task| Inbox::new(Reader::Task(task.clone()), stage.edge(), Arc::clone(&counters)))
        .collect();
    let partitions = open.tasks.len();
    let make = FusedMake { spec: Tables { combine: Arc::new(combine), site }, next: make };
    builder.fill(open, partitions, make, |at, _, _| FromInbox::new(Arc::clone(&inboxes[at])));
    inboxes
}

/// The inboxes of all partitions.
pub(super) type Inboxes<C> =
    Arc<[Arc<Inbox<Partial<<C as Combine>::Stored, <C as Combine>::Partial>>>]>;

/// The tables of a partition as the plan holds them.
pub(crate) struct Tables<C> {
    combine: Arc<C>,
    site: Site,
}

impl<C> Clone for Tables<C> {
    fn clone(&self) -> Self {
        Tables { combine: Arc::clone(&self.combine), site: self.site }
    }
}

impl<C> fmt::Debug for Tables<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.site.operator)
    }
}

/// A bin's table, and batches that are not yet merged into it.
struct Bin<C: Combine> {
    table: Table<C::Stored, C::Acc>,
    held: Vec<Vec<Partial<C::Stored, C::Partial>>>,
    /// Of the batches that are held.
    events: usize,
}

impl<C: Combine> Bin<C> {
    /// Whether it pays to hold batches, which needs memory: a line of the cache has several entries, and
    /// a partial takes about as much as its entry with what belongs to it.
    const HOLDS: bool =
        size_of::<(C::Stored, C::Acc)>() <= 32 && size_of::<Partial<C::Stored, C::Partial>>() <= 48;

    /// Whether a batch can wait. One that is mostly empty would take more memory than it is worth.
    fn holds(&self, batch: &Vec<Partial<C::Stored, C::Partial>>) -> bool {
        Self::HOLDS && self.table.len() >= HELD_FROM && batch.len() * 2 >= batch.capacity()
    }

    fn merge(&mut self, spec: &Tables<C>, batch: &mut Vec<Partial<C::Stored, C::Partial>>) {
        let Tables { combine, site } = spec;
        guarded(site, || {
            self.table.merge(
                batch,
                |partial| combine.start(partial),
                |acc, partial| combine.add(acc, partial),
            );
        });
    }

    /// Merges what is held; the vectors are for batches to come.
    #[inline(never)]
    fn fold(&mut self, spec: &Tables<C>, spare: &mut Vec<Vec<Partial<C::Stored, C::Partial>>>) {
        self.events = 0;
        for mut batch in mem::take(&mut self.held) {
            self.merge(spec, &mut batch);
            spare.push(batch);
        }
    }
}

/// From how many keys of a bin on its batches wait.
const HELD_FROM: usize = if cfg!(test) { 8 } else { 4096 };

/// The tables of one partition.
pub(crate) struct PartitionTables<C: Combine> {
    spec: Tables<C>,
    layout: Layout,
    first_bin: usize,
    bins: Vec<Bin<C>>,
    /// Vectors of batches that were held back.
    spare: Vec<Vec<Partial<C::Stored, C::Partial>>>,
    emitting: Option<Emitting<C::Stored, C::Acc>>,
}

impl<C: Combine> fmt::Debug for PartitionTables<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} tables", self.bins.len())
    }
}

impl<C: Combine> Spec for Tables<C> {
    type Operator = PartitionTables<C>;

    fn start(&self, place: &Place) -> Self::Operator {
        let layout = Layout::new(place.instances);
        let bins = layout.bins_of(place.instance);
        PartitionTables {
            spec: self.clone(),
            layout,
            first_bin: bins.start,
            bins: bins.map(|_| Bin { table: Table::new(), held: Vec::new(), events: 0 }).collect(),
            spare: Vec::new(),
            emitting: None,
        }
    }
}

impl<C: Combine> Operator for PartitionTables<C> {
    type In = Partial<C::Stored, C::Partial>;
    type Out = C::Out;

    #[inline(always)]
    fn push<K: Push<C::Out>>(&mut self, (hash, key, partial): Self::In, _next: &mut K) {
        let combine = &*self.spec.combine;
        let table = &mut self.bins[self.layout.bin(hash) - self.first_bin].table;
        guarded(&self.spec.site, || {
            table.upsert(
                hash,
                (key, partial),
                |(key, _), stored| key == stored,
                |acc, (_, partial)| combine.add(acc, partial),
                |(key, partial)| (key, combine.start(partial)),
            );
        });
    }

    /// A batch is of one bin: its table is looked up once, and its probes can be fetched together.
    fn push_batch<K: Push<C::Out>>(&mut self, batch: &mut Vec<Self::In>, _next: &mut K) {
        let Some((hash, ..)) = batch.first() else {
            return;
        };
        let bin = self.layout.bin(*hash);
        debug_assert!(batch.iter().all(|(hash, ..)| self.layout.bin(*hash) == bin));
        let bin = &mut self.bins[bin - self.first_bin];
        if bin.holds(batch) {
            let spare = self.spare.pop().unwrap_or_default();
            bin.events += batch.len();
            bin.held.push(mem::replace(batch, spare));
            if bin.events >= bin.table.len() {
                bin.fold(&self.spec, &mut self.spare);
            }
        } else {
            bin.merge(&self.spec, batch);
        }
    }

    fn end<K: Push<C::Out>>(&mut self, finish: Finish, next: &mut K) -> bool {
        if finish == Finish::Stopped {
            return true;
        }
        let emitting = self.emitting.get_or_insert_with(|| {
            let fold = |mut bin: Bin<C>| {
                bin.fold(&self.spec, &mut self.spare);
                self.spare.clear();
                bin.table
            };
            let all = Emitting::new(mem::take(&mut self.bins).into_iter().map(fold).collect());
            next.expect(all.left);
            all
        });
        while emitting.left > 0 {
            let room = next.make_room();
            if room == 0 {
                return next.closed();
            }
            let results = emitting.by_ref().take(room);
            let Tables { combine, site } = &self.spec;
            next.push_all(results.map(|(key, acc)| guarded(site, || combine.finish(key, acc))));
        }
        true
    }
}

/// The entries of all tables of a partition. What has been read is free at once, and what only look-ups
/// need is free before whoever keeps results makes room for them.
#[derive(Debug)]
struct Emitting<K, A> {
    entries: iter::Flatten<vec::IntoIter<Entries<K, A>>>,
    left: usize,
}

impl<K, A> Emitting<K, A> {
    fn new(tables: Vec<Table<K, A>>) -> Self {
        let left = tables.iter().map(Table::len).sum();
        let tables: Vec<_> = tables.into_iter().map(Table::into_iter).collect();
        Emitting { entries: tables.into_iter().flatten(), left }
    }
}

impl<K, A> Iterator for Emitting<K, A> {
    type Item = (K, A);

    #[inline]
    fn next(&mut self) -> Option<(K, A)> {
        let entry = self.entries.next();
        self.left -= usize::from(entry.is_some());
        entry
    }

    /// So that whoever takes them makes room once.
    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

#[cfg(test)]
mod tests {
    use crate::{Executor, Flow};
    use proptest::prelude::*;
    use std::collections::HashMap;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        /// Tables of a bin are large enough here to hold batches, which come in all sizes.
        #[test]
        fn batches_that_wait_are_not_lost(
            events in 0..60_000_u64,
            keys in 1..20_000_u64,
            demand in 1..3_000_usize,
            stages in 1..4_usize,
            seed in any::<u64>(),
        ) {
            let key = |event: u64| event.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20 & 0xffff_ffff;
            let mut expected = HashMap::<u64, u64>::new();
            (0..events).for_each(|event| *expected.entry(key(event) % keys).or_default() += event);
            let sums: Vec<(u64, u64)> = Flow::from_range(0..events)
                .key_by(move |event| key(*event) % keys)
                .sum(|event| *event)
                .max_demand(demand)
                .stages(stages)
                .on(Executor::simulation(seed))
                .collect()
                .expect("the flow runs");
            prop_assert_eq!(sums.len(), expected.len());
            prop_assert_eq!(sums.into_iter().collect::<HashMap<_, _>>(), expected);
        }
    }
}
