//! Parts of few keys: what a part has of a key lies where the key's number says.
//!
//! **Invariant.** `slots` has `room` places for each part of `open` and `free`, whose `place`s are all
//! different; what is not in the `begun` of its part is empty. `room` is more than any number. The parts at
//! hand are open, and the second one begins where the first one ends.
//!
//! So an event that lands in a slot of another key, or of another part because its key has no number,
//! meets a key that is not its own. Keys outlive their parts: a window begins with no look-up that misses.

use super::{Left, OPEN, Partial};
use crate::state::Numbers;
use crate::time::Timestamp;
use crate::window::Span;
use std::mem;

/// Bytes of the slots of a part at most, unless [`ROOM`] take more.
const BUDGET: usize = 1 << 20;
/// How many keys there is room for at first.
const ROOM: usize = if cfg!(test) { 2 } else { 32 };
/// When there are too many keys they are forgotten, and others numbered, if each had begun in so many parts:
/// then numbering pays, and what is too much are keys that do not come any more.
const AGAIN: usize = 4;

/// The parts of one instance that have not left yet.
pub(in crate::ops::timed) struct Numbered<S, A> {
    hot: Hot,
    numbers: Numbers<S>,
    /// The keys' hashes.
    hashes: Vec<u64>,
    /// What the parts have of keys, with the keys.
    slots: Vec<Slot<S, A>>,
    /// How many keys a part has room for.
    room: usize,
    open: Vec<Part>,
    /// Places of parts that have left.
    free: Vec<Part>,
    /// How many accumulators there have been since no key was known.
    begun: usize,
    again: fn(&S) -> S,
}

/// As an `Option`, but without padding around the key.
enum Slot<S, A> {
    Free,
    Of { key: S, acc: A },
}

/// One part.
struct Part {
    span: Span,
    /// Where its slots are, in rooms.
    place: usize,
    /// The numbers of the keys that it has.
    begun: Vec<u16>,
}

/// The parts at hand: one, or two that follow each other, so that whoever is in doubt between both is not
/// a branch that cannot be predicted.
#[derive(Clone, Copy, Default)]
struct Hot {
    start: i64,
    length: u64,
    /// Where the second part begins.
    border: i64,
    /// Where the slots of both are.
    slots: [usize; 2],
    /// The same in rooms.
    places: [usize; 2],
}

impl<S, A> Numbered<S, A> {
    /// None yet. `again` makes one more of a key.
    pub(in crate::ops::timed) fn new(again: fn(&S) -> S) -> Self {
        Numbered {
            hot: Hot::default(),
            numbers: Numbers::new(),
            hashes: Vec::new(),
            slots: Vec::new(),
            room: 0,
            open: Vec::new(),
            free: Vec::new(),
            begun: 0,
            again,
        }
    }

    /// Whether none is open.
    pub(in crate::ops::timed) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// Whether a time is in the parts at hand.
    #[inline(always)]
    pub(in crate::ops::timed) fn holds(&self, at: Timestamp) -> bool {
        (at.0.wrapping_sub(self.hot.start) as u64) < self.hot.length
    }

    /// What a key has in the part of a time, of those at hand.
    #[inline(always)]
    pub(in crate::ops::timed) fn known(
        &mut self,
        at: Timestamp,
        local: u64,
        same: impl Fn(&S) -> bool,
    ) -> Option<&mut A> {
        let number = self.numbers.of(local);
        let [first, second] = self.hot.slots;
        let part = if at.0 < self.hot.border { first } else { second };
        match self.slots.get_mut(part + number)? {
            Slot::Of { key, acc } if same(key) => Some(acc),
            _ => None,
        }
    }

