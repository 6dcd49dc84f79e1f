//! Where events go to: sinks, the terminals made of them, and jobs.

mod accumulate;
#[cfg(feature = "atomic-file")]
mod atomic_file;
mod collect;
#[cfg(feature = "csv")]
mod csv;
mod extreme;
mod first;
mod fold;
mod for_each;
mod handle;
mod iter;
mod job;
#[cfg(feature = "json")]
mod json;
mod lines;
mod minmax;
mod polled;
mod search;
mod try_collect;
mod write;

#[cfg(feature = "atomic-file")]
pub use atomic_file::AtomicFile;
pub use collect::Collect;
pub(crate) use collect::{Collected, in_order};
#[cfg(feature = "csv")]
pub use csv::Csv;
pub use for_each::Ignore;
pub use handle::Handle;
use iter::drop_caught;
pub use iter::{FlowIter, IntoIter};
pub use job::{Job, Jobs, run};
#[cfg(feature = "json")]
pub use json::Json;
pub use lines::Lines;
pub use minmax::MinMax;
pub(crate) use polled::{Look, Polled};
pub use write::{Destination, Encoder, Written};

use crate::error::{BoxError, ErrorKind, FlowError, Site};
use crate::kernel::culprit::{caught, guarded};
use crate::kernel::{Finish, Kernel, Make, Mark, Push};
use crate::runtime::Place;
use crate::runtime::stage::Stage;
use crate::runtime::task::TaskRef;
use crate::sync::unpoisoned;
use std::fmt;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex};

/// A destination of events. Every terminal is one; write your own for a file, a table, a service,
/// and use it with [`to`](crate::Flow::to). A closure `Fn(T)` is one too.
///
/// Every instance of the last stage gets a part of its own, so writing needs no lock; when the run
/// has succeeded, and only then, `commit` gets all parts, in the order of the instances.
///
/// ```
/// use flow::{BoxError, Flow, Part, Sink};
/// use std::sync::Arc;
///
/// struct Longest;
///
/// impl Sink<String> for Longest {
///     type Part = Best;
///     type Output = Option<String>;
///
///     fn part(self: &Arc<Self>, _instance: usize) -> Best {
///         Best(None)
///     }
///
///     fn commit(self: Arc<Self>, parts: Vec<Best>) -> Result<Option<String>, BoxError> {
///         Ok(parts.into_iter().filter_map(|best| best.0).max_by_key(String::len))
///     }
/// }
///
/// struct Best(Option<String>);
///
/// impl Part<String> for Best {
///     fn write(&mut self, line: String) -> Result<(), BoxError> {
///         if self.0.as_ref().is_none_or(|best| line.len() > best.len()) {
///             self.0 = Some(line);
///         }
///         Ok(())
///     }
/// }
///
/// let longest = Flow::from_lines("a\nlong line\nbc".as_bytes()).to(Longest).run()?;
/// assert_eq!(longest.as_deref(), Some("long line"));
/// # Ok::<(), flow::FlowError>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a sink for events of type `{T}`",
    label = "not a `Sink<{T}>`",
    note = "use `collect()` for a collection, a closure `|event| ..` that returns nothing, or implement `flow::Sink`"
)]
pub trait Sink<T>: Send + Sync {
    /// What each instance writes into.
    type Part: Part<T>;
    /// What the run gives when it has succeeded.
    type Output;

    /// Called once before the run.
    ///
    /// # Errors
    /// An error fails the run with [`ErrorKind::Sink`] before any source is touched.
    fn prepare(&mut self) -> Result<(), BoxError> {
        Ok(())
    }

    /// The part of one instance; made when it gets its first event or comes to its end.
    fn part(self: &Arc<Self>, instance: usize) -> Self::Part;

    /// Called once when the run has succeeded. A run that failed or was stopped never commits.
    ///
    /// # Errors
    /// An error fails the run with [`ErrorKind::Sink`].
    fn commit(self: Arc<Self>, parts: Vec<Self::Part>) -> Result<Self::Output, BoxError>;
}

/// One instance's part of a [`Sink`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a part of a sink for events of type `{T}`",
    label = "not a `Part<{T}>`",
    note = "a sink's `Part` is what one instance writes into: implement `flow::Part` for it"
)]
pub trait Part<T>: Send {
    /// Takes one event.
    ///
    /// # Errors
    /// An error fails the run with [`ErrorKind::Sink`].
    fn write(&mut self, event: T) -> Result<(), BoxError>;

    /// Takes all events that an iterator gives: the flow's operators run within its `next`. A part
    /// overrides this where a whole loop is faster than its steps.
    ///
    /// # Errors
    /// An error fails the run with [`ErrorKind::Sink`].
    #[inline(always)]
    fn write_all<I: Iterator<Item = T>>(&mut self, mut events: I) -> Result<(), BoxError> {
        events.try_for_each(|event| self.write(event))
    }

    /// The instance has nothing to do for now: hands over what it has buffered, where somebody may
    /// wait for it. Nothing by default.
    ///
    /// # Errors
    /// An error fails the run with [`ErrorKind::Sink`].
    fn quiet(&mut self) -> Result<(), BoxError> {
        Ok(())
    }

