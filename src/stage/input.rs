//! What a stage takes: its subscriptions, and when each asks for more.

use super::dispatch::SharedSelector;
use super::mailbox::{Downstream, Id, Upstream};
use super::reason::Reason;
use super::subscription::{Cancel, Joining, Request};
use crate::runtime::credit::Demand;
use std::collections::VecDeque;
use std::sync::Arc;

pub(crate) struct Input<T> {
    subscriptions: Vec<Taking<T>>,
    /// Whether one has ended by itself that the stage depends on.
    pub(crate) some_ended: bool,
    /// Whether such a one was told to end, before it had given all.
    pub(crate) cut_short: bool,
}

/// One subscription.
pub(crate) struct Taking<T> {
    pub(crate) id: Id,
    upstream: Arc<dyn Upstream<T>>,
    demand: Demand,
    /// How many events are handled at once.
    pub(crate) batch: usize,
    manual: bool,
    partition: Option<usize>,
    /// Kept where it may be needed again.
    selector: Option<SharedSelector<T>>,
    /// What was asked for and has not come.
    outstanding: usize,
    pub(crate) cancel: Cancel,
    /// An empty buffer that goes back with the next ask.
    spare: VecDeque<T>,
    /// Cancelled, until the producer says that nothing more comes: what comes meanwhile goes back.
    leaving: Option<VecDeque<T>>,
}

impl<T: Send + 'static> Input<T> {
    pub(crate) fn new() -> Self {
        Input { subscriptions: Vec::new(), some_ended: false, cut_short: false }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.subscriptions.is_empty()
    }

    pub(crate) fn join(&mut self, joining: Joining<T>) {
        let Joining { id, upstream, max, min, manual, cancel, partition, selector } = joining;
        self.subscriptions.push(Taking {
            id,
            upstream,
            demand: Demand::new(max, min),
            batch: max - min,
            manual,
            partition,
            selector,
            outstanding: if manual { 0 } else { max },
            cancel,
            spare: VecDeque::new(),
            leaving: None,
        });
    }

    pub(crate) fn get(&mut self, id: Id) -> Option<&mut Taking<T>> {
        self.subscriptions.iter_mut().find(|taking| taking.id == id)
    }

    /// Takes out a subscription that has ended for good, with how it has; what came after it was
    /// cancelled goes back. One that resumes is kept.
    pub(crate) fn ended(
        &mut self,
        id: Id,
        reason: Reason,
        own: Arc<dyn Downstream<T>>,
    ) -> Option<(Taking<T>, Reason)> {
        let at = self.subscriptions.iter().position(|taking| taking.id == id)?;
        let reason = self.subscriptions[at].resumes(reason, own).err()?;
        let mut taking = self.subscriptions.remove(at);
        if let Some(unhandled) = taking.leaving.take().filter(|unhandled| !unhandled.is_empty()) {
            taking.upstream.leave(id, Reason::Cancelled, unhandled, taking.partition);
        }
        Some((taking, reason))
    }

    /// Wants nothing more of any of them.
    pub(crate) fn leave_each(&mut self, reason: &Reason) {
        self.subscriptions.iter_mut().for_each(|taking| taking.leave(reason.clone()));
    }

    /// Ends all of them, with what was not handled.
    pub(crate) fn leave_all(
        &mut self,
        reason: &Reason,
        mut unhandled: impl FnMut(Id) -> VecDeque<T>,
    ) {
        for mut taking in self.subscriptions.drain(..) {
            let mut events = taking.leaving.take().unwrap_or_default();
            events.append(&mut unhandled(taking.id));
            taking.upstream.leave(taking.id, reason.clone(), events, taking.partition);
        }
    }
}

