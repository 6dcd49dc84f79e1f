//! What is folded before an exchange: what a part of time has of a key travels as one accumulator.
//!
//! **Invariant.** What is folded into a part leaves before the mark that reaches the part's end, so it
//! is never late. Once an input has been idle others may have passed what it has not, and its events
//! travel one by one.
//!
//! Keys are numbered at first. When there are too many for that all parts leave, and from then on each part
//! has a front table.

mod fronts;
mod numbered;

use crate::time::Timestamp;
use crate::window::{Binned, Span};
pub(super) use fronts::Fronts;
pub(super) use numbered::Numbered;

/// How many parts are kept at a time: where there are more the earliest one leaves.
const OPEN: usize = 8;

/// Events of a key, with the key's hash.
pub(super) type Partial<S, A> = (u64, S, A);

/// What leaves a part.
pub(super) enum Left<S, A> {
    One(Partial<S, A>),
    /// What a partition gets of a bin.
    Bin(usize, Vec<Binned<S, A>>),
}

/// The parts of one instance that have not left yet: of few keys, or else of many.
pub(super) struct Parts<S, A> {
    /// The parts of few keys; none while there are many.
    pub(super) numbered: Numbered<S, A>,
    /// The parts of many keys.
    pub(super) fronts: Fronts<S, A>,
    /// Whether there were too many keys to number them.
    many: bool,
    /// The mark that was sent last.
    passed: Timestamp,
    /// Whether events may be folded before they travel; if not, there are no parts.
    on: bool,
}

impl<S, A> Parts<S, A> {
    /// None yet. `on`: whether events may be folded before they travel. `again` makes one more of a key.
    /// `bin`: how many records of a bin travel together to one of the partitions, 0 where none do.
    pub(super) fn new(on: bool, again: fn(&S) -> S, bin: usize, partitions: usize) -> Self {
        Parts {
            numbered: Numbered::new(again),
            fronts: Fronts::new(bin, partitions),
            many: false,
            passed: Timestamp::MIN,
            on,
        }
    }

    /// Whether none is open.
    pub(super) fn is_empty(&self) -> bool {
        self.numbered.is_empty() && self.fronts.run == Span::NONE
    }

    /// Takes the part of a timestamp at hand; false where the event travels by itself.
    pub(super) fn locate(
        &mut self,
        at: Timestamp,
        part: impl FnOnce(Timestamp) -> Option<Span>,
        mut send: impl FnMut(Span, Left<S, A>),
    ) -> bool {
        if self.numbered.turn_to(at) || self.fronts.turn_to(at) {
            return true;
        }
        if !self.on {
            return false;
        }
        let Some(part) = part(at).filter(|part| part.end() > self.passed) else {
            return false;
        };
        if self.many {
            self.fronts.open(part, &mut send);
        } else {
            self.numbered.open(part, &mut send);
        }
        true
    }

    /// Begins with a key in the numbered part of a time, which is at hand.
    pub(super) fn begin(
        &mut self,
        at: Timestamp,
        local: u64,
        partial: Partial<S, A>,
        mut send: impl FnMut(Span, Left<S, A>),
    ) where
        S: Eq,
    {
        if let Some((part, partial)) = self.numbered.begin(at, local, partial) {
            self.numbered.leave(Timestamp::MAX, &mut send);
            self.many = !self.numbered.forget();
            send(part, Left::One(partial));
        }
    }

    /// A mark is about to be sent: parts that it passes leave before.
    pub(super) fn pass(&mut self, to: Timestamp, mut send: impl FnMut(Span, Left<S, A>)) {
        self.passed = self.passed.max(to);
        self.leave(to, &mut send);
    }

    /// The input is idle, so that it will not be waited for: everything leaves, and what comes later
    /// travels by itself.
    pub(super) fn idle(&mut self, mut send: impl FnMut(Span, Left<S, A>)) {
        self.leave(Timestamp::MAX, &mut send);
        self.on = false;
    }