    /// So many events are known to follow, if the run succeeds: a part that keeps them can make room once.
    fn expect(&mut self, _events: usize) {}

    /// What follows comes from the source's position `start` on, where the flow has one order.
    fn position(&mut self, _start: u64) {}

    /// Whether this part has all that it wants. It is asked between batches; what is upstream of it
    /// stops then, and the run ends as at the end of the input once all parts say so. What is written
    /// before that is seen, the part should drop it.
    fn is_full(&self) -> bool {
        false
    }
}

/// A sink within a run: where its parts go when their instances are over.
pub(crate) struct Parts<T, S: Sink<T>> {
    sink: Arc<S>,
    done: Mutex<Done<S::Part>>,
    site: Site,
}

/// The parts whose instances are over, in the order of the instances.
struct Done<P> {
    instances: Vec<usize>,
    parts: Vec<P>,
}

/// Where a part of this instance belongs among those of others. Apart, so that it is not compiled for
/// every sink.
fn place(instances: &mut Vec<usize>, instance: usize) -> usize {
    let at = instances.partition_point(|other| *other <= instance);
    instances.insert(at, instance);
    at
}

impl<T, S: Sink<T>> Parts<T, S> {
    fn new(sink: S, site: Site) -> Arc<Self> {
        let done = Mutex::new(Done { instances: Vec::new(), parts: Vec::new() });
        Arc::new(Parts { sink: Arc::new(sink), done, site })
    }

    /// The output of a run that has succeeded.
    fn commit(&self) -> Result<S::Output, FlowError> {
        let parts = std::mem::take(&mut unpoisoned(self.done.lock()).parts);
        let sink = Arc::clone(&self.sink);
        caught(self.site, || sink.commit(parts))?.map_err(|error| sink_failed(error, self.site))
    }
}

fn sink_failed(error: BoxError, site: Site) -> FlowError {
    FlowError::new(ErrorKind::Sink, "a sink failed").with_source(error).with_site(site)
}

/// Makes the kernels at the end of a flow.
struct PartMake<T, S: Sink<T>>(Arc<Parts<T, S>>);

impl<T, S: Sink<T>> Make for PartMake<T, S> {
    type Kernel = IntoPart<T, S>;

    fn make(&self, place: &Place) -> IntoPart<T, S> {
        IntoPart {
            part: guarded(&self.0.site, || self.0.sink.part(place.instance)),
            parts: Arc::clone(&self.0),
            instance: place.instance,
            task: place.task.clone(),
            stage: Arc::clone(&place.stage),
            failed: false,
            full: false,
            types: PhantomData,
        }
    }
}

/// How many events go into a part between two looks at the run.
const ROOM: usize = 1 << 20;

/// The kernel at the end of a flow: writes into one part of the sink.
struct IntoPart<T, S: Sink<T>> {
    part: S::Part,
    parts: Arc<Parts<T, S>>,
    instance: usize,
    task: TaskRef,
    stage: Arc<Stage>,
    failed: bool,
    /// The part has been full since.
    full: bool,
    types: PhantomData<fn(T)>,
}

impl<T, S: Sink<T>> IntoPart<T, S> {
    #[inline(always)]
    fn write(&mut self, write: impl FnOnce(&mut S::Part) -> Result<(), BoxError>) {
        if self.failed {
            return;
        }
        if let Err(error) = guarded(&self.parts.site, || write(&mut self.part)) {
            self.fail(error);
        }
    }

    #[cold]
    #[inline(never)]
    fn fail(&mut self, error: BoxError) {
        self.failed = true;
        self.task.fail(sink_failed(error, self.parts.site));
    }
}

impl<T, S: Sink<T>> Kernel for IntoPart<T, S> {
    #[inline(always)]
    fn room(&mut self) -> usize {
        if !self.full && self.part.is_full() {
            self.full = true;
            // What fills one part may fill all, and the others may be waiting for events.
            self.stage.wake_all();
        }
        // Bounded, so that an endless `flat_map` looks now and then whether the run is over.
        if self.closed() { 0 } else { ROOM }
    }

    fn closed(&self) -> bool {
        self.full || self.failed || self.task.core().is_over()
    }

    fn expect(&mut self, events: usize) {
        self.write(|part| {
            part.expect(events);
            Ok(())
        });
    }

    fn mark(&mut self, mark: Mark) {
        if let Mark::Claimed { start, .. } = mark {
            self.part.position(start);
        }
    }

    fn quiet(&mut self, _now: u64) -> Option<u64> {
        self.write(Part::quiet);
        None
    }

    fn end(&mut self, _finish: Finish) -> bool {
        true
    }

    fn close(self, _last: bool) {
        let mut done = unpoisoned(self.parts.done.lock());
        let at = place(&mut done.instances, self.instance);
        done.parts.insert(at, self.part);
    }
}

impl<T, S: Sink<T>> Push<T> for IntoPart<T, S> {
    #[inline(always)]
    fn push(&mut self, event: T) {
        self.write(|part| part.write(event));
    }

    #[inline(always)]
    fn push_all<I: Iterator<Item = T>>(&mut self, events: I) {
        self.write(|part| part.write_all(events));
    }
}

impl<T, S: Sink<T>> fmt::Debug for IntoPart<T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IntoPart")
    }
}
