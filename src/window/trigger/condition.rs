//! The parts of triggers: what fires again and again.

use super::{Firing, PaneView};
use crate::time::{Timestamp, ticks};
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

/// What fires again and again: a trigger by itself, or the early or late part of one. Made by the
/// functions of [`Trigger`](super::Trigger).
pub trait Condition: Send + Sync {
    /// What it keeps per window (and key).
    type State: Default + Send;
    /// Whether it may look at the clock.
    const CLOCKED: bool = false;
    /// Whether it never fires.
    const NEVER: bool = false;

    /// When the clock is to fire it, and in which name.
    fn due(&self, _state: &Self::State) -> Option<(Timestamp, &'static str)> {
        None
    }

    /// Begins anew after a firing.
    fn reset(&self, _state: &mut Self::State) {}

    /// Two windows have become one: what would fire sooner stays.
    fn merge(&self, _into: &mut Self::State, _from: Self::State) {}

    /// Whether a signal of this name fires it.
    fn hears(&self, _name: &str) -> bool {
        false
    }

    /// Adds the names of the signals that fire it.
    fn signals(&self, _names: &mut Vec<&'static str>) {}

    /// What is wrong with it.
    fn invalid(&self) -> Option<String> {
        None
    }
}

/// A condition for events of type `E`.
pub trait OnEvent<E>: Condition {
    /// Asks about an event; the name of what fires.
    fn event(&self, state: &mut Self::State, event: &E, view: &PaneView) -> Option<&'static str>;
}

type Due = Option<(Timestamp, &'static str)>;

pub(super) fn sooner(one: Due, other: Due) -> Due {
    match (one, other) {
        (Some(one), Some(other)) => Some(if other.0 < one.0 { other } else { one }),
        (one, other) => one.or(other),
    }
}

/// Never fires.
#[derive(Clone, Copy, Debug)]
pub struct Never;

impl Condition for Never {
    type State = ();
    const NEVER: bool = true;
}

impl<E> OnEvent<E> for Never {
    #[inline]
    fn event(&self, _: &mut (), _: &E, _: &PaneView) -> Option<&'static str> {
        None
    }
}

/// Fires for each event.
#[derive(Clone, Copy, Debug)]
pub struct Each;

impl Condition for Each {
    type State = ();
}

impl<E> OnEvent<E> for Each {
    #[inline]
    fn event(&self, _: &mut (), _: &E, _: &PaneView) -> Option<&'static str> {
        Some("each")
    }
}

/// Fires for every so many events; made by [`Trigger::every`](super::Trigger::every).
#[derive(Clone, Copy, Debug)]
pub struct Every(u32);

impl Every {
    pub(super) fn new(n: u32) -> Self {
        Every(n)
    }
}

impl Condition for Every {
    type State = ();

    fn invalid(&self) -> Option<String> {
        (self.0 == 0).then(|| "a trigger for every 0 events".to_owned())
    }
}

impl<E> OnEvent<E> for Every {
    #[inline]
    fn event(&self, _: &mut (), _: &E, view: &PaneView) -> Option<&'static str> {
        // Where windows have merged there can be more.
        (view.pending >= self.0).then_some("every")
    }
}

/// A condition of the clock: when it is due, while anything is pending.
macro_rules! clocked {
    ($type:ident, $name:literal, $self:ident, $now:ident, $due:expr, $zero:expr) => {
        impl Condition for $type {
            type State = Option<Timestamp>;
            const CLOCKED: bool = true;

            fn due(&self, state: &Option<Timestamp>) -> Due {
                state.map(|due| (due, $name))
            }

            fn reset(&self, state: &mut Option<Timestamp>) {
                *state = None;
            }

            fn merge(&self, into: &mut Option<Timestamp>, from: Option<Timestamp>) {
                *into = into.iter().copied().chain(from).min();
            }

            fn invalid(&self) -> Option<String> {
                (self.0 <= 0).then(|| concat!($zero, " of less than a millisecond").to_owned())
            }
        }

        impl<E> OnEvent<E> for $type {
            #[inline]
            fn event(
                &$self,
                state: &mut Option<Timestamp>,
                _: &E,
                view: &PaneView,
            ) -> Option<&'static str> {
                let $now = view.now;
                state.get_or_insert_with(|| $due);
                None
            }
        }
    };
}

/// Fires some time after the first event; made by [`Trigger::after_delay`](super::Trigger::after_delay).
#[derive(Clone, Copy, Debug)]
pub struct AfterDelay(i64);

impl AfterDelay {
    pub(super) fn new(delay: Duration) -> Self {
        AfterDelay(ticks(delay))
    }
}

