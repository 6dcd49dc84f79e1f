//! What takes events from stages without being one: a flow, an iterator, a stream.
//!
//! A port is a consumer's mailbox whose owner looks into it when it wants to; between two looks it
//! leaves a waker. Demand is the consumers' own: events count as handled when they are taken out.

use super::input::Input;
use super::mailbox::{Downstream, Id};
use super::reason::Reason;
use super::shared::Shared;
use super::subscription::{Cancel, Subscribe};
use crate::error::{ErrorKind, FlowError, Site};
use crate::runtime::core::Core;
use crate::sync::{Mutex, unpoisoned};
use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Waker;

/// Where stages send to.
pub(crate) struct Port<T> {
    inbox: Mutex<Inbox<T>>,
    operator: &'static str,
}

struct Inbox<T> {
    arrived: VecDeque<Arrived<T>>,
    /// Whoever looked last and found nothing.
    waker: Option<Waker>,
    /// Nobody looks any more.
    closed: bool,
}

enum Arrived<T> {
    Events(Id, VecDeque<T>),
    Ended(Id, Reason),
}

impl<T> Port<T> {
    fn put(&self, arrived: Arrived<T>) -> Result<(), Arrived<T>> {
        let waker = {
            let mut inbox = unpoisoned(self.inbox.lock());
            if inbox.closed {
                return Err(arrived);
            }
            inbox.arrived.push_back(arrived);
            inbox.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
        Ok(())
    }
}

impl<T: Send> Downstream<T> for Port<T> {
    fn events(&self, id: Id, events: VecDeque<T>) -> Result<(), VecDeque<T>> {
        match self.put(Arrived::Events(id, events)) {
            Err(Arrived::Events(_, events)) => Err(events),
            _ => Ok(()),
        }
    }

    fn ended(&self, id: Id, reason: Reason) {
        let _nobody_looks = self.put(Arrived::Ended(id, reason));
    }

    fn name(&self) -> Option<Arc<str>> {
        Some(self.operator.into())
    }
}

/// Told when the runtime is over, and with it all of its stages.
pub(super) trait Waits: Send + Sync {
    fn wake(&self);
    fn is_closed(&self) -> bool;
}

impl<T: Send> Waits for Port<T> {
    fn wake(&self) {
        let waker = unpoisoned(self.inbox.lock()).waker.take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn is_closed(&self) -> bool {
        unpoisoned(self.inbox.lock()).closed
    }
}

/// The owner's side of a port, with its subscriptions.
pub(crate) struct Reader<T: Send + 'static> {
    port: Arc<Port<T>>,
    input: Input<T>,
    /// Subscriptions that are made when it first looks.
    planned: Vec<Subscribe<T>>,
    shared: Arc<Shared>,
    at_hand: VecDeque<T>,
    /// The subscription that these came by.
    from: Id,
    ended: bool,
    site: Site,
    /// It can make the stages move.
    _outside: Outside,
}

/// Somebody outside can make stages move: no stall.
struct Outside(Arc<Core>);

impl Outside {
    fn of(core: &Arc<Core>) -> Self {
        core.outside_enters();
        Outside(Arc::clone(core))
    }
}

impl Drop for Outside {
    fn drop(&mut self) {
        self.0.outside_leaves();
    }
}

/// What a look into a port finds.
pub(crate) enum Found {
    /// There are events at hand.
    Events,
    /// Nothing: the waker is kept.
    Nothing,
    End(Result<(), FlowError>),
}

impl<T: Send + 'static> Reader<T> {
    pub(crate) fn new(planned: Vec<Subscribe<T>>, shared: Arc<Shared>, site: Site) -> Self {
        let inbox = Inbox { arrived: VecDeque::new(), waker: None, closed: false };
        let port = Arc::new(Port { inbox: Mutex::new(inbox), operator: site.operator });
        shared.tell_when_over(&(Arc::clone(&port) as Arc<dyn Waits>));
        let outside = Outside::of(shared.core());
        Reader {
            port,
            input: Input::new(),
            planned,
            shared,
            at_hand: VecDeque::new(),
            from: 0,
            ended: false,
            site,
            _outside: outside,
        }
    }

    /// Takes one event of those at hand.
    pub(crate) fn next(&mut self) -> Option<T> {
        let event = self.at_hand.pop_front();
        if event.is_some() {
            self.took(1);
        }
        event
    }

    /// Takes up to so many events of those at hand.
    pub(crate) fn take(&mut self, most: usize, into: &mut impl Extend<T>) {
        let events = most.min(self.at_hand.len());
        into.extend(self.at_hand.drain(..events));
        self.took(events);
    }

