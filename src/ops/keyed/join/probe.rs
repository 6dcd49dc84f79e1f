//! The side of a join that streams past: an operator that looks up every event in what is held.
//!
//! Where that lies in no cache, events are looked up a block at a time: first it is read for all of their
//! hashes where entries may be, then something of these entries, and then each event is answered. The
//! loads of one step do not wait for each other, and there is so little to a step that the processor has
//! many of them under way at once.

use super::held::{Held, Share};
use super::pairs::Matching;
use super::tables::{Leftovers, Part, Parts, Rows, Spot};
use crate::error::Site;
use crate::kernel::culprit::guarded;
use crate::kernel::{Finish, Operator, Push, Spec};
use crate::ops::flat_map::emit;
use crate::ops::keyed::key::KeyOf;
use crate::runtime::Place;
use crate::state::RoutingHash;
use std::collections::VecDeque;
use std::fmt;
use std::hint::black_box;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::{iter, mem};

/// How many events are looked up together.
const BLOCK: usize = 64;
/// From so many bytes on, a quarter of a usual second-level cache, they are.
const FAR: usize = if cfg!(test) { 64 } else { 256 * 1024 };

/// The look-up as the plan holds it.
pub(super) struct Probe<P, X: KeyOf<P>, B, W: Matching<X::Stored, P, B>> {
    pub(super) held: Arc<Held<X::Stored, W::Row>>,
    pub(super) key: Arc<X>,
    pub(super) hash: RoutingHash,
    pub(super) key_site: Site,
    pub(super) way: W,
    pub(super) site: Site,
    pub(super) types: PhantomData<fn(P, B)>,
}

impl<P, X, B, W> Spec for Probe<P, X, B, W>
where
    P: Send,
    X: KeyOf<P, Stored: Sync>,
    W: Matching<X::Stored, P, B>,
{
    type Operator = Probing<P, X, B, W>;

    fn start(&self, place: &Place) -> Self::Operator {
        let Probe { held, key, hash, key_site, way, site, .. } = self;
        Probing {
            spec: Probe {
                held: Arc::clone(held),
                key: Arc::clone(key),
                hash: *hash,
                key_site: *key_site,
                way: way.clone(),
                site: *site,
                types: PhantomData,
            },
            all: None,
            far: false,
            block: Vec::new(),
            spots: Vec::new(),
            room: 0,
            several: None,
            waiting: VecDeque::new(),
            leftovers: None,
            ended: false,
            place: place.clone(),
        }
    }

    fn planned(&self) {
        self.held.planned();
    }
}

/// An event with the hash of its key, and the key if it was kept.
type Early<S, P> = (u64, Option<S>, P);

/// One instance.
pub(super) struct Probing<P, X: KeyOf<P>, B, W: Matching<X::Stored, P, B>> {
    spec: Probe<P, X, B, W>,
    /// What is held, from when all of it is there until everything has been looked up.
    all: Option<Arc<Parts<X::Stored, W::Row>>>,
    /// Whether what is held lies in no cache.
    far: bool,
    block: Vec<Early<X::Stored, P>>,
    /// Where the entries of a block's keys may be.
    spots: Vec<Spot>,
    /// How many results there is room for, as far as is known.
    room: usize,
    /// An event that has several matches, as far as they are not given.
    several: Option<Several<X::Stored, P>>,
    /// The events behind what there was no room for.
    waiting: VecDeque<Early<X::Stored, P>>,
    /// What had no match, as far as this instance gives it.
    leftovers: Option<Leftovers<X::Stored, W::Row>>,
    ended: bool,
    place: Place,
}

/// An event with several matches: where their rows are, and how many have been given.
struct Several<S, P> {
    hash: u64,
    entry: usize,
    given: usize,
    /// None: all of them have.
    event: Option<(Option<S>, P)>,
}

