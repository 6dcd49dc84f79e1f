//! Parallel iterators as sources, and flows as parallel iterators; with the feature `rayon`.
//!
//! A parallel iterator pushes where a flow pulls: rayon's threads fold what they are given until
//! they are through. So they hand over batches through a bounded channel and block where it is full:
//! threads of a pool of their own, since what blocks a shared pool can be what it waits for. One
//! thread drives the iterator, another one moves batches from the channel to where workers claim them.
//!
//! A flow does not run on a pool of rayon's; see `DESIGN.md`.

use crate::error::{ErrorKind, FlowError, Site};
use crate::kernel::culprit::guarded;
use crate::kernel::{Make, Push};
use crate::ops::{ByReference, Flow, Node};
use crate::plan::{Builder, Outline, StageOptions};
use crate::runtime::core::{Cx, Phase};
use crate::runtime::pool::{FromPool, IntoPool};
use crate::runtime::stage::{Input, Pull};
use crate::sink::IntoIter;
use crate::source::feed;
use crossbeam_channel::{Receiver, Select, Sender, TryRecvError};
use rayon::iter::{IntoParallelIterator, IterBridge, ParallelBridge, ParallelIterator};
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::vec;

impl Flow {
    /// The items of a parallel iterator, in no order. With the feature `rayon`.
    ///
    /// The iterator runs on a rayon pool of its own, of as many threads as the run has workers, which
    /// ends with it; [`in_pool`](Flow::in_pool) names another one. What its threads make comes in
    /// batches: of 256 items, or `max_demand` where that is less, or what there is after 50 µs. While
    /// the flow has no demand they are blocked, each with one batch at most. A panic of the iterator's
    /// closures fails the run. When the flow ends early, each thread stops at its next item; what it
    /// holds is dropped, and so it is when the run is drained.
    ///
    /// Two more threads belong to the run, one that drives the iterator and one that receives; with
    /// the pool they cost some 30 µs each. A simulated run, and one within another flow's closure, has
    /// no threads: there rayon's global pool runs the iterator to its end before anything comes of it,
    /// so it must not be endless, and its order is rayon's, not the seed's.
    ///
    /// ```
    /// use flow::Flow;
    /// use rayon::prelude::*;
    ///
    /// let words = ["a", "bb", "ccc"];
    /// let lengths = words.par_iter().map(|word| word.len());
    /// assert_eq!(Flow::from_par_iter(lengths).sum::<usize>()?, 6);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn from_par_iter<I>(iter: I) -> Flow<FromParIter<I>>
    where
        I: IntoParallelIterator + Send,
    {
        Flow::of(FromParIter { iter, pool: None, site: Site::here("from_par_iter") })
    }
}

impl<I: IntoParallelIterator> Flow<FromParIter<I>> {
    /// Runs the parallel iterator on this pool instead of one of its own.
    ///
    /// While the flow has no demand the pool's threads are blocked, and all else in the pool waits.
    /// So **nothing that the flow needs may need the pool**: a closure of the flow that uses the same
    /// pool waits for threads that wait for it, and nothing ever moves again. A run that is begun by
    /// a thread of this pool, which it would block, fails at once with [`ErrorKind::Source`].
    ///
    /// ```
    /// use flow::Flow;
    /// use std::sync::Arc;
    ///
    /// let pool = Arc::new(rayon::ThreadPoolBuilder::new().num_threads(1).build()?);
    /// assert_eq!(Flow::from_par_iter(0..10).in_pool(pool).count()?, 10);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn in_pool(mut self, pool: Arc<ThreadPool>) -> Self {
        self.node.pool = Some(pool);
        self
    }
}

/// The items of a parallel iterator.
#[derive(Clone)]
pub struct FromParIter<I> {
    iter: I,
    pool: Option<Arc<ThreadPool>>,
    site: Site,
}

impl<I> fmt::Debug for FromParIter<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FromParIter")
    }
}

impl<I: IntoParallelIterator + Send> Node for FromParIter<I> {
    type Item = I::Item;
    type Lending = ByReference;

    fn describe(&self, stage: &StageOptions, outline: &mut Outline) {
        feed::describe(&batches_of(stage.clone()).0, 2, self.site, outline);
    }

