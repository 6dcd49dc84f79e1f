//! Triggers: when a window fires.
//!
//! **Invariant.** A trigger is asked about every event, one by one, so that results do not depend on
//! batches. It never finishes: after a firing it begins anew, and what was folded but not fired is
//! fired when the window closes.

mod condition;

pub use condition::{
    AfterDelay, Condition, Each, Every, Never, On, OnEvent, OnSignal, Or, Periodic,
};

use super::Span;
use crate::time::Timestamp;
use std::time::Duration;

/// Makes triggers.
///
/// [`at_watermark`](Trigger::at_watermark) is what windows have without one: it fires once, when the
/// watermark reaches the window's end, and `early` and `late` add firings before and after it. The
/// others fire again and again, and once more for what is left when the window closes.
///
/// ```
/// use flow::Trigger;
/// use std::time::Duration;
///
/// let first_guesses = Trigger::at_watermark()
///     .early(Trigger::every(100).or(Trigger::after_delay(Duration::from_secs(1))))
///     .late(Trigger::every(10));
/// # let _ = first_guesses;
/// ```
#[derive(Debug)]
pub enum Trigger {}

impl Trigger {
    /// Fires when the watermark reaches the window's end, and for each late event.
    pub fn at_watermark() -> AtWatermark {
        AtWatermark { early: Never, late: Each, only_if_new: false, always_closes: false }
    }

    /// Fires for every `n`-th event of a window (and key) since the last firing.
    pub fn every(n: u32) -> Every {
        Every::new(n)
    }

    /// Fires when a delay has passed, by the clock, since the first event after the last firing.
    ///
    /// ```
    /// use flow::testing::{Script, assert_panes};
    /// use flow::{Executor, Flow, Timestamp, Trigger, Window};
    /// use std::time::Duration;
    ///
    /// let ms = Duration::from_millis;
    /// let script = Script::new().event(Timestamp(1), 20).clock(ms(5)).event(Timestamp(2), 22);
    /// let sums = Flow::from_scripts([script])
    ///     .key_by(|_| ())
    ///     .window(Window::global())
    ///     .trigger(Trigger::every(10).or(Trigger::after_delay(ms(5))))
    ///     .discarding()
    ///     .sum(|x| *x)
    ///     .linger(Duration::ZERO)
    ///     .on(Executor::simulation(7));
    /// assert_panes(sums.collect::<Vec<_>>()?, ["global=20 E0", "global=22 O1*"]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    pub fn after_delay(delay: Duration) -> AfterDelay {
        AfterDelay::new(delay)
    }

    /// Fires at multiples of a period, by the clock, if there was an event since the last firing.
    pub fn periodic(period: Duration) -> Periodic {
        Periodic::new(period)
    }

    /// Fires where a closure says so. It is asked about every event before that is folded, and given
    /// the event, a state of its own per window (and key) that begins as `Default` and lives as long
    /// as the window, and what there is to know about the window. The event is in the pane it fires.
    ///
    /// ```
    /// use flow::{Firing, Trigger};
    ///
    /// struct Trade { closes: bool }
    /// let at_close = Trigger::on(|trade: &Trade, _: &mut (), _: &flow::PaneView| {
    ///     if trade.closes { Firing::Fire } else { Firing::Continue }
    /// });
    /// # let _ = at_close;
    /// ```
    pub fn on<E, S, G>(decide: G) -> On<G, S>
    where
        G: Fn(&E, &mut S, &PaneView) -> Firing + Send + Sync,
        S: Default + Send,
    {
        On::new(decide)
    }

    /// Fires when it is told to from outside: by [`Handle::fire`](crate::Handle::fire) with this name,
    /// which every window (and key) that has something new then has as its pane's trigger.
    ///
    /// A signal is seen between two batches, and wakes a stage that has nothing to do: the panes have
    /// what is folded by then, which need not be all that has been sent. No event costs more for it. A
    /// signal that comes again before it is seen is one.
    ///
    /// ```
    /// use flow::{Flow, Trigger, Window};
    ///
    /// let (numbers, source) = std::sync::mpsc::channel();
    /// let (sums, results) = std::sync::mpsc::channel();
    /// let running = Flow::from_iter(source)
    ///     .key_by(|_: &u64| ())
    ///     .window(Window::global())
    ///     .trigger(Trigger::every(3).or(Trigger::on_signal("so far")))
    ///     .accumulating()
    ///     .sum(|x| *x)
    ///     .to(move |pane: flow::Pane<(), u64>| sums.send((pane.trigger, pane.value)).unwrap())
    ///     .start()?;
    /// (1..=3).for_each(|x| numbers.send(x).unwrap());
    /// assert_eq!(results.recv()?, ("every", 6));
    /// running.fire("so far")?; // Nothing is new: nothing fires.
    /// assert!(running.fire("so fra").unwrap_err().to_string().contains("\"so far\""));
    /// numbers.send(4)?;
    /// drop(numbers);
    /// running.join()?;
    /// assert_eq!(results.recv()?.1, 10);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn on_signal(name: &'static str) -> OnSignal {
        OnSignal::new(name)
    }

    /// Late panes only when the window closes, one for all late events: for
    /// [`late`](AtWatermark::late).
    pub fn at_close() -> Never {
        Never
    }
}

