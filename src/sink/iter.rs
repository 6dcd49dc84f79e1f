//! Reading a flow as an iterator: `with_iter` while borrowing, `into_iter` otherwise.
//!
//! The reader is worker 0 whenever it finds nothing to read. Where the last stage has one instance
//! (an ordered flow) the reader runs that stage itself, one event at a time: what it has not asked
//! for is not ahead of it.

use super::job::compile;
use crate::error::{FlowError, Site};
use crate::kernel::culprit;
use crate::kernel::{Finish, Kernel, Make, Mark, Push};
use crate::ops::{Flow, Node};
use crate::plan::{Builder, StageOptions};
use crate::runtime::Place;
use crate::runtime::edge::{Inbox, Outlet, Reader, Received, Receiver};
use crate::runtime::worker::{Owned, Run, Scoped, Spawn};
use crate::sync::unpoisoned;
use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

impl<N: Node> Flow<N> {
    /// Runs the flow while `read` reads its results as an iterator, as they come.
    ///
    /// The flow may borrow from the stack. Workers run ahead of the reader by at most the demand of
    /// the last edge, or by `in_flight` events where the flow is [`ordered`](Flow::ordered). When
    /// `read` returns before the end, everything upstream stops.
    ///
    /// # Errors
    /// The first cause, if the run fails; the iterator ends early then, and what `read` returned is
    /// dropped.
    ///
    /// # Panics
    /// If `read` panics, once everything upstream has stopped.
    ///
    /// ```
    /// use flow::Flow;
    ///
    /// let words = ["a", "b", "c"];
    /// let joined = Flow::from_slice(&words)
    ///     .map(|word| word.to_uppercase())
    ///     .ordered()
    ///     .with_iter(|words| words.collect::<String>())?;
    /// assert_eq!(joined, "ABC");
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn with_iter<R>(
        self,
        read: impl FnOnce(&mut FlowIter<'_, N::Item>) -> R,
    ) -> Result<R, FlowError> {
        let (run, results) = self.compile_for_reader(Site::here("with_iter"))?;
        let read = thread::scope(|scope| {
            let threads = Scoped { scope, run: &run };
            let mut iter = FlowIter { reading: Reading::new(results), threads: &threads };
            // A panic of the reader must not leave the workers waiting for it.
            let read = catch_unwind(AssertUnwindSafe(|| read(&mut iter)));
            run.core.cancel();
            drop_caught(iter, &run);
            read
        });
        let finished = run.finish();
        match read {
            Ok(read) => finished.map(|()| read),
            Err(panic) => resume_unwind(panic),
        }
    }

    fn compile_for_reader<'env>(
        self,
        site: Site,
    ) -> Result<(Run<'env>, Results<N::Item>), FlowError>
    where
        N: 'env,
    {
        self.compile_with(site, results::<N>)
    }

    /// As [`compile_for_reader`](Self::compile_for_reader), for a reader that runs no task itself.
    pub(crate) fn compile_for_poller<'env>(
        self,
        site: Site,
    ) -> Result<(Run<'env>, Receiver<N::Item>), FlowError>
    where
        N: 'env,
    {
        self.compile_with(site, sent_results)
    }

    fn compile_with<'env, R>(
        self,
        site: Site,
        results: impl FnOnce(&StageOptions, &mut Builder<'_>) -> (IterMake<N::Item>, R),
    ) -> Result<(Run<'env>, R), FlowError>
    where
        N: 'env,
    {
        let Flow { node, stage, mut run } = self;
        run.check_stage(&stage);
        let parts = (node, stage);
        let describe = |(node, stage): &(N, StageOptions), outline: &mut _| {
            Flow::<N>::describe_parts(node, stage, outline);
        };
        compile(run, parts, describe, |(node, stage), builder| {
            builder.begin(site);
            builder.core().outside_enters();
            let (make, results) = results(&stage, builder);
            node.build(stage, builder, make);
            Ok(results)
        })
    }
}

/// Drops what a reader has not read: a panic of it is the run's, as everywhere else.
pub(crate) fn drop_caught<T>(unread: T, run: &Run<'_>) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(unread))) {
        run.core.fail_in_drop(culprit::named(payload));
    }
}

impl<N: Node + 'static> IntoIterator for Flow<N> {
    type Item = Result<N::Item, FlowError>;
    type IntoIter = IntoIter<N::Item>;

    /// Reads the results as an iterator, as they come. A failure is its last item. Dropping it stops
    /// everything upstream and waits for it.
    ///
    /// ```
    /// use flow::Flow;
    ///
    /// for square in Flow::from_range(0..4u64).map(|x| x * x).ordered() {
    ///     println!("{}", square?);
    /// }
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    fn into_iter(self) -> Self::IntoIter {
        match self.compile_for_reader(Site::here("into_iter")) {
            Ok((run, results)) => {
                let threads = Owned::new(Arc::new(run));
                IntoIter { reading: Some((Reading::new(results), threads)), failure: None }
            }
            Err(refused) => IntoIter { reading: None, failure: Some(refused) },
        }
    }
}

