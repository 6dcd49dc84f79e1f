//! Windows that fire once are folded before their events come together: nobody can tell, whatever the
//! keys, the number of open parts and what is late.

mod support;

use flow::testing::Script;
use flow::{Executor, Flow, Meter, Pane, Timestamp, Timing, Window};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use support::{Counter, executors};

const SECOND: Duration = Duration::from_secs(1);

/// Out of order by less than `disorder` ms.
fn events(source: i64, disorder: u64, keys: u64) -> impl Iterator<Item = (i64, u64)> + Send {
    (0..12_000i64).map(move |i| {
        let mixed = ((i * 2 + source) as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        (i - (mixed % disorder) as i64, (mixed >> 8) % keys)
    })
}

#[test]
fn sums_are_those_of_the_list_of_events() {
    // More keys than a table holds; more open windows than there are tables.
    for (disorder, keys, size) in [(50, 3, 1000), (50, 9_000, 5000), (9000, 5, 100)] {
        for every in [size, size / 5] {
            let mut want = BTreeMap::new();
            for (at, key) in events(0, disorder, keys).chain(events(1, disorder, keys)) {
                let last = at.div_euclid(every) * every;
                for start in (0..size / every).map(|nth| last - nth * every) {
                    let sum = want.entry((key, start)).or_insert((0, 0));
                    *sum = (sum.0 + at, sum.1 + 1);
                }
            }
            for executor in executors() {
                let millis = |ms: i64| Duration::from_millis(ms as u64);
                let late = Counter::default();
                let lost = late.clone();
                let panes: Vec<Pane<u64, (i64, u64)>> =
                    Flow::from_iters([0, 1].map(|source| events(source, disorder, keys)))
                        .timestamps(
                            |(at, _)| Timestamp(*at),
                            |w| w.bounded(millis(disorder as i64)),
                        )
                        .key_by(|(_, key)| *key)
                        .window(Window::sliding(millis(size), millis(every)))
                        .aggregate(|a| (a.sum(|(at, _)| *at), a.count()))
                        .late_to(move |_| _ = lost.up())
                        .on(executor)
                        .collect()
                        .unwrap();
                assert_eq!(panes.len(), want.len());
                let all = panes.into_iter().map(|pane| {
                    assert_eq!((pane.timing, pane.index, pane.last), (Timing::OnTime, 0, true));
                    ((pane.key, pane.window.start().0), pane.value)
                });
                assert!(all.collect::<BTreeMap<_, _>>() == want && late.get() == 0);
            }
        }
    }
}

#[test]
fn few_partials_travel() {
    let meter = Meter::new();
    let panes = Flow::from_iters([events(0, 50, 3), events(1, 50, 3)])
        .timestamps(|(at, _)| Timestamp(*at), |w| w.bounded(Duration::from_millis(50)))
        .key_by(|(_, key)| *key)
        .window(Window::fixed(SECOND))
        .count()
        .observe(&meter);
    assert_eq!(panes.count().unwrap(), 13 * 3);
    let sent = meter.metrics().edges()[1].events_in;
    // Of 24,000 events: two sources, 13 windows of 3 keys, and their marks to every partition.
    assert!((39..300).contains(&sent), "{sent}");
}

#[test]
fn late_events_travel_one_by_one() {
    for seed in 0..100 {
        let script = Script::new()
            .event(Timestamp(1), 1)
            .event(Timestamp(2), 2)
            .watermark(Timestamp(1500))
            .event(Timestamp(3), 4)
            .event(Timestamp(1001), 8)
            .watermark(Timestamp(2999))
            .event(Timestamp(4), 16)
            .watermark(Timestamp(3000))
            .event(Timestamp(5), 32)
            .watermark(Timestamp(9000));
        let (got, late) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(Vec::new())));
        let (panes, too_late) = (Arc::clone(&got), Arc::clone(&late));
        Flow::from_scripts([script])
            .key_by(|_| ())
            .window(Window::fixed(SECOND))
            .allowed_lateness(2 * SECOND)
            .accumulating()
            .sum(|x| *x)
            .late_to(move |late| too_late.lock().unwrap().push(late.event))
            .on(Executor::simulation(seed))
            .for_each(move |pane| {
                panes.lock().unwrap().push((pane.window.start().0, pane.value, pane.timing));
            })
            .unwrap();
        let want = [
            (0, 3, Timing::OnTime),
            (0, 7, Timing::Late),
            (1000, 8, Timing::OnTime),
            (0, 23, Timing::Late),
        ];
        assert_eq!(*got.lock().unwrap(), want, "seed {seed}");
        assert_eq!(*late.lock().unwrap(), [32], "seed {seed}");
    }
}

#[test]
fn what_a_source_has_seen_counts_although_it_became_idle() {
    for seed in 0..100 {
        let busy = Script::new()
            .event(Timestamp(1), 1)
            .watermark(Timestamp(500))
            .clock(10 * SECOND)
            .watermark(Timestamp(2000))
            .clock(20 * SECOND);
        let quiet = Script::new().event(Timestamp(2), 2).clock(30 * SECOND).event(Timestamp(3), 4);
        let (got, late) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(Vec::new())));
        let (panes, too_late) = (Arc::clone(&got), Arc::clone(&late));
        Flow::from_scripts([busy, quiet])
            .idle_after(SECOND)
            .key_by(|_| ())
            .window(Window::fixed(SECOND))
            .sum(|x| *x)
            .late_to(move |late| too_late.lock().unwrap().push(late.event))
            .on(Executor::simulation(seed))
            .for_each(move |pane| panes.lock().unwrap().push(pane.value))
            .unwrap();
        let (panes, late) = (got.lock().unwrap(), late.lock().unwrap());
        assert_eq!((&panes[..], &late[..]), (&[3][..], &[4][..]), "seed {seed}");
    }
}

/// So many keys that a window keeps them in bins: each key comes once more from either source, and some
/// a third time.
#[test]
fn windows_of_many_keys_give_each_key_once() {
    const KEYS: i64 = 30_000;
    let events = |source: i64| (0..3 * KEYS).map(move |i| (i / 100, i % KEYS * (1 + source)));
    let mut want = BTreeMap::new();
    for (at, key) in events(0).chain(events(1)) {
        let sum = want.entry((at / 450, key)).or_insert((0, 0));
        *sum = (sum.0 + at, sum.1 + 1);
    }
    for executor in executors() {
        for partitions in [1, 3] {
            let panes: Vec<Pane<i64, (i64, u64)>> = Flow::from_generators([events(0), events(1)])
                .timestamps(|(at, _)| Timestamp(*at), |w| w.ascending())
                .key_by(|(_, key)| *key)
                .window(Window::fixed(Duration::from_millis(450)))
                .aggregate(|a| (a.sum(|(at, _)| *at), a.count()))
                .stages(partitions)
                .on(executor.clone())
                .collect()
                .unwrap();
            assert_eq!(panes.len(), want.len());
            let got =
                panes.into_iter().map(|pane| ((pane.window.start().0 / 450, pane.key), pane.value));
            assert!(got.collect::<BTreeMap<_, _>>() == want);
        }
    }
}
