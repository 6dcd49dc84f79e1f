//! `map_async`, `map_async_ordered`: futures that a runtime elsewhere runs; with the feature `async`.
//!
//! An instance makes a future per event and gives it away; what comes of it lands in a list from
//! which the instance goes on, as woken. A future is taken out of its flight while it is polled, so
//! that nobody waits for a poll: who cancels drops what is there, and the poller drops the rest.

use crate::error::{BoxError, ErrorKind, FlowError, Site};
use crate::kernel::culprit::guarded;
use crate::kernel::{Finish, Operator, Push, Spec};
use crate::ops::{Flow, KeepsOrder, Node, Ordered, Sequenced, Then};
use crate::runtime::Place;
use crate::runtime::credit::Credits;
use crate::runtime::task::TaskRef;
use crate::sync::unpoisoned;
use std::any::Any;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

/// A future that a flow gives to a runtime; see [`Flow::map_async`].
pub type AsyncTask = Pin<Box<dyn Future<Output = ()> + Send>>;

impl<N: Node> Flow<N> {
    /// Turns every event into what a future makes of it, in the order in which futures finish. With
    /// the feature `async`.
    ///
    /// `f` makes the future and `spawn` gives it to a runtime, such as tokio's; the flow's workers
    /// never poll it. At most `limit` futures are in flight in the whole flow: made, and their
    /// results not yet handed on. An error or a panic of a future fails the run, and so does a
    /// runtime that drops a future before it is done. Where the run ends early all futures are
    /// dropped: at once, or when the poll returns that is under way. A runtime that keeps a future
    /// and never polls it is waited for.
    ///
    /// Costs some allocations and locks per future. 0 as `limit` is refused.
    ///
    /// # Errors
    /// The run fails with [`ErrorKind::Event`] for what a future returns, which is the error's
    /// source, and for a future that is dropped by its runtime.
    ///
    /// ```
    /// use flow::{BoxError, Flow};
    ///
    /// let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build()?;
    /// let spawn = |task| drop(runtime.spawn(task));
    /// let squares = Flow::from_range(0..4u64).map_async(2, spawn, |x| async move {
    ///     tokio::task::yield_now().await;
    ///     Ok::<_, BoxError>(x * x)
    /// });
    /// assert_eq!(squares.sum::<u64>()?, 14);
    /// # Ok::<(), BoxError>(())
    /// ```
    #[track_caller]
    pub fn map_async<S, F, R, U, E>(
        mut self,
        limit: usize,
        spawn: S,
        f: F,
    ) -> Flow<Then<N, MapAsync<S, F, N::Item, R, false>>>
    where
        S: Fn(AsyncTask) + Send + Sync,
        F: Fn(N::Item) -> R + Send + Sync,
        R: Future<Output = Result<U, E>> + Send + 'static,
        U: Send + 'static,
        E: Into<BoxError>,
    {
        let site = Site::here("map_async");
        self.refuse_no_futures(site, limit);
        self.then(site, MapAsync::new(limit, spawn, f, site))
    }

    /// As [`map_async`](Flow::map_async), with the results in the order of the source.
    ///
    /// One instance makes all futures, in order. A result that waits for one before it counts as in
    /// flight, so memory is bounded by `limit`, and one slow future holds up the others once they
    /// have all finished.
    ///
    /// # Errors
    /// As [`map_async`](Flow::map_async).
    ///
    /// ```
    /// use flow::{BoxError, Flow};
    ///
    /// let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build()?;
    /// let spawn = |task| drop(runtime.spawn(task));
    /// let squares: Vec<u64> = Flow::from_range(0..4u64)
    ///     .map_async_ordered(2, spawn, |x| async move { Ok::<_, BoxError>(x * x) })
    ///     .collect()?;
    /// assert_eq!(squares, [0, 1, 4, 9]);
    /// # Ok::<(), BoxError>(())
    /// ```
    #[track_caller]
    pub fn map_async_ordered<S, F, R, U, E>(
        mut self,
        limit: usize,
        spawn: S,
        f: F,
    ) -> Flow<Then<Ordered<N>, MapAsync<S, F, N::Item, R, true>>>
    where
        N: Sequenced,
        S: Fn(AsyncTask) + Send + Sync,
        F: Fn(N::Item) -> R + Send + Sync,
        R: Future<Output = Result<U, E>> + Send + 'static,
        U: Send + 'static,
        E: Into<BoxError>,
    {
        let site = Site::here("map_async_ordered");
        self.refuse_no_futures(site, limit);
        self.ordered_for(site, None).then(site, MapAsync::new(limit, spawn, f, site))
    }

    fn refuse_no_futures(&mut self, site: Site, limit: usize) {
        if limit == 0 {
            self.run.refuse(site, "at least one future must be allowed in flight".to_owned());
        }
    }
}

/// `map_async` as the plan holds it.
pub struct MapAsync<S, F, T, R, const ORDERED: bool> {
    shared: Arc<(S, F)>,
    limit: usize,
    /// How many more futures may be in flight, over all instances of one run.
    credits: Arc<Credits<TaskRef>>,
    site: Site,
    types: PhantomData<fn(T) -> R>,
}