/// The results of a flow as they come, within [`Flow::with_iter`].
pub struct FlowIter<'a, T> {
    reading: Reading<T>,
    threads: &'a dyn Spawn,
}

impl<T> fmt::Debug for FlowIter<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FlowIter")
    }
}

impl<T> Iterator for FlowIter<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.reading.next(self.threads)
    }
}

/// The results of a flow as they come; see [`Flow::into_iter`].
pub struct IntoIter<T> {
    reading: Option<(Reading<T>, Owned)>,
    failure: Option<FlowError>,
}

impl<T> fmt::Debug for IntoIter<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IntoIter")
    }
}

impl<T> IntoIter<T> {
    /// Ends the run and waits for its threads.
    fn close(&mut self) {
        if let Some((reading, threads)) = self.reading.take() {
            threads.run.core.cancel();
            threads.join();
            drop_caught(reading, &threads.run);
            self.failure = threads.run.finish().err();
        }
    }
}

impl<T> Iterator for IntoIter<T> {
    type Item = Result<T, FlowError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some((reading, threads)) = &mut self.reading {
            if let Some(event) = reading.next(threads) {
                return Some(Ok(event));
            }
            self.close();
        }
        self.failure.take().map(Err)
    }
}

impl<T> Drop for IntoIter<T> {
    fn drop(&mut self) {
        self.close();
    }
}

/// The reading side of a run.
struct Reading<T> {
    results: Results<T>,
    at_hand: VecDeque<T>,
    /// The batch at hand: its producer and its size, for which credit is due when it is read.
    batch: Option<(usize, usize)>,
    ended: bool,
}

/// Where the reader finds results.
enum Results<T> {
    /// Instances send them.
    Inbox(Receiver<T>),
    /// The reader runs the last stage itself.
    Shelf { shelf: Arc<Shelf<T>>, task: usize },
}

impl<T> Reading<T> {
    fn new(results: Results<T>) -> Self {
        Reading { results, at_hand: VecDeque::new(), batch: None, ended: false }
    }

    fn next(&mut self, threads: &dyn Spawn) -> Option<T> {
        loop {
            if let Some(event) = self.at_hand.pop_front() {
                return Some(event);
            }
            let run = threads.run();
            if self.ended || run.core().has_failed() {
                self.ended = true;
                return None;
            }
            // Looked at before the results: what came before the end is read after it, too.
            let over = run.core().is_over();
            match &mut self.results {
                Results::Inbox(receiver) => {
                    if let Some((input, events)) = self.batch.take() {
                        let spent = Vec::from(std::mem::take(&mut self.at_hand));
                        receiver.handled(input, events, spent, false);
                    }
                    match receiver.receive() {
                        Received::Batch { input, events, .. } => {
                            self.batch = Some((input, events.len()));
                            self.at_hand = VecDeque::from(events);
                            continue;
                        }
                        Received::End => self.ended = true,
                        Received::Nothing => self.ended = over,
                    }
                }
                Results::Shelf { shelf, task } => {
                    std::mem::swap(&mut *unpoisoned(shelf.events.lock()), &mut self.at_hand);
                    if !self.at_hand.is_empty() {
                        continue;
                    }
                    if over || shelf.ended.load(Ordering::SeqCst) {
                        self.ended = true;
                        continue;
                    }
                    if !shelf.asked.swap(true, Ordering::Relaxed) {
                        run.notify(*task);
                    }
                    if run.run_if_scheduled(*task) {
                        continue;
                    }
                }
            }
            if !self.ended && !run.step(threads) && !self.may_go_on(threads) {
                run.core().reader_sleeps(true);
                run.wait(&|| self.may_go_on(threads));
                run.core().reader_sleeps(false);
            }
        }
    }

    /// Whether there is something to read or to do, or will never be.
    fn may_go_on(&self, threads: &dyn Spawn) -> bool {
        let run = threads.run();
        // Looked at first: what was sent before everything came to rest is seen below.
        let at_rest = run.core().is_at_rest(1);
        let ready = run.core().is_over()
            || run.core().has_ready()
            || match &self.results {
                Results::Inbox(receiver) => receiver.inbox().has_messages(),
                Results::Shelf { shelf, task } => {
                    run.is_scheduled(*task) || shelf.ended.load(Ordering::SeqCst)
                }
            };
        if at_rest && !ready {
            run.core().fail_if_stalled(1);
        }
        ready || run.core().is_over()
    }
}

