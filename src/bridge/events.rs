//! The events of running stages as a stream; with the feature `async`.

use crate::error::FlowError;
use crate::stage::{Events, Subscribe};
use futures_util::Stream;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

impl<T: Send + 'static> Subscribe<T> {
    /// Reads the events as a stream, as they come: see [`iter`](Self::iter). With the feature `async`.
    ///
    /// Whoever polls is woken by the stage, and needs no runtime of its own.
    ///
    /// ```
    /// use flow::FlowError;
    /// use flow::stage::{Stages, Subscribe};
    /// use futures_util::TryStreamExt;
    ///
    /// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    /// let stages = Stages::new();
    /// let numbers = stages.iter(0..4u64).start();
    /// let all = Subscribe::to(&numbers).stream().try_collect::<Vec<u64>>();
    /// assert_eq!(runtime.block_on(all)?, [0, 1, 2, 3]);
    /// # Ok::<(), FlowError>(())
    /// ```
    #[track_caller]
    pub fn stream(self) -> EventStream<T> {
        EventStream(self.iter())
    }
}

/// The events of a running stage, as they come: see [`Subscribe::stream`].
#[must_use = "a stream does nothing until it is polled"]
pub struct EventStream<T: Send + 'static>(Events<T>);

// Nothing in it is pinned.
impl<T: Send + 'static> Unpin for EventStream<T> {}

impl<T: Send + 'static> fmt::Debug for EventStream<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EventStream")
    }
}

impl<T: Send + 'static> Stream for EventStream<T> {
    type Item = Result<T, FlowError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll(cx.waker())
    }
}
