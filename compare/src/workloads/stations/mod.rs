//! Least, mean and greatest of many readings by station, in the manner of the "one billion row
//! challenge": lines of a text in memory, `name;-12.3`, parsed by the same function everywhere.

mod limit;

use std::borrow::Borrow;
use std::hash::{BuildHasher, Hash};
use std::marker::PhantomData;
use std::sync::OnceLock;

use flow::{Flow, FlowError};
use foldhash::fast::FixedState;

use super::common::mix;
use super::text_fold::{self, TextFold};
use crate::harness::{Options, Workload, timed};

/// What is kept of a station; temperatures in tenths of a degree.
#[derive(Clone, Copy)]
struct Summary {
    least: i32,
    greatest: i32,
    sum: i64,
    count: u64,
}

impl Default for Summary {
    fn default() -> Self {
        Summary { least: i32::MAX, greatest: i32::MIN, sum: 0, count: 0 }
    }
}

impl Summary {
    #[inline]
    fn add(&mut self, value: i32) {
        self.merge(Summary { least: value, greatest: value, sum: value.into(), count: 1 });
    }

    #[inline]
    fn merge(&mut self, other: Summary) {
        self.least = self.least.min(other.least);
        self.greatest = self.greatest.max(other.greatest);
        self.sum += other.sum;
        self.count += other.count;
    }
}

/// The text stays until the end of the program, since timely takes nothing that is borrowed for
/// less.
#[derive(Clone, Copy)]
pub(crate) struct Input {
    text: &'static str,
    rows: u64,
}

/// 413 stations: their table stays in the first-level cache.
pub(crate) fn few() -> Workload<Input> {
    static TEXT: OnceLock<String> = OnceLock::new();
    workload(
        "stations-413",
        "Least, mean and greatest temperature of 413 stations, from text.",
        |options| Ok(prepare(options, 413, &TEXT)),
    )
}

/// 10,000 stations: their table fits the second-level cache.
pub(crate) fn many() -> Workload<Input> {
    static TEXT: OnceLock<String> = OnceLock::new();
    workload(
        "stations-10k",
        "Least, mean and greatest temperature of 10,000 stations, from text.",
        |options| Ok(prepare(options, 10_000, &TEXT)),
    )
}

fn workload(
    name: &'static str,
    about: &'static str,
    prepare: fn(&Options) -> Result<Input, String>,
) -> Workload<Input> {
    let workload = Workload::new(name, about, prepare, |input| input.rows)
        .flow("flow", "`from_text`, `key_by(name)`, `aggregate`", |input| {
            timed(
                || flow(input.text).expect("the flow runs"),
                |lists| checksum(lists.iter().flatten().map(|(name, summary)| (*name, *summary))),
            )
        })
        .peer("rayon", text_fold::RAYON, |input| {
            timed(|| text_fold::rayon::<Readings<&str>>(input.text), |map| maps([map]))
        })
        .peer("crossbeam", text_fold::CROSSBEAM, |input| {
            timed(|| text_fold::crossbeam::<Readings<&str>>(input.text), |all| maps(all))
        });
    #[cfg(feature = "peers")]
    let workload = workload
        .peer("orx", text_fold::ORX, |input| {
            timed(|| text_fold::orx::<Readings<&str>>(input.text), |map| maps([map]))
        })
        .peer("tokio", text_fold::TOKIO, |input| {
            timed(|| text_fold::tokio::<Readings<&str>>(input.text), |all| maps(all))
        })
        .peer("timely", text_fold::TIMELY, |input| {
            timed(|| text_fold::timely::<Readings<&str>>(input.text), |all| maps(all))
        })
        .peer("renoir", text_fold::RENOIR, |input| {
            timed(|| text_fold::renoir::<Readings<&str>>(input.text), |all| maps(all))
        });
    workload
        .limit("limit", limit::HOW, |input| {
            timed(
                || limit::two_threads(input.text),
                |tables| checksum(tables.iter().flat_map(limit::Table::stations)),
            )
        })
        .aside("seq", "one loop, one map, foldhash", |input| {
            timed(|| text_fold::seq::<Readings<&str>>(input.text), |map| maps([map]))
        })
}