/// Results of a stage that the reader runs itself.
struct Shelf<T> {
    events: Mutex<VecDeque<T>>,
    /// How many may lie here that the reader has not asked for.
    ahead: Arc<AtomicUsize>,
    /// The reader waits for one.
    asked: AtomicBool,
    ended: AtomicBool,
}

fn results<N: Node>(
    stage: &StageOptions,
    builder: &mut Builder<'_>,
) -> (IterMake<N::Item>, Results<N::Item>) {
    if N::SINGLE {
        let ahead = Arc::new(AtomicUsize::new(0));
        let shelf = Arc::new(Shelf {
            events: Mutex::new(VecDeque::new()),
            ahead: Arc::clone(&ahead),
            asked: AtomicBool::new(false),
            ended: AtomicBool::new(false),
        });
        let task = builder.reader_runs_next_stage(ahead);
        (IterMake::Shelf(Arc::clone(&shelf)), Results::Shelf { shelf, task })
    } else {
        let (make, receiver) = sent_results(stage, builder);
        (make, Results::Inbox(receiver))
    }
}

/// Results that instances send to whoever reads.
fn sent_results<T>(stage: &StageOptions, builder: &mut Builder<'_>) -> (IterMake<T>, Receiver<T>) {
    let counters = builder.edge_counters();
    let reader = Reader::Caller(Arc::clone(builder.core()));
    let inbox = Inbox::new(reader, stage.edge(), counters);
    (IterMake::Inbox(Arc::clone(&inbox)), Receiver::new(inbox))
}

/// Makes the ends of instances whose results are read.
enum IterMake<T> {
    Inbox(Arc<Inbox<T>>),
    Shelf(Arc<Shelf<T>>),
}

impl<T: Send> Make for IterMake<T> {
    type Kernel = IntoIterKernel<T>;

    fn make(&self, place: &Place) -> IntoIterKernel<T> {
        match self {
            IterMake::Inbox(inbox) => IntoIterKernel::Inbox {
                outlet: Outlet::new(inbox.attach(&place.task)),
                batch: inbox.options().batch,
                blocked: false,
            },
            IterMake::Shelf(shelf) => {
                IntoIterKernel::Shelf { shelf: Arc::clone(shelf), staged: VecDeque::new() }
            }
        }
    }
}

/// The end of an instance whose results are read.
enum IntoIterKernel<T> {
    Inbox { outlet: Outlet<T>, batch: usize, blocked: bool },
    Shelf { shelf: Arc<Shelf<T>>, staged: VecDeque<T> },
}

impl<T: Send> Kernel for IntoIterKernel<T> {
    fn room(&mut self) -> usize {
        match self {
            IntoIterKernel::Inbox { blocked: true, .. } => 0,
            IntoIterKernel::Inbox { batch, .. } => *batch,
            IntoIterKernel::Shelf { shelf, staged } => {
                let asked = usize::from(shelf.asked.load(Ordering::Relaxed));
                (shelf.ahead.load(Ordering::Relaxed) + asked).saturating_sub(staged.len())
            }
        }
    }

    fn resume(&mut self) {
        if let IntoIterKernel::Inbox { outlet, blocked, .. } = self {
            *blocked = !outlet.flush_full();
        }
    }

    fn closed(&self) -> bool {
        match self {
            IntoIterKernel::Inbox { outlet, .. } => outlet.closed(),
            IntoIterKernel::Shelf { .. } => false,
        }
    }

    fn mark(&mut self, _mark: Mark) {}

    fn quiet(&mut self, now: u64) -> Option<u64> {
        match self {
            IntoIterKernel::Inbox { outlet, .. } => outlet.quiet(now),
            IntoIterKernel::Shelf { shelf, staged } => {
                if !staged.is_empty() {
                    shelf.asked.store(false, Ordering::Relaxed);
                    unpoisoned(shelf.events.lock()).append(staged);
                }
                None
            }
        }
    }

    fn end(&mut self, _finish: Finish) -> bool {
        match self {
            IntoIterKernel::Inbox { outlet, .. } => outlet.flush(),
            IntoIterKernel::Shelf { .. } => {
                self.quiet(0);
                true
            }
        }
    }

    fn close(self, last: bool) {
        match self {
            IntoIterKernel::Inbox { outlet, .. } => {
                if last {
                    outlet.end();
                }
            }
            IntoIterKernel::Shelf { shelf, .. } => shelf.ended.store(true, Ordering::SeqCst),
        }
    }
}

impl<T: Send> Push<T> for IntoIterKernel<T> {
    #[inline]
    fn push(&mut self, event: T) {
        match self {
            IntoIterKernel::Inbox { outlet, blocked, .. } => *blocked |= !outlet.push(event),
            IntoIterKernel::Shelf { staged, .. } => staged.push_back(event),
        }
    }
}
