//! The receiving end of a keyed exchange: one table per bin, emitted when the input has ended.

use super::bins::{Layout, Partial};
use crate::error::Site;
use crate::kernel::culprit::guarded;
use crate::kernel::{Finish, FusedMake, Make, Operator, Push, Spec};
use crate::plan::{Builder, StageOptions};
use crate::runtime::Place;
use crate::runtime::edge::{FromInbox, Inbox, Reader};
use crate::state::Table;
use std::fmt;
use std::sync::Arc;
use std::vec;

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

/// The tables of one partition.
pub(crate) struct PartitionTables<C: Combine> {
    spec: Tables<C>,
    layout: Layout,
    first_bin: usize,
    tables: Vec<Table<C::Stored, C::Acc>>,
    emitting: Option<vec::IntoIter<(C::Stored, C::Acc)>>,
}

impl<C: Combine> fmt::Debug for PartitionTables<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} tables", self.tables.len())
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
            tables: bins.map(|_| Table::new()).collect(),
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
        let table = &mut self.tables[self.layout.bin(hash) - self.first_bin];
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
        let combine = &*self.spec.combine;
        let table = &mut self.tables[bin - self.first_bin];
        guarded(&self.spec.site, || {
            table.merge(
                batch,
                |partial| combine.start(partial),
                |acc, partial| combine.add(acc, partial),
            );
        });
    }

    fn end<K: Push<C::Out>>(&mut self, finish: Finish, next: &mut K) -> bool {
        if finish == Finish::Stopped {
            return true;
        }
        loop {
            if let Some(entries) = &mut self.emitting {
                loop {
                    let room = next.make_room();
                    if room == 0 {
                        return next.closed();
                    }
                    let mut given = 0;
                    for (key, acc) in entries.by_ref().take(room) {
                        given += 1;
                        next.push(guarded(&self.spec.site, || self.spec.combine.finish(key, acc)));
                    }
                    if given < room {
                        break;
                    }
                }
            }
            match self.tables.pop() {
                Some(table) => self.emitting = Some(table.into_entries().into_iter()),
                None => {
                    self.emitting = None;
                    return true;
                }
            }
        }
    }
}
