//! q5: windows from slices of two seconds.

use std::collections::BTreeMap;

use ::nexmark::event::Event;
use flow::Timestamp;

use super::super::bid;
use super::super::queries::q5::HotItem;
use super::{Map, Query};

/// In milliseconds.
const SLICE: i64 = 2_000;

/// q5.
pub(crate) struct HotItems;

/// The counts of auctions by slice, and those of the last five slices together.
#[derive(Clone, Default)]
pub(crate) struct Slices {
    /// The slice that the last bid was in.
    current: (i64, Map<usize, u64>),
    others: BTreeMap<i64, Map<usize, u64>>,
    window: Map<usize, u64>,
    /// What the window holds.
    inside: BTreeMap<i64, Map<usize, u64>>,
    /// The slice that is closed next.
    next: i64,
}

/// The last slice of a window, the most bids, and the auctions of one owner that have as many.
type Hottest = (i64, u64, Vec<usize>);

impl Slices {
    fn slice(&mut self, slice: i64) -> &mut Map<usize, u64> {
        if self.current.0 != slice {
            self.put_back();
            self.current = (slice, self.others.remove(&slice).unwrap_or_default());
        }
        &mut self.current.1
    }

    fn put_back(&mut self) {
        let (slice, counts) = std::mem::take(&mut self.current);
        if !counts.is_empty() {
            self.others.insert(slice, counts);
        }
    }

    fn close(&mut self, best: &mut Vec<Hottest>) {
        let slice = self.others.remove(&self.next).unwrap_or_default();
        slice.iter().for_each(|(auction, n)| *self.window.entry(*auction).or_default() += n);
        if !slice.is_empty() {
            self.inside.insert(self.next, slice);
        }
        for (auction, n) in self.inside.remove(&(self.next - 5)).unwrap_or_default() {
            let count = self.window.get_mut(&auction).expect("it was added");
            *count -= n;
            if *count == 0 {
                self.window.remove(&auction);
            }
        }
        if let Some(most) = self.window.values().copied().max() {
            let all = self.window.iter().filter(|(_, count)| **count == most);
            best.push((self.next, most, all.map(|(auction, _)| *auction).collect()));
        }
        self.next += 1;
    }
}

impl Query for HotItems {
    /// The time and the auction of a bid.
    type Event = (u64, usize);
    type Seen = ();
    type State = Slices;
    type Part = Hottest;
    type Output = HotItem;

    fn pick(_: &mut (), event: &'static Event) -> Option<(u64, usize)> {
        bid(event).map(|bid| (bid.date_time, bid.auction))
    }

    fn time(event: &(u64, usize)) -> u64 {
        event.0
    }

    fn owner(event: &(u64, usize)) -> usize {
        event.1
    }

    fn fold(slices: &mut Slices, (time, auction): (u64, usize)) {
        *slices.slice(time as i64 / SLICE).entry(auction).or_default() += 1;
    }

    fn passed(slices: &mut Slices, time: i64, best: &mut Vec<Hottest>) {
        let end = time / SLICE;
        if slices.next >= end {
            return;
        }
        slices.put_back();
        while slices.next < end && !(slices.others.is_empty() && slices.inside.is_empty()) {
            slices.close(best);
        }
    }

    fn output(best: Vec<Vec<Hottest>>) -> Vec<Vec<HotItem>> {
        // A window's best is with one owner, or with both.
        let mut windows = BTreeMap::<i64, (u64, Vec<usize>)>::new();
        for (last, most, auctions) in best.into_iter().flatten() {
            let (all, hot) = windows.entry(last).or_default();
            if most > *all {
                (*all, *hot) = (most, auctions);
            } else if most == *all {
                hot.extend(auctions);
            }
        }
        let items = windows.into_iter().flat_map(|(last, (bids, auctions))| {
            let end = Timestamp((last + 1) * SLICE);
            auctions.into_iter().map(move |auction| HotItem { end, auction, bids })
        });
        vec![items.collect()]
    }
}
