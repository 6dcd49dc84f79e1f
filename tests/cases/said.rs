//! What a case says, in the library's words: conditions that are known at run time only, and panes.

// The names are the library's own in unit tests, and what it shows in integration tests.
use super::super::{
    AfterDelay, Condition, Every, OnEvent, Pane, PaneView, Periodic, Span, Timestamp, Timing,
    Trigger,
};
use super::{Fires, Row};
use std::time::Duration;

/// A condition that is known at run time only.
#[derive(Clone, Debug)]
pub enum Any {
    Never,
    Each,
    Every(Every),
    AfterDelay(AfterDelay),
    Periodic(Periodic),
    Or(Box<(Any, Any)>),
}

#[derive(Default, Debug)]
pub struct AnyState {
    due: Option<Timestamp>,
    parts: Option<Box<(AnyState, AnyState)>>,
}

impl Condition for Any {
    type State = AnyState;
    const CLOCKED: bool = true;

    fn due(&self, state: &AnyState) -> Option<(Timestamp, &'static str)> {
        match self {
            Any::Never | Any::Each | Any::Every(_) => None,
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

impl<E> OnEvent<E> for Any {
    fn event(&self, state: &mut AnyState, event: &E, view: &PaneView) -> Option<&'static str> {
        match self {
            Any::Never => None,
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

pub fn millis(ticks: i64) -> Duration {
    Duration::from_millis(ticks as u64)
}

pub fn any(fires: &Fires) -> Any {
    match fires {
        Fires::Every(n) => Any::Every(Trigger::every(*n as u32)),
        Fires::AfterDelay(ticks) => Any::AfterDelay(Trigger::after_delay(millis(*ticks))),
        Fires::Periodic(ticks) => Any::Periodic(Trigger::periodic(millis(*ticks))),
        Fires::Or(parts) => Any::Or(Box::new((any(&parts.0), any(&parts.1)))),
        Fires::Never => Any::Never,
    }
}

/// A pane as cases write it.
pub fn row(pane: Pane<String, String>) -> Row {
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
