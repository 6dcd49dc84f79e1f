//! Every block of the `.cases` files through the public API: built, compiled into stages and run, with
//! several batch sizes, on one worker and on several, and in the simulation.
//!
//! `FLOW_CASES=path[:path…] cargo test --test window_cases -- --nocapture` runs further files and prints
//! a line for each case.

#[path = "cases/mod.rs"]
mod cases;

use cases::{Case, Fires, Row, Token};
use flow::testing::Script;
use flow::windows::{AfterDelay, Condition, Every, OnEvent, Periodic};
use flow::{ErrorKind, Executor, Flow, Pane, PaneView, Span, Timestamp, Timing, Trigger, Window};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::time::Duration;

type Event = (String, i64, String);

/// A condition that is known at run time only.
#[derive(Clone)]
enum Any {
    Each,
    Every(Every),
    AfterDelay(AfterDelay),
    Periodic(Periodic),
    Or(Box<(Any, Any)>),
}

#[derive(Default)]
struct AnyState {
    due: Option<Timestamp>,
    parts: Option<Box<(AnyState, AnyState)>>,
}

impl Condition for Any {
    type State = AnyState;
    const CLOCKED: bool = true;

    fn due(&self, state: &AnyState) -> Option<(Timestamp, &'static str)> {
        match self {
            Any::Each | Any::Every(_) => None,
            Any::AfterDelay(part) => Condition::due(part, &state.due),
            Any::Periodic(part) => Condition::due(part, &state.due),
            Any::Or(parts) => {
                let state = state.parts.as_ref()?;
                let due = [Condition::due(&parts.0, &state.0), Condition::due(&parts.1, &state.1)];
                due.into_iter().flatten().min()
            }
        }
    }

    fn reset(&self, state: &mut AnyState) {
        *state = AnyState::default();
    }

    fn merge(&self, into: &mut AnyState, from: AnyState) {
        into.due = into.due.into_iter().chain(from.due).min();
        if let (Any::Or(parts), Some(from)) = (self, from.parts) {
            let into = into.parts.get_or_insert_default();
            Condition::merge(&parts.0, &mut into.0, from.0);
            Condition::merge(&parts.1, &mut into.1, from.1);
        }
    }
}

impl OnEvent<Event> for Any {
    fn event(&self, state: &mut AnyState, event: &Event, view: &PaneView) -> Option<&'static str> {
        match self {
            Any::Each => Some("each"),
            Any::Every(part) => OnEvent::event(part, &mut (), event, view),
            Any::AfterDelay(part) => OnEvent::event(part, &mut state.due, event, view),
            Any::Periodic(part) => OnEvent::event(part, &mut state.due, event, view),
            Any::Or(parts) => {
                let state = state.parts.get_or_insert_default();
                let one = OnEvent::event(&parts.0, &mut state.0, event, view);
                let other = OnEvent::event(&parts.1, &mut state.1, event, view);
                one.or(other)
            }
        }
    }
}

fn millis(ticks: i64) -> Duration {
    Duration::from_millis(ticks as u64)
}

fn any(fires: &Fires) -> Any {
    match fires {
        Fires::Every(n) => Any::Every(Trigger::every(*n as u32)),
        Fires::AfterDelay(ticks) => Any::AfterDelay(Trigger::after_delay(millis(*ticks))),
        Fires::Periodic(ticks) => Any::Periodic(Trigger::periodic(millis(*ticks))),
        Fires::Or(one, other) => Any::Or(Box::new((any(one), any(other)))),
    }
}

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

fn row(pane: Pane<String, String>) -> Row {
    let bounds = |span: Span| (span.start().0, span.end().0);
    let timing = match pane.timing {
        _ if pane.retraction => 'R',
        Timing::Early => 'E',
        Timing::OnTime => 'O',
        Timing::Late => 'L',
    };
    Row {
        window: (pane.window != Span::ALL).then(|| bounds(pane.window)),
        key: pane.key,
        timing,
        index: pane.index,
        last: pane.last,
        value: pane.value,
        replaces: Some(pane.replaces.into_iter().map(bounds).collect()),
    }
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
            Ok(()) => {}
            Err(error) => assert_eq!(error.kind(), ErrorKind::Stopped, "{error}"),
        }
        std::mem::take(&mut *got.lock().unwrap())
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

fn run(case: &Case, setup: &Setup) -> Got {
    match case.window {
        cases::Window::Global => with_kind!(case, setup, Window::global(), plain),
        cases::Window::Fixed { size, offset } => {
            let kind = Window::fixed(millis(size)).offset(millis(offset));
            with_kind!(case, setup, kind, plain)
        }
        cases::Window::Sliding { size, every, offset } => {
            let kind = Window::sliding(millis(size), millis(every)).offset(millis(offset));
            with_kind!(case, setup, kind, merging)
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
fn check(case: &Case) {
    for setup in setups(case) {
        let Got { mut rows, mut late } = run(case, &setup);
        let mut case = case.clone();
        if setup.partitions > 1 {
            rows.sort_by(|a, b| a.key.cmp(&b.key));
            case.out.sort_by(|a, b| a.key.cmp(&b.key));
            late.sort();
            case.late.iter_mut().for_each(|late| late.sort());
        }
        let checked = catch_unwind(AssertUnwindSafe(|| case.check(&rows, &late)));
        if let Err(wrong) = checked {
            eprintln!("with {setup:?}");
            std::panic::resume_unwind(wrong);
        }
    }
}

fn check_file(text: &str, say: bool) {
    let mut failed = Vec::new();
    for case in cases::parse(text) {
        let checked = catch_unwind(AssertUnwindSafe(|| check(&case)));
        match checked {
            Ok(()) if say => println!("{} ok", case.id),
            Ok(()) => {}
            Err(_) => {
                println!("{}", case.id);
                failed.push(case.id);
            }
        }
    }
    assert!(failed.is_empty(), "failed: {}", failed.join(" "));
}

#[test]
fn worked_cases() {
    check_file(include_str!("cases/windows.cases"), false);
}

#[test]
fn further_cases() {
    check_file(include_str!("cases/further.cases"), false);
}

#[test]
fn cases_of_the_environment() {
    let Ok(paths) = std::env::var("FLOW_CASES") else { return };
    for path in paths.split(':').filter(|path| !path.is_empty()) {
        let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{path}: {error}"));
        check_file(&text, true);
    }
}