impl<S, F, T, R, const ORDERED: bool> MapAsync<S, F, T, R, ORDERED> {
    fn new(limit: usize, spawn: S, f: F, site: Site) -> Self {
        let (shared, credits) = (Arc::new((spawn, f)), Arc::new(Credits::new(limit)));
        MapAsync { shared, limit, credits, site, types: PhantomData }
    }
}

/// Every run of a cloned flow counts for itself.
impl<S, F, T, R, const ORDERED: bool> Clone for MapAsync<S, F, T, R, ORDERED> {
    fn clone(&self) -> Self {
        let (shared, credits) = (Arc::clone(&self.shared), Arc::new(Credits::new(self.limit)));
        MapAsync { shared, limit: self.limit, credits, site: self.site, types: PhantomData }
    }
}

impl<S, F, T, R, const ORDERED: bool> fmt::Debug for MapAsync<S, F, T, R, ORDERED> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.site.operator)
    }
}

impl<S, F, T, R> KeepsOrder for MapAsync<S, F, T, R, true> {}

impl<S, F, T, R, U, E, const ORDERED: bool> Spec for MapAsync<S, F, T, R, ORDERED>
where
    S: Fn(AsyncTask) + Send + Sync,
    F: Fn(T) -> R + Send + Sync,
    R: Future<Output = Result<U, E>> + Send + 'static,
    U: Send + 'static,
    E: Into<BoxError>,
{
    type Operator = Flights<S, F, T, R, U, ORDERED>;

    fn start(&self, place: &Place) -> Self::Operator {
        Flights {
            shared: Arc::clone(&self.shared),
            credits: Arc::clone(&self.credits),
            share: (self.limit / place.instances).max(1),
            allowance: 0,
            flying: HashMap::new(),
            landing: Arc::new(Landing {
                arrived: Mutex::new(Vec::new()),
                some: AtomicBool::new(false),
                task: place.task.clone(),
            }),
            landed: BTreeMap::new(),
            started: 0,
            next: 0,
            site: self.site,
            types: PhantomData,
        }
    }
}

/// One instance of `map_async`, with its futures.
pub struct Flights<S, F, T, R: Future, U, const ORDERED: bool> {
    shared: Arc<(S, F)>,
    credits: Arc<Credits<TaskRef>>,
    /// The most credits to take at once.
    share: usize,
    /// Credit that was taken and not yet used.
    allowance: usize,
    flying: HashMap<u64, Arc<Flight<R>>>,
    landing: Arc<Landing<U>>,
    /// Results that have no room, or wait for one before them.
    landed: BTreeMap<u64, U>,
    /// How many futures have been started, which numbers them.
    started: u64,
    /// Whose result is next, where there is an order.
    next: u64,
    site: Site,
    types: PhantomData<fn(T)>,
}

impl<S, F, T, R: Future, U, const ORDERED: bool> fmt::Debug for Flights<S, F, T, R, U, ORDERED> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.site.operator)
    }
}

impl<S, F, T, R: Future, U, const ORDERED: bool> Flights<S, F, T, R, U, ORDERED> {
    /// Takes in what has landed.
    fn gather(&mut self) {
        if !self.landing.some.swap(false, Ordering::SeqCst) {
            return;
        }
        let arrived = mem::take(&mut *unpoisoned(self.landing.arrived.lock()));
        for (number, outcome) in arrived {
            self.flying.remove(&number);
            let failed = match outcome {
                Outcome::Done(result) => {
                    self.landed.insert(number, result);
                    continue;
                }
                Outcome::Failed(error) => {
                    FlowError::new(ErrorKind::Event, "a future failed").with_source(error)
                }
                Outcome::Panicked(payload) => FlowError::panic(payload),
                Outcome::Lost => FlowError::new(
                    ErrorKind::Event,
                    "the runtime dropped a future before it was done",
                ),
            };
            self.landing.task.fail(failed.with_site(self.site));
        }
    }

    fn has_result(&self) -> bool {
        self.landed.keys().next().is_some_and(|first| !ORDERED || *first == self.next)
    }

    /// Hands on what there is room for.
    fn emit<K: Push<U>>(&mut self, next: &mut K) {
        self.gather();
        let mut emitted = 0;
        while self.has_result() && next.make_room() > 0 {
            if let Some((_, result)) = self.landed.pop_first() {
                self.next += 1;
                emitted += 1;
                next.push(result);
            }
        }
        if emitted > 0 {
            self.credits.give(emitted);
        }
    }

    fn give_back_allowance(&mut self) {
        match mem::take(&mut self.allowance) {
            0 => {}
            unused => self.credits.give(unused),
        }
    }
}