    fn build<'env, M>(self, stage: StageOptions, builder: &mut Builder<'env>, make: M)
    where
        Self: 'env,
        M: Make<Kernel: Push<I::Item>> + 'env,
    {
        let (stage, batch) = batches_of(stage);
        let apart = builder.core().own_threads_allowed;
        let (sender, receiver) = match apart {
            true => crossbeam_channel::bounded(1),
            // The iterator is through before anybody receives.
            false => crossbeam_channel::unbounded(),
        };
        let (site, run_ends) = (self.site, builder.core().halt());
        let on = match self.pool {
            // This thread is to wait for the run.
            Some(pool) if pool.current_thread_index().is_some() => On::Blocked,
            Some(pool) => On::Pool(pool),
            None if apart => On::Own(builder.core().workers),
            None => On::Global,
        };
        feed::build_with(
            |pool| {
                let unwanted = pool.halt();
                let to = ToFlow { sender, run_ends: run_ends.clone(), batch };
                vec![
                    Side::Drives { iter: Some((self.iter, to)), on, site },
                    Side::Receives { receiver, run_ends, unwanted },
                ]
            },
            site,
            stage,
            builder,
            make,
            |pool, stage, task| FromBatches {
                batches: FromPool::new(pool, stage, task),
                at_hand: Vec::new().into_iter(),
            },
        );
    }
}

/// An edge that carries batches: as many as make up its demand. Says how large they are.
fn batches_of(mut stage: StageOptions) -> (StageOptions, usize) {
    const BATCH: usize = 256;
    let edge = stage.edge();
    let batch = edge.max_demand.clamp(1, BATCH);
    let most = (edge.max_demand / batch).max(1);
    stage.max_demand = Some(most);
    stage.min_demand = Some((edge.min_demand / batch).min(most - 1));
    (stage, batch)
}

/// Which pool runs the iterator.
enum On {
    Own(usize),
    Global,
    Pool(Arc<ThreadPool>),
    /// It has to wait for a thread that waits for the run.
    Blocked,
}

impl On {
    fn run(&self, body: impl FnOnce() + Send) -> Result<(), FlowError> {
        match self {
            On::Global => body(),
            On::Pool(pool) => pool.install(body),
            On::Own(threads) => {
                let pool = ThreadPoolBuilder::new()
                    .num_threads(*threads)
                    .thread_name(|_| "flow-rayon".to_owned());
                pool.build_scoped(|thread| thread.run(), |pool| pool.install(body)).map_err(
                    |error| {
                        let why = "no thread could be started for a parallel iterator";
                        FlowError::new(ErrorKind::Source, why).with_source(error)
                    },
                )?;
            }
            On::Blocked => {
                let why = "a run cannot be begun by a thread of the pool that feeds it";
                return Err(FlowError::new(ErrorKind::Source, why));
            }
        }
        Ok(())
    }
}

/// The two threads between rayon's and the workers.
enum Side<I: IntoParallelIterator> {
    Drives {
        iter: Option<(I, ToFlow<I::Item>)>,
        on: On,
        site: Site,
    },
    Receives {
        receiver: Receiver<Vec<I::Item>>,
        /// Closes when sources must end.
        run_ends: Receiver<()>,
        /// Closes when nobody wants more batches.
        unwanted: Receiver<()>,
    },
}

impl<I: IntoParallelIterator + Send> Input<IntoPool<Vec<I::Item>>> for Side<I> {
    fn pull(&mut self, pool: &mut IntoPool<Vec<I::Item>>, _room: usize, cx: &mut Cx<'_>) -> Pull {
        if cx.core.phase() != Phase::Running {
            return Pull::End;
        }
        if cx.task.home().is_none() && cx.core.own_threads_allowed {
            return Pull::Blocks;
        }
        match self {
            Side::Drives { iter, on, site } => {
                let Some((iter, to)) = iter.take() else {
                    return Pull::End;
                };
                if let Err(error) = guarded(site, || on.run(|| to.drive(iter))) {
                    cx.task.fail(error.with_site(*site));
                    return Pull::Wait;
                }
                Pull::End
            }
            Side::Receives { receiver, run_ends, unwanted } => {
                if !cx.core.own_threads_allowed {
                    return match receiver.try_recv() {
                        Ok(batch) => {
                            pool.push(batch);
                            Pull::Some(1)
                        }
                        Err(TryRecvError::Disconnected) => Pull::End,
                        // The other side has not had its turn.
                        Err(TryRecvError::Empty) => Pull::Blocks,
                    };
                }
                crossbeam_channel::select_biased! {
                    recv(run_ends) -> _ => Pull::End,
                                        recv(unwanted) -> _ => Pull::End,
                    recv(receiver) -> batch => match batch {
                        Ok(batch) => {
                            pool.push(batch);
                            Pull::Some(1)
                        }
                        Err(_) => Pull::End,
                    },
                }
            }
        }
    }
}