impl<P, X, B, W> Probing<P, X, B, W>
where
    P: Send,
    X: KeyOf<P, Stored: Sync>,
    W: Matching<X::Stored, P, B>,
{
    #[inline(always)]
    fn early(&self, event: P) -> Early<X::Stored, P> {
        let Probe { key, key_site, hash, .. } = &self.spec;
        let (hash, key) = guarded(key_site, || key.early(&event, *hash));
        (hash, key, event)
    }

    /// What comes of an event; nothing where it has no match that counts, or several.
    #[inline(always)]
    fn answer(
        Probe { key, way, site, .. }: &Probe<P, X, B, W>,
        all: &Parts<X::Stored, W::Row>,
        (hash, early, event): Early<X::Stored, P>,
        Spot { part, candidates }: Spot,
        several: &mut Option<Several<X::Stored, P>>,
    ) -> Option<W::Out> {
        let Part { table, matched } = &all.parts[part as usize];
        let found =
            guarded(site, || table.find(candidates, |stored| key.is(&event, &early, stored)));
        let Some(entry) = found else {
            return guarded(site, || {
                if W::MISSES { way.miss(|event| key.own(event, early), event) } else { None }
            });
        };
        if W::LEFTOVERS && !matched[entry].load(Ordering::Relaxed) {
            matched[entry].store(true, Ordering::Relaxed);
        }
        let (known, rows) = table.entry(entry);
        if !rows.is_single() {
            *several = Some(Several { hash, entry, given: 0, event: Some((early, event)) });
            return None;
        }
        let own = |event: &P| key.own(event, early);
        guarded(site, || way.last_hit(known, own, event, &rows.first))
    }

    /// Looks up an event and answers it, or keeps it where there is no room.
    #[inline(always)]
    fn look_up<K: Push<W::Out>>(&mut self, event: Early<X::Stored, P>, next: &mut K) {
        if self.room == 0 {
            self.room = next.make_room();
            if self.room == 0 {
                return self.waiting.push_back(event);
            }
        }
        let Some(all) = &self.all else {
            return;
        };
        let spot = Spot::of(all, event.0);
        match Self::answer(&self.spec, all, event, spot, &mut self.several) {
            Some(out) => {
                self.room -= 1;
                next.push(out);
            }
            None if self.several.is_some() => self.give_several(next),
            None => {}
        }
    }

    /// Goes on with an event that has several matches.
    #[inline(never)]
    fn give_several<K: Push<W::Out>>(&mut self, next: &mut K) {
        let Probing { spec: Probe { key, way, site, .. }, all, several, .. } = self;
        // However much room it takes, it asks for it.
        self.room = 0;
        if let (Some(all), Some(one)) = (all, several.as_mut()) {
            let (known, rows) = all.part(one.hash).table.entry(one.entry);
            let mut pairs = iter::from_fn(|| {
                while let Some((early, event)) = one.event.take() {
                    let (row, last) = rows.at(one.given);
                    one.given += 1;
                    let out = if last {
                        way.last_hit(known, |event| key.own(event, early), event, row)
                    } else {
                        let out = way.hit(known, &event, row);
                        one.event = Some((early, event));
                        out
                    };
                    if out.is_some() {
                        return out;
                    }
                }
                None
            });
            if !emit(site, &self.place.task, &mut pairs, next) {
                return;
            }
        }
        *several = None;
    }

    /// Looks up and answers what is in the block.
    #[inline]
    fn look_up_block<K: Push<W::Out>>(&mut self, next: &mut K) {
        let Probing { spec, all: Some(all), block, spots, several, .. } = self else {
            return;
        };
        spots.clear();
        spots.extend(block.iter().map(|(hash, ..)| Spot::of(all, *hash)));
        let read = |Spot { part, candidates: (first, end) }: &Spot| {
            let table = &all.parts[*part as usize].table;
            let at = if first < end { *first } else { u32::MAX };
            u32::from(table.get(at as usize).is_some_and(Rows::is_single))
        };
        black_box(spots.iter().map(read).sum::<u32>());
        let mut events = block.drain(..).zip(spots.iter());
        // As long as each event gives one at most, all of them have room.
        let alike = self.room >= spots.len();
        if alike {
            let mut given = 0;
            next.push_all(iter::from_fn(|| {
                loop {
                    let (event, spot) = events.next()?;
                    let out = Self::answer(spec, all, event, *spot, several);
                    if out.is_some() {
                        given += 1;
                        return out;
                    }
                    if several.is_some() {
                        return None;
                    }
                }
            }));
            self.room -= given;
        }
        // The rest goes one by one.
        self.waiting.extend(events.map(|(event, _)| event));
        if self.several.is_some() {
            self.give_several(next);
        }
        if self.several.is_none() && !self.waiting.is_empty() {
            self.go_on(next);
        }
    }

    /// Answers events that wait, as far as there is room.
    #[inline(never)]
    fn go_on<K: Push<W::Out>>(&mut self, next: &mut K) {
        while self.several.is_none()
            && (self.room > 0 || next.make_room() > 0)
            && let Some(event) = self.waiting.pop_front()
        {
            self.look_up(event, next);
        }
    }
}

