//! Messages from brokers: processed, batched, acknowledged.
//!
//! A pipeline takes messages from a [`Source`] that wants to know what became of each: it *settles*
//! every one of them, as done or as failed. In between, processors handle single messages, as many at a
//! time as you say; batchers collect what they return, by size, time and key; handlers take whole
//! batches. What fails is tried again by timers, or handed to a taker of dead letters; it never takes
//! others with it.
//!
//! ```
//! use flow::pipeline::{MemoryQueue, Pipeline};
//! use flow::{Retry, stage::Stages};
//! use std::time::Duration;
//!
//! let queue: MemoryQueue<String> = ["1", "2", "three", "4"].map(String::from).into_iter().collect();
//! let stages = Stages::new();
//! let pipeline = Pipeline::new(queue.source(), |text: &String| Ok(text.parse::<u32>()?))
//!     .processors(4)
//!     .dead_letters(|letter| Ok(println!("{}: {}", letter.event, letter.error)))
//!     .batcher(
//!         "store",
//!         |batches| batches.size(100).retry(Retry::exponential(Duration::from_millis(10))),
//!         |batch| Ok(println!("{} numbers: {:?}", batch.len(), &batch[..])),
//!     )
//!     .start(&stages)?;
//! let report = pipeline.join()?;
//! assert_eq!((report.counts.done, report.counts.dead_letters, report.unfinished), (4, 1, 0));
//! # Ok::<(), flow::FlowError>(())
//! ```
//!
//! # What holds
//!
//! - Every message that was pulled is settled exactly once, unless the pipeline is stopped or fails;
//!   then its source delivers it again. Delivery is at least once: a handler may see a message twice.
//! - No more than [`in_flight`](Pipeline::in_flight) messages of a source are pulled and not settled,
//!   wherever they are. That is the one bound of everything: queues, retries, open batches.
//! - A batch is never larger than its size, and never waits longer than its time, which begins with its
//!   first value.
//! - With [`partition_by`](Pipeline::partition_by), messages of one key are processed and handled in
//!   the order of their source, also when one is tried again.
//! - [Draining](PipelineRef::drain) finishes all that was pulled; with a
//!   [limit](PipelineRef::drain_for), what could not be finished is counted.
//! - Time is the runtime's: in a simulation retries, rates and batches wait for a virtual clock.
//!
//! Who settles is said once per batch, not per message: a message carries only its receipt, and a
//! source is called once for all that was settled meanwhile.
//!
//! # What does not fit well
//!
//! - **Sources that wait long.** A source that [blocks](Source::BLOCKS) cannot settle meanwhile, so
//!   its waits must be short; long polling (20 s with SQS) belongs on a thread of the source's own, with
//!   a [`Notifier`](crate::Notifier).
//! - **Partitions that come and go.** When Kafka takes a partition away, messages of it that are under
//!   way cannot be called back: settling them must do no harm. Kafka commits offsets, not messages:
//!   the source keeps the lowest that is not settled.
//! - **Leases.** Nothing prolongs a message's visibility while it waits for a retry: waits must be
//!   shorter than the broker's.
//! - **Handlers that wait** occupy workers: give [`Stages`](crate::stage::Stages) as many as may wait.
//!   There are no asynchronous handlers.
//! - **More than one step.** A pipeline is a source, processors, batchers, handlers. Two kinds of
//!   processors are one closure that calls both, or two pipelines with a queue between them.
//! - **Exactly once** needs a handler that is idempotent, or stores receipts with its results.
//! - The number of processors and handlers cannot be changed while it runs.

mod attempts;
mod batch;
mod batcher;
mod build;
mod handle;
mod ledger;
mod memory;
mod message;
mod process;
mod pull;
mod rate;
mod running;
mod source;
mod wiring;

pub use batch::{Batch, Closed};
pub use batcher::Batcher;
pub use build::Pipeline;
pub use memory::{MemoryQueue, MemorySource};
pub use rate::Rate;
pub use running::{PipelineCounts, PipelineRef, PipelineReport};
pub use source::{Failed, Pull, Pulled, Settlement, Source};
