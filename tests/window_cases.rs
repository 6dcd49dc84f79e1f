//! Every block of the `.cases` files through the public API: built, compiled into stages and run, with
//! several batch sizes, on one worker and on several, and in the simulation.
//!
//! `FLOW_CASES=path[:path…] cargo test --test window_cases` runs further files of the same format, and
//! says of every case `ID ok`, or `ID` with what is wrong below it.

#[path = "cases/mod.rs"]
mod cases;

use cases::said::{Any, any, millis, row};
use cases::{Case, Row, Token};
use flow::testing::Script;
use flow::windows::{AfterDelay, Condition, Every, OnEvent, Periodic};
use flow::{ErrorKind, Executor, Flow, Pane, PaneView, Span, Timestamp, Timing, Trigger, Window};
use std::io::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

type Event = (String, i64, String);

/// Who runs a case, and how.
#[derive(Clone, Debug)]
struct Setup {
    executor: Executor,
    /// Batches of at most so many events.
    batch: usize,
    partitions: usize,
}

fn setups(case: &Case) -> Vec<Setup> {
    let mut setups = Vec::new();
    let clocked = case.by_clock || case.input.iter().any(|token| matches!(token, Token::Clock(_)));
    for batch in [1, 2, 7, 1024] {
        for partitions in [1, 3] {
            let setup = |executor| Setup { executor, batch, partitions };
            if !clocked {
                setups.extend([1, 4].map(|workers| setup(Executor::threads(workers))));
            }
            setups.extend((0..3).map(|seed| setup(Executor::simulation(seed))));
        }
    }
    setups
}

/// What came of a case.
#[derive(Default)]
struct Got {
    rows: Vec<Row>,
    late: Vec<(String, i64)>,
}

fn script(case: &Case) -> Script<Event> {
    let mut script = Script::new();
    for token in &case.input {
        script = match token {
            Token::Event { key, at, value } => {
                script.event(Timestamp(*at), (key.clone(), *at, value.clone()))
            }
            Token::Watermark(to) => script.watermark(Timestamp(*to)),
            Token::Clock(to) => script.clock(millis(*to)),
            Token::End => return script,
        };
    }
    script.unfinished()
}

macro_rules! with_kind {
    ($case:ident, $setup:ident, $kind:expr, $fold:ident) => {
        if $case.by_clock {
            with_trigger!($case, $setup, Window::by_clock($kind), $fold)
        } else {
            with_trigger!($case, $setup, $kind, $fold)
        }
    };
}

macro_rules! with_trigger {
    ($case:ident, $setup:ident, $kind:expr, $fold:ident) => {
        match &$case.trigger {
            cases::Trigger::AtWatermark { early: None, late: None } => {
                with_panes!($case, $setup, $kind, $fold, Trigger::at_watermark())
            }
            cases::Trigger::AtWatermark { early: None, late: Some(late) } => {
                with_panes!($case, $setup, $kind, $fold, Trigger::at_watermark().late(any(late)))
            }
            cases::Trigger::AtWatermark { early: Some(early), late } => {
                let late = late.as_ref().map_or(Any::Each, any);
                let trigger = Trigger::at_watermark().early(any(early)).late(late);
                with_panes!($case, $setup, $kind, $fold, trigger)
            }
            cases::Trigger::Repeat(fires) => {
                with_panes!($case, $setup, $kind, $fold, any(fires))
            }
        }
    };
}

macro_rules! with_panes {
    ($case:ident, $setup:ident, $kind:expr, $fold:ident, $trigger:expr) => {{
        let got = Arc::new(Mutex::new(Got::default()));
        let (rows, late) = (Arc::clone(&got), Arc::clone(&got));
        let windows = Flow::from_scripts([script($case)])
            .key_by(|(key, _, _)| key.clone())
            .window($kind)
            .trigger($trigger)
            .allowed_lateness($case.lateness.map_or(Duration::MAX, millis));
        let ran = match $case.panes {
            cases::Panes::Accumulating => $fold!($case, $setup, windows.accumulating(), rows, late),
            cases::Panes::Discarding => $fold!($case, $setup, windows.discarding(), rows, late),
            cases::Panes::Retracting => $fold!($case, $setup, windows.retracting(), rows, late),
        };
        match ran {
            Err(error) if error.kind() != ErrorKind::Stopped => Err(error.to_string()),
            Ok(()) | Err(_) => Ok(std::mem::take(&mut *got.lock().unwrap())),
        }
    }};
}