impl<T: Send + 'static> Taking<T> {
    /// So many events have come and are handled now.
    pub(crate) fn takes(&mut self, events: usize) -> usize {
        self.outstanding = self.outstanding.saturating_sub(events);
        events
    }

    /// The stage has ended. Subscribes again where there may be another one, for what has not come;
    /// otherwise gives how it ended for good.
    fn resumes(
        &mut self,
        reason: Reason,
        downstream: Arc<dyn Downstream<T>>,
    ) -> Result<(), Reason> {
        if self.leaving.is_some() {
            // A failure of what is not wanted any more is none of this stage's.
            return Err(if reason.is_failure() { Reason::Cancelled } else { reason });
        }
        self.upstream.resumes(reason)?;
        let request = Request {
            id: self.id,
            downstream,
            selector: self.selector.clone().map(SharedSelector::boxed),
            partition: self.partition,
            credit: self.outstanding,
        };
        self.upstream.subscribe(request).map_err(|(_, reason)| reason)
    }

    /// Records handled events, asks for more when it is time to; `emptied` is the buffer that they
    /// came in, if all of it was handled.
    pub(crate) fn handled(&mut self, events: usize, emptied: Option<VecDeque<T>>) {
        if let Some(emptied) = emptied {
            self.spare = emptied;
        }
        if !self.manual {
            let ask = self.demand.handled(events);
            self.ask(ask);
        }
    }

    pub(crate) fn ask(&mut self, events: usize) {
        if events > 0 {
            self.outstanding = self.outstanding.saturating_add(events);
            self.upstream.ask(self.id, events, std::mem::take(&mut self.spare));
        }
    }

    /// Wants nothing more.
    pub(crate) fn leave(&mut self, reason: Reason) {
        if self.leaving.is_none() {
            self.leaving = Some(VecDeque::new());
            self.upstream.leave(self.id, reason, VecDeque::new(), self.partition);
        }
    }

    /// Whether events that came go back instead of being handled.
    pub(crate) fn takes_back(&mut self, events: &mut VecDeque<T>) -> bool {
        match &mut self.leaving {
            Some(unhandled) => {
                unhandled.append(events);
                true
            }
            None => false,
        }
    }

    pub(crate) fn producer(&self) -> Option<Arc<str>> {
        self.upstream.name()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stage::subscription::Request;
    use std::sync::Mutex;

    /// Writes down what it is asked for.
    #[derive(Default)]
    struct Asked(Mutex<Vec<usize>>);

    impl Upstream<u64> for Asked {
        fn subscribe(&self, _: Request<u64>) -> Result<(), (Request<u64>, Reason)> {
            Ok(())
        }

        fn ask(&self, _: Id, events: usize, _: VecDeque<u64>) {
            self.0.lock().unwrap().push(events);
        }

        fn leave(&self, _: Id, _: Reason, _: VecDeque<u64>, _: Option<usize>) {}

        fn name(&self) -> Option<Arc<str>> {
            None
        }
    }

    /// The two demands, the batches as they are handled, and what is asked for after each of them.
    const CASES: [(usize, usize, &[(usize, usize)]); 6] = [
        (100, 80, &[(20, 20), (20, 20), (20, 20)]),
        (100, 20, &[(80, 80), (20, 0), (80, 100), (80, 80), (20, 0)]),
        (1000, 750, &[(100, 0), (100, 0), (100, 300), (100, 0)]),
        (1000, 500, &[(500, 500), (499, 0), (1, 500)]),
        (1, 0, &[(1, 1), (1, 1)]),
        (4, 0, &[(4, 4), (1, 0), (3, 4)]),
    ];

    #[test]
    fn a_stage_asks_again_when_no_more_than_the_minimum_is_pending() {
        for (max, min, handled) in CASES {
            for manual in [false, true] {
                let asked = Arc::new(Asked::default());
                let upstream = Arc::clone(&asked) as Arc<dyn Upstream<u64>>;
                let (cancel, partition) = (Cancel::default(), None);
                let mut input = Input::new();
                let selector = None;
                input.join(Joining {
                    id: 7,
                    upstream,
                    max,
                    min,
                    manual,
                    cancel,
                    partition,
                    selector,
                });
                for (events, asks) in handled {
                    input.get(7).unwrap().handled(*events, None);
                    let expected: &[usize] = if *asks == 0 || manual { &[] } else { &[*asks] };
                    let got = std::mem::take(&mut *asked.0.lock().unwrap());
                    assert_eq!(got, expected, "{max}/{min} after {events}");
                }
            }
        }
    }
}