/// Whether a window fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Firing {
    /// It fires now.
    Fire,
    /// It goes on.
    Continue,
}

/// What a trigger may know about a window (and key) when an event comes.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct PaneView {
    /// What the window covers; for a session, with this event.
    pub window: Span,
    /// How many events there are since the last firing, with this one.
    pub pending: u32,
    /// Whether the watermark has passed the window's end.
    pub late: bool,
    /// The event's timestamp.
    pub at: Timestamp,
    /// What the clock says: milliseconds since the run began.
    pub now: Timestamp,
}

/// When the pane at the watermark is emitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnTime {
    /// Never: the trigger does not know the watermark.
    Never,
    /// Always.
    Always,
    /// Only if there were events since the last firing.
    IfNew,
}

/// A complete trigger. Implemented by [`AtWatermark`] and by every [`Condition`].
pub trait Triggering: Send + Sync {
    /// What it keeps per window (and key).
    type State: Default + Send;
    /// Whether it may look at the clock.
    const CLOCKED: bool;

    /// When the pane at the watermark is emitted.
    fn on_time(&self) -> OnTime;

    /// Whether a window closes with a pane even if nothing is left.
    fn always_closes(&self) -> bool {
        false
    }

    /// Whether a window fires at most once until the watermark has passed its end: only then events
    /// can be folded in parts.
    fn fires_once(&self) -> bool;

