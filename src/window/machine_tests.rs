//! What single machines promise beyond the cases: options of triggers, closures, how a watermark is
//! stopped on its way, what state remains.

use super::*;
use crate::state::RoutingHash;
use crate::time::Timestamp;
use std::time::Duration;

/// Adds numbers.
#[derive(Clone, Copy)]
pub(super) struct Add;

impl Folding for Add {
    type Acc = u64;
    type Out = u64;

    fn finish(&self, acc: u64) -> u64 {
        acc
    }
}

impl Fold<u64> for Add {
    #[inline]
    fn first(&self, event: u64) -> u64 {
        event
    }

    #[inline]
    fn add(&self, acc: &mut u64, event: u64) {
        *acc += event;
    }
}

impl Merge for Add {
    #[inline]
    fn merge(&self, into: &mut u64, from: u64) {
        *into += from;
    }
}

const TEN: Duration = Duration::from_millis(10);

pub(super) fn hash(key: u64) -> u64 {
    RoutingHash::default().hash(&key)
}

/// Events of key 0 (timestamp, value), or watermarks.
fn tell(
    machine: &mut impl Take<u64, u64, u64, u64>,
    says: &[Result<(i64, u64), i64>],
) -> Vec<Pane<u64, u64>> {
    let mut panes = Vec::new();
    for say in says {
        match *say {
            Ok((at, value)) => machine.event(hash(0), 0, Timestamp(at), value).expect("not late"),
            Err(i64::MAX) => machine.end(),
            Err(to) => machine.watermark(Timestamp(to)),
        }
        panes.extend(std::iter::from_fn(|| machine.next()));
    }
    panes
}

/// Value, index, last and trigger.
fn shown(panes: &[Pane<u64, u64>]) -> Vec<(u64, u32, bool, &'static str)> {
    panes.iter().map(|pane| (pane.value, pane.index, pane.last, pane.trigger)).collect()
}

fn machine<M: Mode<Add>, R: TriggeringOn<u64>>(
    trigger: R,
    lateness: i64,
) -> impl Take<u64, u64, u64, u64> {
    Windowing::<u64, _, _, M>::machine(Window::fixed(TEN), Add, trigger, lateness)
}

#[test]
fn the_pane_on_time_can_be_left_out_if_it_says_nothing_new() {
    let says = [Ok((1, 1)), Ok((2, 2)), Err(10), Err(i64::MAX)];
    let early = Trigger::at_watermark().early(Trigger::every(2));
    let panes = tell(&mut machine::<Accumulating, _>(early, 0), &says);
    assert_eq!(shown(&panes), [(3, 0, false, "every"), (3, 1, true, "watermark")]);
    let panes = tell(&mut machine::<Accumulating, _>(early.only_if_new(), 0), &says);
    assert_eq!(shown(&panes), [(3, 0, false, "every")]);
    let panes = tell(&mut machine::<Accumulating, _>(early.only_if_new(), 5), &says);
    assert_eq!(shown(&panes), [(3, 0, false, "every")]);
}

#[test]
fn a_last_pane_can_be_asked_for() {
    let says = [Ok((1, 1)), Err(10), Ok((2, 2)), Err(i64::MAX)];
    let panes = tell(&mut machine::<Accumulating, _>(Trigger::at_watermark(), 5), &says);
    assert_eq!(shown(&panes), [(1, 0, false, "watermark"), (3, 1, false, "each")]);
    let always = Trigger::at_watermark().closing_always();
    let panes = tell(&mut machine::<Accumulating, _>(always, 5), &says);
    let expected = [(1, 0, false, "watermark"), (3, 1, false, "each"), (3, 2, true, "close")];
    assert_eq!(shown(&panes), expected);
    assert_eq!(panes[2].timing, Timing::Late);
}

#[test]
fn late_panes_can_wait_for_the_close() {
    let says = [Ok((1, 1)), Err(10), Ok((2, 2)), Ok((3, 3)), Err(15)];
    let late = Trigger::at_watermark().late(Trigger::at_close());
    let panes = tell(&mut machine::<Discarding, _>(late, 5), &says);
    assert_eq!(shown(&panes), [(1, 0, false, "watermark"), (5, 1, true, "close")]);
}

#[test]
fn a_fold_without_a_value_of_nothing_leaves_empty_panes_out() {
    let says = [Ok((1, 1)), Ok((2, 2)), Err(10)];
    let early = Trigger::at_watermark().early(Trigger::every(2));
    let panes = tell(&mut machine::<Discarding, _>(early, 0), &says);
    assert_eq!(shown(&panes), [(3, 0, false, "every")]);
}

