//! `attempt`: a fallible closure that lends its event, so that it can be tried again and, failing
//! for good, becomes a letter.

use super::attempting::AttemptMake;
use super::letter::DeadLetter;
use super::node::{ByReference, Node, Single};
use super::retry::Retry;
use super::{Flow, Partitioned, Sequenced};
use crate::error::Site;
use crate::kernel::{Make, Push};
use crate::plan::{Builder, Outline, StageOptions};
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

impl<N: Node> Flow<N> {
    /// Turns every event into another by a closure that may fail. What comes out are `Result`s: an
    /// event that failed is a [`DeadLetter`], which carries the event, the error, the operator, how
    /// many attempts were made, and the event's position where it is known.
    ///
    /// With [`retry`](Flow::retry) it is tried again before it is given up. What becomes of letters
    /// is said by what follows: [`ok_or_fail`](Flow::ok_or_fail), [`skip_errors`](Flow::skip_errors),
    /// [`errors_to`](Flow::errors_to), or anything that takes `Result`s.
    ///
    /// ```
    /// use flow::{Flow, Retry};
    /// use std::time::Duration;
    ///
    /// let parsed = Flow::from_vec(vec!["1", "x"]).attempt(|s| s.parse::<i32>());
    /// let tried = parsed.retry(Retry::exponential(Duration::from_millis(1)).times(2));
    /// let all: Vec<_> = tried.collect()?;
    /// let letter = all[1].as_ref().unwrap_err();
    /// assert_eq!((letter.event, letter.attempts, letter.operator()), ("x", 3, "attempt"));
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn attempt<U, E, F>(self, f: F) -> Flow<Attempt<N, F, U, E>>
    where
        U: Send,
        E: Send,
        F: Fn(&N::Item) -> Result<U, E> + Send + Sync,
    {
        let site = Site::here("attempt");
        let (when, types): (fn(&E) -> bool, _) = (|_| true, PhantomData);
        let retry = Retry::every(Duration::ZERO).times(0);
        self.within(|up| Attempt { up, f: Arc::new(f), when: Arc::new(when), retry, site, types })
    }
}

impl<N, F, U, E, P, O> Flow<Attempt<N, F, U, E, P, O>> {
    /// Tries an event that failed in [`attempt`](Flow::attempt) again, after a wait, as often as
    /// `retry` says. The waits are timers of the run: no worker sleeps, other instances and other
    /// events of this one go on meanwhile, up to [`Retry::window`] of them, and results keep their
    /// place in order (or do not, after [`in_any_order`](Flow::in_any_order)). Under
    /// [`Executor::simulation`](crate::Executor::simulation) the clock is virtual and nobody waits.
    ///
    /// When the run is drained, events that wait are still tried until they succeed or are given up.
    /// When it is stopped they are tried no more: they come out at once as letters with the attempts
    /// made so far. When it fails or is cancelled, or nobody wants results any more, they are
    /// dropped, and counted in [`StageMetrics::dropped`](crate::StageMetrics::dropped).
    ///
    /// ```
    /// use flow::{Executor, Flow, Meter, Retry};
    /// use std::time::Duration;
    ///
    /// let (meter, hour) = (Meter::new(), Duration::from_secs(3600));
    /// let calls = Flow::from_range(0..9u64).attempt(|_| Err::<u64, _>("down"));
    /// let tried = calls.retry(Retry::exponential(hour).times(3)).observe(&meter);
    /// assert_eq!(tried.skip_errors().on(Executor::simulation(7)).count()?, 0);
    /// assert_eq!(meter.metrics().elapsed, 7 * hour);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn retry(mut self, retry: Retry) -> Self {
        self.refuse_window(Site::here("retry"), retry);
        self.node.retry = retry;
        self
    }

    /// As [`retry`](Flow::retry), for errors that `when` says may pass. An event that fails
    /// otherwise is given up at once.
    ///
    /// ```
    /// use flow::{Flow, Retry};
    /// use std::time::Duration;
    ///
    /// let texts = Flow::from_vec(vec!["", "x"]).attempt(|s| s.parse::<u32>());
    /// let all: Vec<_> = texts
    ///     .retry_if(Retry::every(Duration::ZERO).times(1), |e| e.to_string().contains("empty"))
    ///     .map(|tried| tried.unwrap_err().attempts)
    ///     .collect()?;
    /// assert_eq!(all, [2, 1]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn retry_if<W>(mut self, retry: Retry, when: W) -> Flow<Attempt<N, F, U, E, W, O>>
    where
        W: Fn(&E) -> bool + Send + Sync,
    {
        self.refuse_window(Site::here("retry_if"), retry);
        self.within(|Attempt { up, f, site, types, .. }| {
            let when = Arc::new(when);
            Attempt { up, f, when, retry, site, types }
        })
    }

    /// Gives results as they come: nothing stands behind an event that waits for another attempt. The
    /// flow has no order any more.
    ///
    /// ```
    /// use flow::{Executor, Flow, Retry};
    /// use std::{sync::atomic::{AtomicBool, Ordering}, time::Duration};
    ///
    /// let fails = AtomicBool::new(true);
    /// let flow = Flow::from_vec(vec![1, 2]).stages(1).on(Executor::simulation(1));
    /// let once = flow.attempt(|x| if *x == 1 && fails.swap(false, Ordering::SeqCst) { Err("no") } else { Ok(*x) });
    /// let hours = once.retry(Retry::every(Duration::from_secs(7200)));
    /// assert_eq!(hours.in_any_order().ok_or_fail().collect::<Vec<_>>()?, [2, 1]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    pub fn in_any_order(self) -> Flow<Attempt<N, F, U, E, P, AnyOrder>> {
        self.within(|Attempt { up, f, when, retry, site, .. }| Attempt {
            up,
            f,
            when,
            retry,
            site,
            types: PhantomData,
        })
    }

    fn refuse_window(&mut self, site: Site, retry: Retry) {
        if retry.window == 0 {
            self.run.refuse(site, "a window of retries must hold at least 1 event".to_owned());
        }
    }
}

