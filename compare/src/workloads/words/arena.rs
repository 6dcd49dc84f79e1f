//! Words from a file by hand: no allocation for a word but when it is new.

use std::fs::File;
use std::hash::BuildHasher;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::sync::Mutex;

use crossbeam_channel::{Receiver, Sender, bounded};
use foldhash::fast::FixedState;
use hashbrown::HashTable;

use super::text::tokens;
use crate::harness::THREADS;

/// Bytes that a mapper reads at once, and the rest of the line.
const BLOCK: u64 = 256 * 1024;
/// Bytes of words in a batch.
const BATCH: usize = 32 * 1024;

/// Many words in one piece of memory.
#[derive(Default)]
struct Arena {
    text: String,
    /// Hash and length of each.
    words: Vec<(u64, usize)>,
}

/// Two mappers that read in turn, two reducers, and a bounded channel for each of them.
pub(super) fn count(path: &Path) -> Vec<Vec<(Box<str>, u64)>> {
    let file = Mutex::new(BufReader::new(File::open(path).expect("the file is there")));
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..THREADS).map(|_| bounded(16)).unzip();
    // Arenas that were read go back to be filled again.
    let (back, empty) = bounded(64);
    std::thread::scope(|scope| {
        let reducers: Vec<_> = receivers
            .into_iter()
            .map(|inbox| {
                let back = back.clone();
                scope.spawn(move || reducer(&inbox, &back))
            })
            .collect();
        for _ in 0..THREADS {
            let (file, senders, empty) = (&file, senders.clone(), empty.clone());
            scope.spawn(move || mapper(file, &senders, &empty));
        }
        drop(senders);
        reducers.into_iter().map(|reducer| reducer.join().expect("no contestant panics")).collect()
    })
}

fn mapper(file: &Mutex<BufReader<File>>, reducers: &[Sender<Arena>], empty: &Receiver<Arena>) {
    let hasher = FixedState::default();
    let mut arenas: [Arena; THREADS] = Default::default();
    let mut block = Vec::new();
    while read(file, &mut block) {
        for word in tokens(str::from_utf8(&block).expect("the file holds text")) {
            let hash = hasher.hash_one(word);
            // The table looks at the other end.
            let owner = (hash >> 40) as usize % THREADS;
            let arena = &mut arenas[owner];
            arena.text.push_str(word);
            arena.words.push((hash, word.len()));
            if arena.text.len() >= BATCH {
                let next = empty.try_recv().unwrap_or_default();
                let full = std::mem::replace(arena, next);
                reducers[owner].send(full).expect("reducers outlive mappers");
            }
        }
    }
    for (reducer, rest) in reducers.iter().zip(arenas) {
        reducer.send(rest).expect("reducers outlive mappers");
    }
}

/// Whether there was something to read.
fn read(file: &Mutex<BufReader<File>>, block: &mut Vec<u8>) -> bool {
    block.clear();
    let mut file = file.lock().expect("no contestant panics");
    file.by_ref().take(BLOCK).read_to_end(block).expect("the file can be read");
    file.read_until(b'\n', block).expect("the file can be read");
    !block.is_empty()
}

fn reducer(inbox: &Receiver<Arena>, back: &Sender<Arena>) -> Vec<(Box<str>, u64)> {
    let mut table = HashTable::<(u64, Box<str>, u64)>::new();
    for mut arena in inbox {
        let mut rest = arena.text.as_str();
        for &(hash, len) in &arena.words {
            let (word, behind) = rest.split_at(len);
            rest = behind;
            let same = |entry: &(u64, Box<str>, u64)| entry.0 == hash && *entry.1 == *word;
            let entry = table.entry(hash, same, |entry| entry.0);
            entry.or_insert_with(|| (hash, word.into(), 0)).into_mut().2 += 1;
        }
        arena.text.clear();
        arena.words.clear();
        // Where there are enough it is freed here.
        let _ = back.try_send(arena);
    }
    table.into_iter().map(|(_, word, count)| (word, count)).collect()
}
