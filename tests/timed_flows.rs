//! Flows whose events have times: every verb per event keeps them and loses no watermark, flows are
//! merged with the least watermark of all, and boxed.

mod support;

use flow::testing::Script;
use flow::{
    BoxTimedFlow, ErrorKind, Executor, Flow, FlowError, Meter, Node, Stamped, TimedFlow, Timestamp,
    Window,
};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;
use support::{Counter, executors};

fn at(ms: i64) -> Timestamp {
    Timestamp(ms)
}

fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// 0 to n, one every 10 ms.
fn timed(n: i64, executor: Executor) -> BoxTimedFlow<'static, i64> {
    Flow::from_range(0..n).on(executor).timestamps(|x| at(10 * x), |w| w.ascending()).boxed()
}

/// Even numbers are fine.
fn even(x: i64) -> Result<i64, String> {
    if x % 2 == 0 { Ok(x) } else { Err(format!("{x} is odd")) }
}

/// Runs a case on all executors, with little and with much demand.
fn each_setup(case: impl Fn(Executor, usize)) {
    for executor in executors() {
        for demand in [1, 7, 4096] {
            case(executor.clone(), demand);
        }
    }
}

#[test]
fn verbs_give_what_an_iterator_gives_with_the_times_of_their_events() {
    macro_rules! same {
        ($($name:literal: $verbs:expr, $want:expr;)+) => {$(
            each_setup(|executor, demand| {
                for n in [0, 1, 3000] {
                    let flow = $verbs(timed(n, executor.clone()));
                    let flow = flow.max_demand(demand).min_demand(0);
                    let mut got: Vec<(Timestamp, _)> = flow.with_times().collect().unwrap();
                    let mut want = Vec::new();
                    for x in 0..n {
                        want.extend($want(x).into_iter().map(|y| (at(10 * x), y)));
                    }
                    got.sort();
                    want.sort();
                    assert_eq!(got, want, "{}", $name);
                }
            });
        )+};
    }
    let odd = |x: i64| x % 2 == 1;
    same! {
        "map": |f: BoxTimedFlow<'static, i64>| f.map(|x| x + 1), |x| [x + 1];
        "map_init": |f: BoxTimedFlow<'static, i64>| f.map_init(|| 7, |seven, x| *seven + x), |x| [7 + x];
        "flatten": |f: BoxTimedFlow<'static, i64>| f.map(|x| 0..x % 4).flatten(), |x| 0..x % 4;
        "flatten options": |f: BoxTimedFlow<'static, i64>| f.map(|x| even(x).ok()).flatten(),
            |x| even(x).ok();
        "flat_map": |f: BoxTimedFlow<'static, i64>| f.flat_map(|x| vec![x; (x % 4) as usize]),
            |x| vec![x; (x % 4) as usize];
        "flat_map_emit": |f: BoxTimedFlow<'static, i64>| {
            f.flat_map_emit(|x, out| (0..x % 4).for_each(|k| out.emit((*x, k))))
        }, |x| (0..x % 4).map(move |k| (x, k));
        "try_map": |f: BoxTimedFlow<'static, i64>| f.try_map(|x| even(2 * x)), |x| [2 * x];
        "try_filter_map": |f: BoxTimedFlow<'static, i64>| {
            f.try_filter_map(|x| Ok::<_, String>(even(x).ok()))
        }, |x| even(x).ok();
        "try_flat_map": |f: BoxTimedFlow<'static, i64>| f.try_flat_map(|x| even(2 * x).map(|x| [x, -x])),
            |x| [2 * x, -2 * x];
        "ok_or_fail": |f: BoxTimedFlow<'static, i64>| f.map(|x| even(2 * x)).ok_or_fail(), |x| [2 * x];
        "skip_errors": |f: BoxTimedFlow<'static, i64>| f.map(even).skip_errors(), |x| even(x).ok();
        "errors_to": |f: BoxTimedFlow<'static, i64>| f.map(even).errors_to(|_| {}), |x| even(x).ok();
        "map_ok": |f: BoxTimedFlow<'static, i64>| f.map(even).map_ok(|x| x + 1),
            |x| [even(x).map(|x| x + 1)];
        "map_err": |f: BoxTimedFlow<'static, i64>| f.map(even).map_err(|e| e.len()),
            |x| [even(x).map_err(|e| e.len())];
        "filter_ok": |f: BoxTimedFlow<'static, i64>| f.map(even).filter_ok(|x| x % 4 == 0),
            |x| [even(x)].into_iter().filter(move |r| odd(x) || r.as_ref().is_ok_and(|x| x % 4 == 0));
    }
}