    /// All parts that end by then leave.
    pub(super) fn leave(&mut self, to: Timestamp, send: &mut impl FnMut(Span, Left<S, A>)) {
        self.numbered.leave(to, send);
        self.fronts.leave(to, send);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    const SIZE: i64 = 10;

    #[derive(Clone, Copy, Debug)]
    enum Step {
        Event { key: u8, at: i64 },
        Mark(i64),
        Idle,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            60 => (0..5_u8, 0..60_i64).prop_map(|(key, at)| Step::Event { key, at }),
            20 => (0..60_u8, 0..200_i64).prop_map(|(key, at)| Step::Event { key, at }),
            3 => (0..100_i64).prop_map(Step::Mark),
            1 => Just(Step::Idle),
        ]
    }

    fn hash(key: u8) -> u64 {
        u64::from(key).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }

    /// What the exchange does with parts; `local` is the hash that numbers go by.
    fn run(steps: &[Step], local: fn(u8) -> u64) -> Result<bool, TestCaseError> {
        let mut parts = Parts::new(true, |key: &u8| *key, 0, 1);
        let mut sent: HashMap<(i64, u8), u64> = HashMap::new();
        let mut model = sent.clone();
        let (mut passed, mut idle) = (i64::MIN, false);
        for &step in steps {
            let mut late = false;
            let mut send = |part: Span, left: Left<u8, u64>| {
                let Left::One((found, key, count)) = left else { return };
                late |= part.end().0 <= passed || found != hash(key);
                *sent.entry((part.start().0, key)).or_insert(0) += count;
            };
            match step {
                Step::Event { key, at } => {
                    let at = Timestamp(at);
                    let start = at.floor(SIZE);
                    let part = Span::new(start, start.plus(SIZE));
                    let in_front = parts.fronts.run.contains(at);
                    let here = in_front || parts.numbered.holds(at);
                    if !here && !parts.locate(at, |_| Some(part), &mut send) {
                        prop_assert!(idle || part.end().0 <= passed);
                        continue;
                    }
                    *model.entry((start.0, key)).or_insert(0) += 1;
                    let partial = (hash(key), key, 1);
                    if parts.numbered.holds(at) {
                        match parts.numbered.known(at, local(key), |known| *known == key) {
                            Some(count) => *count += 1,
                            None => parts.begin(at, local(key), partial, &mut send),
                        }
                    } else {
                        prop_assert_eq!(parts.fronts.run, part);
                        match parts.fronts.table.known(hash(key), |known| *known == key) {
                            Some(count) => *count += 1,
                            None => {
                                parts.fronts.put(hash(key), key, 1, 0, &mut send);
                            }
                        }
                    }
                }
                Step::Mark(to) => {
                    parts.pass(Timestamp(to), &mut send);
                    passed = passed.max(to);
                }
                Step::Idle => {
                    parts.idle(&mut send);
                    idle = true;
                }
            }
            prop_assert!(!late, "{:?}", step);
        }
        let many = parts.many;
        parts.leave(Timestamp::MAX, &mut |part, left| {
            let Left::One((_, key, count)) = left else { return };
            *sent.entry((part.start().0, key)).or_insert(0) += count;
        });
        prop_assert_eq!(sent, model);
        Ok(many)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        /// Whatever is numbered anew, or goes over to front tables: all events leave, each with its part
        /// and its key's hash, and before the mark that passes the part.
        #[test]
        fn all_events_leave_in_time(steps in prop::collection::vec(step(), 0..400)) {
            run(&steps, hash)?;
            // Keys that numbers do not tell apart.
            run(&steps, |_| 7 << 60)?;
            run(&steps, |key| hash(key % 2))?;
        }
    }

    #[test]
    fn keys_are_numbered_anew_where_they_came_again_and_again() {
        let event = |key, at| Step::Event { key, at };
        let returning = |key: u8| (0..5).map(move |part| event(key, part * SIZE));
        let few: Vec<_> = (0..60).flat_map(returning).collect();
        assert!(!run(&few, hash).expect("nothing is lost"));
        let many: Vec<_> = (0..60).map(|key| event(key, 0)).collect();
        assert!(run(&many, hash).expect("nothing is lost"));
    }
}