#[test]
fn a_closure_fires_and_has_a_state_per_window() {
    let runs = |event: &u64, seen: &mut u64, view: &PaneView| {
        *seen += event;
        assert!(view.window.contains(view.at) && !view.late);
        if seen.is_multiple_of(10) { Firing::Fire } else { Firing::Continue }
    };
    let says = [Ok((1, 4)), Ok((11, 10)), Ok((2, 6)), Ok((3, 5)), Ok((4, 5)), Err(20)];
    let trigger = Trigger::at_watermark().early(Trigger::on(runs).named("tens"));
    let panes = tell(&mut machine::<Accumulating, _>(trigger, 0), &says);
    assert_eq!(
        shown(&panes),
        [
            (10, 0, false, "tens"),
            (10, 0, false, "tens"),
            (20, 1, false, "tens"),
            (20, 2, true, "watermark"),
            (10, 1, true, "watermark"),
        ]
    );
    let trigger = Trigger::on(runs).named("tens").or(Trigger::every(2));
    let panes = tell(&mut machine::<Discarding, _>(trigger, 0), &says);
    assert_eq!(
        shown(&panes),
        [(10, 0, false, "tens"), (10, 0, false, "tens"), (10, 1, false, "tens"),]
    );
}

#[test]
fn timers_of_the_clock_are_told_and_forgotten() {
    let trigger = Trigger::after_delay(Duration::from_millis(5));
    let mut fixed =
        Windowing::<u64, _, _, Discarding>::machine(Window::fixed(TEN), Add, trigger, 0);
    let mut sessions = MergingWindowing::<u64, _, _, Discarding>::merging_machine(
        Window::session(TEN),
        Add,
        trigger,
        0,
    );
    fn check(machine: &mut impl Take<u64, u64, u64, u64>) {
        let mut at = |now, event: Option<i64>| {
            machine.clock(Timestamp(now));
            let panes = shown(&std::iter::from_fn(|| machine.next()).collect::<Vec<_>>());
            event.into_iter().for_each(|at| machine.event(hash(0), 0, Timestamp(at), 1).unwrap());
            (panes, machine.next_timer().map(|at| at.0))
        };
        assert_eq!(at(100, None), (vec![], None));
        assert_eq!(at(100, Some(1)), (vec![], Some(105)));
        assert_eq!(at(103, Some(2)), (vec![], Some(105)));
        assert_eq!(at(104, None), (vec![], Some(105)));
        assert_eq!(at(105, None), (vec![(2, 0, false, "after_delay")], None));
        assert_eq!(at(200, Some(3)), (vec![], Some(205)));
        machine.watermark(Timestamp(50));
        assert_eq!(machine.next().map(|pane| (pane.value, pane.last)), Some((1, true)));
        assert_eq!((machine.next(), machine.next_timer(), machine.held()), (None, None, 0));
    }
    check(&mut fixed);
    check(&mut sessions);
}

#[test]
fn timers_survive_a_merge_of_sessions() {
    let trigger = Trigger::at_watermark().early(Trigger::after_delay(Duration::from_millis(5)));
    let mut machine = MergingWindowing::<u64, _, _, Accumulating>::merging_machine(
        Window::session(TEN),
        Add,
        trigger,
        0,
    );
    for (now, at) in [(0, 20), (2, 0), (3, 12), (4, 9)] {
        machine.clock(Timestamp(now));
        assert_eq!(machine.next(), None);
        machine.event(hash(0), 0, Timestamp(at), 1).unwrap();
    }
    assert_eq!((machine.next_timer(), machine.held()), (Some(Timestamp(5)), 1));
    machine.clock(Timestamp(5));
    let panes: Vec<_> = std::iter::from_fn(|| machine.next()).collect();
    assert_eq!(
        (shown(&panes), panes[0].window.to_string()),
        (vec![(4, 0, false, "after_delay")], "[0,30)".to_owned())
    );
    machine.clock(Timestamp(50));
    assert_eq!((machine.next(), machine.next_timer()), (None, None));
}

#[test]
fn a_large_window_closes_pane_by_pane() {
    const KEYS: u64 = 10_000;
    fn check(mut machine: impl Take<u64, u64, u64, u64>) {
        for key in 0..KEYS {
            machine.event(hash(key), key, Timestamp(5), key).unwrap();
        }
        machine.watermark(Timestamp(100));
        for given in 0..KEYS {
            // Whoever has no room stops here; the watermark is not through.
            assert_eq!(machine.passed(), Timestamp::MIN);
            assert!(machine.next().is_some_and(|pane| pane.value == pane.key), "pane {given}");
        }
        assert_eq!((machine.next(), machine.passed()), (None, Timestamp(100)));
        assert_eq!(machine.held(), 0);
    }
    let trigger = Trigger::at_watermark();
    let hundred = Duration::from_millis(100);
    check(Windowing::<u64, _, _, Once>::machine(Window::fixed(hundred), Add, trigger, 0));
    let session = Window::session(TEN);
    check(MergingWindowing::<u64, _, _, Once>::merging_machine(session, Add, trigger, 0));
    let sliding = Window::sliding(TEN, TEN * 2);
    check(MergingWindowing::<u64, _, _, Once>::merging_machine(sliding, Add, trigger, 0));
}

