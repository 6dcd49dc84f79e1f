//! Reading a flow without waiting: whoever reads is woken when there is something, and starts the
//! flow's threads with its first look.

use super::drop_caught;
use crate::error::{ErrorKind, FlowError};
use crate::runtime::core::Phase;
use crate::runtime::edge::{Received, Receiver};
use crate::runtime::worker::{Owned, Run, Spawn, Steps};
use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Waker;

/// The results of a flow, as somebody finds them who polls.
pub(crate) struct Polled<T> {
    receiver: Receiver<T>,
    threads: Owned,
    at_hand: VecDeque<T>,
    /// The batch at hand: its producer and its size, for which credit is due when it is read.
    batch: Option<(usize, usize)>,
    started: bool,
}

/// What a look finds.
pub(crate) enum Look {
    /// There are events at hand.
    Events,
    /// Nothing; the waker is kept.
    Nothing,
    /// Nothing so far: a simulated run was run for a while.
    Again,
    /// Nothing will come any more: [`close`](Polled::close) says why.
    End,
}

/// How many tasks of a simulated run are run in one look.
const STEPS: usize = 64;

impl<T> Polled<T> {
    pub(crate) fn new((run, receiver): (Run<'static>, Receiver<T>)) -> Self {
        let (threads, at_hand) = (Owned::new(Arc::new(run)), VecDeque::new());
        Polled { receiver, threads, at_hand, batch: None, started: false }
    }

    pub(crate) fn run(&self) -> &Run<'static> {
        &self.threads.run
    }

    pub(crate) fn is_started(&self) -> bool {
        self.started
    }

    /// The events that were found.
    pub(crate) fn at_hand(&mut self) -> &mut VecDeque<T> {
        &mut self.at_hand
    }

    /// Looks for events. `waker` is woken once when there is something after [`Look::Nothing`].
    pub(crate) fn look(&mut self, waker: &Waker) -> Look {
        if !self.at_hand.is_empty() {
            return Look::Events;
        }
        self.run().core.poller.register(waker);
        self.run().core.reader_sleeps(false);
        self.start();
        let run: &Run<'static> = &self.threads.run;
        if let Some((input, events)) = self.batch.take() {
            let spent = Vec::from(std::mem::take(&mut self.at_hand));
            self.receiver.handled(input, events, spent, false);
        }
        for _ in 0..STEPS {
            // Looked at before the results: what came before the end is read after it, too.
            let over = run.core.is_over();
            if run.core.has_failed() {
                return Look::End;
            }
            match self.receiver.receive() {
                Received::Batch { input, events, .. } => {
                    self.batch = Some((input, events.len()));
                    self.at_hand = VecDeque::from(events);
                    return Look::Events;
                }
                Received::End => return Look::End,
                Received::Nothing if over => return Look::End,
                Received::Nothing => {}
            }
            if run.core.is_simulated() && run.step(&self.threads) {
                continue;
            }
            run.core.reader_sleeps(true);
            let at_rest = run.core.is_at_rest(1);
            if self.receiver.inbox().has_messages() || run.core.is_over() {
                run.core.reader_sleeps(false);
            } else if at_rest {
                run.core.fail_if_stalled(1);
            } else {
                return Look::Nothing;
            }
        }
        Look::Again
    }

    fn start(&mut self) {
        let run = &self.threads.run;
        if !std::mem::replace(&mut self.started, true)
            && !run.core.is_simulated()
            && let Err(error) = self.threads.helper()
        {
            let error =
                FlowError::new(ErrorKind::Source, "no thread could be started").with_source(error);
            run.core.fail(error);
        }
    }

    /// Lets virtual time go on, where nobody else does. False: nothing waits for a time.
    pub(crate) fn let_time_pass(&self) -> bool {
        let core = &self.run().core;
        match core.timers.next().filter(|_| core.is_simulated()) {
            Some(at) => core.clock.advance_to(at),
            None => return false,
        }
        true
    }

    /// Ends the sources; the rest comes.
    pub(crate) fn drain(&self) {
        self.run().end_sources(Phase::Draining);
    }

    /// Tells all threads to end, and waits for none.
    pub(crate) fn cancel(&self) {
        self.run().core.cancel();
    }

    /// Ends the run and waits for its threads; gives the first cause of a failure.
    pub(crate) fn close(self) -> Result<(), FlowError> {
        let Polled { receiver, threads, at_hand, .. } = self;
        threads.run.core.cancel();
        threads.join();
        drop_caught((receiver, at_hand), &threads.run);
        threads.run.finish()
    }
}
