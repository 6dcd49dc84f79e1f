//! `flat_map_with_state`: a state per key, and what comes of each event with it.

use super::attach::{Attach, ByCarriedHash, Carried};
use super::key::{KeyOf, Keyed};
use crate::error::Site;
use crate::kernel::culprit::guarded;
use crate::kernel::{FusedMake, Make, Operator, Push, Spec};
use crate::ops::flat_map::emit;
use crate::ops::junction::Entrance;
use crate::ops::{ByReference, Flow, Node, Partitioned};
use crate::plan::{Builder, Outline, StageOptions};
use crate::runtime::Place;
use crate::runtime::edge::FromInbox;
use crate::runtime::task::TaskRef;
use crate::state::RoutingHash;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use std::collections::VecDeque;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

impl<N: Node, X: KeyOf<N::Item>> Keyed<N, X> {
    /// Turns every event into any number of others, with a state that is kept for each key:
    /// `f(&mut state, &key, event)` gives an iterator. Results come as events do, the input may be
    /// endless.
    ///
    /// The state of a key is `None` before its first event, and forgotten when `f` leaves `None`. Nothing
    /// else forgets it: where keys come and go, `f` has to say when one is over, or memory grows with the
    /// number of keys. At the end of the input what is left is dropped; what is to be given then is
    /// what [`fold`](Keyed::fold) is for.
    ///
    /// Every event crosses to the partition of its key; of one key they come in the source's order
    /// where there is one instance. It is the field's stateful or keyed process function, without timers:
    /// for what goes by time there are windows.
    ///
    /// ```
    /// use flow::Flow;
    ///
    /// // How much each reading differs from the one before of the same sensor.
    /// let readings = Flow::from_vec(vec![("a", 3), ("b", 9), ("a", 5), ("a", 4)]).stages(1);
    /// let steps = readings.key_by(|r| r.0).flat_map_with_state(|last, sensor, (_, value)| {
    ///     let before = last.replace(value);
    ///     before.map(|before| (*sensor, value - before))
    /// });
    /// assert_eq!(steps.collect::<Vec<_>>()?, [("a", 2), ("a", -1)]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[doc(alias = "stateful_map")]
    #[doc(alias = "process")]
    #[track_caller]
    pub fn flat_map_with_state<A, I, F>(self, f: F) -> Flow<WithState<N, X, F, A>>
    where
        A: Send,
        I: IntoIterator<Item: Send, IntoIter: Send>,
        F: Fn(&mut Option<A>, &X::Lent, N::Item) -> I + Send + Sync,
    {
        let site = Site::here("flat_map_with_state");
        let Keyed { flow, key, hash, site: key_site } = self;
        let types = PhantomData;
        flow.across(|up, up_stage| {
            let f = Arc::new(f);
            WithState { up, up_stage, key, hash, key_site, f, site, types }
        })
    }
}

/// A flow whose events meet a state of their key.
pub struct WithState<N, X, F, A> {
    up: N,
    up_stage: StageOptions,
    key: Arc<X>,
    hash: RoutingHash,
    key_site: Site,
    f: Arc<F>,
    site: Site,
    types: PhantomData<fn() -> A>,
}

impl<N: Clone, X, F, A> Clone for WithState<N, X, F, A> {
    fn clone(&self) -> Self {
        WithState {
            up: self.up.clone(),
            up_stage: self.up_stage.clone(),
            key: Arc::clone(&self.key),
            hash: self.hash,
            key_site: self.key_site,
            f: Arc::clone(&self.f),
            site: self.site,
            types: PhantomData,
        }
    }
}

impl<N, X, F, A> fmt::Debug for WithState<N, X, F, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WithState")
    }
}

#[diagnostic::do_not_recommend]
impl<N, X, F, A> Partitioned for WithState<N, X, F, A> where Self: Node {}

