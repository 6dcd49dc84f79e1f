//! Keys that are text are compared by their first bytes where these say everything: whatever the
//! lengths, and whatever else a key type holds equal, the counts are those of a map.

use flow::{Executor, Flow};
use proptest::prelude::*;
use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

fn expected<K: Hash + Eq>(keys: impl Iterator<Item = K>) -> HashMap<K, u64> {
    keys.fold(HashMap::new(), |mut counts, key| {
        *counts.entry(key).or_default() += 1;
        counts
    })
}

/// A name that is equal to itself in capitals.
#[derive(Clone, Copy, Debug)]
struct Name<'a>(&'a str);

impl PartialEq for Name<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(other.0)
    }
}

impl Eq for Name<'_> {}

impl Hash for Name<'_> {
    /// As a text feeds itself, but less of it than is compared.
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.chars().next().map(|first| first.to_ascii_lowercase()).hash(state);
    }
}

/// A text with a mark, which is fed as a text alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Marked<'a>(&'a str, bool);

impl Hash for Marked<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn counts_are_those_of_a_map(
        words in prop::collection::vec("[aA\0]{0,2}(x{0,18}|x{13}[yz]{0,4})", 0..400),
        seed in any::<u64>(),
        threads in 0..4_usize,
    ) {
        let executor = match threads {
            0 => Executor::simulation(seed),
            workers => Executor::threads(workers),
        };
        let words: &[String] = &words;
        let flow = || Flow::from_slice(words).stages(3).on(executor.clone());

        let text: HashMap<&str, u64> = flow().key_by(|word| word.as_str()).count().collect().unwrap();
        prop_assert_eq!(&text, &expected(words.iter().map(String::as_str)));

        let bytes: HashMap<&[u8], u64> =
            flow().key_by(|word| word.as_bytes()).sum(|_| 1_u64).collect().unwrap();
        prop_assert_eq!(bytes, expected(words.iter().map(String::as_bytes)));

        let shared: HashMap<Arc<str>, u64> =
            flow().key_by(|word| Arc::from(word.as_str())).count().collect().unwrap();
        prop_assert_eq!(shared, expected(words.iter().map(|word| Arc::from(word.as_str()))));

        let names: Vec<(Name<'_>, u64)> = flow().key_by(|word| Name(word)).count().collect().unwrap();
        let model = expected(words.iter().map(|word| Name(word)));
        prop_assert_eq!(names.len(), model.len());
        prop_assert_eq!(names.into_iter().collect::<HashMap<_, _>>(), model);

        let marked: HashMap<Marked<'_>, u64> =
            flow().key_by(|word| Marked(word, word.len() % 2 == 0)).count().collect().unwrap();
        prop_assert_eq!(marked, expected(words.iter().map(|word| Marked(word, word.len() % 2 == 0))));
    }
}

/// A mark that the hash does not see tells keys apart.
#[test]
fn what_is_not_hashed_still_counts() {
    let events = [("word", false), ("word", true), ("word", true)];
    let counts: HashMap<Marked<'_>, u64> = Flow::from_slice(&events)
        .key_by(|event| Marked(event.0, event.1))
        .count()
        .collect()
        .unwrap();
    assert_eq!(counts, HashMap::from([(Marked("word", false), 1), (Marked("word", true), 2)]));
}
