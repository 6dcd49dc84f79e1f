//! The readings by station for two threads, as fast as we could write it around the common parser.

use std::sync::Mutex;

use super::{Summary, readings};
use crate::workloads::common::{Claims, chunks, on_two_threads};

pub(super) const HOW: &str = "two threads, a private table each with inline 32-byte names, merged";

/// Bytes of text that a thread claims at a time.
const CHUNK: usize = 512 * 1024;
/// Somewhat more than there can be stations: with 56 bytes each a table fits the second-level cache.
const SLOTS: usize = 16 * 1024;

/// A station: its name padded with zeros, so that two of them are compared in one step without a
/// loop, and what is known of it. A count of 0 is a free slot.
#[derive(Clone, Copy, Default)]
struct Slot {
    key: [u64; 4],
    summary: Summary,
}

/// Stations of one text, open addressing.
pub(super) struct Table(Vec<Slot>);

impl Table {
    fn new() -> Self {
        Table(vec![Slot::default(); SLOTS])
    }

    #[inline(always)]
    fn add(&mut self, key: [u64; 4], summary: Summary) {
        let mut at = place(key);
        loop {
            let slot = &mut self.0[at];
            if slot.key == key {
                return slot.summary.merge(summary);
            }
            if slot.summary.count == 0 {
                *slot = Slot { key, summary };
                return;
            }
            at = (at + 1) % SLOTS;
        }
    }

    fn slots(&self) -> impl Iterator<Item = &Slot> {
        self.0.iter().filter(|slot| slot.summary.count > 0)
    }

    pub(super) fn stations(&self) -> impl Iterator<Item = (String, Summary)> {
        self.slots().map(|slot| {
            let bytes = slot.key.iter().flat_map(|word| word.to_le_bytes());
            let name = bytes.take_while(|byte| *byte != 0).collect();
            (String::from_utf8(name).expect("it was a name"), slot.summary)
        })
    }
}

/// The name in 32 bytes: no name is longer.
#[inline(always)]
fn key(text: &str, name: &str) -> [u64; 4] {
    let start = name.as_ptr() as usize - text.as_ptr() as usize;
    let mut key = [0; 4];
    // Read beyond the end of the name and masked, where there is something behind it.
    if let Some(bytes) = text.as_bytes()[start..].first_chunk::<32>() {
        for (word, bytes) in key.iter_mut().zip(bytes.as_chunks::<8>().0) {
            *word = u64::from_le_bytes(*bytes);
        }
        for (nth, word) in key.iter_mut().enumerate() {
            let bytes = name.len().saturating_sub(8 * nth).min(8);
            *word &= MASKS[bytes];
        }
    } else {
        for (nth, byte) in name.bytes().enumerate() {
            key[nth / 8] |= u64::from(byte) << (nth % 8 * 8);
        }
    }
    key
}

/// For each number of bytes those that belong to the name.
const MASKS: [u64; 9] = {
    let mut masks = [u64::MAX; 9];
    let mut bytes = 0;
    while bytes < 8 {
        masks[bytes] = (1 << (8 * bytes)) - 1;
        bytes += 1;
    }
    masks
};

#[inline(always)]
fn place(key: [u64; 4]) -> usize {
    let product = u128::from(key[0] ^ key[2].rotate_left(31) ^ 0x9e37_79b9_7f4a_7c15)
        * u128::from(key[1] ^ key[3].rotate_left(31) ^ 0xd6e8_feb8_6659_fd93);
    (product as u64 ^ (product >> 64) as u64) as usize % SLOTS
}

pub(super) fn two_threads(text: &str) -> Vec<Table> {
    let chunks = chunks(text, CHUNK);
    let claims = Claims::new(chunks.len() as u64, 1);
    let done = Mutex::new(None);
    on_two_threads(|_| {
        let mut table = Table::new();
        for chunk in claims.iter().flatten() {
            for (name, value) in readings(chunks[chunk as usize]) {
                let mut summary = Summary::default();
                summary.add(value);
                table.add(key(text, name), summary);
            }
        }
        let mut done = done.lock().expect("no contestant panics");
        match &mut *done {
            None => *done = Some(table),
            Some(other) => {
                table.slots().for_each(|slot| other.add(slot.key, slot.summary));
            }
        }
    });
    done.into_inner().expect("no contestant panics").into_iter().collect()
}
