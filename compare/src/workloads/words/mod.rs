//! How often each word occurs in 200 MB of text: the workload in which keys are dear.
//!
//! A run ends with finished tables, one or several that share no word; putting them into a single
//! map is not timed. All contestants find words with the same tokenizer. Words are borrowed from a
//! text in memory, or owned, a `String` for every occurrence, or lent, by a reader of a file whose
//! buffers do not last.

mod arena;
mod flows;
mod limit;
mod peers;
mod table;
mod text;

use std::collections::HashMap;
use std::hash::BuildHasher;
use std::io::Write;
use std::sync::OnceLock;

use foldhash::fast::{FixedState, RandomState};
use tempfile::NamedTempFile;

use self::peers::Words;
use self::table::Table;
use self::text::tokens;
use super::common::mix;
use super::text_fold;
use crate::harness::{Checksum, Options, Sample, Workload, timed};

/// Counts by borrowed word.
type Slices<'a> = HashMap<&'a str, u64, RandomState>;

/// A text, and how many words it has. It stays until the end of the program, since timely and
/// renoir take nothing that is borrowed for less.
#[derive(Clone, Copy)]
pub(crate) struct Input {
    text: &'static str,
    words: u64,
}

const RUNS: &str = "the flow runs";
const LIMIT: &str = "two threads, the text in memory; frequent words in a table of 1 MiB for each \
                     thread, the others in 256 common tables";

/// Words that are slices of the text.
pub(crate) fn borrowed() -> Workload<Input> {
    let workload = Workload::new(
        "words-borrowed",
        "How often each word of a text occurs, the words borrowed from it.",
        prepare,
        |input| input.words,
    )
    .flow("flow", "`key_by(word).count()`", |input| {
        timed(|| flows::keyed(input.text).expect(RUNS), |lists| pairs(lists))
    })
    .flow("flow-reduce", "`partition` and `reduce` into a map: what rayon's fold does", |input| {
        timed(|| flows::reduce(input.text).expect(RUNS), |maps| slices(maps))
    })
    .peer("rayon", text_fold::RAYON, |i| {
        timed(|| text_fold::rayon::<Words<&str>>(i.text), |map| slices([map]))
    })
    .peer("rayon-sharded", "folds into 256 small maps by hash, which are merged in parallel", |i| {
        timed(|| peers::rayon_sharded(i.text), |maps| slices(maps))
    })
    .peer("crossbeam", text_fold::CROSSBEAM, |input| {
        timed(|| text_fold::crossbeam::<Words<&str>>(input.text), |maps| slices(maps))
    });
    #[cfg(feature = "peers")]
    let workload = workload
        .peer("orx", text_fold::ORX, |i| {
            timed(|| text_fold::orx::<Words<&str>>(i.text), |map| slices([map]))
        })
        .peer("tokio", text_fold::TOKIO, |input| {
            timed(|| text_fold::tokio::<Words<&str>>(input.text), |maps| slices(maps))
        })
        .peer("timely", text_fold::TIMELY, |input| {
            timed(|| text_fold::timely::<Words<&str>>(input.text), |maps| slices(maps))
        })
        .peer("renoir", text_fold::RENOIR, |input| {
            timed(|| text_fold::renoir::<Words<&str>>(input.text), |maps| slices(maps))
        });
    workload
        .limit("limit", LIMIT, limit)
        .aside("limit-private", "two threads, private tables that are merged", |input| {
            timed(|| limit::private(input.text), |all| tables(all))
        })
        .aside("seq", "one loop, one map, foldhash", |input| {
            timed(|| text_fold::seq::<Words<&str>>(input.text), |map| slices([map]))
        })
}