clocked!(AfterDelay, "after_delay", self, now, now.plus(self.0), "a delay");

/// Fires at multiples of a period; made by [`Trigger::periodic`](super::Trigger::periodic).
#[derive(Clone, Copy, Debug)]
pub struct Periodic(i64);

impl Periodic {
    pub(super) fn new(period: Duration) -> Self {
        Periodic(ticks(period))
    }
}

clocked!(Periodic, "periodic", self, now, now.floor(self.0).plus(self.0), "a period");

/// Fires where a closure says so; made by [`Trigger::on`](super::Trigger::on).
pub struct On<G, S> {
    decide: Arc<G>,
    name: &'static str,
    state: PhantomData<fn() -> S>,
}

impl<G, S> On<G, S> {
    pub(super) fn new(decide: G) -> Self {
        On { decide: Arc::new(decide), name: "on", state: PhantomData }
    }

    /// The name that panes have as their trigger.
    pub fn named(self, name: &'static str) -> Self {
        On { name, ..self }
    }
}

impl<G, S> Clone for On<G, S> {
    fn clone(&self) -> Self {
        On { decide: Arc::clone(&self.decide), ..*self }
    }
}

impl<G, S> fmt::Debug for On<G, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("On").field(&self.name).finish()
    }
}

impl<G: Send + Sync, S: Default + Send> Condition for On<G, S> {
    type State = S;
}

impl<E, S, G> OnEvent<E> for On<G, S>
where
    G: Fn(&E, &mut S, &PaneView) -> Firing + Send + Sync,
    S: Default + Send,
{
    #[inline]
    fn event(&self, state: &mut S, event: &E, view: &PaneView) -> Option<&'static str> {
        ((self.decide)(event, state, view) == Firing::Fire).then_some(self.name)
    }
}

/// Fires when it is told to from outside; made by [`Trigger::on_signal`](super::Trigger::on_signal).
#[derive(Clone, Copy, Debug)]
pub struct OnSignal(&'static str);

impl OnSignal {
    pub(super) fn new(name: &'static str) -> Self {
        OnSignal(name)
    }
}

impl Condition for OnSignal {
    type State = ();

    fn hears(&self, name: &str) -> bool {
        self.0 == name
    }

    fn signals(&self, names: &mut Vec<&'static str>) {
        names.push(self.0);
    }
}

impl<E> OnEvent<E> for OnSignal {
    #[inline]
    fn event(&self, _: &mut (), _: &E, _: &PaneView) -> Option<&'static str> {
        None
    }
}

/// Fires when either does, and then both begin anew; made by `or`.
#[derive(Clone, Copy, Debug)]
pub struct Or<A, B>(A, B);

impl<A: Condition, B: Condition> Condition for Or<A, B> {
    type State = (A::State, B::State);
    const CLOCKED: bool = A::CLOCKED || B::CLOCKED;
    const NEVER: bool = A::NEVER && B::NEVER;

    fn due(&self, state: &Self::State) -> Due {
        sooner(self.0.due(&state.0), self.1.due(&state.1))
    }

    fn reset(&self, state: &mut Self::State) {
        self.0.reset(&mut state.0);
        self.1.reset(&mut state.1);
    }

    fn merge(&self, into: &mut Self::State, from: Self::State) {
        self.0.merge(&mut into.0, from.0);
        self.1.merge(&mut into.1, from.1);
    }

    fn hears(&self, name: &str) -> bool {
        self.0.hears(name) || self.1.hears(name)
    }

    fn signals(&self, names: &mut Vec<&'static str>) {
        self.0.signals(names);
        self.1.signals(names);
    }

    fn invalid(&self) -> Option<String> {
        self.0.invalid().or_else(|| self.1.invalid())
    }
}

impl<E, A: OnEvent<E>, B: OnEvent<E>> OnEvent<E> for Or<A, B> {
    #[inline]
    fn event(&self, state: &mut Self::State, event: &E, view: &PaneView) -> Option<&'static str> {
        let (one, other) =
            (self.0.event(&mut state.0, event, view), self.1.event(&mut state.1, event, view));
        one.or(other)
    }
}

macro_rules! or {
    ($([$($part:ident),*] $type:ty),+ $(,)?) => {$(
        impl<$($part),*> $type {
            /// Fires when either does.
            pub fn or<C: Condition>(self, other: C) -> Or<Self, C> {
                Or(self, other)
            }
        }
    )+};
}

or!([] Every, [] AfterDelay, [] Periodic, [] OnSignal, [G, S] On<G, S>, [A, B] Or<A, B>);
