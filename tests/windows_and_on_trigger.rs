//! Windows of partitions without times, and `on_trigger`: what a closure keeps, resets and emits at
//! every firing.

mod support;

use flow::testing::Script;
use flow::{ErrorKind, Executor, Flow, Meter, PaneInfo, Span, Timestamp, Timing, Trigger, Window};
use proptest::prelude::*;
use std::time::Duration;
use support::{Counter, executors, in_time};

fn at(ms: i64) -> Timestamp {
    Timestamp(ms)
}

fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn add(sum: &mut u64, x: u64) {
    *sum += x;
}

/// What it says of a firing: start of the window, trigger, when, which one, whether it is the last.
fn told(pane: &PaneInfo) -> (i64, &'static str, Timing, u32, bool) {
    (pane.window().start().0, pane.trigger(), pane.timing(), pane.index(), pane.is_last())
}

#[test]
fn windows_need_no_times_in_partitions() {
    for executor in executors() {
        for demand in [1, 5, 4096] {
            let numbers = || {
                let numbers = Flow::from_range(1..11u64).stages(1).on(executor.clone());
                numbers.partition_with(|x, n| *x as usize % n).stages(2)
            };
            macro_rules! sums {
                ($windows:expr) => {{
                    let sums = $windows.reduce(|| 0, add).emit_state();
                    let sums = sums.max_demand(demand).min_demand(0);
                    let sums = sums.map(|pane| (pane.key, pane.value));
                    let mut sums: Vec<(usize, u64)> = sums.collect().unwrap();
                    sums.sort_by_key(|sum| sum.0);
                    sums
                }};
            }
            let counted = sums!(numbers().window(Window::count(2)));
            assert_eq!(counted, [(0, 6), (0, 14), (0, 10), (1, 4), (1, 12), (1, 9)]);
            let sliding = sums!(numbers().window(Window::sliding_count(3, 2)));
            assert_eq!(sliding, [(0, 6), (0, 18), (0, 18), (1, 4), (1, 15), (1, 16)]);
            let all = sums!(numbers().window(Window::global()));
            assert_eq!(all, [(0, 30), (1, 25)]);
            let early = numbers().window(Window::global()).trigger(Trigger::every(2));
            let early = sums!(early.discarding());
            assert_eq!(early, [(0, 6), (0, 14), (0, 10), (1, 4), (1, 12), (1, 9)]);
            let by_clock =
                sums!(numbers().window(Window::by_clock(Window::fixed(millis(1 << 40)))));
            assert_eq!(by_clock, [(0, 30), (1, 25)]);
            // The partition is where it was, and what is between belongs to it.
            let pairs = numbers().map(|x| x * 10).filter(|x| *x < 90).window(Window::count(2));
            assert_eq!(sums!(pairs), [(0, 60), (0, 140), (1, 40), (1, 120)]);
        }
    }
}

#[test]
fn empty_partitions_and_stopped_runs() {
    for executor in executors() {
        let none = || Flow::from_vec(Vec::<u64>::new()).on(executor.clone()).partition().stages(3);
        let counted = none().window(Window::count(2)).reduce(|| 7, add).emit_state();
        assert_eq!(counted.count().unwrap(), 0);
        let all = none().window(Window::global()).reduce(|| 7, add);
        let all = all.on_trigger(|sum, pane| {
            assert_eq!(told(pane), (i64::MIN, "close", Timing::OnTime, 0, true));
            [(pane.partition(), pane.partitions(), *sum)]
        });
        let mut all: Vec<_> = all.collect().unwrap();
        all.sort_unstable();
        assert_eq!(all, [(0, 3, 7), (1, 3, 7), (2, 3, 7)]);
    }
    for seed in 0..100 {
        let script = Script::new().event(at(1), 1).event(at(2), 2).unfinished();
        let fired = Counter::default();
        let seen = fired.clone();
        let windows = Flow::from_scripts([script]).untimed().partition().window(Window::global());
        let run = windows.reduce(|| 0, add).on_trigger(move |_, _| {
            seen.up();
            None::<()>
        });
        let run = run.on(Executor::simulation(seed)).run();
        assert_eq!((run.map_err(|error| error.kind()), fired.get()), (Err(ErrorKind::Stopped), 0));
    }
}

/// Windows by the clock need no times: they close as time passes, although nothing comes.
#[test]
fn the_clock_closes_windows_of_partitions() {
    let script = Script::new()
        .event(at(0), 1)
        .event(at(0), 2)
        .clock(millis(120))
        .event(at(0), 3)
        .clock(millis(450))
        .event(at(0), 4);
    for seed in 0..200 {
        let sums = Flow::from_scripts([script.clone()])
            .untimed()
            .partition_by(|_| ())
            .stages(1)
            .linger(Duration::ZERO)
            .on(Executor::simulation(seed))
            .window(Window::by_clock(Window::fixed(millis(100))))
            .reduce(|| 0, add)
            .emit_state();
        let sums = sums.map(|pane| (pane.window.start().0, pane.trigger, pane.value));
        let sums: Vec<_> = sums.collect().unwrap();
        assert_eq!(sums, [(0, "watermark", 3), (100, "watermark", 3), (400, "watermark", 4)]);
    }
}

