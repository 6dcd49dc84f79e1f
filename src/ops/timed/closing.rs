//! Triggers whose windows may be made to close with a pane, whatever came before.

use crate::time::Timestamp;
use crate::window::{OnTime, PaneView, Triggering, TriggeringOn};

/// A trigger, and whether its windows close with a pane even if nothing is left.
#[derive(Clone, Debug)]
pub struct Closing<R> {
    pub(super) trigger: R,
    pub(super) always: bool,
}

impl<R: Triggering> Triggering for Closing<R> {
    type State = R::State;
    const CLOCKED: bool = R::CLOCKED;

    fn on_time(&self) -> OnTime {
        self.trigger.on_time()
    }

    fn always_closes(&self) -> bool {
        self.always || self.trigger.always_closes()
    }

    fn fires_once(&self) -> bool {
        self.trigger.fires_once()
    }

    fn due(&self, state: &R::State) -> Option<(Timestamp, &'static str)> {
        self.trigger.due(state)
    }

    fn reset(&self, state: &mut R::State) {
        self.trigger.reset(state);
    }

    fn merge(&self, into: &mut R::State, from: R::State) {
        self.trigger.merge(into, from);
    }

    fn hears(&self, name: &str, late: bool) -> bool {
        self.trigger.hears(name, late)
    }

    fn signals(&self, names: &mut Vec<&'static str>) {
        self.trigger.signals(names);
    }

    fn invalid(&self) -> Option<String> {
        self.trigger.invalid()
    }
}

impl<E, R: TriggeringOn<E>> TriggeringOn<E> for Closing<R> {
    #[inline]
    fn event(&self, state: &mut R::State, event: &E, view: &PaneView) -> Option<&'static str> {
        self.trigger.event(state, event, view)
    }
}