/// What order results have.
pub trait Order: Send + Sync {
    /// Whether it is that of the events.
    const KEPT: bool;
}

/// Results come in the order of their events.
#[derive(Clone, Copy, Debug)]
pub struct InOrder;

/// Results come when they are there.
#[derive(Clone, Copy, Debug)]
pub struct AnyOrder;

impl Order for InOrder {
    const KEPT: bool = true;
}

impl Order for AnyOrder {
    const KEPT: bool = false;
}

/// `attempt` behind a node.
pub struct Attempt<N, F, U, E, P = fn(&E) -> bool, O = InOrder> {
    up: N,
    f: Arc<F>,
    when: Arc<P>,
    retry: Retry,
    site: Site,
    types: PhantomData<fn() -> (U, E, O)>,
}

impl<N: Clone, F, U, E, P, O> Clone for Attempt<N, F, U, E, P, O> {
    fn clone(&self) -> Self {
        let Attempt { up, f, when, retry, site, types } = self;
        let (f, when) = (Arc::clone(f), Arc::clone(when));
        Attempt { up: up.clone(), f, when, retry: *retry, site: *site, types: *types }
    }
}

impl<N, F, U, E, P, O> fmt::Debug for Attempt<N, F, U, E, P, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.site.operator)
    }
}

impl<N, F, U, E, P, O> Node for Attempt<N, F, U, E, P, O>
where
    N: Node,
    U: Send,
    E: Send,
    F: Fn(&N::Item) -> Result<U, E> + Send + Sync,
    P: Fn(&E) -> bool + Send + Sync,
    O: Order,
{
    type Item = Result<U, DeadLetter<N::Item, E>>;
    type Lending = ByReference;
    const SINGLE: bool = N::SINGLE;
    const POSITIONED: bool = N::POSITIONED && O::KEPT;

    fn describe(&self, stage: &StageOptions, outline: &mut Outline) {
        outline.operator(self.site);
        self.up.describe(stage, outline);
    }

    fn build<'env, M>(self, stage: StageOptions, builder: &mut Builder<'env>, make: M)
    where
        Self: 'env,
        M: Make<Kernel: Push<Self::Item>> + 'env,
    {
        let Attempt { up, f, when, retry, site, .. } = self;
        let types = PhantomData::<fn(N::Item) -> (U, E, O)>;
        let make =
            AttemptMake { f, when, retry, site, positioned: N::POSITIONED, next: make, types };
        up.build(stage, builder, make);
    }
}

#[diagnostic::do_not_recommend]
impl<N: Sequenced, F, U, E, P> Sequenced for Attempt<N, F, U, E, P> where Self: Node {}

#[diagnostic::do_not_recommend]
impl<N: Single, F, U, E, P> Single for Attempt<N, F, U, E, P> where Self: Sequenced {}

#[diagnostic::do_not_recommend]
impl<N: Partitioned, F, U, E, P, O> Partitioned for Attempt<N, F, U, E, P, O> where Self: Node {}