    /// When the clock is to fire it, and in which name.
    fn due(&self, state: &Self::State) -> Option<(Timestamp, &'static str)>;

    /// Begins anew after a firing.
    fn reset(&self, state: &mut Self::State);

    /// Two windows have become one.
    fn merge(&self, into: &mut Self::State, from: Self::State);

    /// Whether a signal of this name fires it, before or after the watermark has passed the end.
    fn hears(&self, name: &str, late: bool) -> bool;

    /// Adds the names of the signals that fire it.
    fn signals(&self, names: &mut Vec<&'static str>);

    /// What is wrong with it.
    fn invalid(&self) -> Option<String>;
}

/// A trigger for events of type `E`.
pub trait TriggeringOn<E>: Triggering {
    /// Asks about an event; the name of what fires.
    fn event(&self, state: &mut Self::State, event: &E, view: &PaneView) -> Option<&'static str>;
}

/// Fires when the watermark reaches the window's end, with further firings before and after; made by
/// [`Trigger::at_watermark`].
#[derive(Clone, Copy, Debug)]
pub struct AtWatermark<A = Never, L = Each> {
    early: A,
    late: L,
    only_if_new: bool,
    always_closes: bool,
}

impl<A, L> AtWatermark<A, L> {
    /// What fires before the watermark reaches the window's end; nothing by default.
    pub fn early<C: Condition>(self, early: C) -> AtWatermark<C, L> {
        let AtWatermark { late, only_if_new, always_closes, .. } = self;
        AtWatermark { early, late, only_if_new, always_closes }
    }

    /// What fires afterwards, while late events are allowed; each late event by default.
    pub fn late<C: Condition>(self, late: C) -> AtWatermark<A, C> {
        let AtWatermark { early, only_if_new, always_closes, .. } = self;
        AtWatermark { early, late, only_if_new, always_closes }
    }

    /// Leaves out the pane at the watermark where nothing has come since an early one. By default it
    /// is emitted always, as it says that the window is complete.
    pub fn only_if_new(self) -> Self {
        AtWatermark { only_if_new: true, ..self }
    }

    /// Emits a last pane when the window closes, even if nothing has come since the one before.
    pub fn closing_always(self) -> Self {
        AtWatermark { always_closes: true, ..self }
    }
}

impl<A: Condition, L: Condition> Triggering for AtWatermark<A, L> {
    type State = (A::State, L::State);
    const CLOCKED: bool = A::CLOCKED || L::CLOCKED;

    fn on_time(&self) -> OnTime {
        if self.only_if_new { OnTime::IfNew } else { OnTime::Always }
    }

    fn always_closes(&self) -> bool {
        self.always_closes
    }

    fn fires_once(&self) -> bool {
        A::NEVER
    }

    fn due(&self, state: &Self::State) -> Option<(Timestamp, &'static str)> {
        condition::sooner(self.early.due(&state.0), self.late.due(&state.1))
    }

    fn reset(&self, state: &mut Self::State) {
        self.early.reset(&mut state.0);
        self.late.reset(&mut state.1);
    }

    fn merge(&self, into: &mut Self::State, from: Self::State) {
        self.early.merge(&mut into.0, from.0);
        self.late.merge(&mut into.1, from.1);
    }

    fn hears(&self, name: &str, late: bool) -> bool {
        if late { self.late.hears(name) } else { self.early.hears(name) }
    }

    fn signals(&self, names: &mut Vec<&'static str>) {
        self.early.signals(names);
        self.late.signals(names);
    }

    fn invalid(&self) -> Option<String> {
        self.early.invalid().or_else(|| self.late.invalid())
    }
}

impl<E, A: OnEvent<E>, L: OnEvent<E>> TriggeringOn<E> for AtWatermark<A, L> {
    #[inline]
    fn event(&self, state: &mut Self::State, event: &E, view: &PaneView) -> Option<&'static str> {
        if view.late {
            self.late.event(&mut state.1, event, view)
        } else {
            self.early.event(&mut state.0, event, view)
        }
    }
}

impl<C: Condition> Triggering for C {
    type State = C::State;
    const CLOCKED: bool = C::CLOCKED;

    fn on_time(&self) -> OnTime {
        OnTime::Never
    }

    fn fires_once(&self) -> bool {
        C::NEVER
    }

    fn due(&self, state: &C::State) -> Option<(Timestamp, &'static str)> {
        Condition::due(self, state)
    }

    fn reset(&self, state: &mut C::State) {
        Condition::reset(self, state);
    }

    fn merge(&self, into: &mut C::State, from: C::State) {
        Condition::merge(self, into, from);
    }

    fn hears(&self, name: &str, _late: bool) -> bool {
        Condition::hears(self, name)
    }

    fn signals(&self, names: &mut Vec<&'static str>) {
        Condition::signals(self, names);
    }

    fn invalid(&self) -> Option<String> {
        Condition::invalid(self)
    }
}

impl<E, C: OnEvent<E>> TriggeringOn<E> for C {
    #[inline]
    fn event(&self, state: &mut C::State, event: &E, view: &PaneView) -> Option<&'static str> {
        OnEvent::event(self, state, event, view)
    }
}
