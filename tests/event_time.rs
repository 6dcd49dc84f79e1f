//! Events carry their times through all verbs, watermarks are kept per source, and windows close by
//! them: whatever the schedule, the workers and the batches.

mod support;

use flow::testing::Script;
use flow::{ErrorKind, Executor, Flow, Meter, Pane, Timestamp, Timing, Trigger, Window};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use support::{Counter, executors, in_time};

const SECOND: Duration = Duration::from_secs(1);

fn at(ms: i64) -> Timestamp {
    Timestamp(ms)
}

#[test]
fn verbs_keep_the_times() {
    for executor in executors() {
        let events = Flow::from_vec((0..3000i64).collect::<Vec<_>>()).on(executor);
        let timed = events.timestamps(|x| at(10 * x), |w| w.ascending());
        let seen = Counter::default();
        let through = timed
            .map(|x| x + 1)
            .filter(|x| x % 2 == 0)
            .inspect(|_| _ = seen.up())
            .flat_map(|x| (0..3).map(move |k| (x, k)))
            .filter_map(|(x, k)| (k != 1).then_some((x, k)))
            .max_demand(7)
            .min_demand(3);
        let got: Vec<(Timestamp, (i64, i64))> = through.with_times().collect().unwrap();
        let want = (0..3000).filter(|x| x % 2 == 1);
        let want = want.flat_map(|x| [0, 2].map(|k| (at(10 * x), (x + 1, k))));
        assert_eq!(got, want.collect::<Vec<_>>());
        assert_eq!(seen.get(), 1500);
    }
}

/// Windows of a second, counted by key, as the list of events says.
fn offline(events: impl Iterator<Item = (i64, u64)>) -> BTreeMap<(u64, i64), u64> {
    let mut counts = BTreeMap::new();
    events.for_each(|(ms, key)| *counts.entry((key, ms.div_euclid(1000) * 1000)).or_insert(0) += 1);
    counts
}

