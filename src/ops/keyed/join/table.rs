//! One partition of a join: takes the side that is held into a table, then looks up the other.

use super::pairs::Matching;
use crate::error::{ErrorKind, FlowError, Site};
use crate::kernel::culprit::guarded;
use crate::kernel::{Finish, Push};
use crate::runtime::junction::{Junction, Wants};
use crate::runtime::task::TaskRef;
use crate::state::{Entries, Table};
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{iter, vec};

/// An event on its way to its partition: the hash of its key, the key, and what is needed of it.
pub(super) type Keyed<S, T> = (u64, S, T);

/// How many events a join may hold, and how many it does, in all partitions together.
#[derive(Debug)]
pub(super) struct Limit {
    pub(super) most: usize,
    pub(super) held: AtomicUsize,
}

/// The events of one key. Most joins hold one per key, which then lies in the table itself.
#[derive(Debug)]
struct Rows<R> {
    first: R,
    more: Option<Box<More<R>>>,
}

#[derive(Debug)]
struct More<R> {
    rows: Vec<R>,
}

impl<R> Rows<R> {
    fn push(&mut self, row: R) {
        self.more.get_or_insert_with(|| Box::new(More { rows: Vec::new() })).rows.push(row);
    }

    /// The row at a place, and whether it is the last one.
    #[inline(always)]
    fn at(&self, place: usize) -> (&R, bool) {
        let more = self.more.as_ref().map_or(&[][..], |more| &more.rows);
        match place {
            0 => (&self.first, more.is_empty()),
            place => (&more[place - 1], place == more.len()),
        }
    }
}

impl<R> IntoIterator for Rows<R> {
    type Item = R;
    type IntoIter = iter::Chain<iter::Once<R>, vec::IntoIter<R>>;

    fn into_iter(self) -> Self::IntoIter {
        let more = self.more.map_or_else(Vec::new, |more| more.rows);
        iter::once(self.first).chain(more)
    }
}

/// The machine of one partition: `P` streams past, of `B` rows are held.
pub(super) struct HashJoin<S, P, B, W: Matching<S, P, B>> {
    way: W,
    table: Table<S, Rows<W::Row>>,
    at: At<S, W::Row>,
    /// The event that is being answered.
    found: Found<S, P>,
    /// Which entries of the table had a match, where something comes of the others.
    matched: Vec<bool>,
    /// How many rows are held that are not yet counted.
    uncounted: usize,
    limit: Option<Arc<Limit>>,
    site: Site,
    task: TaskRef,
    types: PhantomData<fn(B)>,
}

/// How far a join has come.
enum At<S, R> {
    Building,
    Probing,
    /// What is held and had no match comes out.
    Leftovers(Leftovers<S, R>),
    Over,
}

struct Leftovers<S, R> {
    entries: iter::Zip<Entries<S, Rows<R>>, vec::IntoIter<bool>>,
    key: Option<(S, <Rows<R> as IntoIterator>::IntoIter)>,
}

enum Found<S, P> {
    Nothing,
    /// An event without a match.
    Miss(S, P),
    /// An event, the entry of its key and how many of its rows have been answered with.
    Rows(S, P, usize, usize),
}

impl<S, P, B, W: Matching<S, P, B>> fmt::Debug for HashJoin<S, P, B, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.site.operator)
    }
}

impl<S, P, B, W: Matching<S, P, B>> HashJoin<S, P, B, W> {
    pub(super) fn new(way: W, limit: Option<Arc<Limit>>, site: Site, task: TaskRef) -> Self {
        HashJoin {
            way,
            table: Table::new(),
            at: At::Building,
            found: Found::Nothing,
            matched: Vec::new(),
            uncounted: 0,
            limit,
            site,
            task,
            types: PhantomData,
        }
    }

    /// Answers the event at hand with at most `room` results.
    #[inline(always)]
    fn answer<K: Push<W::Out>>(&mut self, room: usize, next: &mut K) -> usize {
        let HashJoin { way, table, site, .. } = self;
        let mut emitted = 0;
        let out = match std::mem::replace(&mut self.found, Found::Nothing) {
            Found::Nothing => None,
            Found::Miss(key, event) => guarded(site, || way.miss(key, event)),
            Found::Rows(key, event, entry, mut place) => {
                let rows = &table.entry(entry).1;
                loop {
                    if emitted == room {
                        self.found = Found::Rows(key, event, entry, place);
                        return emitted;
                    }
                    let (row, last) = rows.at(place);
                    if last {
                        break guarded(site, || way.last_hit(key, event, row));
                    }
                    if let Some(out) = guarded(site, || way.hit(&key, &event, row)) {
                        next.push(out);
                        emitted += 1;
                    }
                    place += 1;
                }
            }
        };
        match out {
            Some(out) => {
                next.push(out);
                emitted + 1
            }
            None => emitted,
        }
    }