/// What a closure leaves is what the next event is folded into, in each window of its own.
#[test]
fn what_a_trigger_leaves_is_folded_into() {
    let script = Script::new()
        .event(at(1), 1)
        .event(at(11), 10)
        .event(at(2), 2)
        .event(at(3), 3)
        .event(at(12), 20)
        .watermark(at(10))
        .event(at(4), 4)
        .watermark(at(20));
    for executor in executors() {
        for demand in [1, 4096] {
            // Keeps what it has doubled, and says all that there is to say.
            let doubled = Flow::from_scripts([script.clone()])
                .on(executor.clone())
                .partition_by(|_| ())
                .window(Window::fixed(millis(10)))
                .trigger(Trigger::at_watermark().early(Trigger::every(2)))
                .allowed_lateness(millis(5))
                .reduce(|| 0, add)
                .on_trigger(|sum, pane| {
                    *sum *= 2;
                    [(told(pane), *sum)]
                });
            let doubled = doubled.stages(1).max_demand(demand).min_demand(0).with_times();
            let doubled: Vec<_> = doubled.collect().unwrap();
            let (early, on_time, late) = (Timing::Early, Timing::OnTime, Timing::Late);
            let want = [
                (at(9), ((0, "every", early, 0, false), 6)),
                (at(19), ((10, "every", early, 0, false), 60)),
                (at(9), ((0, "watermark", on_time, 1, false), 18)),
                (at(9), ((0, "each", late, 2, false), 44)),
                (at(19), ((10, "watermark", on_time, 1, false), 120)),
            ];
            assert_eq!(doubled, want);
        }
    }
}

/// A closure may emit much, little and nothing, of a type of its own.
#[test]
fn a_trigger_emits_as_much_as_it_likes() {
    for executor in executors() {
        for demand in [1, 7, 4096] {
            let fired = Flow::from_range(1..8u64)
                .stages(1)
                .on(executor.clone())
                .partition()
                .stages(1)
                .window(Window::global())
                .trigger(Trigger::every(2))
                .reduce(Vec::new, |list: &mut Vec<u64>, x| list.push(x))
                .on_trigger(|list, pane| match pane.index() {
                    // Held back: nothing of it is lost.
                    0 => vec![],
                    1 => (0..3000).chain(list.drain(..)).map(|x| x.to_string()).collect(),
                    _ => vec![format!("{}{}{list:?}", list.len(), pane.is_last())],
                });
            let fired = fired.max_demand(demand).min_demand(0);
            let fired: Vec<String> = fired.collect().unwrap();
            let many = (0..3000).chain(1..5).map(|x: u64| x.to_string());
            let rest = ["2false[5, 6]".to_owned(), "3true[5, 6, 7]".to_owned()];
            assert_eq!(fired, many.chain(rest).collect::<Vec<_>>());
        }
    }
}

#[test]
fn a_plain_reduction_is_told_the_same() {
    let sums = Flow::from_vec(vec![1]).partition().stages(1).reduce(|| 0, add);
    let told = sums.on_trigger(|sum, pane| Some((*sum, pane.window(), told(pane))));
    let want = (i64::MIN, "close", Timing::OnTime, 0, true);
    let all = Span::new(Timestamp::MIN, Timestamp::MAX);
    assert_eq!(told.collect::<Vec<_>>().unwrap(), [(1, all, want)]);
}

#[test]
fn panics_name_their_operator() {
    let windows = || Flow::from_vec(vec![1u64]).partition().window(Window::count(1));
    let fired = windows().reduce(|| 0, add).on_trigger(|_, _| -> Option<()> { panic!("it") });
    let error = fired.run().unwrap_err();
    assert_eq!((error.kind(), error.operator()), (ErrorKind::Panic, Some("on_trigger")));
    assert!(error.to_string().contains("windows_and_on_trigger.rs"), "{error}");
    let error = windows().reduce(|| panic!("init"), add).emit_state().run().unwrap_err();
    assert_eq!(error.operator(), Some("reduce"));
    // Of a window that nothing came to.
    let none = Flow::from_vec(Vec::<u64>::new()).partition().window(Window::global());
    let fired = none.reduce(|| 0, add).on_trigger(|_, _| -> Option<()> { panic!("it") });
    assert_eq!(fired.run().unwrap_err().operator(), Some("on_trigger"));
}