impl<N, X, F, A, I> Node for WithState<N, X, F, A>
where
    N: Node,
    X: KeyOf<N::Item>,
    A: Send,
    I: IntoIterator<Item: Send, IntoIter: Send>,
    F: Fn(&mut Option<A>, &X::Lent, N::Item) -> I + Send + Sync,
{
    type Item = I::Item;
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
        M: Make<Kernel: Push<I::Item>> + 'env,
    {
        let WithState { up, up_stage, key, hash, key_site, f, site, .. } = self;
        let open = builder.open_partitions(&stage, site);
        let to = Entrance::new(&open.tasks, stage.edge(), builder);
        let spec = Stateful::<N::Item, X, F, A> { f, site, types: PhantomData };
        let (inboxes, partitions) = (to.inboxes(), open.tasks.len());
        builder.fill(open, partitions, FusedMake { spec, next: make }, |at, _, _| {
            FromInbox::new(Arc::clone(&inboxes[at]))
        });
        let spec = Attach::new(key, hash, key_site, |event| event);
        up.build(up_stage, builder, FusedMake { spec, next: to.sender(ByCarriedHash, site) });
    }
}

/// The verb as the plan holds it.
struct Stateful<T, X, F, A> {
    f: Arc<F>,
    site: Site,
    types: PhantomData<fn(T, A) -> X>,
}

impl<T, X, F, A, I> Spec for Stateful<T, X, F, A>
where
    T: Send,
    X: KeyOf<T>,
    A: Send,
    I: IntoIterator<Item: Send, IntoIter: Send>,
    F: Fn(&mut Option<A>, &X::Lent, T) -> I + Send + Sync,
{
    type Operator = States<T, X, F, A, I>;

    fn start(&self, place: &Place) -> Self::Operator {
        States {
            f: Arc::clone(&self.f),
            site: self.site,
            states: HashTable::new(),
            held: None,
            waiting: VecDeque::new(),
            task: place.task.clone(),
        }
    }
}

/// One partition: the states of its keys, what is left of what an event gave, and the events behind it.
struct States<T, X: KeyOf<T>, F, A, I: IntoIterator> {
    f: Arc<F>,
    site: Site,
    /// With the hash of the key. None only while the closure is called.
    states: HashTable<(u64, X::Stored, Option<A>)>,
    held: Option<I::IntoIter>,
    waiting: VecDeque<Carried<X::Stored, T>>,
    task: TaskRef,
}

impl<T, X, F, A, I> States<T, X, F, A, I>
where
    X: KeyOf<T>,
    I: IntoIterator,
    F: Fn(&mut Option<A>, &X::Lent, T) -> I,
{
    /// What comes of an event.
    #[inline(always)]
    fn meet(&mut self, (hash, key, event): Carried<X::Stored, T>) -> I::IntoIter {
        let States { f, site, states, .. } = self;
        guarded(site, || {
            let same = |(known, stored, _): &(u64, X::Stored, _)| *known == hash && *stored == key;
            match states.entry(hash, same, |(hash, ..)| *hash) {
                Entry::Occupied(mut entry) => {
                    let (_, key, state) = entry.get_mut();
                    let given = f(state, X::lent(key), event);
                    if state.is_none() {
                        entry.remove();
                    }
                    given.into_iter()
                }
                Entry::Vacant(place) => {
                    let mut state = None;
                    let given = f(&mut state, X::lent(&key), event);
                    if state.is_some() {
                        place.insert((hash, key, state));
                    }
                    given.into_iter()
                }
            }
        })
    }
}

impl<T, X, F, A, I> Operator for States<T, X, F, A, I>
where
    T: Send,
    X: KeyOf<T>,
    A: Send,
    I: IntoIterator<Item: Send, IntoIter: Send>,
    F: Fn(&mut Option<A>, &X::Lent, T) -> I + Send + Sync,
{
    type In = Carried<X::Stored, T>;
    type Out = I::Item;

    #[inline(always)]
    fn push<K: Push<I::Item>>(&mut self, event: Self::In, next: &mut K) {
        if self.held.is_some() {
            return self.waiting.push_back(event);
        }
        let mut given = self.meet(event);
        if !emit(&self.site, &self.task, &mut given, next) {
            self.held = Some(given);
        }
    }

    #[inline(always)]
    fn holds(&self) -> bool {
        self.held.is_some()
    }

    fn resume<K: Push<I::Item>>(&mut self, next: &mut K) {
        while let Some(given) = &mut self.held {
            if next.closed() {
                self.held = None;
                return self.waiting.clear();
            }
            if !emit(&self.site, &self.task, given, next) {
                return;
            }
            self.held = self.waiting.pop_front().map(|event| self.meet(event));
        }
    }
}