    fn took(&mut self, events: usize) {
        let emptied = self.at_hand.is_empty().then(|| std::mem::take(&mut self.at_hand));
        if let Some(taking) = self.input.get(self.from) {
            taking.takes(events);
            taking.handled(events, emptied);
        }
    }

    /// Looks what has come. `waker` is woken once after [`Found::Nothing`].
    pub(crate) fn look(&mut self, waker: &Waker) -> Found {
        loop {
            if !self.at_hand.is_empty() {
                return Found::Events;
            }
            if self.ended {
                return Found::End(Ok(()));
            }
            if let Err(error) = self.subscribe_as_planned() {
                return self.end(Err(error));
            }
            // Looked at first: what came before the end is found after it.
            let over = self.shared.core().is_over();
            let arrived = {
                let mut inbox = unpoisoned(self.port.inbox.lock());
                let arrived = inbox.arrived.pop_front();
                let kept =
                    if arrived.is_none() { inbox.waker.replace(waker.clone()) } else { None };
                drop(inbox);
                drop(kept);
                arrived
            };
            match arrived {
                Some(Arrived::Events(from, events)) => {
                    self.from = from;
                    self.at_hand = events;
                }
                Some(Arrived::Ended(id, reason)) => {
                    if let Some(end) = self.has_ended(id, reason) {
                        return self.end(end);
                    }
                }
                None if over => {
                    let failed = self.shared.core().failure();
                    return self.end(failed.map_or(Ok(()), Err));
                }
                // Between the first look and the waker.
                None if self.shared.core().is_over() => {}
                None => return Found::Nothing,
            }
        }
    }

    fn subscribe_as_planned(&mut self) -> Result<(), FlowError> {
        for how in std::mem::take(&mut self.planned) {
            let own = Arc::clone(&self.port) as Arc<dyn Downstream<T>>;
            let (joining, request) = how.split(own, self.site)?;
            let (id, upstream) = (joining.id, Arc::clone(&joining.upstream));
            self.input.join(joining);
            if let Err((request, reason)) = upstream.subscribe(request) {
                debug_assert_eq!(request.id, id, "what was refused is given back");
                request.refused(reason);
            }
        }
        self.ended = self.input.is_empty();
        Ok(())
    }

    /// A subscription has ended: how all has, if that is so.
    fn has_ended(&mut self, id: Id, reason: Reason) -> Option<Result<(), FlowError>> {
        let own = Arc::clone(&self.port) as Arc<dyn Downstream<T>>;
        let (taking, reason) = self.input.ended(id, reason, own)?;
        match (taking.cancel, reason) {
            (Cancel::Permanent | Cancel::Transient, Reason::Failed(error)) => Some(Err(error)),
            (Cancel::Permanent, _) => Some(Ok(())),
            _ => self.input.is_empty().then_some(Ok(())),
        }
    }

    fn end(&mut self, end: Result<(), FlowError>) -> Found {
        self.leave();
        self.ended = true;
        Found::End(end)
    }

    /// Ends all subscriptions; what was not taken out goes back.
    fn leave(&mut self) {
        let (arrived, waker) = {
            let mut inbox = unpoisoned(self.port.inbox.lock());
            inbox.closed = true;
            (std::mem::take(&mut inbox.arrived), inbox.waker.take())
        };
        drop(waker);
        let mut unhandled = vec![(self.from, std::mem::take(&mut self.at_hand))];
        unhandled.extend(arrived.into_iter().filter_map(|arrived| match arrived {
            Arrived::Events(id, events) => Some((id, events)),
            Arrived::Ended(..) => None,
        }));
        self.input.leave_all(&Reason::Cancelled, |id| {
            let of = unhandled.iter_mut().filter(|(from, _)| *from == id);
            of.fold(VecDeque::new(), |mut all, (_, events)| {
                all.append(events);
                all
            })
        });
    }

    /// Runs a simulation of the stages while there is nothing here: nobody else does while its owner
    /// waits. True: something has come.
    pub(crate) fn simulate(&self) -> bool {
        let port = &self.port;
        self.shared.run_until(|| !unpoisoned(port.inbox.lock()).arrived.is_empty())
    }

    /// Whether nothing can come any more, where nobody but the owner runs the stages.
    pub(crate) fn is_stalled(&self) -> bool {
        self.shared.core().is_simulated() && !self.shared.core().is_over()
    }

    /// Ends since [nothing can come](Self::is_stalled).
    pub(crate) fn stalled(&mut self) -> FlowError {
        self.leave();
        self.ended = true;
        let why = "the stages that are read have stalled: nothing can wake them";
        FlowError::new(ErrorKind::Stalled, why).with_site(self.site)
    }
}

impl<T: Send + 'static> Drop for Reader<T> {
    fn drop(&mut self) {
        self.leave();
    }
}
