//! Who else has windows of `N` seconds, or can be given them.

use super::aligned::Source;
use super::{Events, channels, sample};
#[cfg(feature = "peers")]
use super::{renoir, timely};
use crate::harness::Workload;

const CROSSBEAM: &str = "two sources that sum up by second and key, two reducers, bounded channels of \
                         16 batches; windows from seconds by adding and taking back; foldhash";
#[cfg(feature = "peers")]
const TIMELY: &str = "two workers that sum up by second and key, `Exchange`, an own operator; windows \
                      from seconds by adding and taking back; foldhash";
const PLAIN: &str = "the same, every event sent: better where most events begin with a key";

/// Adds them all, for events of so many keys.
pub(crate) fn add<const N: i64, const KEYS: u64>(workload: Workload<u64>) -> Workload<u64> {
    let workload = workload
        .peer("crossbeam", CROSSBEAM, |&end| {
            let source = |n| Source::summing(Events::<KEYS>::of_source(n, end));
            sample(|| channels::windows::<N, _>([0, 1].map(source)))
        })
        .peer("crossbeam-plain", PLAIN, |&end| {
            let source = |n| Source::plain(Events::<KEYS>::of_source(n, end));
            sample(|| channels::windows::<N, _>([0, 1].map(source)))
        });
    #[cfg(feature = "peers")]
    let workload = workload
        .peer("timely", TIMELY, |&end| {
            let source = move |n| Source::summing(Events::<KEYS>::of_source(n, end));
            sample(|| timely::windows::<N, _>(source))
        })
        .peer("timely-plain", PLAIN, |&end| {
            let source = move |n| Source::plain(Events::<KEYS>::of_source(n, end));
            sample(|| timely::windows::<N, _>(source))
        })
        .peer("renoir", renoir::BY_HAND, |&end| {
            sample(|| renoir::by_hand::<N, _>(move |n| Events::<KEYS>::of_source(n, end)))
        })
        .peer("renoir-window", renoir::OWN, |&end| {
            sample(|| renoir::own::<N, _>(move |n| Events::<KEYS>::of_source(n, end)))
        })
        .other_result();
    workload
}