/// The parser of every contestant: the name, and tenths of a degree.
///
/// From the end, where at most five bytes are the value: nothing has to be searched.
#[inline]
fn reading(line: &str) -> (&str, i32) {
    let back = |nth| line.as_bytes()[line.len() - nth];
    let digit = |nth| i32::from(back(nth) - b'0');
    let tenths = digit(3) * 10 + digit(1);
    let (length, value) = match (back(4), back(5)) {
        (b';', _) => (4, tenths),
        (b'-', _) => (5, -tenths),
        (_, b';') => (5, digit(4) * 100 + tenths),
        _ => (6, -digit(4) * 100 - tenths),
    };
    (&line[..line.len() - length], value)
}

/// The readings of some lines.
#[inline]
fn readings(text: &str) -> impl Iterator<Item = (&str, i32)> {
    text.lines().map(reading)
}

/// By name, borrowed or owned; a name is copied when it is new.
struct Readings<N>(PhantomData<N>);

impl<N> TextFold for Readings<N>
where
    N: From<&'static str> + Borrow<str> + Eq + Hash + Send + 'static,
{
    type Key = N;
    type Value = Summary;

    fn fold(map: &mut text_fold::Map<Self>, lines: &'static str) {
        for (name, value) in readings(lines) {
            match map.get_mut(name) {
                Some(summary) => summary.add(value),
                None => map.entry(name.into()).or_default().add(value),
            }
        }
    }

    fn merge(summary: &mut Summary, other: Summary) {
        Summary::merge(summary, other);
    }
}

/// 50 million lines; names of 5 to 24 bytes, each as often as the others.
fn prepare(options: &Options, stations: u64, text: &'static OnceLock<String>) -> Input {
    let rows = options.scaled(50_000_000);
    let generate = || {
        let letter = |i: u64| char::from(b'a' + (mix(i) % 26) as u8);
        let name = |station: u64| {
            let len = 5 + mix(station) % 20;
            // Its number makes it unlike all others.
            let letters = (0..len).map(|i| letter(station * 32 + i));
            let number =
                (0..3).map(|digit| char::from(b'a' + (station / 26u64.pow(digit) % 26) as u8));
            number.chain(letters.skip(3)).collect::<String>()
        };
        let names: Vec<String> = (0..stations).map(name).collect();
        let mut text = String::with_capacity(rows as usize * 22);
        for row in 0..rows {
            let random = mix(row);
            let station = ((u128::from(random) * u128::from(stations)) >> 64) as usize;
            let value = (mix(random) % 1_999) as i64 - 999;
            let sign = if value < 0 { "-" } else { "" };
            let (degrees, tenths) = (value.abs() / 10, value.abs() % 10);
            text.push_str(&names[station]);
            text.push(';');
            text.push_str(sign);
            text.push_str(&degrees.to_string());
            text.push('.');
            text.push(char::from(b'0' + tenths as u8));
            text.push('\n');
        }
        text
    };
    Input { text: text.get_or_init(generate), rows }
}

fn maps<'a, N>(maps: impl IntoIterator<Item = &'a text_fold::Map<Readings<N>>>) -> u64
where
    Readings<N>: TextFold<Key = N, Value = Summary>,
    N: Borrow<str> + 'a,
{
    checksum(maps.into_iter().flatten().map(|(name, summary)| (name.borrow(), *summary)))
}

/// Depends on every field of every station, on no order.
fn checksum(stations: impl Iterator<Item = (impl Borrow<str>, Summary)>) -> u64 {
    let hasher = FixedState::default();
    stations.fold(0, |all, (name, summary)| {
        let fields = [summary.least as u64, summary.greatest as u64, summary.sum as u64];
        let sum = fields.into_iter().fold(summary.count, |sum, field| mix(sum ^ field));
        all.wrapping_add(hasher.hash_one(name.borrow()).wrapping_mul(sum | 1))
    })
}

fn flow(text: &str) -> Result<Vec<Vec<(&str, Summary)>>, FlowError> {
    Flow::from_text(text)
        .map(reading)
        .key_by(|reading| reading.0)
        .aggregate(|a| (a.min(|r| r.1), a.max(|r| r.1), a.sum(|r| i64::from(r.1)), a.count()))
        .map(|(name, (least, greatest, sum, count))| {
            (name, Summary { least, greatest, sum, count })
        })
        .into_partitions()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_value_is_read() {
        let lines = "a city;0.5\na city;-0.5\nß;12.3\nb;-99.9\n";
        let expected = [("a city", 5), ("a city", -5), ("ß", 123), ("b", -999)];
        assert_eq!(readings(lines).collect::<Vec<_>>(), expected);
    }
}
