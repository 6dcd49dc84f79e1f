//! How often each word occurs in 200 MB of text: the workload in which keys are dear.
//!
//! A run ends with finished tables, one or several that share no word; putting them into a single
//! map is not timed. All contestants find words with the same tokenizer.
mod flows;
mod limit;
mod peers;
mod table;
mod text;
use std::cell::OnceCell;
use std::collections::HashMap;
use std::hash::BuildHasher;
use std::{io::Write, path::Path};

use foldhash::fast::{FixedState, RandomState};
use tempfile::NamedTempFile;

use self::table::Table;
use self::text::tokens;
use super::common::mix;
use crate::harness::{Checksum, Options, Workload, timed};

/// Counts by borrowed word.
type Slices<'a> = HashMap<&'a str, u64, RandomState>;
/// Counts by owned word, with the standard hash function.
type Owned = HashMap<String, u64>;

/// The text, how many words it has, and a file that holds it, made when somebody asks for it.
pub(crate) struct Input {
    text: String,
    words: u64,
    file: OnceCell<NamedTempFile>,
}
impl Input {
    fn file(&self) -> &Path {
        let write = || {
            let mut file = NamedTempFile::new().expect("there is a place for temporary files");
            // Synced, so that writing it back does not disturb the measurement that follows.
            file.write_all(self.text.as_bytes())
                .and_then(|()| file.as_file().sync_all())
                .expect("the text fits");
            file
        };
        self.file.get_or_init(write).path()
    }
}

/// The only workload of this file.
pub(crate) fn workload() -> Workload<Input> {
    let workload =
        Workload::new("words-borrowed", "How often each word of a text occurs.", prepare, |i| {
            i.words
        })
        .rayon("rayon-sharded")
        .contestant_beside("seq-naive", "rayon-naive", |i| {
            timed(|| peers::seq_naive(&i.text), owned)
        })
        .contestant("seq-slices", |i| timed(|| peers::seq_slices(&i.text), |map| slices([map])))
        .contestant("rayon-naive", |i| timed(|| peers::rayon_naive(&i.text), owned))
        .contestant("rayon-slices", |i| timed(|| peers::rayon_slices(&i.text), |map| slices([map])))
        .contestant("rayon-sharded", |i| {
            timed(|| peers::rayon_sharded(&i.text), |maps| slices(maps))
        })
        .contestant("limit-private", |i| timed(|| limit::private(&i.text), |all| tables(all)))
        .contestant("limit", |i| timed(|| limit::front(&i.text), |all| tables(all)));
    with_flow(workload)
}
fn with_flow(workload: Workload<Input>) -> Workload<Input> {
    const RUNS: &str = "the flow runs";
    workload
        .contestant("flow-keyed", |i| {
            timed(|| flows::keyed(&i.text).expect(RUNS), |lists| pairs(lists))
        })
        .contestant("flow-reduce", |i| {
            timed(|| flows::reduce(&i.text).expect(RUNS), |maps| slices(maps))
        })
        .contestant_beside("flow-owned", "rayon-naive", |i| {
            timed(|| flows::owned(&i.text).expect(RUNS), |lists| pairs(lists))
        })
        .contestant("flow-file", |i| {
            let path = i.file();
            timed(|| flows::file(path).expect(RUNS), |lists| pairs(lists))
        })
}

fn prepare(options: &Options) -> Result<Input, String> {
    let text = match &options.text {
        Some(path) => {
            let bytes =
                std::fs::read(path).map_err(|e| format!("cannot read {}: {e}", path.display()))?;
            String::from_utf8(bytes)
                .unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned())
        }
        None => text::generate(options.scaled(200_000_000) as usize),
    };
    let words = tokens(&text).count() as u64;
    Ok(Input { text, words, file: OnceCell::new() })
}

/// The number of words, of distinct words, and a sum over them in any order, in one number.
fn checksum<'a>(counts: impl Iterator<Item = (&'a str, u64)>) -> Checksum {
    let hasher = FixedState::default();
    let (mut words, mut distinct, mut sum) = (0u64, 0u64, 0u64);
    for (word, count) in counts {
        words += count;
        distinct += 1;
        sum = sum.wrapping_add(hasher.hash_one(word).wrapping_mul(count));
    }
    mix(words).wrapping_add(mix(mix(distinct))).wrapping_add(sum).into()
}

fn owned(map: &Owned) -> Checksum {
    checksum(map.iter().map(|(word, count)| (word.as_str(), *count)))
}

fn slices<'a>(maps: impl IntoIterator<Item = &'a Slices<'a>>) -> Checksum {
    checksum(maps.into_iter().flatten().map(|(word, count)| (*word, *count)))
}
fn pairs<W: AsRef<str>>(lists: &[Vec<(W, u64)>]) -> Checksum {
    checksum(lists.iter().flatten().map(|(word, count)| (word.as_ref(), *count)))
}

fn tables(tables: &[Table<'_>]) -> Checksum {
    checksum(tables.iter().flat_map(Table::counts))
}