impl<S, F, T, R, U, E, const ORDERED: bool> Operator for Flights<S, F, T, R, U, ORDERED>
where
    S: Fn(AsyncTask) + Send + Sync,
    F: Fn(T) -> R + Send + Sync,
    R: Future<Output = Result<U, E>> + Send + 'static,
    U: Send + 'static,
    E: Into<BoxError>,
{
    type In = T;
    type Out = U;

    fn push<K: Push<U>>(&mut self, event: T, _next: &mut K) {
        self.allowance -= 1;
        let number = self.started;
        self.started += 1;
        let shared = &self.shared;
        guarded(&self.site, || {
            let future = Box::pin((shared.1)(event));
            let flight = Arc::new(Flight(Mutex::new(Seat::Here(future))));
            self.flying.insert(number, Arc::clone(&flight));
            self.landing.task.core().outside_enters();
            let landing = Arc::clone(&self.landing);
            (shared.0)(Box::pin(Remote { flight, landing, number, landed: false }));
        });
    }

    fn holds(&self) -> bool {
        self.has_result() || self.landing.some.load(Ordering::SeqCst)
    }

    fn resume<K: Push<U>>(&mut self, next: &mut K) {
        self.emit(next);
    }

    fn room(&mut self, next: usize) -> usize {
        if next > 0 && self.allowance == 0 {
            let task = &self.landing.task;
            self.allowance = self.credits.take_or_wait(self.share, || task.clone());
        }
        next.min(self.allowance)
    }

    fn flush<K: Push<U>>(&mut self, next: &mut K) {
        self.emit(next);
        // Another instance may have events for it.
        self.give_back_allowance();
    }

    fn end<K: Push<U>>(&mut self, _finish: Finish, next: &mut K) -> bool {
        self.flush(next);
        if self.landing.task.core().is_over() {
            // A future has failed: nothing is final.
            return false;
        }
        (self.flying.is_empty() && self.landed.is_empty()) || next.closed()
    }
}

impl<S, F, T, R: Future, U, const ORDERED: bool> Drop for Flights<S, F, T, R, U, ORDERED> {
    fn drop(&mut self) {
        for flight in mem::take(&mut self.flying).into_values() {
            flight.cancel();
        }
    }
}

/// A future in flight.
struct Flight<R>(Mutex<Seat<R>>);

enum Seat<R> {
    Here(Pin<Box<R>>),
    /// It is being polled.
    Away,
    /// It is done, or nobody wants it.
    Gone,
}

impl<R> Flight<R> {
    fn put(&self, seat: Seat<R>) -> Seat<R> {
        mem::replace(&mut *unpoisoned(self.0.lock()), seat)
    }

    fn cancel(&self) {
        // Dropped outside of the lock.
        let _seat = self.put(Seat::Gone);
    }

    /// Puts the future back, unless nobody wants it any more.
    fn put_back(&self, future: Pin<Box<R>>) {
        let mut seat = unpoisoned(self.0.lock());
        if matches!(*seat, Seat::Away) {
            *seat = Seat::Here(future);
        } else {
            drop(seat);
            drop(future);
        }
    }
}

enum Outcome<U> {
    Done(U),
    Failed(BoxError),
    Panicked(Box<dyn Any + Send>),
    /// The runtime has dropped it.
    Lost,
}

/// Where the results of one instance's futures come in.
struct Landing<U> {
    arrived: Mutex<Vec<(u64, Outcome<U>)>>,
    some: AtomicBool,
    task: TaskRef,
}

/// What the runtime gets.
struct Remote<R, U> {
    flight: Arc<Flight<R>>,
    landing: Arc<Landing<U>>,
    number: u64,
    landed: bool,
}

impl<R, U> Remote<R, U> {
    fn land(&mut self, outcome: Outcome<U>) {
        self.landed = true;
        unpoisoned(self.landing.arrived.lock()).push((self.number, outcome));
        self.landing.some.store(true, Ordering::SeqCst);
        self.landing.task.notify();
    }
}

impl<R, U, E> Future for Remote<R, U>
where
    R: Future<Output = Result<U, E>>,
    E: Into<BoxError>,
{
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut future = match self.flight.put(Seat::Away) {
            Seat::Here(future) => future,
            Seat::Away | Seat::Gone => {
                self.flight.cancel();
                self.landed = true;
                return Poll::Ready(());
            }
        };
        let polled = catch_unwind(AssertUnwindSafe(|| {
            let Poll::Ready(result) = future.as_mut().poll(cx) else {
                self.flight.put_back(future);
                return None;
            };
            // What is left of it goes before its result can end the run.
            drop(future);
            Some(result.map_err(E::into))
        }));
        let outcome = match polled {
            Ok(None) => return Poll::Pending,
            Ok(Some(Ok(result))) => Outcome::Done(result),
            Ok(Some(Err(error))) => Outcome::Failed(error),
            Err(payload) => Outcome::Panicked(payload),
        };
        self.flight.cancel();
        self.land(outcome);
        Poll::Ready(())
    }
}

impl<R, U> Drop for Remote<R, U> {
    fn drop(&mut self) {
        let seat = self.flight.put(Seat::Gone);
        if !self.landed && matches!(seat, Seat::Here(_)) {
            self.land(Outcome::Lost);
        }
        self.landing.task.core().outside_leaves();
        drop(seat);
    }
}