    /// Begins with a key that has nothing in the part of a time, of those at hand. What there is no number
    /// for is returned, with its part: then everything must [leave](Self::leave) and be
    /// [forgotten](Self::forget).
    pub(in crate::ops::timed) fn begin(
        &mut self,
        at: Timestamp,
        local: u64,
        (hash, key, acc): Partial<S, A>,
    ) -> Option<(Span, Partial<S, A>)>
    where
        S: Eq,
    {
        let which = usize::from(at.0 >= self.hot.border);
        let place = self.hot.places[which];
        let part = self.open.iter_mut().find(|part| part.place == place);
        let part = part.expect("parts at hand are open");
        let known = self.numbers.find(local, &key);
        let Some(number) = known.or_else(|| {
            let room = ROOM.max(BUDGET / size_of::<Slot<S, A>>());
            let fits = self.numbers.len() < room;
            fits.then(|| self.numbers.add(local, (self.again)(&key))).flatten()
        }) else {
            return Some((part.span, (hash, key, acc)));
        };
        if number == self.hashes.len() {
            self.hashes.push(hash);
        }
        part.begun.push(number as u16);
        self.begun += 1;
        if number >= self.room {
            self.widen();
        }
        self.slots[place * self.room + number] = Slot::Of { key, acc };
        None
    }

    /// Forgets the keys, none of which has anything. True: it is worth to go on with others.
    pub(in crate::ops::timed) fn forget(&mut self) -> bool {
        let pays = self.begun >= AGAIN * self.numbers.len();
        self.begun = 0;
        self.hashes.clear();
        self.numbers.clear();
        pays
    }

    /// Takes the open part of a time at hand, if there is one.
    pub(in crate::ops::timed) fn turn_to(&mut self, at: Timestamp) -> bool {
        let known = self.open.iter().find(|part| part.span.contains(at));
        let Some(&Part { span, place, .. }) = known else {
            return false;
        };
        self.take_at_hand(span, place);
        true
    }

    /// Opens a part, and takes it at hand.
    pub(in crate::ops::timed) fn open(
        &mut self,
        span: Span,
        send: &mut impl FnMut(Span, Left<S, A>),
    ) {
        if self.open.len() == OPEN
            && let Some(first) = self.open.iter().map(|part| part.span.end()).min()
        {
            self.leave(first, send);
        }
        let place = self.open.len();
        let part = self.free.pop().unwrap_or_else(|| Part { span, place, begun: Vec::new() });
        let part = Part { span, ..part };
        self.slots.resize_with(self.slots.len().max((part.place + 1) * self.room), || Slot::Free);
        self.take_at_hand(span, part.place);
        self.open.push(part);
    }

    /// Takes a part at hand, with one that ends where it begins or else one that begins where it ends.
    fn take_at_hand(&mut self, span: Span, place: usize) {
        let before = self.open.iter().find(|part| part.span.end() == span.start());
        let behind = || self.open.iter().find(|part| part.span.start() == span.end());
        let (start, border, end, places) = match before {
            Some(part) => (part.span.start(), span.start(), span.end(), [part.place, place]),
            None => match behind() {
                Some(part) => (span.start(), span.end(), part.span.end(), [place, part.place]),
                None => (span.start(), span.end(), span.end(), [place; 2]),
            },
        };
        let length = end.0.wrapping_sub(start.0) as u64;
        let slots = places.map(|place| place * self.room);
        self.hot = Hot { start: start.0, length, border: border.0, slots, places };
    }

    /// Makes room for more keys.
    #[cold]
    fn widen(&mut self) {
        let room = (2 * self.room).max(ROOM);
        let places = self.open.len() + self.free.len();
        let mut slots = Vec::with_capacity(places * room);
        let mut old = mem::take(&mut self.slots).into_iter();
        for place in 1..=places {
            slots.extend(old.by_ref().take(self.room));
            slots.resize_with(place * room, || Slot::Free);
        }
        (self.slots, self.room) = (slots, room);
        self.hot.slots = self.hot.places.map(|place| place * room);
    }

    /// All parts that end by then leave.
    pub(in crate::ops::timed) fn leave(
        &mut self,
        to: Timestamp,
        send: &mut impl FnMut(Span, Left<S, A>),
    ) {
        while let Some(at) = self.open.iter().position(|part| part.span.end() <= to) {
            self.hot = Hot::default();
            let mut part = self.open.swap_remove(at);
            for number in part.begun.drain(..).map(usize::from) {
                let slot = &mut self.slots[part.place * self.room + number];
                if let Slot::Of { key, acc } = mem::replace(slot, Slot::Free) {
                    send(part.span, Left::One((self.hashes[number], key, acc)));
                }
            }
            self.free.push(part);
        }
    }
}
