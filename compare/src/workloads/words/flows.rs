//! The word counts of `flow`.

use std::path::Path;

use flow::{Flow, FlowError};

use super::Slices;
use super::text::tokens;

/// Words lent from the text, an accumulator for each key.
pub(super) fn keyed(text: &str) -> Result<Vec<Vec<(&str, u64)>>, FlowError> {
    Flow::from_text(text).flat_map(tokens).key_by(|word| *word).count().into_partitions()
}

/// Words lent from the text, one map for each partition: the counterpart of rayon's fold.
pub(super) fn reduce(text: &str) -> Result<Vec<Slices<'_>>, FlowError> {
    Flow::from_text(text)
        .flat_map(tokens)
        .partition()
        .reduce(Slices::default, |counts, word| *counts.entry(word).or_insert(0) += 1)
        .emit_state()
        .collect::<Vec<_>>()
}

/// An owned `String` for every occurrence: the counterpart of the naive forms.
pub(super) fn owned(text: &str) -> Result<Vec<Vec<(String, u64)>>, FlowError> {
    Flow::from_text(text)
        .flat_map(|line| tokens(line).map(str::to_owned))
        .key_by_ref(|word| word.as_str())
        .count()
        .into_partitions()
}

/// From a file: a word is copied once, when it is new.
pub(super) fn file(path: &Path) -> Result<Vec<Vec<(String, u64)>>, FlowError> {
    Flow::from_files([path])?
        .key_each::<str>(|line, keys| {
            for word in tokens(line) {
                keys.add(word);
            }
        })
        .count()
        .into_partitions()
}