/// A fold that does not merge.
macro_rules! plain {
    ($case:ident, $setup:ident, $windows:expr, $rows:ident, $late:ident) => {{
        let fold = $case.fold;
        let panes =
            $windows.fold(move || Held(fold, Vec::new()), |held, (_, _, value)| held.1.push(value));
        run!(
            $setup,
            panes.map(move |pane| pane.map(|Held(fold, values)| fold.of(&values))),
            $rows,
            $late
        )
    }};
}

/// An aggregator.
macro_rules! merging {
    ($case:ident, $setup:ident, $windows:expr, $rows:ident, $late:ident) => {{
        let fold = $case.fold;
        run!($setup, $windows.aggregate(|_| Values(fold)), $rows, $late)
    }};
}

macro_rules! run {
    ($setup:ident, $panes:expr, $rows:ident, $late:ident) => {{
        let (max, min) = ($setup.batch * 2, $setup.batch);
        $panes
            .late_to(move |late| $late.lock().unwrap().late.push((late.key, late.at.0)))
            .stages($setup.partitions)
            .linger(Duration::ZERO)
            .max_demand(max)
            .min_demand(min)
            .on($setup.executor.clone())
            .for_each(move |pane| $rows.lock().unwrap().rows.push(row(pane)))
    }};
}

/// The values of a window as they came; equal where a fold makes the same of them.
#[derive(Clone)]
struct Held(cases::Fold, Vec<String>);

impl PartialEq for Held {
    fn eq(&self, other: &Held) -> bool {
        self.0.of(&self.1) == other.0.of(&other.1)
    }
}

/// Folds the values of a window, kept as they came.
struct Values(cases::Fold);

impl flow::Aggregator<Event> for Values {
    type Acc = Vec<String>;
    type Output = String;

    fn first(&self, event: &Event) -> Vec<String> {
        vec![event.2.clone()]
    }

    fn add(&self, values: &mut Vec<String>, event: &Event) {
        values.push(event.2.clone());
    }

    fn merge(&self, into: &mut Vec<String>, mut from: Vec<String>) {
        into.append(&mut from);
    }

    fn finish(&self, values: Vec<String>) -> String {
        self.0.of(&values)
    }

    fn empty(&self) -> Option<String> {
        Some(self.0.of(&[]))
    }
}

/// How the events of a window are folded, where both ways give the same.
#[derive(Clone, Copy, Debug)]
enum Folds {
    /// One by one.
    Events,
    /// In parts, before and behind the exchange.
    Parts,
}

macro_rules! in_either_way {
    ($case:ident, $setup:ident, $folds:ident, $kind:expr) => {
        match $folds {
            Folds::Events => with_kind!($case, $setup, $kind, plain),
            Folds::Parts => with_kind!($case, $setup, $kind, merging),
        }
    };
}

fn run(case: &Case, setup: &Setup, folds: Folds) -> Result<Got, String> {
    match case.window {
        cases::Window::Global => in_either_way!(case, setup, folds, Window::global()),
        cases::Window::Fixed { size, offset } => {
            let kind = Window::fixed(millis(size)).offset(millis(offset));
            in_either_way!(case, setup, folds, kind)
        }
        cases::Window::Sliding { size, every, offset } => {
            let kind = Window::sliding(millis(size), millis(every)).offset(millis(offset));
            in_either_way!(case, setup, folds, kind)
        }
        cases::Window::Session { gap } => {
            with_kind!(case, setup, Window::session(millis(gap)), merging)
        }
        cases::Window::Count { size, every } if size == every => {
            with_trigger!(case, setup, Window::count(size as u32), plain)
        }
        cases::Window::Count { size, every } => {
            let kind = Window::sliding_count(size as u32, every as u32);
            with_trigger!(case, setup, kind, merging)
        }
    }
}

