//! `attempt`: a fallible closure that lends its event, so that it can be tried again and, failing
//! for good, becomes a letter.

use super::letter::DeadLetter;
use super::node::{ByReference, Node, Single};
use super::retry::Retry;
use super::{Flow, Partitioned, Sequenced};
use crate::error::Site;
use crate::kernel::culprit::guarded;
use crate::kernel::{Finish, Kernel, Make, Mark, Positions, Push};
use crate::plan::{Builder, Outline, StageOptions};
use crate::runtime::Place;
use crate::runtime::core::{Phase, QUANTUM};
use crate::runtime::simulation::Simulation;
use crate::runtime::tally::Tally;
use crate::runtime::task::TaskRef;
use std::collections::VecDeque;
use std::fmt;
use std::iter;
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

struct AttemptMake<F, P, M, T, U, E, O> {
    f: Arc<F>,
    when: Arc<P>,
    retry: Retry,
    site: Site,
    positioned: bool,
    next: M,
    types: PhantomData<fn(T) -> (U, E, O)>,
}

impl<F, P, M, T, U, E, O> Make for AttemptMake<F, P, M, T, U, E, O>
where
    T: Send,
    U: Send,
    E: Send,
    F: Fn(&T) -> Result<U, E> + Send + Sync,
    P: Fn(&E) -> bool + Send + Sync,
    O: Order,
    M: Make<Kernel: Push<Result<U, DeadLetter<T, E>>>>,
{
    type Kernel = Attempting<F, P, M::Kernel, T, U, E, O>;

    fn make(&self, place: &Place) -> Self::Kernel {
        Attempting {
            tries: Tries {
                f: Arc::clone(&self.f),
                when: Arc::clone(&self.when),
                retry: self.retry,
                site: self.site,
                task: place.task.clone(),
                types: PhantomData,
            },
            next: self.next.make(place),
            positions: Positions::new(self.positioned),
            tally: Tally::new(place),
            line: VecDeque::new(),
            due: u64::MAX,
            order: PhantomData,
        }
    }
}

/// What is tried, and how often.
struct Tries<F, P, T, U, E> {
    f: Arc<F>,
    when: Arc<P>,
    retry: Retry,
    site: Site,
    task: TaskRef,
    types: PhantomData<fn(T) -> (U, E)>,
}

/// What stands in the line of an instance.
enum Slot<T, U, E> {
    /// It is tried again when the time has come.
    Waiting(Box<DeadLetter<T, E>>, u64),
    /// It has to go on.
    Ready(Result<U, DeadLetter<T, E>>),
    /// A mark that stays behind what came before it.
    Mark(Mark),
}

impl<F, P, T, U, E> Tries<F, P, T, U, E>
where
    F: Fn(&T) -> Result<U, E>,
    P: Fn(&E) -> bool,
{
    #[inline(always)]
    fn first(&self, event: T, position: Option<u64>) -> Slot<T, U, E> {
        match guarded(&self.site, || (self.f)(&event)) {
            Ok(result) => Slot::Ready(Ok(result)),
            Err(error) => {
                let site = self.site;
                self.failed(Box::new(DeadLetter { event, error, attempts: 1, position, site }))
            }
        }
    }

    fn again(&self, mut letter: Box<DeadLetter<T, E>>) -> Slot<T, U, E> {
        match guarded(&self.site, || (self.f)(&letter.event)) {
            Ok(result) => {
                guarded(&self.site, || drop(letter));
                Slot::Ready(Ok(result))
            }
            Err(error) => {
                letter.attempts += 1;
                guarded(&self.site, || letter.error = error);
                self.failed(letter)
            }
        }
    }

    #[cold]
    fn failed(&self, letter: Box<DeadLetter<T, E>>) -> Slot<T, U, E> {
        let attempts = letter.attempts;
        if attempts > self.retry.times || !guarded(&self.site, || (self.when)(&letter.error)) {
            return Slot::Ready(Err(*letter));
        }
        let due = self.retry.due(self.task.core().clock.now(), attempts);
        Slot::Waiting(letter, due)
    }
}

/// One instance, with the line of what is not through.
struct Attempting<F, P, K, T, U, E, O> {
    tries: Tries<F, P, T, U, E>,
    next: K,
    positions: Positions,
    tally: Tally,
    /// In the order in which events came. Empty while nothing waits.
    line: VecDeque<Slot<T, U, E>>,
    /// When the first of those that wait is due.
    due: u64,
    order: PhantomData<fn() -> O>,
}

impl<F, P, K, T, U, E, O> fmt::Debug for Attempting<F, P, K, T, U, E, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.tries.site.operator)
    }
}

