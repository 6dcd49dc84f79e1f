//! `flow` side by side with its peers, in one program: `cargo run --release -p compare`.
//!
//! Four kinds of contestants run each workload. This library; its peers, as good as their idioms
//! get: rayon, orx-parallel, timely, renoir, and channels and threads (crossbeam's, tokio's) as a
//! careful programmer writes them; the limit, the best two-thread code that we could write for
//! exactly this workload; and beside them what is only there to compare with, such as the plain
//! sequential loop. All print their speed, their ratio to the limit and to the fastest peer, and the
//! memory that they need.
//!
//! Beside it stand programs that measure this library alone, or with few others: `--bin growth`,
//! what it costs as work grows; `--bin latency`, how long a result takes; `--bin stages`,
//! `--bin build_time`.
//!
//! `--no-default-features` leaves out the peers that take long to build: timely, renoir,
//! orx-parallel and tokio.

mod command;
mod growth;
mod harness;
mod latency;
mod memory;
mod peers;
mod report;
mod workloads;

pub use command::main as compare;
pub use growth::main as growth;
pub use latency::main as latency;