/// A `String` for every occurrence.
pub(crate) fn owned() -> Workload<Input> {
    let workload = Workload::new(
        "words-owned",
        "How often each word of a text occurs, with a `String` for every occurrence.",
        prepare,
        |input| input.words,
    )
    .flow("flow", "`key_by_ref(word).count()`", |input| {
        timed(|| flows::owned(input.text).expect(RUNS), |lists| pairs(lists))
    })
    .peer("rayon", text_fold::RAYON, |i| {
        timed(|| text_fold::rayon::<Words<String>>(i.text), |map| strings([map]))
    })
    .peer("rayon-naive", "the same with the standard hash function", |input| {
        timed(|| peers::rayon_naive(input.text), |map| strings([map]))
    })
    .peer("crossbeam", text_fold::CROSSBEAM, |input| {
        timed(|| text_fold::crossbeam::<Words<String>>(input.text), |maps| strings(maps))
    });
    #[cfg(feature = "peers")]
    let workload = workload
        .peer("orx", text_fold::ORX, |i| {
            timed(|| text_fold::orx::<Words<String>>(i.text), |map| strings([map]))
        })
        .peer("tokio", text_fold::TOKIO, |input| {
            timed(|| text_fold::tokio::<Words<String>>(input.text), |maps| strings(maps))
        })
        .peer("timely", text_fold::TIMELY, |input| {
            timed(|| text_fold::timely::<Words<String>>(input.text), |maps| strings(maps))
        })
        .peer("renoir", text_fold::RENOIR, |input| {
            timed(|| text_fold::renoir::<Words<String>>(input.text), |maps| strings(maps))
        });
    workload.limit("limit", LIMIT, limit).aside(
        "seq-naive",
        "one loop, one map, the standard hash function",
        |input| timed(|| peers::seq_naive(input.text), |map| strings([map])),
    )
}

/// A text, and a file that holds it.
pub(crate) struct Filed {
    input: Input,
    file: NamedTempFile,
}

/// From a file, whose words last as long as a buffer.
pub(crate) fn lent() -> Workload<Filed> {
    Workload::new(
        "words-lent",
        "How often each word of a file occurs; a word is copied when it is new.",
        |options| {
            let input = prepare(options)?;
            // Synced, so that writing it back does not disturb what is measured.
            let write = || {
                let mut file = NamedTempFile::new()?;
                file.write_all(input.text.as_bytes())?;
                file.as_file().sync_all()?;
                Ok(file)
            };
            let file = write().map_err(|e: std::io::Error| format!("no temporary file: {e}"))?;
            Ok(Filed { input, file })
        },
        |filed| filed.input.words,
    )
    .flow("flow", "`from_files`, `key_each`, `count`", |filed| {
        timed(|| flows::file(filed.file.path()).expect(RUNS), |lists| pairs(lists))
    })
    .peer("rayon", "reads the whole file, then as `rayon-sharded`, then owned words", |filed| {
        timed(|| peers::rayon_file(filed.file.path()), |lists| pairs(lists))
    })
    .peer(
        "crossbeam",
        "two mappers read blocks in turn; batches to two reducers are one string and the hash and \
         length of each word",
        |filed| timed(|| arena::count(filed.file.path()), |lists| pairs(lists)),
    )
    .limit("limit", LIMIT, |filed| limit(&filed.input))
    .aside("seq", "one reader, one line at a time in one buffer, one map, foldhash", |filed| {
        timed(|| peers::seq_file(filed.file.path()), |map| strings([map]))
    })
}

fn limit(input: &Input) -> Sample {
    timed(|| limit::front(input.text), |all| tables(all))
}

/// The text is made, or read, once for all workloads.
fn prepare(options: &Options) -> Result<Input, String> {
    static TEXT: OnceLock<(String, u64)> = OnceLock::new();
    if TEXT.get().is_none() {
        let text = read_or_generate(options)?;
        let words = tokens(&text).count() as u64;
        TEXT.get_or_init(|| (text, words));
    }
    let (text, words) = TEXT.get().expect("it has just been made");
    Ok(Input { text, words: *words })
}

fn read_or_generate(options: &Options) -> Result<String, String> {
    let Some(path) = &options.text else {
        return Ok(text::generate(options.scaled(200_000_000) as usize));
    };
    let bytes = std::fs::read(path).map_err(|e| format!("cannot read {}: {e}", path.display()))?;
    Ok(String::from_utf8(bytes)
        .unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned()))
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

fn strings<'a, S: 'a>(maps: impl IntoIterator<Item = &'a HashMap<String, u64, S>>) -> Checksum {
    checksum(maps.into_iter().flatten().map(|(word, count)| (word.as_str(), *count)))
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