/// A verb that holds what one event gave holds the watermark behind it, too.
#[test]
fn no_watermark_overtakes_what_is_held() {
    each_setup(|executor, demand| {
        let meter = Meter::new();
        let many = timed(50, executor.clone())
            .flat_map_emit(|x, out| out.extend((0..20).map(|k| (*x, k))))
            .map(|pair| [pair, pair])
            .flatten()
            .try_flat_map(|pair| Ok::<_, String>([pair, pair]))
            .key_by(|_| ())
            .window(Window::fixed(millis(10)))
            .count()
            .max_demand(demand)
            .min_demand(0)
            .observe(&meter);
        let counts: Vec<u64> = many.map(|pane| pane.value).collect().unwrap();
        assert_eq!(counts, [80; 50]);
        assert_eq!(meter.metrics().stages().iter().map(|stage| stage.dropped).sum::<u64>(), 0);
    });
}

#[test]
fn what_fails_is_told_and_counted() {
    fn failed<N: Node<Item = Stamped<T>>, T: Send>(flow: TimedFlow<N>, operator: &str) {
        let error = flow.run().unwrap_err();
        assert_eq!((error.kind(), error.operator()), (ErrorKind::Event, Some(operator)));
        assert!(error.to_string().contains("1 is odd"), "{error}");
        assert!(error.to_string().contains("timed_flows.rs"), "{error}");
    }
    for executor in executors() {
        let three = || timed(2, executor.clone());
        failed(three().try_map(even), "try_map");
        failed(three().try_filter_map(|x| even(x).map(Some)), "try_filter_map");
        failed(three().try_flat_map(|x| even(x).map(|x| [x])), "try_flat_map");
        failed(three().map(even).ok_or_fail(), "ok_or_fail");
        let meter = Meter::new();
        let skipped = timed(100, executor.clone()).observe(&meter).map(even).skip_errors();
        assert_eq!((skipped.count().unwrap(), meter.metrics().skipped()), (50, 50));
        let errors = Mutex::new(Vec::new());
        let told =
            timed(9, executor.clone()).map(even).errors_to(|e| errors.lock().unwrap().push(e));
        assert_eq!(told.count().unwrap(), 5);
        assert_eq!(errors.into_inner().unwrap(), [1, 3, 5, 7].map(|x| format!("{x} is odd")));
    }
}

#[test]
fn panics_name_their_operator() {
    fn panics<T>(result: Result<T, FlowError>, operator: &str) {
        let error = result.err().expect(operator);
        assert_eq!((error.kind(), error.operator()), (ErrorKind::Panic, Some(operator)));
        assert!(error.to_string().contains("timed_flows.rs"), "{error}");
    }
    fn never<T>() -> T {
        panic!("never")
    }
    for executor in executors() {
        let one = || timed(1, executor.clone());
        panics(one().map(|_| never::<()>()).run(), "map");
        panics(one().map_init(never::<()>, |(), x| x).run(), "map_init");
        panics(one().map_init(|| (), |(), _| never::<()>()).run(), "map_init");
        panics(one().flat_map_emit(|_, out| out.emit(never::<u8>())).run(), "flat_map_emit");
        panics(one().map(|_| std::iter::from_fn(never::<Option<()>>)).flatten().run(), "flatten");
        panics(one().try_map(|_| never::<Result<(), String>>()).run(), "try_map");
        panics(
            one().try_filter_map(|_| never::<Result<Option<()>, String>>()).run(),
            "try_filter_map",
        );
        panics(one().try_flat_map(|_| never::<Result<[(); 1], String>>()).run(), "try_flat_map");
        let odd = || one().map(|x| even(x + 1));
        panics(odd().errors_to(|_| never::<()>()).run(), "errors_to");
        panics(odd().map_err(|_| never::<String>()).run(), "map_err");
        let even = || one().map(even);
        panics(even().map_ok(|_| never::<()>()).run(), "map_ok");
        panics(even().filter_ok(|_| never()).run(), "filter_ok");
    }
}

#[test]
fn the_least_watermark_of_merged_flows_counts() {
    // The first is far ahead; what the second has is late only by its own watermark.
    let ahead = || {
        (0..50).fold(Script::new(), |script, x| script.event(at(10 * x), x).watermark(at(10 * x)))
    };
    let behind = || {
        let script = Script::new().clock(millis(1)).event(at(5), 100).watermark(at(20));
        script.event(at(21), 101).event(at(7), 102)
    };
    for seed in 0..300 {
        let late = Mutex::new(Vec::new());
        let first = Flow::from_scripts([ahead()]).filter(|x| *x != 13);
        let merged = first.merge(Flow::from_scripts([behind()])).on(Executor::simulation(seed));
        let counts = merged
            .key_by(|_| ())
            .window(Window::fixed(millis(10)))
            .count()
            .late_to(|late_event| late.lock().unwrap().push(late_event.event))
            .stages(1 + (seed % 3) as usize)
            .linger(Duration::ZERO);
        let counts = counts.map(|pane| (pane.window.start().0 / 10, pane.value));
        let counts: BTreeMap<i64, u64> = counts.collect().unwrap();
        let mut want: BTreeMap<i64, u64> = (0..50).filter(|x| *x != 13).map(|x| (x, 1)).collect();
        want.extend([(0, 2), (2, 2)]);
        // 7 comes behind the watermark 20 of its own source, and the other one may or may not be there.
        if late.lock().unwrap().is_empty() {
            want.insert(0, 3);
        }
        assert_eq!(counts, want, "seed {seed}");
    }
}

