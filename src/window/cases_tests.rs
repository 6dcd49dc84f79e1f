//! The worked cases, driven through the machines directly.

#[path = "../../tests/cases/mod.rs"]
pub(super) mod cases;

use super::*;
use crate::state::RoutingHash;
use crate::time::Timestamp;
use cases::said::{Any, any, millis, row};
use cases::{Case, Token};

/// Keeps the values of a window as they came.
#[derive(Clone, Copy)]
pub(super) struct Values(pub(super) cases::Fold);

impl Folding for Values {
    type Acc = Vec<String>;
    type Out = String;

    fn finish(&self, values: Vec<String>) -> String {
        self.0.of(&values)
    }

    fn empty(&self) -> Option<String> {
        Some(self.0.of(&[]))
    }
}

impl Fold<String> for Values {
    fn first(&self, event: String) -> Vec<String> {
        vec![event]
    }

    fn add(&self, values: &mut Vec<String>, event: String) {
        values.push(event);
    }
}

impl Merge for Values {
    fn merge(&self, into: &mut Vec<String>, mut from: Vec<String>) {
        into.append(&mut from);
    }
}

/// What a case's machine is made of, for all kinds, triggers and modes.
macro_rules! with_machine {
    ($case:ident, $kind:expr, $machine:ident, $trait:ident) => {{
        let kind = $kind;
        match $case.panes {
            cases::Panes::Accumulating => {
                with_machine!($case, kind, $machine, $trait, Accumulating)
            }
            cases::Panes::Discarding => with_machine!($case, kind, $machine, $trait, Discarding),
            cases::Panes::Retracting => with_machine!($case, kind, $machine, $trait, Retracting),
        }
    }};
    ($case:ident, $kind:ident, $machine:ident, $trait:ident, $mode:ident) => {
        match &$case.trigger {
            cases::Trigger::AtWatermark { early: None, late: None } => {
                with_machine!($case, $kind, $machine, $trait, $mode, Trigger::at_watermark())
            }
            cases::Trigger::AtWatermark { early: None, late: Some(late) } => {
                let trigger = Trigger::at_watermark().late(any(late));
                with_machine!($case, $kind, $machine, $trait, $mode, trigger)
            }
            cases::Trigger::AtWatermark { early: Some(early), late } => {
                let late = late.as_ref().map_or(Any::Each, any);
                let trigger = Trigger::at_watermark().early(any(early)).late(late);
                with_machine!($case, $kind, $machine, $trait, $mode, trigger)
            }
            cases::Trigger::Repeat(fires) => {
                with_machine!($case, $kind, $machine, $trait, $mode, any(fires))
            }
        }
    };
    ($case:ident, $kind:ident, $machine:ident, $trait:ident, $mode:ident, $trigger:expr) => {{
        let lateness = $case.lateness.unwrap_or(i64::MAX);
        let fold = Values($case.fold);
        let machine = $trait::<String, Values, _, $mode>::$machine($kind, fold, $trigger, lateness);
        drive($case, machine)
    }};
}

macro_rules! with_kind {
    ($case:ident, $kind:expr, $machine:ident, $trait:ident) => {
        if $case.by_clock {
            with_machine!($case, Window::by_clock($kind), $machine, $trait)
        } else {
            with_machine!($case, $kind, $machine, $trait)
        }
    };
}

/// Runs a case through every machine that can.
fn run(case: &Case) {
    if !case.by_clock {
        with_machine!(case, chosen(case), merging_machine, MergingWindowing);
    }
    match case.window {
        cases::Window::Global => with_kind!(case, Window::global(), machine, Windowing),
        cases::Window::Fixed { size, offset } => {
            let kind = Window::fixed(millis(size)).offset(millis(offset));
            with_kind!(case, kind, machine, Windowing);
        }
        cases::Window::Sliding { size, every, offset } => {
            let kind = Window::sliding(millis(size), millis(every)).offset(millis(offset));
            with_kind!(case, kind, machine, Windowing);
            with_kind!(case, kind, merging_machine, MergingWindowing);
        }
        cases::Window::Session { gap } => {
            with_kind!(case, Window::session(millis(gap)), merging_machine, MergingWindowing);
        }
        cases::Window::Count { size, every } if size == every => {
            with_machine!(case, Window::count(size as u32), machine, Windowing);
        }
        cases::Window::Count { size, every } => {
            let kind = Window::sliding_count(size as u32, every as u32);
            with_machine!(case, kind, machine, Windowing);
        }
    }
}

/// The windows of a case, chosen at run time.
fn chosen(case: &Case) -> AnyWindow {
    match case.window {
        cases::Window::Global => Window::global().into(),
        cases::Window::Fixed { size, offset } => {
            Window::fixed(millis(size)).offset(millis(offset)).into()
        }
        cases::Window::Sliding { size, every, offset } => {
            Window::sliding(millis(size), millis(every)).offset(millis(offset)).into()
        }
        cases::Window::Session { gap } => Window::session(millis(gap)).into(),
        cases::Window::Count { size, every } if size == every => Window::count(size as u32).into(),
        cases::Window::Count { size, every } => {
            Window::sliding_count(size as u32, every as u32).into()
        }
    }
}

fn drive(case: &Case, mut machine: impl Take<String, String, String, String>) {
    let hash = RoutingHash::default();
    let (mut rows, mut late) = (Vec::new(), Vec::new());
    let mut clock = Timestamp(0);
    for token in &case.input {
        match token {
            Token::Event { key, at, value } => {
                let event = value.clone();
                let hash = hash.hash(key);
                if machine.event(hash, key.clone(), Timestamp(*at), event).is_err() {
                    late.push((key.clone(), *at));
                }
            }
            Token::Watermark(to) => machine.watermark(Timestamp(*to)),
            // Timers fire in their order whatever the steps of the clock.
            Token::Clock(now) => {
                while let Some(due) = machine.next_timer().filter(|due| due.0 <= *now) {
                    assert!(due >= clock, "case {}: a timer in the past", case.id);
                    clock = due;
                    machine.clock(due);
                    let before = rows.len();
                    rows.extend(std::iter::from_fn(|| machine.next()).map(row));
                    assert!(
                        rows.len() > before || machine.next_timer() != Some(due),
                        "case {}",
                        case.id
                    );
                }
                clock = Timestamp(*now);
                machine.clock(clock);
            }
            Token::End => machine.end(),
        }
        rows.extend(std::iter::from_fn(|| machine.next()).map(row));
    }
    case.check(&rows, &late);
    let counters = machine.counters();
    assert_eq!(counters.assigned, counters.folded + counters.late_for_window, "case {}", case.id);
    assert_eq!(counters.late as usize, late.len(), "case {}", case.id);
    if matches!(case.input.last(), Some(Token::End)) {
        assert_eq!(machine.held(), 0, "case {}", case.id);
    }
}

#[test]
fn worked_cases() {
    let cases = cases::parse(include_str!("../../tests/cases/windows.cases"));
    assert_eq!(cases.len(), 32);
    cases.iter().for_each(run);
}

#[test]
fn further_cases() {
    cases::parse(include_str!("../../tests/cases/further.cases")).iter().for_each(run);
}

#[test]
#[should_panic(expected = "case ED3: panes expected")]
fn a_wrong_pane_is_seen() {
    let text = include_str!("../../tests/cases/windows.cases").replace("[0,9,9]", "[0,9]");
    cases::parse(&text).iter().for_each(run);
}
