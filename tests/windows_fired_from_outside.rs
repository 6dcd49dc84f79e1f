//! Windows that are fired by a signal: through the handle of a run, and by a script in the simulation.

mod support;

use flow::testing::Script;
use flow::{ErrorKind, Executor, Flow, Handle, Pane, PaneView, Timestamp, Timing, Trigger, Window};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;
use support::{in_time, no_thread_is_left};

fn at(ms: i64) -> Timestamp {
    Timestamp(ms)
}

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// What a pane says: key, start of the window, which of its panes, trigger, when, and its value.
type Said = (u8, i64, u32, &'static str, Timing, Vec<i64>);

fn said(pane: Pane<u8, Vec<i64>>) -> Said {
    let mut value = pane.value;
    value.sort_unstable();
    (pane.key, pane.window.start().0, pane.index, pane.trigger, pane.timing, value)
}

#[test]
fn early_and_late_panes_have_signals_of_their_own() {
    // Of key 1 two windows are open, of key 2 one.
    let script = Script::new()
        .event(at(1), (1, 1))
        .event(at(11), (1, 11))
        .event(at(2), (2, 2))
        .clock(seconds(1))
        .fire("late")
        .clock(seconds(2))
        .fire("early")
        .clock(seconds(3))
        .event(at(3), (1, 3))
        .clock(seconds(4))
        .fire("early")
        .clock(seconds(5))
        .watermark(at(10))
        .event(at(4), (2, 4))
        .event(at(12), (1, 12))
        .clock(seconds(6))
        .fire("late")
        .clock(seconds(7))
        .event(at(5), (2, 5));
    for seed in 0..200 {
        let trigger = Trigger::at_watermark()
            .early(Trigger::on_signal("early"))
            .late(Trigger::every(9).or(Trigger::on_signal("late")));
        let panes = Flow::from_scripts([script.clone()])
            .on(Executor::simulation(seed))
            .key_by(|(key, _)| *key)
            .window(Window::fixed(Duration::from_millis(10)))
            .trigger(trigger)
            .accumulating()
            .allowed_lateness(seconds(1))
            .fold(Vec::new, |list, (_, x)| list.push(x))
            .stages(3)
            .linger(Duration::ZERO)
            .max_demand(1 + (seed % 3) as usize)
            .min_demand(0);
        let mut panes: Vec<Said> = panes.map(said).collect().unwrap();
        panes.sort_by_key(|pane| (pane.0, pane.1, pane.2));
        let (early, on_time, late) = (Timing::Early, Timing::OnTime, Timing::Late);
        let want = [
            (1, 0, 0, "early", early, vec![1]),
            (1, 0, 1, "early", early, vec![1, 3]),
            (1, 0, 2, "watermark", on_time, vec![1, 3]),
            (1, 10, 0, "early", early, vec![11]),
            (1, 10, 1, "watermark", on_time, vec![11, 12]),
            (2, 0, 0, "early", early, vec![2]),
            (2, 0, 1, "watermark", on_time, vec![2]),
            (2, 0, 2, "late", late, vec![2, 4]),
            (2, 0, 3, "close", late, vec![2, 4, 5]),
        ];
        assert_eq!(panes, want, "seed {seed}");
    }
}

#[test]
fn all_kinds_of_windows_hear() {
    let script =
        || [1, 2, 8, 3].into_iter().fold(Script::new(), |script, x| script.event(at(x), (1u8, x)));
    let script = || script().clock(seconds(1)).fire("now").fire("now").clock(seconds(2));
    macro_rules! panes {
        ($window:expr, $fold:ident) => {{
            let windows = Flow::from_scripts([script().fire("now")])
                .on(Executor::simulation(3))
                .key_by(|(key, _)| *key)
                .window($window)
                .trigger(Trigger::at_watermark().early(Trigger::on_signal("now")).only_if_new())
                .accumulating();
            let panes = panes!(@$fold windows).linger(Duration::ZERO);
            let panes = panes.map(|pane| (pane.window.start().0, pane.trigger, pane.value));
            panes.collect::<Vec<_>>().unwrap()
        }};
        (@sum $windows:ident) => { $windows.sum(|(_, x)| *x) };
        (@fold $windows:ident) => { $windows.fold(|| 0, |sum, (_, x)| *sum += x) };
    }
    let ms = Duration::from_millis;
    assert_eq!(panes!(Window::global(), sum), [(i64::MIN, "now", 14)]);
    assert_eq!(panes!(Window::fixed(ms(5)), fold), [(0, "now", 6), (5, "now", 8)]);
    let sliding = [(-3, "now", 3), (0, "now", 6), (3, "now", 11), (6, "now", 8)];
    assert_eq!(panes!(Window::sliding(ms(6), ms(3)), sum), sliding);
    assert_eq!(panes!(Window::session(ms(4)), sum), [(1, "now", 6), (8, "now", 8)]);
    // Events count as they come: 1, 2 and 8, and then 3.
    assert_eq!(panes!(Window::count(3), fold), [(0, "full", 11), (3, "now", 3)]);
    let sliding = [(0, "full", 3), (0, "full", 14), (2, "now", 11)];
    assert_eq!(panes!(Window::sliding_count(4, 2), fold), sliding);
    assert_eq!(panes!(Window::by_clock(Window::fixed(seconds(60))), sum), [(0, "now", 14)]);
}

/// Firing is a cursor: it goes on where there is room.
#[test]
fn many_keys_fire_one_by_one() {
    let events = (0..3_000u32).fold(Script::new(), |script, key| script.event(at(1), key));
    let script = events.clock(seconds(1)).fire("now").clock(seconds(2)).event(at(2), 7);
    for seed in 0..3 {
        let fired = Flow::from_scripts([script.clone()])
            .on(Executor::simulation(seed))
            .key_by(|key| *key)
            .window(Window::global())
            .trigger(Trigger::on_signal("now"))
            .discarding()
            .count()
            .linger(Duration::ZERO)
            .key_by(|pane| (pane.trigger, pane.key))
            .window(Window::global())
            .count()
            .max_demand(1)
            .min_demand(0);
        let mut fired: Vec<_> = fired.map(|pane| (pane.key, pane.value)).collect().unwrap();
        fired.sort_unstable();
        assert_eq!((fired.len(), fired[0]), (3_001, (("close", 7), 1)));
        assert!(fired.iter().all(|(_, count)| *count == 1));
    }
}

#[test]
fn joins_hear_too() {
    let side = |x| Script::new().event(at(1), x).clock(seconds(1));
    let left = Flow::from_scripts([side(1).fire("now").clock(seconds(2)).event(at(2), 1)]);
    let right = Flow::from_scripts([side(1)]);
    let trigger = Trigger::at_watermark().early(Trigger::on_signal("now"));
    let windows = left.key_by(|x| *x).window(Window::fixed(seconds(1))).trigger(trigger);
    let pairs = windows.join(right.key_by(|x| *x)).with_times().on(Executor::simulation(1));
    assert_eq!(pairs.count().unwrap(), 2);
}

/// Numbers go in, panes come out, and the fold says what it has seen.
struct Running {
    numbers: Sender<u64>,
    folded: Receiver<u64>,
    panes: Receiver<(&'static str, u64)>,
    handle: Handle<()>,
}

/// One window for all, over keys or over partitions.
fn running(executor: Executor, over_keys: bool) -> Running {
    let (numbers, source) = mpsc::channel();
    let (saw, folded) = mpsc::channel();
    let (give, panes) = mpsc::channel();
    let trigger = Trigger::on_signal("now").or(Trigger::every(100)).or(Trigger::on_signal("end"));
    let add = move |sum: &mut u64, x: u64| {
        *sum += x;
        saw.send(x).unwrap();
    };
    let numbers_of = Flow::from_iter(source).on(executor);
    let out = move |trigger, value| give.send((trigger, value)).unwrap();
    let handle = if over_keys {
        let windows = numbers_of.key_by(|_| ()).window(Window::global()).trigger(trigger);
        let sums = windows.accumulating().fold(|| 0, add);
        sums.to(move |pane: Pane<(), u64>| out(pane.trigger, pane.value)).start()
    } else {
        let windows = numbers_of.partition_by(|_| ()).stages(1).window(Window::global());
        let sums = windows.trigger(trigger).accumulating().reduce(|| 0, add).emit_state();
        sums.to(move |pane: Pane<usize, u64>| out(pane.trigger, pane.value)).start()
    };
    Running { numbers, folded, panes, handle: handle.unwrap() }
}

#[test]
fn a_handle_fires_what_is_new_and_wakes_who_waits() {
    for executor in [1, 2, 4].map(Executor::threads) {
        for over_keys in [true, false] {
            let executor = executor.clone();
            in_time(move || {
                let Running { numbers, folded, panes, handle } = running(executor, over_keys);
                let mut sum = 0;
                for x in 1..50 {
                    numbers.send(x).unwrap();
                    assert_eq!(folded.recv(), Ok(x));
                    // Nothing comes any more: only the signal can make anything happen.
                    let name = if x % 2 == 0 { "now" } else { "end" };
                    handle.fire(name).unwrap();
                    sum += x;
                    assert_eq!(panes.recv(), Ok((name, sum)));
                    handle.fire(name).unwrap();
                }
                drop(numbers);
                handle.join().unwrap();
                // A partition has its last pane in any case, a key only where something is new.
                let rest: Vec<_> = panes.iter().collect();
                assert_eq!(rest, if over_keys { vec![] } else { vec![("close", sum)] });
            });
        }
    }
    no_thread_is_left();
}

#[test]
fn a_name_that_nothing_waits_for_is_an_error_that_lists_the_others() {
    in_time(|| {
        let Running { numbers, handle, panes, .. } = running(Executor::threads(2), false);
        let error = handle.fire("nwo").unwrap_err();
        assert_eq!((error.kind(), error.operator()), (ErrorKind::Option, Some("fire")));
        assert!(error.to_string().contains(r#""nwo": windows wait for "end", "now""#), "{error}");
        assert!(error.to_string().contains("windows_fired_from_outside.rs"), "{error}");
        drop(numbers);
        handle.join().unwrap();
        assert_eq!(panes.recv(), Ok(("close", 0)));
        let handle = Flow::from_vec(vec![1]).start().unwrap();
        let error = handle.fire("now").unwrap_err().to_string();
        assert!(error.contains("no window of this run waits for one"), "{error}");
        handle.join().unwrap();
    });
    let script = Script::new().event(at(1), 1).fire("now");
    let error = Flow::from_scripts([script]).count().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Option);
}

/// Whatever has been said, the run ends as it is told to, and afterwards nobody hears.
#[test]
fn signals_keep_no_run_alive() {
    for executor in [Executor::threads(1), Executor::threads(3)] {
        in_time(move || {
            for how in 0..3 {
                let Running { numbers, folded, panes: _panes, handle } =
                    running(executor.clone(), how == 0);
                numbers.send(1).unwrap();
                folded.recv().unwrap();
                (0..9).for_each(|_| handle.fire("now").unwrap());
                match how {
                    0 => handle.stop(),
                    1 => handle.cancel(),
                    _ => {}
                }
                handle.fire("now").unwrap();
                drop((numbers, handle));
            }
            let (numbers, source) = mpsc::channel::<u64>();
            let sums = Flow::from_iter(source).key_by(|_| ()).window(Window::global());
            let sums = sums.trigger(Trigger::on_signal("now")).discarding().count();
            let handle = sums.start().unwrap();
            drop(numbers);
            while !handle.is_finished() {
                handle.fire("now").unwrap();
            }
            handle.fire("now").unwrap();
            assert!(handle.fire("then").is_err());
            handle.join().unwrap();
        });
    }
    no_thread_is_left();
}

/// Who has read enough stops what fires, whatever is still told.
#[test]
fn a_reader_that_stops_is_told_no_more() {
    for seed in 0..300 {
        let events = (0..20u8).fold(Script::new(), |script, key| script.event(at(1), key));
        let script = events.clock(seconds(1)).fire("a").fire("b").event(at(2), 1).fire("a");
        let script = script.clock(seconds(2)).event(at(3), 2).fire("b").clock(seconds(3)).fire("a");
        let windows = Flow::from_scripts([script]).key_by(|key| *key).window(Window::global());
        let trigger = Trigger::on_signal("a").or(Trigger::on_signal("b"));
        let counts = windows.trigger(trigger).accumulating().count();
        let counts = counts.stages(2).linger(Duration::ZERO).on(Executor::simulation(seed));
        let few = 1 + seed as usize % 30;
        let read = if seed % 2 == 0 {
            counts.with_iter(|panes| panes.by_ref().take(few).count()).unwrap()
        } else {
            counts.untimed().take_any(few).count().unwrap() as usize
        };
        assert!(read == few || read > 20, "seed {seed}: {read}");
    }
}

#[test]
fn a_mode_must_be_named() {
    let windows = Flow::from_vec(vec![1]).key_by(|x| *x).window(Window::global());
    let error = windows.trigger(Trigger::on_signal("now")).count().run().unwrap_err();
    assert_eq!((error.kind(), error.operator()), (ErrorKind::Option, Some("window")));
}

/// A step of a random script.
#[derive(Clone, Debug)]
enum Step {
    Event(u8, i64),
    Fire(&'static str),
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Signals fire what is new of each key, with what the list says has come by then.
    #[test]
    fn signals_fire_what_the_list_says(
        steps in prop::collection::vec(prop_oneof![
            4 => (0..4u8, 0..100i64).prop_map(|(key, x)| Step::Event(key, x)),
            1 => Just(Step::Fire("a")),
            1 => Just(Step::Fire("b")),
        ], 0..40),
        every in 1..5u32, size in 1..6u32, counted: bool, keep: bool,
        stages in 1..4usize, seed: u64, demand in 1..4usize
    ) {
        let mut clock = 0;
        let mut script = Script::new();
        for step in &steps {
            script = match step {
                Step::Event(key, x) => script.event(at(0), (*key, *x)),
                Step::Fire(name) => {
                    clock += 2;
                    script.clock(seconds(clock - 1)).fire(name).clock(seconds(clock))
                }
            };
        }
        let nth = move |_: &(u8, i64), _: &mut (), view: &PaneView| {
            if view.pending >= every { flow::Firing::Fire } else { flow::Firing::Continue }
        };
        let trigger = Trigger::on_signal("a")
            .or(Trigger::on(nth).named("nth"))
            .or(Trigger::on_signal("b"));
        let keyed = Flow::from_scripts([script])
            .on(Executor::simulation(seed))
            .untimed()
            .key_by(|(key, _)| *key);
        macro_rules! panes {
            ($window:expr) => {{
                let windows = keyed.window($window).trigger(trigger);
                let fold = |list: &mut Vec<i64>, (_, x)| list.push(x);
                let panes = if keep {
                    windows.accumulating().fold(Vec::new, fold).stages(stages)
                        .linger(Duration::ZERO).max_demand(demand).min_demand(0)
                        .map(|pane| (pane.key, (pane.trigger, pane.value)))
                        .collect::<Vec<_>>()
                } else {
                    windows.discarding().fold(Vec::new, fold).stages(stages)
                        .linger(Duration::ZERO).max_demand(demand).min_demand(0)
                        .map(|pane| (pane.key, (pane.trigger, pane.value)))
                        .collect::<Vec<_>>()
                };
                panes.unwrap()
            }};
        }
        let panes = if counted { panes!(Window::count(size)) } else { panes!(Window::global()) };
        let mut got: BTreeMap<u8, Vec<_>> = BTreeMap::new();
        panes.into_iter().for_each(|(key, pane)| got.entry(key).or_default().push(pane));

        let mut want: BTreeMap<u8, Vec<(&str, Vec<i64>)>> = BTreeMap::new();
        // Of each key what the window has, how much it has given of it, and how much it has seen.
        let mut state: BTreeMap<u8, (Vec<i64>, usize, usize)> = BTreeMap::new();
        let mut fire = |key: u8, state: &mut (Vec<i64>, usize, usize), name| {
            let from = if keep { 0 } else { state.1 };
            want.entry(key).or_default().push((name, state.0[from..].to_vec()));
            state.1 = state.0.len();
        };
        for step in &steps {
            match step {
                Step::Event(key, x) => {
                    let state = state.entry(*key).or_default();
                    state.0.push(*x);
                    state.2 += 1;
                    if counted && state.2.is_multiple_of(size as usize) {
                        fire(*key, state, "full");
                        (state.0, state.1) = (Vec::new(), 0);
                    } else if state.0.len() - state.1 >= every as usize {
                        fire(*key, state, "nth");
                    }
                }
                Step::Fire(name) => {
                    for (key, state) in state.iter_mut().filter(|(_, s)| s.0.len() > s.1) {
                        fire(*key, state, name);
                    }
                }
            }
        }
        for (key, state) in state.iter_mut().filter(|(_, s)| s.0.len() > s.1) {
            fire(*key, state, "close");
        }
        prop_assert_eq!(got, want);
    }
}
