//! The sessions as one writes them by hand for something that moves events and says how far time has
//! come.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::{KEYS, Open, SWEEP, close, fold};
use crate::harness::Workload;
use crate::peers::{Timed, channels};
#[cfg(feature = "peers")]
use crate::peers::{renoir, timely};
use crate::workloads::windows::{DISORDER, Event, Events, Total, sample};

/// All events.
#[derive(Clone)]
struct Job {
    end: u64,
}

/// The open sessions of each key, and when one looked last for those that are over.
#[derive(Clone)]
struct Sessions {
    keys: HashMap<u32, Open, RandomState>,
    swept: i64,
}

impl Default for Sessions {
    fn default() -> Self {
        Sessions { keys: HashMap::default(), swept: i64::MIN / 2 }
    }
}

impl Timed for Job {
    type Event = Event;
    type Source = Events<KEYS>;
    type State = Sessions;
    type Result = Total;

    const DISORDER: i64 = DISORDER;

    fn source(&self, nth: usize) -> Events<KEYS> {
        Events::of_source(nth as u64, self.end)
    }

    fn time(event: &Event) -> i64 {
        event.at
    }

    fn owner(event: &Event) -> u64 {
        event.key.into()
    }

    fn fold(state: &mut Sessions, event: Event) {
        fold(state.keys.entry(event.key).or_default(), &event);
    }

    fn passed(state: &mut Sessions, time: i64, totals: &mut Vec<Total>) {
        if time >= state.swept.saturating_add(SWEEP) {
            state.swept = time;
            state.keys.iter_mut().for_each(|(key, open)| close(*key as usize, open, time, totals));
        }
    }
}

/// Adds them.
pub(super) fn add(workload: Workload<u64>) -> Workload<u64> {
    let workload = workload
        .peer("crossbeam", channels::TIMED, |&end| sample(|| channels::timed(&Job { end })));
    #[cfg(feature = "peers")]
    let workload = workload
        .peer("timely", timely::TIMED, |&end| sample(|| timely::timed(&Job { end })))
        .peer("renoir", renoir::TIMED, |&end| sample(|| renoir::timed(&Job { end })));
    workload
}
