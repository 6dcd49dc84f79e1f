//! `Script`: events, watermarks and the passing of time, one after the other.

use crate::error::Site;
use crate::kernel::{Make, Mark, Push};
use crate::ops::{ByReference, Flow, Node, Stamped, TimedFlow};
use crate::plan::{Builder, Outline, StageOptions};
use crate::runtime::core::{Cx, Phase};
use crate::runtime::signals::Signals;
use crate::runtime::stage::{Input, Pull};
use crate::source::build_per_source;
use crate::time::Timestamp;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// What one input does, step by step.
///
/// ```
/// use flow::testing::Script;
/// use flow::{Executor, Flow, Timestamp, Window};
/// use std::time::Duration;
///
/// let script = Script::new()
///     .event(Timestamp(1_000), 'a')
///     .event(Timestamp(2_000), 'b')
///     .watermark(Timestamp(60_000))
///     .event(Timestamp(3_000), 'c');
/// let late = Flow::from_scripts([script])
///     .key_by(|_| ())
///     .window(Window::fixed(Duration::from_secs(60)))
///     .count()
///     .on(Executor::simulation(7))
///     .collect::<Vec<_>>()?;
/// assert_eq!((late.len(), late[0].value), (1, 2));
/// # Ok::<(), flow::FlowError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Script<T> {
    steps: VecDeque<Step<T>>,
    unfinished: bool,
    watermark: Timestamp,
    idle: bool,
    /// Who listens for signals in the run that the script is an input of.
    signals: Arc<Signals>,
}

#[derive(Clone, Debug)]
enum Step<T> {
    Event(Timestamp, T),
    Watermark(Timestamp),
    Clock(Duration),
    Fire(&'static str),
    Idle,
}

impl<T> Default for Script<T> {
    fn default() -> Self {
        let (steps, watermark) = (VecDeque::new(), Timestamp::MIN);
        Script { steps, unfinished: false, watermark, idle: false, signals: Arc::default() }
    }
}

impl<T> Script<T> {
    /// An input that ends at once.
    #[must_use]
    pub fn new() -> Self {
        Script::default()
    }

    /// An event comes, which happened at this time.
    #[must_use]
    pub fn event(self, at: Timestamp, event: T) -> Self {
        self.step(Step::Event(at, event))
    }

    /// No event before this time is expected any more.
    #[must_use]
    pub fn watermark(self, to: Timestamp) -> Self {
        self.step(Step::Watermark(to))
    }

    /// The run's clock reaches this time, counted from the beginning of the run; what was due before
    /// happens first. What came before is handled before, too, where no batch lingers:
    /// `linger(Duration::ZERO)` on the stage that gets it. On an executor of threads that takes as long as it says.
    #[must_use]
    pub fn clock(self, to: Duration) -> Self {
        self.step(Step::Clock(to))
    }

    /// Somebody fires the windows that wait for this signal, as
    /// [`Handle::fire`](crate::Handle::fire) does: what has not been folded by then is not in the
    /// panes. Behind a step of the [`clock`](Self::clock) everything has. A name that nothing waits for
    /// fails the run.
    ///
    /// ```
    /// use flow::testing::Script;
    /// use flow::{Executor, Flow, Timestamp, Trigger, Window};
    /// use std::time::Duration;
    ///
    /// let script = Script::new()
    ///     .event(Timestamp(1), 20)
    ///     .clock(Duration::from_secs(1))
    ///     .fire("so far")
    ///     .clock(Duration::from_secs(2))
    ///     .event(Timestamp(2), 22);
    /// let sums = Flow::from_scripts([script])
    ///     .key_by(|_| ())
    ///     .window(Window::global())
    ///     .trigger(Trigger::on_signal("so far"))
    ///     .accumulating()
    ///     .sum(|x| *x)
    ///     .linger(Duration::ZERO)
    ///     .on(Executor::simulation(7));
    /// let sums: Vec<(&str, i32)> = sums.map(|pane| (pane.trigger, pane.value)).collect()?;
    /// assert_eq!(sums, [("so far", 20), ("close", 42)]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[must_use]
    pub fn fire(self, name: &'static str) -> Self {
        self.step(Step::Fire(name))
    }

