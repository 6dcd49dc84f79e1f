//! Streams as sources, and flows as streams; with the feature `async`.
//!
//! A stream's waker is a task of the run: where the stream has nothing the task waits as any other,
//! and whoever wakes the stream wakes the task. The other way round, what a flow's reader sleeps on
//! is the waker of whoever polls. Nothing polls in a loop, and no runtime is needed.

use crate::error::{FlowError, Site};
use crate::kernel::culprit::guarded;
use crate::kernel::{Make, Push};
use crate::ops::{ByReference, Flow, Node, Sequenced};
use crate::plan::{Builder, Outline, StageOptions};
use crate::runtime::core::{Cx, Phase};
use crate::runtime::pool::IntoPool;
use crate::runtime::stage::{Input, Pull};
use crate::runtime::task::TaskRef;
use crate::runtime::worker::Steps;
use crate::sink::{Look, Polled};
use crate::source::feed;
use futures_util::Stream;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

impl Flow {
    /// The items of a stream, in its order. With the feature `async`.
    ///
    /// A thread of its own polls the stream, outside of any runtime, and sleeps until the stream
    /// wakes it: a stream that needs its runtime in order to be polled, and not only to be made, is
    /// better sent into a channel by a task there. It is polled only while there is demand. A run
    /// that ends, for whatever reason, does not wait for the next item, and drops the stream. A
    /// stream that has nothing and has kept no waker can never go on: that is
    /// [`ErrorKind::Stalled`](crate::ErrorKind::Stalled).
    ///
    /// ```
    /// use flow::Flow;
    /// use futures_util::stream;
    ///
    /// let numbers = stream::iter(1..=3u64);
    /// assert_eq!(Flow::from_stream(numbers).map(|x| x * x).sum::<u64>()?, 14);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn from_stream<S>(stream: S) -> Flow<FromStream<S>>
    where
        S: Stream<Item: Send> + Send,
    {
        Flow::of(FromStream { stream, site: Site::here("from_stream") })
    }
}

/// The items of a stream.
#[derive(Clone)]
pub struct FromStream<S> {
    stream: S,
    site: Site,
}

impl<S> fmt::Debug for FromStream<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FromStream")
    }
}

#[diagnostic::do_not_recommend]
impl<S: Stream<Item: Send> + Send> Sequenced for FromStream<S> {}

impl<S: Stream<Item: Send> + Send> Node for FromStream<S> {
    type Item = S::Item;
    type Lending = ByReference;

    fn describe(&self, stage: &StageOptions, outline: &mut Outline) {
        feed::describe(stage, 1, self.site, outline);
    }

    fn build<'env, M>(self, stage: StageOptions, builder: &mut Builder<'env>, make: M)
    where
        Self: 'env,
        M: Make<Kernel: Push<S::Item>> + 'env,
    {
        let site = self.site;
        let input = PolledStream { stream: Some(Box::pin(self.stream)), site };
        feed::build(|_| vec![input], site, stage, builder, make);
    }
}

struct PolledStream<S> {
    /// Until it has ended.
    stream: Option<Pin<Box<S>>>,
    site: Site,
}

impl<S: Stream<Item: Send> + Send> Input<IntoPool<S::Item>> for PolledStream<S> {
    fn pull(&mut self, pool: &mut IntoPool<S::Item>, room: usize, cx: &mut Cx<'_>) -> Pull {
        let Some(stream) = &mut self.stream else {
            return Pull::End;
        };
        if cx.core.phase() != Phase::Running {
            return Pull::End;
        }
        if cx.task.home().is_none() && cx.core.own_threads_allowed {
            return Pull::Blocks;
        }
        let waker = Alarm::waker(cx.task);
        let mut context = Context::from_waker(&waker);
        for pulled in 0..room {
            let polled = match cx.core.phase() {
                Phase::Running => guarded(&self.site, || stream.as_mut().poll_next(&mut context)),
                _ => return Pull::Some(pulled),
            };
            match polled {
                Poll::Ready(Some(event)) => pool.push(event),
                Poll::Ready(None) => {
                    self.stream = None;
                    return Pull::Some(pulled);
                }
                Poll::Pending if pulled > 0 => return Pull::Some(pulled),
                Poll::Pending => return Pull::Wait,
            }
        }
        Pull::Some(room)
    }
}

/// A waker that wakes a task. While somebody holds it the run can still move.
struct Alarm(TaskRef);

impl Alarm {
    fn waker(task: &TaskRef) -> Waker {
        task.core().outside_enters();
        Waker::from(Arc::new(Alarm(task.clone())))
    }
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.notify();
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        self.0.core().outside_leaves();
    }
}

impl<N: Node + 'static> Flow<N> {
    /// Reads the results as a stream, as they come; a failure is its last item. With the feature
    /// `async`.
    ///
    /// The first poll starts the run, on threads of its own: polling runs none of the flow's
    /// closures. While nobody polls, workers go on until the demand of the last edge is used up
    /// ([`max_demand`](Flow::max_demand)). Dropping the stream ends the run and waits for what its
    /// threads are doing: a closure that is running, a pending `next` of an iterator. A closure that
    /// waits for the thread which drops the stream never comes to its end.
    ///
    /// A run on [`Executor::simulation`](crate::Executor::simulation) has no threads: it is run by
    /// polling.
    ///
    /// ```
    /// use flow::{Flow, FlowError};
    /// use futures_util::TryStreamExt;
    ///
    /// async fn squares() -> Result<Vec<u64>, FlowError> {
    ///     Flow::from_range(1..4u64).map(|x| x * x).ordered().into_stream().try_collect().await
    /// }
    /// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    /// # assert_eq!(runtime.block_on(squares())?, [1, 4, 9]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn into_stream(self) -> FlowStream<N::Item> {
        let (reading, failure) = match self.compile_for_poller(Site::here("into_stream")) {
            Ok(compiled) => (Some(Polled::new(compiled)), None),
            Err(refused) => (None, Some(refused)),
        };
        FlowStream { reading, failure }
    }
}

/// The results of a flow as they come; see [`Flow::into_stream`].
#[must_use = "a stream does nothing until it is polled"]
pub struct FlowStream<T> {
    /// Until the run has ended.
    reading: Option<Polled<T>>,
    failure: Option<FlowError>,
}

impl<T> fmt::Debug for FlowStream<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FlowStream")
    }
}

impl<T> FlowStream<T> {
    fn close(&mut self) {
        if let Some(reading) = self.reading.take() {
            self.failure = reading.close().err();
        }
    }
}

// Nothing in it is pinned.
impl<T> Unpin for FlowStream<T> {}

impl<T> Stream for FlowStream<T> {
    type Item = Result<T, FlowError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        loop {
            let Some(reading) = &mut this.reading else {
                return Poll::Ready(this.failure.take().map(Err));
            };
            match reading.look(cx.waker()) {
                Look::Events => {
                    if let Some(event) = reading.at_hand().pop_front() {
                        return Poll::Ready(Some(Ok(event)));
                    }
                }
                Look::Again => {}
                Look::End => this.close(),
                Look::Nothing => {
                    let run = reading.run();
                    if run.core.is_simulated() {
                        // Nobody else runs it: virtual time goes on, or something outside has to.
                        run.wait(&|| false);
                        cx.waker().wake_by_ref();
                    }
                    return Poll::Pending;
                }
            }
        }
    }
}

impl<T> Drop for FlowStream<T> {
    fn drop(&mut self) {
        self.close();
    }
}