impl<P, X, B, W> Operator for Probing<P, X, B, W>
where
    P: Send,
    X: KeyOf<P, Stored: Sync>,
    W: Matching<X::Stored, P, B>,
{
    type In = P;
    type Out = W::Out;

    #[inline(always)]
    fn push<K: Push<W::Out>>(&mut self, event: P, next: &mut K) {
        let event = self.early(event);
        if self.holds() {
            return self.waiting.push_back(event);
        }
        self.look_up(event, next);
    }

    #[inline(always)]
    fn push_all<I, K>(&mut self, mut events: I, next: &mut K)
    where
        I: Iterator<Item = P>,
        K: Push<W::Out>,
    {
        if !self.far {
            return events.for_each(|event| self.push(event, next));
        }
        loop {
            let mut block = mem::take(&mut self.block);
            block.extend(events.by_ref().take(BLOCK).map(|event| self.early(event)));
            self.block = block;
            if self.block.is_empty() {
                return;
            }
            if self.holds() {
                self.waiting.extend(self.block.drain(..));
            } else {
                self.look_up_block(next);
            }
        }
    }

    #[inline(always)]
    fn holds(&self) -> bool {
        self.several.is_some() || !self.waiting.is_empty()
    }

    fn resume<K: Push<W::Out>>(&mut self, next: &mut K) {
        self.room = 0;
        while self.holds() {
            if next.closed() {
                self.several = None;
                return self.waiting.clear();
            }
            if self.several.is_some() {
                self.give_several(next);
                if self.several.is_some() {
                    return;
                }
            }
            if next.make_room() == 0 && !next.closed() {
                return;
            }
            self.go_on(next);
        }
    }

    fn room(&mut self, next: usize) -> usize {
        if self.all.is_none() && !self.ended {
            self.all = self.spec.held.all.get_or_wait(&self.place.task);
            self.far = self.all.as_ref().is_some_and(|all| all.bytes() > FAR);
        }
        self.room = next;
        if self.all.is_some() { next } else { 0 }
    }

    fn closed(&self) -> bool {
        let nothing = |all: &Parts<_, _>| all.stopped || (!W::MISSES && all.is_empty());
        self.all.as_ref().is_some_and(|all| nothing(all))
    }

    fn end<K: Push<W::Out>>(&mut self, finish: Finish, next: &mut K) -> bool {
        let held = &self.spec.held;
        if !self.ended {
            self.ended = true;
            self.all = None;
            held.looked_up(&self.place.stage);
        }
        if !W::LEFTOVERS || finish == Finish::Stopped {
            return true;
        }
        while !next.closed() {
            let Some(leftovers) = &mut self.leftovers else {
                match held.share(&self.place.task) {
                    Share::NotYet => return false,
                    Share::None => return true,
                    Share::Part(part) => self.leftovers = Some(Leftovers::of(part)),
                }
                continue;
            };
            let Probe { way, site, .. } = &self.spec;
            let mut left = iter::from_fn(|| leftovers.next(way));
            if !emit(site, &self.place.task, &mut left, next) {
                return false;
            }
            self.leftovers = None;
        }
        true
    }
}

impl<P, X: KeyOf<P>, B, W: Matching<X::Stored, P, B>> fmt::Debug for Probing<P, X, B, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.spec.site.operator)
    }
}