#[test]
fn what_makes_no_sense_is_refused() {
    let parts = || Flow::from_vec(vec![1u64]).partition();
    let refused = |result: Result<(), flow::FlowError>, operator| {
        let error = result.unwrap_err();
        assert_eq!((error.kind(), error.operator()), (ErrorKind::Option, Some(operator)));
        assert!(error.to_string().contains("windows_and_on_trigger.rs"), "{error}");
    };
    let windows = parts().window(Window::count(0));
    refused(windows.reduce(|| 0, add).emit_state().run(), "window");
    let windows = parts().window(Window::global()).trigger(Trigger::every(0));
    refused(windows.accumulating().reduce(|| 0, add).emit_state().run(), "trigger");
    // Without a mode panes relate to each other in no way, unless a closure says what is kept.
    let windows = || parts().window(Window::global()).trigger(Trigger::every(3));
    refused(windows().reduce(|| 0, add).emit_state().run(), "window");
    windows().reduce(|| 0, add).on_trigger(|sum, _| Some(*sum)).run().unwrap();
}

/// A closure may wait for what only the run can do: nothing of ours is locked meanwhile.
#[test]
fn a_trigger_may_run_a_flow() {
    in_time(|| {
        for executor in executors() {
            let windows = Flow::from_range(0..100u64).partition().window(Window::count(7));
            let sums = windows.reduce(Vec::new, |list, x| list.push(x)).on_trigger(|list, _| {
                let list = std::mem::take(list);
                Flow::from_vec(list).stages(2).sum::<u64>().ok()
            });
            assert_eq!(sums.on(executor).collect::<Vec<u64>>().unwrap().iter().sum::<u64>(), 4950);
        }
    });
}

#[test]
fn the_plan_has_no_second_exchange() {
    let windows = Flow::from_range(0..9u64).partition().window(Window::count(2));
    let sums = windows.reduce(|| 0, add).emit_state();
    assert_eq!((sums.explain().stages().len(), sums.explain().edges().len()), (2, 1));
    let meter = Meter::new();
    sums.observe(&meter).run().unwrap();
    assert_eq!(meter.metrics().edges().len(), 1);
}

/// What a closure does with the state at a firing.
#[derive(Clone, Copy, Debug)]
enum Does {
    Keeps,
    Resets,
    Trims,
}

fn does(how: &[Does], pane: &PaneInfo, list: &mut Vec<u64>) -> Vec<(usize, u64)> {
    let emitted = list.iter().map(|x| (pane.partition(), *x)).collect();
    match how[pane.index() as usize % how.len()] {
        Does::Keeps => {}
        Does::Resets => list.clear(),
        Does::Trims => list.truncate(1),
    }
    emitted
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Each partition's windows give what a loop over its events gives.
    #[test]
    fn a_trigger_gives_what_a_loop_gives(
        events in prop::collection::vec(0..50u64, 0..60),
        how in prop::collection::vec(
            prop_oneof![Just(Does::Keeps), Just(Does::Resets), Just(Does::Trims)], 1..4),
        size in prop::option::of(1..8u32), every in 1..6u32,
        parts in 1..4usize, demand in 1..6usize, seed: u64, threads in 0..8usize
    ) {
        let executor = match threads {
            0 => Executor::threads(2),
            1 => Executor::threads(1),
            _ => Executor::simulation(seed),
        };
        let routed = Flow::from_vec(events.clone())
            .stages(1)
            .on(executor)
            .partition_with(|x, n| *x as usize % n)
            .stages(parts);
        let push = |list: &mut Vec<u64>, x| list.push(x);
        macro_rules! emitted {
            ($window:expr) => {
                routed.window($window).trigger(Trigger::every(every)).reduce(Vec::new, push)
                    .on_trigger(|list, pane| does(&how, pane, list))
                    .max_demand(demand).min_demand(0)
                    .collect::<Vec<_>>().unwrap()
            };
        }
        let emitted = match size {
            Some(size) => emitted!(Window::count(size)),
            None => emitted!(Window::global()),
        };
        for part in 0..parts {
            let got: Vec<u64> =
                emitted.iter().filter(|(at, _)| *at == part).map(|(_, x)| *x).collect();
            let mut want = Vec::new();
            let (mut list, mut new, mut index, mut seen) = (Vec::new(), 0, 0, 0);
            let mut fire = |list: &mut Vec<u64>, index: &mut usize| {
                want.extend(list.iter().copied());
                match how[*index % how.len()] {
                    Does::Keeps => {}
                    Does::Resets => list.clear(),
                    Does::Trims => list.truncate(1),
                }
                *index += 1;
            };
            for x in events.iter().filter(|x| **x as usize % parts == part) {
                list.push(*x);
                (new, seen) = (new + 1, seen + 1);
                if size.is_some_and(|size| seen % size == 0) {
                    fire(&mut list, &mut index);
                    (list, new, index) = (Vec::new(), 0, 0);
                } else if new == every {
                    fire(&mut list, &mut index);
                    new = 0;
                }
            }
            // The global window closes with a firing in any case.
            if new > 0 || size.is_none() {
                fire(&mut list, &mut index);
            }
            prop_assert_eq!(got, want);
        }
    }
}
