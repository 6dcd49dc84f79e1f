//! Events that say to come from the far future do not come in: they move no watermark, and are counted
//! or given to a closure. `timestamps(.., |w| w.max_ahead(..))`.

mod support;

use flow::{BoxError, Demand, Executor, Flow, Meter, Produced, Producer, Timestamp, Window};
use proptest::prelude::*;
use std::sync::Mutex;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use support::executors;

const SECOND: Duration = Duration::from_secs(1);

fn at(ms: i64) -> Timestamp {
    Timestamp(ms)
}

fn dropped(meter: &Meter) -> u64 {
    meter.metrics().stages().iter().map(|stage| stage.dropped).sum()
}

fn diverted(meter: &Meter) -> u64 {
    meter.metrics().stages().iter().map(|stage| stage.diverted).sum()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// As if they had not been there, and none is lost without a word.
    #[test]
    fn as_if_they_had_not_been_there(
        events in prop::collection::vec(prop_oneof![4 => -50..60_i64, 1 => any::<i64>()], 0..200),
        ahead in 0..70_u64,
        disorder in 0..20_u64,
        seed in any::<u64>(),
    ) {
        let (on, disorder) = (Executor::simulation(seed), Duration::from_millis(disorder));
        let run = |events: &[i64], limit: Option<u64>, meter: &Meter, rejected: &Mutex<Vec<i64>>| {
            let flow = Flow::from_slice(events).map(|ms| *ms).observe(meter).on(on.clone());
            macro_rules! panes {
                ($timed:expr) => {
                    $timed
                        .key_by(|_| ())
                        .window(Window::fixed(Duration::from_millis(10)))
                        .fold(Vec::new, |list, ms| list.push(ms))
                        .map(|pane| (pane.window.start().0, pane.value))
                        .collect::<Vec<_>>()
                        .unwrap()
                };
            }
            match limit {
                None => panes!(flow.timestamps(|ms| at(*ms), |w| w.bounded(disorder))),
                Some(ms) => panes!(flow.timestamps(
                    |ms| at(*ms),
                    |w| w
                        .max_ahead(Duration::from_millis(ms))
                        .rejected_to(|ms| rejected.lock().unwrap().push(ms))
                        .bounded(disorder)
                )),
            }
        };
        // The clock of a simulated run stands at 0.
        let (near, far): (Vec<i64>, Vec<i64>) =
            events.iter().partition(|ms| **ms <= ahead as i64);
        let (without, with) = (Meter::new(), Meter::new());
        let rejected = Mutex::new(Vec::new());
        let want = run(&near, None, &without, &rejected);
        let got = run(&events, Some(ahead), &with, &rejected);
        prop_assert_eq!(got, want);
        prop_assert_eq!(dropped(&with), dropped(&without));
        prop_assert_eq!(diverted(&with), far.len() as u64);
        prop_assert_eq!(rejected.into_inner().unwrap(), far);
    }
}

#[test]
fn they_are_counted_where_nobody_takes_them() {
    for on in executors() {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64;
        // In the simulation the year is 1970.
        let now = if format!("{on:?}").contains("Simulation") { 0 } else { now };
        let day = 86_400_000;
        let events =
            [now - day, now - 5000, now + day, now - 4000, i64::MAX, now + 2 * day, now - 7000];
        let meter = Meter::new();
        let mut starts: Vec<i64> = Flow::from_slice(&events)
            .map(|ms| *ms)
            .timestamps(|ms| at(*ms), |w| w.max_ahead(3600 * SECOND).bounded(10 * SECOND))
            .key_by(|_| ())
            .window(Window::fixed(Duration::from_millis(1)))
            .count()
            .on(on)
            .observe(&meter)
            .map(|pane| pane.window.start().0 - now)
            .collect()
            .unwrap();
        starts.sort_unstable();
        assert_eq!((&starts[..], dropped(&meter)), (&[-day, -7000, -5000, -4000][..], 3));
    }
}

/// Says the same time again and again, a millisecond apart.
struct Repeats(usize);

impl Producer for Repeats {
    type Item = (usize, i64);

    fn produce(&mut self, demand: &mut Demand<'_, Self::Item>) -> Result<Produced, BoxError> {
        demand.emit((self.0, 1500));
        self.0 += 1;
        Ok(if self.0 < 2000 { Produced::Pending } else { Produced::Done })
    }
}

/// The clock goes on: what is too early now is welcome later.
#[test]
fn until_the_clock_has_come_there() {
    for seed in 0..20 {
        let rejected = Mutex::new(Vec::new());
        let events: Vec<(usize, i64)> = Flow::from_stages([Repeats(0)])
            .timestamps(
                |(_, ms)| at(*ms),
                |w| {
                    w.max_ahead(SECOND)
                        .rejected_to(|e| rejected.lock().unwrap().push(e))
                        .ascending()
                },
            )
            .untimed()
            .on(Executor::simulation(seed))
            .collect()
            .unwrap();
        let rejected = rejected.into_inner().unwrap();
        // It waits a millisecond each time, at least, so 500 come too early at most.
        assert!((1..=500).contains(&rejected.len()), "{}", rejected.len());
        assert!(rejected.iter().chain(&events).map(|event| event.0).eq(0..2000));
    }
}

#[test]
fn a_panic_in_the_closure_names_it() {
    let events = Flow::from_vec(vec![99_000i64]);
    let timed = events.timestamps(
        |ms| at(*ms),
        |w| w.max_ahead(SECOND).rejected_to(|_| panic!("no")).ascending(),
    );
    let error = timed.on(Executor::simulation(0)).untimed().count().unwrap_err();
    assert_eq!(error.operator(), Some("rejected_to"));
}