/// Runs a case in all setups. Between partitions there is no order: then each key is looked at alone.
fn check(case: &Case) -> Result<(), String> {
    for setup in setups(case) {
        for folds in [Folds::Events, Folds::Parts] {
            let ran = run(case, &setup, folds);
            let checked = ran.and_then(|Got { mut rows, mut late }| {
                let mut case = case.clone();
                if setup.partitions > 1 {
                    rows.sort_by(|a, b| a.key.cmp(&b.key));
                    case.out.sort_by(|a, b| a.key.cmp(&b.key));
                    late.sort();
                    case.late.iter_mut().for_each(|late| late.sort());
                }
                case.difference(&rows, &late).map_or(Ok(()), Err)
            });
            checked.map_err(|wrong| format!("{wrong}\nwith {setup:?}, {folds:?}"))?;
        }
    }
    Ok(())
}

/// What is to be said of each case of a text, and the names of those that are wrong.
fn check_text(text: &str) -> impl Iterator<Item = (String, Result<(), String>)> {
    let check = |(id, case): (String, Result<Case, String>)| (id, case.and_then(|c| check(&c)));
    cases::blocks(text).into_iter().map(check)
}

fn all_are_right(text: &str) {
    let wrong =
        check_text(text).filter_map(|(id, checked)| Some(format!("{id}: {}", checked.err()?)));
    let wrong: Vec<String> = wrong.collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn worked_cases() {
    all_are_right(include_str!("cases/windows.cases"));
}

#[test]
fn further_cases() {
    all_are_right(include_str!("cases/further.cases"));
}

/// Says a line, also where the output of tests that succeed is not shown.
fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).expect("standard output takes a line");
}

#[test]
fn cases_of_the_environment() {
    let Ok(paths) = std::env::var("FLOW_CASES") else { return };
    let mut failed = Vec::new();
    // The harness may have begun a line.
    say("");
    for path in paths.split(':').filter(|path| !path.is_empty()) {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) => {
                say(&format!("{path}: {error}"));
                failed.push(path.to_owned());
                continue;
            }
        };
        for (id, checked) in check_text(&text) {
            match checked {
                Ok(()) => say(&format!("{id} ok")),
                Err(wrong) => {
                    say(&format!("{id}\n  {}", wrong.replace('\n', "\n  ")));
                    failed.push(id);
                }
            }
        }
    }
    assert!(failed.is_empty(), "wrong are {}", failed.join(" "));
}

#[test]
fn a_block_that_is_no_case_says_why_and_stops_no_other() {
    let good = "\n  config   fixed(10); at_watermark; acc; L=0; sum\n  in @1 EOI\n";
    let text = format!(
        "case A1 a wrong sum{good}  out [0,10)=2 O0*
        case A2 right{good}  out [0,10)=1 O0*
        case A3 no pane{good}  out [0,10)=1 X0
        case A4 no config\n  in @1
        case A5 no window\n  config fixed(; at_watermark; acc; L=0; sum
        case A6 no trigger\n  config global; at_watermarks; acc; L=0; sum
        case A7 no token{good}  in Q5
        case A8 an unknown line{good}  output [0,10)=1 O0*
        case A9 no sum\n  config global; at_watermark; acc; L=0; sum\n  in @1=a EOI
        case A10 late{good}  out [0,10)=1 O0*\n  late @3"
    );
    let said: Vec<_> = check_text(&text).collect();
    let wanted = [
        ("A1", "panes expected:\n  - [0,10)=2 O0*\nthat came:\n  + [0,10)=1 O0*\nwith Setup"),
        ("A2", "ok"),
        ("A3", "`[0,10)=1 X0` is not a pane"),
        ("A4", "there is not one line `config`"),
        ("A5", "there is no window `fixed(`"),
        ("A6", "there is no trigger `at_watermarks`"),
        ("A7", "`Q5` is not a token"),
        ("A8", "a line begins with `output`"),
        ("A9", "what is added is a number"),
        ("A10", "late events expected:\n  - @3\nthat came:\nwith Setup"),
    ];
    assert_eq!(said.len(), wanted.len());
    for ((id, checked), (name, what)) in said.into_iter().zip(wanted) {
        let told = checked.err().unwrap_or_else(|| "ok".to_owned());
        assert!(id == name && told.contains(what), "{id}: {told}");
    }
}