/// The flow wants nothing more.
struct Unwanted;

/// Where rayon's threads put batches. A receiver that is told that nobody wants more is gone; where
/// the run is over it may still be there.
struct ToFlow<T> {
    sender: Sender<Vec<T>>,
    run_ends: Receiver<()>,
    /// The most items of a batch.
    batch: usize,
}

/// What one of rayon's threads has folded and not handed over.
struct Batch<T> {
    items: Vec<T>,
    since: Instant,
}

/// An item does not wait longer than this for company, as far as the thread gets to look.
const LINGER: Duration = Duration::from_micros(50);

impl<T: Send> ToFlow<T> {
    /// Runs the iterator to its end, or until nobody wants its items.
    fn drive<I: IntoParallelIterator<Item = T>>(&self, iter: I) {
        let folded = iter.into_par_iter().try_fold(
            || Batch { items: Vec::new(), since: Instant::now() },
            |batch, item| self.fold(batch, item),
        );
        // Whoever wants no more has said so by itself.
        let _ = folded.try_for_each(|batch| self.send(batch?.items));
    }

    fn fold(&self, mut batch: Batch<T>, item: T) -> Result<Batch<T>, Unwanted> {
        batch.items.push(item);
        let items = batch.items.len();
        // The clock is read after 1, 2, 4, … items.
        if items >= self.batch || (items.is_power_of_two() && batch.since.elapsed() > LINGER) {
            self.send(std::mem::take(&mut batch.items))?;
            batch.since = Instant::now();
        }
        Ok(batch)
    }

    fn send(&self, batch: Vec<T>) -> Result<(), Unwanted> {
        if batch.is_empty() {
            return Ok(());
        }
        let mut select = Select::new();
        let send = select.send(&self.sender);
        select.recv(&self.run_ends);
        let ready = select.select();
        if ready.index() == send {
            return ready.send(&self.sender, batch).map_err(|_| Unwanted);
        }
        let _closed = ready.recv(&self.run_ends);
        Err(Unwanted)
    }
}

/// A worker's side: takes batches apart.
struct FromBatches<T> {
    batches: FromPool<Vec<T>>,
    at_hand: vec::IntoIter<T>,
}

impl<T: Send, K: Push<T>> Input<K> for FromBatches<T> {
    fn pull(&mut self, kernel: &mut K, room: usize, cx: &mut Cx<'_>) -> Pull {
        if self.at_hand.len() == 0 {
            match self.batches.next_one(kernel, cx) {
                Ok(batch) => self.at_hand = batch.into_iter(),
                Err(why) => return why,
            }
        }
        let now = room.min(self.at_hand.len());
        kernel.push_all(self.at_hand.by_ref().take(now));
        Pull::Some(now)
    }

    fn cancel(&mut self) {
        self.batches.close();
    }
}

impl<N: Node + 'static> IntoParallelIterator for Flow<N> {
    type Item = Result<N::Item, FlowError>;
    type Iter = IterBridge<IntoIter<N::Item>>;

    /// Reads the results as a parallel iterator, in no order, as `into_iter` and rayon's
    /// `par_bridge` do: one of rayon's threads at a time reads, so this is for what is dear behind
    /// it. A failure is one of the items. With the feature `rayon`.
    ///
    /// The thread that reads is one of the flow's workers meanwhile, and waits where there is
    /// nothing to read; others wait for it. So **a closure of the flow must not use the pool that
    /// reads it**: the pool may have no thread left that does not wait for this closure. When the
    /// parallel iterator stops early, the flow is cancelled as soon as the reader has its next result.
    ///
    /// ```
    /// use flow::Flow;
    /// use rayon::prelude::*;
    ///
    /// let dear = Flow::from_range(0..4u64).map(|x| x + 1);
    /// let product = dear.into_par_iter().try_reduce(|| 1, |a, b| Ok(a * b))?;
    /// assert_eq!(product, 24);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    fn into_par_iter(self) -> Self::Iter {
        self.into_iter().par_bridge()
    }
}