#[test]
fn sliding_windows_share_slices_only_where_they_fire_once() {
    let kind = Window::sliding(TEN, Duration::from_millis(5));
    let sliced = |sliced: bool, machine: String| assert_eq!(machine.starts_with("Sliced"), sliced);
    fn made<R: Triggering>(kind: Sliding, trigger: R, lateness: i64) -> String {
        let machine = MergingWindowing::<u64, _, _, Discarding>::merging_machine(
            kind, Add, trigger, lateness,
        );
        format!("{machine:?}")
    }
    sliced(true, made(kind, Trigger::at_watermark(), 0));
    sliced(false, made(kind, Trigger::at_watermark(), 1));
    sliced(false, made(kind, Trigger::at_watermark().early(Trigger::every(2)), 0));
    sliced(false, made(kind, Trigger::every(2), 0));
}

#[test]
fn a_mode_must_be_named_where_windows_fire_more_than_once() {
    assert!(!needs_mode(&Trigger::at_watermark(), 0));
    assert!(needs_mode(&Trigger::at_watermark(), 1));
    assert!(needs_mode(&Trigger::at_watermark().early(Trigger::every(3)), 0));
    assert!(needs_mode(&Trigger::every(3), 0));
}

#[test]
fn triggers_that_make_no_sense_are_named() {
    let zero = Duration::ZERO;
    let early = Trigger::at_watermark().early(Trigger::every(1).or(Trigger::periodic(zero)));
    assert!(Triggering::invalid(&early).is_some_and(|why| why.contains("period")));
    let late = Trigger::at_watermark().late(Trigger::every(0));
    assert!(Triggering::invalid(&late).is_some_and(|why| why.contains("every 0")));
    assert!(Triggering::invalid(&Trigger::after_delay(zero)).is_some());
    assert_eq!(Triggering::invalid(&Trigger::at_watermark()), None);
}

#[test]
fn own_windows_are_assigned_by_event() {
    let assign = |event: &u64, at: Timestamp, windows: &mut Vec<Span>| {
        let end = Timestamp(at.0 + *event as i64);
        windows.push(Span::new(at, end));
        windows.push(Span::new(end, Timestamp(end.0 + 1)));
    };
    let kind = Window::assigned(assign);
    let mut machine = Windowing::<u64, _, _, Once>::machine(kind, Add, Trigger::at_watermark(), 0);
    let panes =
        tell(&mut machine, &[Ok((0, 3)), Ok((0, 3)), Ok((1, 2)), Ok((9, 0)), Err(i64::MAX)]);
    let shown: Vec<_> = panes.iter().map(|pane| (pane.window.to_string(), pane.value)).collect();
    let expected = [("[0,3)", 6), ("[1,3)", 2), ("[3,4)", 8), ("[9,10)", 0)];
    assert_eq!(shown, expected.map(|(window, value)| (window.to_owned(), value)));
}

#[test]
fn a_whole_partition_is_a_unit_key_with_a_fold_by_value() {
    /// Not `Clone`: windows that an event is in alone take it.
    struct Event(u64);
    struct Concat;
    impl Folding for Concat {
        type Acc = Vec<Event>;
        type Out = u64;
        fn finish(&self, acc: Vec<Event>) -> u64 {
            acc.into_iter().map(|event| event.0).sum()
        }
    }
    impl Fold<Event> for Concat {
        fn first(&self, event: Event) -> Vec<Event> {
            vec![event]
        }
        fn add(&self, acc: &mut Vec<Event>, event: Event) {
            acc.push(event);
        }
    }
    fn run<W>(kind: W) -> Vec<(String, u64)>
    where
        W: Windowing<(), Concat, AtWatermark, Once>,
        W::Machine: Take<(), u64, Event, Event>,
    {
        let mut machine = kind.machine(Concat, Trigger::at_watermark(), 0);
        let mut panes = Vec::new();
        for at in 0..5 {
            panes.extend(std::iter::from_fn(|| machine.next()));
            assert!(machine.event(0, (), Timestamp(at * 4), Event(at as u64)).is_ok());
        }
        machine.end();
        panes.extend(std::iter::from_fn(|| machine.next()));
        panes.iter().map(|pane| (pane.window.to_string(), pane.value)).collect()
    }
    assert_eq!(run(Window::fixed(TEN)), [("[0,10)".to_owned(), 3), ("[10,20)".to_owned(), 7)]);
    assert_eq!(run(Window::count(3)), [("[0,3)".to_owned(), 3), ("[3,6)".to_owned(), 7)]);
    assert_eq!(run(Window::global()), [("[-inf,+inf)".to_owned(), 10)]);
}
