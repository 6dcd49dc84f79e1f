//! `through`: a stage of the user's own, with state and with an end.

use super::Flow;
use super::flat_map::{Emitter, hand_on};
use super::node::{Node, Then};
use crate::error::{BoxError, ErrorKind, FlowError, Site};
use crate::kernel::culprit::guarded;
use crate::kernel::{Finish, Operator, Push, Spec};
use crate::runtime::Place;
use crate::runtime::task::TaskRef;
use crate::stage::{Batch, Context, Peer, Reason};
use std::collections::VecDeque;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

impl<N: Node> Flow<N> {
    /// Sends every event through a [`ProducerConsumer`] of your own: `make(instance)` makes one for
    /// each instance of this stage, whose state is its own.
    ///
    /// Events come in the order in which their instance has them. What is emitted beyond the
    /// consumers' demand is held, and no further event is handled until it is gone.
    ///
    /// ```
    /// use flow::{BoxError, Emitter, Flow, ProducerConsumer};
    ///
    /// /// Emits the difference to the event before.
    /// struct Steps(Option<i64>);
    ///
    /// impl ProducerConsumer for Steps {
    ///     type In = i64;
    ///     type Out = i64;
    ///
    ///     fn handle(&mut self, x: i64, out: &mut Emitter<'_, i64>) -> Result<(), BoxError> {
    ///         if let Some(before) = self.0.replace(x) {
    ///             out.emit(x - before);
    ///         }
    ///         Ok(())
    ///     }
    /// }
    ///
    /// let squares = Flow::from_iter((0..5i64).map(|x| x * x)).ordered();
    /// let steps: Vec<i64> = squares.through(|_| Steps(None)).collect()?;
    /// assert_eq!(steps, [1, 3, 5, 7]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn through<P, F>(self, make: F) -> Flow<Then<N, Through<F, P>>>
    where
        P: ProducerConsumer<In = N::Item>,
        F: Fn(usize) -> P + Send + Sync,
    {
        let site = Site::here("through");
        self.then(site, Through { make: Arc::new(make), site, types: PhantomData })
    }
}

/// A stage of your own: takes events and emits others, keeps state, and may emit more at the end.
/// See [`Flow::through`].
pub trait ProducerConsumer: Send {
    /// What comes in.
    type In: Send;
    /// What goes out.
    type Out: Send;

    /// Handles one event; emits any number of events.
    ///
    /// # Errors
    /// An error fails the run with [`ErrorKind::Event`] and is the `source()` of its error.
    fn handle(&mut self, event: Self::In, out: &mut Emitter<'_, Self::Out>)
    -> Result<(), BoxError>;

    /// Handles several events at once: by default one after the other. What is not taken out of the
    /// batch is dropped. Asked where this is a stage of its own (see [`stage`](crate::stage)).
    ///
    /// # Errors
    /// As [`handle`](Self::handle).
    fn handle_batch(
        &mut self,
        mut batch: Batch<'_, Self::In>,
        out: &mut Emitter<'_, Self::Out>,
    ) -> Result<(), BoxError> {
        batch.try_for_each(|event| self.handle(event, out))
    }

    /// A subscription was made, on either side, where this is a stage of its own.
    fn on_subscribe(&mut self, _peer: &Peer, _cx: &mut Context<'_, Self::Out>) {}

    /// A subscription has ended, on either side, where this is a stage of its own.
    fn on_cancel(&mut self, _peer: &Peer, _reason: &Reason, _cx: &mut Context<'_, Self::Out>) {}

    /// The input has come to its end: emits what is left. Not called where the run was stopped,
    /// failed, or nobody wants anything any more.
    ///
    /// # Errors
    /// As [`handle`](Self::handle).
    fn end(&mut self, _out: &mut Emitter<'_, Self::Out>) -> Result<(), BoxError> {
        Ok(())
    }
}

/// `through` as the plan holds it.
pub struct Through<F, P> {
    make: Arc<F>,
    site: Site,
    types: PhantomData<fn() -> P>,
}

impl<F, P> Clone for Through<F, P> {
    fn clone(&self) -> Self {
        Through { make: Arc::clone(&self.make), site: self.site, types: PhantomData }
    }
}

impl<F, P> fmt::Debug for Through<F, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("through")
    }
}

impl<P: ProducerConsumer, F: Fn(usize) -> P + Send + Sync> Spec for Through<F, P> {
    type Operator = ThroughInstance<P>;

    fn start(&self, place: &Place) -> ThroughInstance<P> {
        ThroughInstance {
            stage: guarded(&self.site, || (self.make)(place.instance)),
            emitted: VecDeque::new(),
            waiting: VecDeque::new(),
            state: State::Open,
            task: place.task.clone(),
            site: self.site,
        }
    }
}

/// One instance of a user's stage, with what it emitted and the events that came since, within the
/// room that was given before.
pub struct ThroughInstance<P: ProducerConsumer> {
    stage: P,
    emitted: VecDeque<P::Out>,
    waiting: VecDeque<P::In>,
    state: State,
    task: TaskRef,
    site: Site,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    Ended,
    Failed,
}

impl<P: ProducerConsumer> fmt::Debug for ThroughInstance<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("through")
    }
}

impl<P: ProducerConsumer> ThroughInstance<P> {
    fn call(
        &mut self,
        call: impl FnOnce(&mut P, &mut Emitter<'_, P::Out>) -> Result<(), BoxError>,
    ) {
        let (stage, emitted) = (&mut self.stage, &mut self.emitted);
        if let Err(error) = guarded(&self.site, || call(stage, &mut Emitter(emitted))) {
            self.state = State::Failed;
            self.waiting.clear();
            let failed = FlowError::new(ErrorKind::Event, "an event failed");
            self.task.fail(failed.with_source(error).with_site(self.site));
        }
    }
}

impl<P: ProducerConsumer> Operator for ThroughInstance<P> {
    type In = P::In;
    type Out = P::Out;

    #[inline]
    fn push<K: Push<P::Out>>(&mut self, event: P::In, next: &mut K) {
        if self.holds() {
            return self.waiting.push_back(event);
        }
        if self.state == State::Open {
            self.call(|stage, out| stage.handle(event, out));
            hand_on(&mut self.emitted, next);
        }
    }

    fn holds(&self) -> bool {
        !self.emitted.is_empty() || !self.waiting.is_empty()
    }

    fn resume<K: Push<P::Out>>(&mut self, next: &mut K) {
        loop {
            hand_on(&mut self.emitted, next);
            if !self.emitted.is_empty() {
                return;
            }
            match self.waiting.pop_front() {
                Some(event) => self.call(|stage, out| stage.handle(event, out)),
                None => return,
            }
        }
    }

    fn closed(&self) -> bool {
        self.state == State::Failed
    }

    fn end<K: Push<P::Out>>(&mut self, finish: Finish, next: &mut K) -> bool {
        if self.state == State::Open && finish == Finish::Complete && !next.closed() {
            self.state = State::Ended;
            self.call(P::end);
        }
        hand_on(&mut self.emitted, next);
        self.emitted.is_empty()
    }
}