/// Events out of order by less than 100 ms.
fn disordered(source: i64) -> impl Iterator<Item = (i64, u64)> + Clone + Send {
    (0..20_000i64).map(move |i| {
        let mixed = (i as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
        (i + source * 5000 - (mixed % 100) as i64, mixed % 13)
    })
}

#[test]
fn sources_have_watermarks_of_their_own() {
    for executor in executors() {
        let want = offline(disordered(0).chain(disordered(1)).chain(disordered(-2)));
        // One of them is far behind the others: nothing of it is late.
        let sources = [disordered(0), disordered(1), disordered(-2)];
        let late = Counter::default();
        let lost = late.clone();
        let panes: Vec<Pane<u64, u64>> = Flow::from_iters(sources)
            .timestamps(|(ms, _)| at(*ms), |w| w.bounded(Duration::from_millis(100)))
            .key_by(|(_, key)| *key)
            .window(Window::fixed(SECOND))
            .count()
            .late_to(move |_| _ = lost.up())
            .on(executor)
            .collect()
            .unwrap();
        let mut got = BTreeMap::new();
        for pane in panes {
            assert_eq!((pane.timing, pane.index, pane.last), (Timing::OnTime, 0, true));
            assert_eq!(got.insert((pane.key, pane.window.start().0), pane.value), None);
        }
        assert_eq!((got, late.get()), (want, 0));
    }
}

#[test]
fn the_least_watermark_of_all_inputs_counts() {
    for seed in 0..300 {
        let run = |slow: Script<u64>| {
            let fast = Script::new().event(at(1), 1).event(at(2), 2).watermark(at(50_000));
            let got = Arc::new(Mutex::new(Vec::new()));
            let panes = Arc::clone(&got);
            let windows =
                Flow::from_scripts([fast, slow]).key_by(|_| ()).window(Window::fixed(SECOND));
            let run = windows
                .fold(Vec::new, |list, x| list.push(x))
                .on(Executor::simulation(seed))
                .for_each(move |pane| panes.lock().unwrap().push(pane.value));
            (run.map_err(|error| error.kind()), std::mem::take(&mut *got.lock().unwrap()))
        };
        // An input that has said nothing holds up everything.
        let silent = run(Script::new().event(at(3), 3).unfinished());
        assert_eq!(silent, (Err(ErrorKind::Stopped), vec![]));
        let mut all = run(Script::new().event(at(3), 3)).1.concat();
        all.sort_unstable();
        assert_eq!(all, [1, 2, 3]);
        let behind = run(Script::new().watermark(at(900)).event(at(3), 3).unfinished());
        assert_eq!(behind.1, Vec::<Vec<u64>>::new());
    }
}

#[test]
fn what_is_late_is_counted() {
    for executor in executors() {
        let meter = Meter::new();
        let script = Script::new()
            .event(at(1), 'a')
            .watermark(at(1000))
            .event(at(2), 'b')
            .event(at(999), 'c')
            .event(at(1000), 'd');
        let panes: Vec<_> = Flow::from_scripts([script])
            .key_by(|_| ())
            .window(Window::fixed(SECOND))
            .count()
            .on(executor)
            .observe(&meter)
            .map(|pane| (pane.window.start().0, pane.value))
            .collect()
            .unwrap();
        assert_eq!(panes, [(0, 1), (1000, 1)]);
        assert_eq!(meter.metrics().stages().iter().map(|stage| stage.dropped).sum::<u64>(), 2);
    }
}

#[test]
fn a_window_of_many_keys_closes_pane_by_pane() {
    let setups = [(Executor::threads(1), 100_000), (Executor::threads(4), 100_000)];
    for (executor, many) in setups.into_iter().chain([(Executor::simulation(5), 10_000)]) {
        in_time(move || {
            let numbers = Flow::from_iter((0..many).chain([1_000_000_000i64])).on(executor);
            let panes = numbers
                .timestamps(|x| at(*x), |w| w.ascending())
                .key_by(|x| *x)
                .window(Window::fixed(1_000 * SECOND))
                .count()
                .map(|pane| pane.key);
            // Behind it there is room for one at a time.
            let partitions = panes.untimed().partition().stages(2).max_demand(1).min_demand(0);
            let mut keys = partitions.with_iter(|keys| keys.collect::<Vec<_>>()).unwrap();
            keys.sort_unstable();
            assert!(keys.iter().copied().eq((0..many).chain([1_000_000_000])));
        });
    }
}

#[test]
fn panes_can_be_windowed_again() {
    for executor in executors() {
        let seconds = Flow::from_iter(0..10_000i64)
            .timestamps(|x| at(*x), |w| w.ascending())
            .key_by(|x| x % 3)
            .window(Window::fixed(SECOND))
            .sum(|x| *x);
        let halves =
            seconds.key_by(|_| ()).window(Window::fixed(5 * SECOND)).sum(|pane| pane.value);
        let sums = halves.map(|pane| (pane.window.start().0, pane.value));
        let mut sums: Vec<_> = sums.on(executor).collect().unwrap();
        sums.sort_unstable();
        assert_eq!(sums, [(0, (0..5000).sum()), (5000, (5000..10_000).sum::<i64>())]);
    }
}

#[test]
fn what_cannot_be_is_refused() {
    let keyed =
        || Flow::from_vec(vec![1i64]).timestamps(|x| at(*x), |w| w.ascending()).key_by(|x| *x);
    let zero = keyed().window(Window::fixed(Duration::ZERO)).count().run().unwrap_err();
    assert_eq!((zero.kind(), zero.operator()), (ErrorKind::Option, Some("window")));
    let never = keyed().window(Window::global()).trigger(Trigger::every(0)).discarding();
    let never = never.count().run().unwrap_err();
    assert_eq!((never.kind(), never.operator()), (ErrorKind::Option, Some("trigger")));
    let unsaid = keyed().window(Window::global()).trigger(Trigger::every(2)).count();
    let unsaid = unsaid.run().unwrap_err();
    assert_eq!((unsaid.kind(), unsaid.operator()), (ErrorKind::Option, Some("window")));
    assert!(unsaid.to_string().contains("discarding()"), "{unsaid}");
    let lasts = keyed().window(Window::session(SECOND)).aggregate(|a| a.last(|x| *x));
    let lasts = lasts.run().unwrap_err();
    assert_eq!((lasts.kind(), lasts.operator()), (ErrorKind::Option, Some("aggregate")));
    let late = keyed().window(Window::fixed(SECOND)).allowed_lateness(SECOND).count();
    assert_eq!(late.run().unwrap_err().kind(), ErrorKind::Option);
}

#[test]
fn a_stopped_run_closes_no_window_and_a_drained_one_all() {
    let panes = |how: fn(&flow::Handle<()>)| {
        in_time(move || {
            let (seen, given) = (Counter::default(), Counter::default());
            let (counted, panes) = (given.clone(), seen.clone());
            let endless = Flow::from_iter((0i64..).inspect(move |_| _ = counted.up()));
            let windows = endless
                .timestamps(|_| at(0), |w| w.ascending())
                .key_by(|x| x % 2)
                .window(Window::fixed(SECOND))
                .count();
            let handle = windows.inspect(move |_| _ = panes.up()).start().unwrap();
            support::until("some have come", || given.get() > 10_000);
            how(&handle);
            let _ = handle.join();
            seen.get()
        })
    };
    assert_eq!(panes(flow::Handle::stop), 0);
    assert_eq!(panes(flow::Handle::cancel), 0);
    assert_eq!(panes(flow::Handle::drain), 2);
}

#[test]
fn a_quiet_source_holds_up_nobody() {
    for seed in 0..200 {
        let run = |limit: Option<Duration>| {
            let busy = Script::new().event(at(1), 1).watermark(at(2000)).clock(10 * SECOND);
            let quiet =
                Script::new().event(at(2), 2).clock(20 * SECOND).event(at(1500), 3).unfinished();
            let got = Arc::new(Mutex::new(Vec::new()));
            let panes = Arc::clone(&got);
            let inputs = Flow::from_scripts([busy.unfinished(), quiet]);
            let executor = Executor::simulation(seed);
            let run = match limit {
                None => inputs
                    .key_by(|_| ())
                    .window(Window::fixed(SECOND))
                    .count()
                    .on(executor)
                    .for_each(move |pane| panes.lock().unwrap().push(pane.value)),
                Some(limit) => inputs
                    .idle_after(limit)
                    .key_by(|_| ())
                    .window(Window::fixed(SECOND))
                    .count()
                    .on(executor)
                    .for_each(move |pane| panes.lock().unwrap().push(pane.value)),
            };
            assert_eq!(run.unwrap_err().kind(), ErrorKind::Stopped);
            std::mem::take(&mut *got.lock().unwrap())
        };
        assert_eq!(run(None), Vec::<u64>::new(), "seed {seed}");
        assert_eq!(run(Some(SECOND)), [2], "seed {seed}");
    }
}

#[test]
fn windows_without_times() {
    for executor in executors() {
        let numbers = || Flow::from_range(0..1000u64).stages(1).on(executor.clone());
        let panes = numbers().key_by(|x| x % 7).window(Window::count(10)).count();
        let counts: Vec<u64> = panes.map(|pane| pane.value).collect().unwrap();
        assert_eq!(counts.iter().sum::<u64>(), 1000);
        assert_eq!(counts.iter().filter(|count| **count == 10).count(), 7 * 14);
        let all = numbers().key_by(|x| x % 7).window(Window::global()).sum(|x| *x);
        assert_eq!(
            all.map(|pane| pane.value).collect::<Vec<u64>>().unwrap().iter().sum::<u64>(),
            499_500
        );
        let by_clock = Window::by_clock(Window::fixed(SECOND));
        let counts = numbers().key_by(|_| ()).window(by_clock).count();
        let counts: Vec<u64> = counts.map(|pane| pane.value).collect().unwrap();
        assert_eq!(counts.iter().sum::<u64>(), 1000);
    }
}

/// What has too little demand or comes in other batches is marked at the same places.
#[test]
fn events_say_watermarks() {
    // Of these, tens end a period.
    let events = [3i64, 7, 1, -10, 12, 15, 8, -20, 11, 31];
    for executor in executors() {
        for demand in [1, 2, 1000] {
            let late = Mutex::new(Vec::new());
            let panes: Vec<_> = Flow::from_slice(&events)
                .map(|x| *x)
                .timestamps(|x| at(x.abs()), |w| w.punctuated(|x| (*x < 0).then_some(at(-x))))
                .key_by(|_| ())
                .window(Window::fixed(Duration::from_millis(10)))
                .fold(Vec::new, |list, x| list.push(x))
                .late_to(|too_late| late.lock().unwrap().push(too_late.event))
                .max_demand(demand)
                .on(executor.clone())
                .map(|pane| (pane.window.start().0, pane.value))
                .collect()
                .unwrap();
            let want =
                [(0, vec![3, 7, 1]), (10, vec![-10, 12, 15]), (20, vec![-20]), (30, vec![31])];
            assert_eq!((panes, late.into_inner().unwrap()), (want.to_vec(), vec![8, 11]));
        }
    }
}

/// Who is there again is not late because another one has ended meanwhile.
#[test]
fn an_idle_source_beside_one_that_has_ended_is_not_at_the_end_of_time() {
    for seed in 0..100 {
        let ended = Script::new().event(at(1), 1).watermark(at(7));
        let idle = Script::new().event(at(5), 2).watermark(at(1500)).idle().clock(SECOND);
        let late = Counter::default();
        let counts: Vec<(i64, u64)> = Flow::from_scripts([ended, idle.event(at(1600), 3)])
            .key_by(|_| ())
            .window(Window::fixed(SECOND))
            .count()
            .late_to(|_| _ = late.up())
            .on(Executor::simulation(seed))
            .map(|pane| (pane.window.start().0, pane.value))
            .collect()
            .unwrap();
        assert_eq!((counts, late.get()), (vec![(0, 2), (1000, 1)], 0), "seed {seed}");
    }
}

/// That nothing is expected goes on behind windows, after what the last watermark closed.
#[test]
fn idleness_goes_on_behind_windows() {
    for seed in 0..100 {
        // The last one to be idle moves the watermark to that of the first.
        let first = Script::new().event(at(1), 'a').watermark(at(2000)).idle().clock(3 * SECOND);
        let last = Script::new().event(at(2), 'b').watermark(at(900)).clock(SECOND).idle();
        let last = last.clock(3 * SECOND).unfinished();
        let panes = Flow::from_scripts([first.unfinished(), last])
            .key_by(|_| ())
            .window(Window::fixed(SECOND))
            .count()
            .map(|pane| pane.value);
        let others = Script::new().event(at(500), 7).clock(2 * SECOND).watermark(at(9000));
        let others = Flow::from_scripts([others.clock(3 * SECOND).unfinished()]);
        let seen = Counter::default();
        let joined = panes
            .key_by(|_| ())
            .window(Window::fixed(5 * SECOND))
            .join(others.key_by(|_| ()))
            .on(Executor::simulation(seed))
            .for_each(|((), count, other)| {
                assert_eq!((count, other), (2, 7));
                seen.up();
            });
        assert!(joined.is_err());
        assert_eq!(seen.get(), 1, "seed {seed}");
    }
}