    /// Nothing comes for a while: nobody waits for this input's watermark until something does.
    #[must_use]
    pub fn idle(self) -> Self {
        self.step(Step::Idle)
    }

    /// The input does not end: the run is stopped behind the last step, as
    /// [`Handle::stop`](crate::Handle::stop) stops it.
    #[must_use]
    pub fn unfinished(mut self) -> Self {
        self.unfinished = true;
        self
    }

    fn step(mut self, step: Step<T>) -> Self {
        self.steps.push_back(step);
        self
    }
}

impl Flow {
    /// The events of scripts, one input each, with the times and watermarks that they say.
    #[track_caller]
    pub fn from_scripts<T: Send>(
        scripts: impl IntoIterator<Item = Script<T>>,
    ) -> TimedFlow<FromScripts<T>> {
        let site = Site::here("from_scripts");
        TimedFlow::of(FromScripts { scripts: scripts.into_iter().collect(), site })
    }
}

/// Scripted inputs.
#[derive(Clone, Debug)]
pub struct FromScripts<T> {
    scripts: Vec<Script<T>>,
    site: Site,
}

impl<T: Send> Node for FromScripts<T> {
    type Item = Stamped<T>;
    type Lending = ByReference;

    fn describe(&self, _stage: &StageOptions, outline: &mut Outline) {
        outline.instances(self.scripts.len().max(1));
        outline.operator(self.site);
    }

    fn build<'env, M>(self, stage: StageOptions, builder: &mut Builder<'env>, make: M)
    where
        Self: 'env,
        M: Make<Kernel: Push<Stamped<T>>> + 'env,
    {
        let mut scripts = self.scripts;
        scripts.iter_mut().for_each(|script| script.signals = Arc::clone(&builder.signals));
        build_per_source(scripts, self.site, stage, builder, make);
    }
}

impl<T: Send, K: Push<Stamped<T>>> Input<K> for Script<T> {
    fn pull(&mut self, kernel: &mut K, room: usize, cx: &mut Cx<'_>) -> Pull {
        if cx.core.phase() != Phase::Running {
            return Pull::End;
        }
        let mut pushed = 0;
        while pushed < room {
            match self.steps.pop_front() {
                Some(Step::Event(at, value)) => {
                    if std::mem::take(&mut self.idle) {
                        // Before the event: it must not be late because nobody waited for it.
                        kernel.mark(Mark::Watermark(self.watermark));
                    }
                    kernel.push(Stamped { at, value });
                    pushed += 1;
                }
                Some(Step::Watermark(to)) => {
                    self.idle = false;
                    self.watermark = to.max(self.watermark);
                    kernel.mark(Mark::Watermark(self.watermark));
                }
                Some(Step::Idle) => {
                    self.idle = true;
                    kernel.mark(Mark::Idle);
                }
                Some(Step::Fire(name)) => {
                    if let Err(error) = self.signals.raise(name) {
                        cx.core.fail(error);
                        return Pull::End;
                    }
                }
                Some(Step::Clock(to)) => {
                    cx.lap();
                    // A moment later: what is due then has happened by now.
                    let at = u64::try_from(to.as_nanos()).unwrap_or(u64::MAX).saturating_add(1);
                    if cx.now() < at {
                        self.steps.push_front(Step::Clock(to));
                        cx.wake_at(at);
                        return if pushed == 0 { Pull::Wait } else { Pull::Some(pushed) };
                    }
                }
                None if pushed > 0 => break,
                None => {
                    if self.unfinished {
                        cx.core.enter(Phase::Stopping);
                    } else {
                        kernel.mark(Mark::Watermark(Timestamp::MAX));
                    }
                    return Pull::End;
                }
            }
        }
        Pull::Some(pushed)
    }
}