    fn emit_leftovers<K: Push<W::Out>>(&mut self, room: usize, next: &mut K) -> usize {
        let At::Leftovers(leftovers) = &mut self.at else {
            return 0;
        };
        let mut emitted = 0;
        while emitted < room {
            let Some((key, rows)) = &mut leftovers.key else {
                match leftovers.entries.find(|(_, matched)| !matched) {
                    Some(((key, rows), _)) => leftovers.key = Some((key, rows.into_iter())),
                    None => {
                        self.at = At::Over;
                        break;
                    }
                }
                continue;
            };
            match rows.next() {
                Some(row) => {
                    if let Some(out) = guarded(&self.site, || self.way.leftover(key, row)) {
                        next.push(out);
                        emitted += 1;
                    }
                }
                None => leftovers.key = None,
            }
        }
        emitted
    }
}

impl<S, P, B, W> Junction for HashJoin<S, P, B, W>
where
    S: Eq + Send,
    P: Send,
    W: Matching<S, P, B>,
{
    type Left = Keyed<S, P>;
    type Right = Keyed<S, W::Row>;
    type Out = W::Out;

    #[inline(always)]
    fn wants(&self) -> Wants {
        match (&self.at, &self.found) {
            (At::Probing, Found::Nothing) => Wants::Left,
            (At::Building, _) => Wants::Right,
            (At::Over, _) => Wants::Nothing,
            _ => Wants::Room,
        }
    }

    #[inline(always)]
    fn left(&mut self, (hash, key, event): Keyed<S, P>) {
        let table = &self.table;
        let entry = guarded(&self.site, || table.find(hash, |stored| *stored == key));
        self.found = match entry {
            Some(entry) => {
                if W::LEFTOVERS {
                    self.matched[entry] = true;
                }
                Found::Rows(key, event, entry, 0)
            }
            None if W::MISSES => Found::Miss(key, event),
            None => return,
        };
    }

    #[inline(always)]
    fn right(&mut self, (hash, key, row): Keyed<S, W::Row>) {
        let (table, mut kept) = (&mut self.table, true);
        guarded(&self.site, || {
            table.upsert(
                hash,
                (key, row),
                |(key, _), stored| key == stored,
                |rows, (_, row)| {
                    if W::ONCE {
                        kept = false;
                    } else {
                        rows.push(row);
                    }
                },
                |(key, row)| (key, Rows { first: row, more: None }),
            );
        });
        self.uncounted += usize::from(kept);
    }

    fn left_ended(&mut self, finish: Finish) {
        self.at = match finish {
            Finish::Complete if W::LEFTOVERS => {
                let entries = std::mem::take(&mut self.table).into_iter();
                let matched = std::mem::take(&mut self.matched);
                At::Leftovers(Leftovers { entries: entries.zip(matched), key: None })
            }
            _ => At::Over,
        };
    }

    fn right_ended(&mut self, finish: Finish) {
        let nothing_comes = self.table.is_empty() && !W::MISSES;
        self.at = if nothing_comes || finish == Finish::Stopped { At::Over } else { At::Probing };
        if W::LEFTOVERS {
            self.matched = vec![false; self.table.len()];
        }
    }

    #[inline(always)]
    fn emit<K: Push<W::Out>>(&mut self, room: usize, next: &mut K) -> usize {
        match self.at {
            At::Leftovers(_) => self.emit_leftovers(room, next),
            _ => self.answer(room, next),
        }
    }

    fn settle(&mut self) {
        let came = std::mem::take(&mut self.uncounted);
        if let Some(limit) = &self.limit
            && came > 0
            && limit.held.fetch_add(came, Ordering::Relaxed) + came > limit.most
        {
            let most = limit.most;
            let why = format!("a join was to hold more than its limit of {most} events");
            self.task.fail(FlowError::new(ErrorKind::Limit, why).with_site(self.site));
        }
    }
}
