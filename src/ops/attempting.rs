//! What one instance of `attempt` does: tries events, keeps those that wait for another attempt in a
//! line, and hands on what is ready. See [`Attempting`].

use super::attempt::Order;
use super::letter::DeadLetter;
use super::retry::Retry;
use crate::error::Site;
use crate::kernel::culprit::guarded;
use crate::kernel::{Finish, Kernel, Make, Mark, Positions, Push};
use crate::runtime::Place;
use crate::runtime::core::{Phase, QUANTUM};
use crate::runtime::simulation::Simulation;
use crate::runtime::tally::Tally;
use crate::runtime::task::TaskRef;
use std::collections::VecDeque;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

/// Makes what tries events, and keeps what waits.
pub(super) struct AttemptMake<F, P, M, T, U, E, O> {
    pub(super) f: Arc<F>,
    pub(super) when: Arc<P>,
    pub(super) retry: Retry,
    pub(super) site: Site,
    pub(super) positioned: bool,
    pub(super) next: M,
    pub(super) types: PhantomData<fn(T) -> (U, E, O)>,
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
pub(super) struct Attempting<F, P, K, T, U, E, O> {
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
}