impl<F, P, K, T, U, E, O> Attempting<F, P, K, T, U, E, O>
where
    F: Fn(&T) -> Result<U, E>,
    P: Fn(&E) -> bool,
    K: Push<Result<U, DeadLetter<T, E>>>,
    O: Order,
{
    /// Tries again what is due, and hands on what can go.
    fn go_on(&mut self) {
        if self.line.is_empty() {
            return;
        }
        let core = self.tries.task.core();
        if core.phase() == Phase::Stopping {
            self.give_up();
        } else {
            let now = core.clock.now();
            if now >= self.due {
                self.try_again(now);
            }
        }
        self.hand_on();
    }

    /// Nothing is tried any more: what waits is given up.
    fn give_up(&mut self) {
        self.due = u64::MAX;
        for slot in &mut self.line {
            *slot = match std::mem::replace(slot, Slot::Mark(Mark::Settled)) {
                Slot::Waiting(letter, _) => Slot::Ready(Err(*letter)),
                other => other,
            };
        }
    }

    /// Tries what is due once more, for a quantum at most.
    fn try_again(&mut self, now: u64) {
        let Tries { task, .. } = &self.tries;
        let core = task.core();
        let mut over = false;
        self.due = u64::MAX;
        for slot in &mut self.line {
            let Slot::Waiting(_, due) = slot else {
                continue;
            };
            if *due <= now && !over {
                if let Slot::Waiting(letter, _) = std::mem::replace(slot, Slot::Mark(Mark::Settled))
                {
                    self.tally.retried += 1;
                    *slot = self.tries.again(letter);
                }
                let interrupted = core.simulation(Simulation::interrupts);
                over = interrupted.unwrap_or_else(|| core.clock.now() - now > QUANTUM);
                over |= core.is_over();
            }
            if let Slot::Waiting(_, due) = slot {
                self.due = self.due.min(*due);
            }
        }
        if self.due <= now {
            // Others first; nobody else would wake this task.
            task.notify();
        }
    }

    /// Hands on what is ready and need not wait for others, while there is room.
    fn hand_on(&mut self) {
        loop {
            let at = if O::KEPT {
                0
            } else {
                let ready = |slot: &Slot<_, _, _>| matches!(slot, Slot::Ready(_));
                self.line.iter().position(ready).unwrap_or(usize::MAX)
            };
            match self.line.get(at) {
                None | Some(Slot::Waiting(..)) => return,
                Some(Slot::Ready(_)) if self.next.make_room() == 0 => return,
                Some(_) => {}
            }
            match self.line.remove(at) {
                Some(Slot::Ready(result)) => {
                    self.tally.held -= 1;
                    self.next.push(result);
                }
                Some(Slot::Mark(mark)) => self.next.mark(mark),
                _ => return,
            }
        }
    }

    /// Nobody wants what is held.
    fn drop_line(&mut self) {
        self.tally.dropped += std::mem::take(&mut self.tally.held);
        self.due = u64::MAX;
        guarded(&self.tries.site, || self.line.clear());
    }
}

impl<F, P, K, T, U, E, O> Kernel for Attempting<F, P, K, T, U, E, O>
where
    T: Send,
    U: Send,
    E: Send,
    F: Fn(&T) -> Result<U, E> + Send + Sync,
    P: Fn(&E) -> bool + Send + Sync,
    K: Push<Result<U, DeadLetter<T, E>>>,
    O: Order,
{
    fn room(&mut self) -> usize {
        self.go_on();
        let room = self.next.room();
        if self.tries.retry.times == 0 {
            return room;
        }
        // Marks are bounded too: a claim of which nothing comes leaves two.
        let Retry { window, .. } = self.tries.retry;
        let marks = window.saturating_mul(4).saturating_sub(self.line.len());
        room.min(window.saturating_sub(self.tally.held as usize)).min(marks)
    }

    fn resume(&mut self) {
        self.next.resume();
        self.go_on();
    }

    fn closed(&self) -> bool {
        self.next.closed()
    }

    fn mark(&mut self, mark: Mark) {
        self.positions.mark(mark);
        self.tally.publish();
        match (O::KEPT, self.line.is_empty()) {
            (true, true) => self.next.mark(mark),
            (true, false) => self.line.push_back(Slot::Mark(mark)),
            // Where there is no order nothing is between two marks.
            (false, _) => {}
        }
    }

    fn quiet(&mut self, now: u64) -> Option<u64> {
        self.tally.publish();
        let retry = (self.due < u64::MAX).then_some(self.due);
        self.next.quiet(now).into_iter().chain(retry).min()
    }

    fn end(&mut self, finish: Finish) -> bool {
        self.resume();
        if self.next.closed() {
            self.drop_line();
        }
        self.line.is_empty() && self.next.end(finish)
    }

    fn close(self, last: bool) {
        self.next.close(last);
    }
}

impl<F, P, K, T, U, E, O> Push<T> for Attempting<F, P, K, T, U, E, O>
where
    T: Send,
    U: Send,
    E: Send,
    F: Fn(&T) -> Result<U, E> + Send + Sync,
    P: Fn(&E) -> bool + Send + Sync,
    K: Push<Result<U, DeadLetter<T, E>>>,
    O: Order,
{
    #[inline]
    fn push(&mut self, event: T) {
        let position = self.positions.step();
        match self.tries.first(event, position) {
            Slot::Ready(result) if self.line.is_empty() || !O::KEPT => self.next.push(result),
            slot => {
                if let Slot::Waiting(_, due) = &slot {
                    self.due = self.due.min(*due);
                }
                self.tally.held += 1;
                self.line.push_back(slot);
            }
        }
    }

    #[inline(always)]
    fn push_all<I: Iterator<Item = T>>(&mut self, mut events: I) {
        if self.tries.retry.times > 0 {
            return events.for_each(|event| self.push(event));
        }
        // Nothing ever waits, so everything goes on at once.
        let Attempting { tries, next, positions, .. } = self;
        next.push_all(iter::from_fn(|| match tries.first(events.next()?, positions.step()) {
            Slot::Ready(result) => Some(result),
            Slot::Waiting(letter, _) => Some(Err(*letter)),
            Slot::Mark(_) => None,
        }));
    }
}
