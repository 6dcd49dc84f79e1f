//! The exchange of few keys for two threads, as fast as we could write it.

use std::ops::Range;

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};

use super::{CHUNK, Counts, key};
use crate::harness::THREADS;
use crate::peers::channels::BATCH;
use crate::workloads::common::{Claims, on_two_threads};

/// Two threads that map *and* reduce: each counts the keys it owns in place and hands the others
/// over.
///
/// Only half of the events cross, no thread waits while there is input, the batches come back to
/// the thread that filled them, and the choice between own and foreign keys is arithmetic: a branch
/// would be mispredicted every second time.
pub(super) fn moving(end: u64) -> Vec<Counts> {
    let claims = &Claims::new(end, CHUNK);
    let [(to_first, first), (to_second, second)] = [bounded(16), bounded(16)];
    let [(back_to_first, first_empty), (back_to_second, second_empty)] = [bounded(64), bounded(64)];
    let first =
        Peer { me: 0, inbox: first, empty: first_empty, other: to_second, back: back_to_second };
    let second =
        Peer { me: 1, inbox: second, empty: second_empty, other: to_first, back: back_to_first };
    std::thread::scope(|scope| {
        let second = scope.spawn(move || second.run(claims));
        vec![first.run(claims), second.join().expect("no contestant panics")]
    })
}

/// Inputs per batch in the limit; every second one is foreign, so a batch carries some 1,024 keys.
const BLOCK: usize = 2 * BATCH;

/// The first `len` keys count.
struct Batch {
    keys: Box<[u64; BLOCK]>,
    len: usize,
}

/// One of the two threads of the limit.
struct Peer {
    me: u64,
    inbox: Receiver<Batch>,
    other: Sender<Batch>,
    /// Batches that this thread filled once and the other one has read.
    empty: Receiver<Batch>,
    /// Where the other thread's batches return to.
    back: Sender<Batch>,
}

impl Peer {
    fn run(self, claims: &Claims) -> Counts {
        let mut counts = Counts::default();
        for chunk in claims.iter() {
            for start in chunk.clone().step_by(BLOCK) {
                let batch = self.fill(start..chunk.end.min(start + BLOCK as u64), &mut counts);
                self.hand_over(batch, &mut counts);
                while let Ok(batch) = self.inbox.try_recv() {
                    self.count(batch, &mut counts);
                }
            }
        }
        // Each side reads until the other has dropped its sender, so neither may keep its own.
        let Peer { other, inbox, .. } = self;
        drop(other);
        for batch in inbox {
            count(&batch, &mut counts);
        }
        counts
    }

    /// Counts the own keys of `block` and gathers the foreign ones.
    fn fill(&self, block: Range<u64>, counts: &mut Counts) -> Batch {
        let mut batch =
            self.empty.try_recv().unwrap_or_else(|_| Batch { keys: Box::new([0; BLOCK]), len: 0 });
        batch.len = 0;
        for i in block {
            let key = key(i);
            let foreign = (key % THREADS as u64) ^ self.me;
            batch.keys[batch.len] = key;
            batch.len += foreign as usize;
            counts.0[key as usize] += 1 - foreign;
        }
        batch
    }

    /// Sends `batch`, and does the other side's work as long as that has no room.
    fn hand_over(&self, mut batch: Batch, counts: &mut Counts) {
        while let Err(TrySendError::Full(same)) = self.other.try_send(batch) {
            batch = same;
            match self.inbox.try_recv() {
                Ok(inbound) => self.count(inbound, counts),
                Err(_) => std::thread::yield_now(),
            }
        }
    }

    fn count(&self, batch: Batch, counts: &mut Counts) {
        count(&batch, counts);
        // Where nobody takes batches back any more they are freed here.
        let _ = self.back.try_send(batch);
    }
}

fn count(batch: &Batch, counts: &mut Counts) {
    for key in &batch.keys[..batch.len] {
        counts.0[*key as usize] += 1;
    }
}

/// Counts where the keys are made; the two results would only have to be added.
pub(super) fn local(end: u64) -> Vec<Counts> {
    let claims = Claims::new(end, CHUNK);
    let count = |_| {
        let mut counts = Counts::default();
        for chunk in claims.iter() {
            for i in chunk {
                counts.0[key(i) as usize] += 1;
            }
        }
        counts
    };
    on_two_threads(count).into()
}