/// A source that is quiet holds up the merged flow, unless it is idle: then it is late when it comes.
#[test]
fn idle_inputs_of_merged_flows_are_not_waited_for() {
    let busy =
        || Script::new().event(at(1), 1).watermark(at(10)).clock(millis(900)).event(at(11), 2);
    for (quiet, want, missed) in
        [(Script::new().idle(), vec![1, 1], 1), (Script::new(), vec![2, 1], 0)]
    {
        for seed in 0..100 {
            let late = Counter::default();
            let quiet = quiet.clone().clock(millis(500)).event(at(3), 3);
            let merged = Flow::from_scripts([busy()]).merge(Flow::from_scripts([quiet]));
            let windows = merged.key_by(|_| ()).window(Window::fixed(millis(10)));
            let counts = windows.count().late_to(|_| _ = late.up()).linger(Duration::ZERO);
            let counts = counts.on(Executor::simulation(seed)).map(|pane| pane.value);
            let counts: Vec<u64> = counts.collect().unwrap();
            assert_eq!((counts, late.get()), (want.clone(), missed));
        }
    }
}

#[test]
fn merged_flows_may_be_empty_nested_and_of_many_sources() {
    each_setup(|executor, demand| {
        let source = |from: i64, n: i64| {
            let iters = (0..2).map(move |k| (from..from + n).filter(move |x| x % 2 == k));
            Flow::from_iters(iters).timestamps(|x| at(*x), |w| w.ascending())
        };
        let all = source(0, 500).merge(source(0, 0).merge(source(200, 500).boxed()).boxed());
        let again =
            all.on(executor.clone()).key_by(|x| x % 3).window(Window::fixed(millis(100))).count();
        // Panes are events again, and merged once more.
        let panes = again.map(|pane| pane.value as i64).merge(source(0, 100)).stages(2);
        let meter = Meter::new();
        let sums = panes.key_by(|_| ()).window(Window::fixed(millis(100))).sum(|x| *x);
        let sums = sums.max_demand(demand).min_demand(0).observe(&meter);
        let mut sums: Vec<(i64, i64)> =
            sums.map(|pane| (pane.window.start().0, pane.value)).collect().unwrap();
        sums.sort_unstable();
        let want = [100 + 99 * 50, 100, 200, 200, 200, 100, 100];
        let want: Vec<(i64, i64)> = (0..).map(|x| 100 * x).zip(want).collect();
        assert_eq!(sums, want);
        assert_eq!(meter.metrics().stages().iter().map(|stage| stage.dropped).sum::<u64>(), 0);
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    /// Merged flows give the windows that one flow of the same sources gives.
    #[test]
    fn merged_is_the_same_as_several_sources(
        sources in prop::collection::vec(prop::collection::vec(0..60i64, 0..20), 1..4),
        size in 1..20u64, stages in 1..4usize, seed: u64, threads: bool, demand in 1..5usize
    ) {
        let executor = if threads { Executor::threads(2) } else { Executor::simulation(seed) };
        let script = |times: &Vec<i64>| {
            let script = times.iter().fold(Script::new(), |script, ms| script.event(at(*ms), *ms));
            script.watermark(at(60))
        };
        let mut merged = Flow::from_scripts([]).boxed();
        for times in &sources {
            merged = merged.merge(Flow::from_scripts([script(times)])).boxed();
        }
        let counts = merged
            .on(executor)
            .key_by(|x| x % 3)
            .window(Window::fixed(millis(size)))
            .count()
            .stages(stages)
            .max_demand(demand)
            .min_demand(0);
        let counts = counts.map(|pane| ((pane.key, pane.window.start().0), pane.value));
        let got: Vec<((i64, i64), u64)> = counts.collect().unwrap();
        let mut want: BTreeMap<(i64, i64), u64> = BTreeMap::new();
        for ms in sources.iter().flatten() {
            let start = ms.div_euclid(size as i64) * size as i64;
            *want.entry((ms % 3, start)).or_default() += 1;
        }
        prop_assert_eq!(got.len(), want.len());
        prop_assert_eq!(got.into_iter().collect::<BTreeMap<_, _>>(), want);
    }
}
