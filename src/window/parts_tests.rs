//! Events that are folded in parts before they come give what they give one by one.

use super::machine::{TakeBins, as_the_machine};
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
        let wanted = whole.0.without_key_order();
        prop_assert_eq!(&wanted, &parted.0.without_key_order());
        let binned = drive(InParts { take: in_bins, ..InParts::new(kind, machine()) }, &says);
        prop_assert_eq!(whole.1, binned.1);
        prop_assert_eq!(wanted, binned.0.without_key_order());
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
    take: fn(&mut X, Span, Vec<(u8, Ids)>),
}

fn one_by_one<X: TakeParts<u8, Ids, Ids>>(machine: &mut X, part: Span, keys: Vec<(u8, Ids)>) {
    for (key, ids) in keys {
        machine.part(hash_of(key), key, part, ids.len() as u32, ids).expect("in time");
    }
}

/// Some keys come one by one, the others by their bins.
fn in_bins<M: Mode<Numbers>>(
    machine: &mut Aligned<Fixed, u8, Numbers, AtWatermark, M>,
    part: Span,
    mut keys: Vec<(u8, Ids)>,
) {
    let ones = keys.extract_if(.., |(key, _)| *key == 0).collect();
    one_by_one(machine, part, ones);
    for bin in 0..BINS {
        let binned = |(key, ids): (u8, Ids)| {
            ids.into_iter().map(move |id| (hash_of(key) as u32, key, vec![id]))
        };
        let of: Vec<_> = keys
            .extract_if(.., |(key, _)| bin_of(hash_of(*key) as u32) == bin)
            .flat_map(binned)
            .collect();
        assert_eq!(machine.bin(part, of), 0);
    }
}

impl<W, X> InParts<W, X> {
    fn new(kind: W, machine: X) -> Self
    where
        X: TakeParts<u8, Ids, Ids>,
    {
        InParts { kind, machine, parts: BTreeMap::new(), take: one_by_one }
    }

    fn flush(&mut self, to: Timestamp) {
        let (due, kept): (BTreeMap<_, _>, _) =
            mem::take(&mut self.parts).into_iter().partition(|(part, _)| part.0.end() <= to);
        self.parts = kept;
        let mut parts: BTreeMap<Span, Vec<_>> = BTreeMap::new();
        for ((part, key), ids) in due {
            parts.entry(part).or_default().push((key, ids));
        }
        for (part, keys) in parts {
            (self.take)(&mut self.machine, part, keys);
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
