//! Events that are folded in parts before they come give what they give one by one.

use super::machine::as_the_machine;
use super::runs::{Ids, Numbers, Shown, drive, fixed, hash_of, sliding, stream};
use super::*;
use crate::time::Timestamp;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::mem;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    /// Events folded in parts, that come when the watermark is about to pass them, give the same.
    #[test]
    fn parts_give_what_events_give(
        size in 1..12_i64, every in 1..12_i64, lateness in prop_oneof![Just(0_i64), 1..9_i64], says in stream()
    ) {
        let trigger = Trigger::at_watermark();
        let kind = fixed(size, every);
        let machine = || Windowing::<u8, _, _, Discarding>::machine(kind, Numbers, trigger, lateness);
        let whole = drive(machine(), &says);
        let parted = drive(InParts::new(kind, machine()), &says);
        prop_assert_eq!(whole.1, parted.1);
        prop_assert_eq!(whole.0.without_key_order(), parted.0.without_key_order());
        let kind = sliding(size, every);
        let machine = || {
            MergingWindowing::<u8, _, _, Discarding>::merging_machine(kind, Numbers, trigger, lateness)
        };
        let whole = drive(machine(), &says);
        let parted = drive(InParts::new(kind, machine()), &says);
        prop_assert_eq!(whole.1, parted.1);
        prop_assert_eq!(whole.0.without_key_order(), parted.0.without_key_order());
    }
}

/// A machine behind a producer that folds what is not late in parts.
struct InParts<W, X> {
    kind: W,
    machine: X,
    parts: BTreeMap<(Span, u8), Ids>,
}

impl<W, X> InParts<W, X> {
    fn new(kind: W, machine: X) -> Self {
        InParts { kind, machine, parts: BTreeMap::new() }
    }

    fn flush(&mut self, to: Timestamp)
    where
        X: TakeParts<u8, Ids, Ids>,
    {
        let (due, kept): (BTreeMap<_, _>, _) =
            mem::take(&mut self.parts).into_iter().partition(|(part, _)| part.0.end() <= to);
        self.parts = kept;
        for ((part, key), ids) in due {
            let (events, hash) = (ids.len() as u32, hash_of(key));
            self.machine.part(hash, key, part, events, ids).expect("in time");
        }
    }
}

impl<W: Parted, X: TakeParts<u8, Ids, Ids>> Machine<u8, Ids> for InParts<W, X> {
    fn next(&mut self) -> Option<Shown> {
        self.machine.next()
    }

    fn pending(&self) -> bool {
        self.machine.pending()
    }

    fn watermark(&mut self, to: Timestamp) {
        self.flush(to);
        self.machine.watermark(to);
    }

    fn end(&mut self) {
        self.flush(Timestamp::MAX);
        self.machine.end();
    }

    as_the_machine!();

    fn held(&self) -> usize {
        self.machine.held()
    }
}

impl<W, X> Take<u8, Ids, u32, u32> for InParts<W, X>
where
    W: Parted,
    X: Take<u8, Ids, u32, u32> + TakeParts<u8, Ids, Ids>,
{
    fn event(&mut self, hash: u64, key: u8, at: Timestamp, id: u32) -> Result<(), (u8, u32)> {
        let part = self.kind.part(at);
        if self.machine.passed() >= part.end() {
            return self.machine.event(hash, key, at, id);
        }
        self.parts.entry((part, key)).or_default().push(id);
        Ok(())
    }
}
