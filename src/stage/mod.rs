//! Stages that you write and wire while they run: producers, producer-consumers and consumers.
//!
//! A flow is a chain that is compiled and run as a whole. Stages are independent: each is started on
//! a runtime ([`Stages`]), subscribes to others, and lives until it ends, fails or is told to.
//! Events go down in batches, demand goes up: a consumer asks for `max_demand` events, and for more
//! when `min_demand` are left, so no stage is ever sent more than it asked for.
//!
//! ```
//! use flow::stage::{Consumer, Stages};
//! use flow::{BoxError, Demand, Emitter, Produced, Producer, ProducerConsumer};
//!
//! struct Counter(u64);
//!
//! impl Producer for Counter {
//!     type Item = u64;
//!     fn produce(&mut self, demand: &mut Demand<'_, u64>) -> Result<Produced, BoxError> {
//!         while demand.events() > 0 && self.0 < 10 {
//!             demand.emit(self.0);
//!             self.0 += 1;
//!         }
//!         Ok(if self.0 < 10 { Produced::More } else { Produced::Done })
//!     }
//! }
//!
//! struct Double;
//!
//! impl ProducerConsumer for Double {
//!     type In = u64;
//!     type Out = u64;
//!     fn handle(&mut self, n: u64, out: &mut Emitter<'_, u64>) -> Result<(), BoxError> {
//!         Ok(out.emit(n * 2))
//!     }
//! }
//!
//! struct Printer;
//!
//! impl Consumer for Printer {
//!     type Item = u64;
//!     fn handle(&mut self, n: u64) -> Result<(), BoxError> {
//!         Ok(println!("{n}"))
//!     }
//! }
//!
//! let stages = Stages::new();
//! let counter = stages.producer(Counter(0)).start();
//! let double = stages.producer_consumer(Double).subscribe(&counter).start();
//! stages.consumer(Printer).subscribe(&double).start();
//! stages.join()?;
//! # Ok::<(), flow::FlowError>(())
//! ```

mod actor;
mod batch;
mod closures;
mod consumer;
mod control;
mod dispatch;
mod ending;
mod ends;
mod events;
mod flows;
mod input;
mod launch;
mod mailbox;
mod names;
mod output;
mod port;
mod rare;
mod reason;
mod reference;
mod reply;
mod role;
mod scope;
mod shared;
mod stages;
mod subscription;
mod supervisor;
mod tasks;

pub use batch::Batch;
pub use closures::{Closure, consume_with, produce_with, transform_with};
pub use consumer::Consumer;
pub use control::{Context, Peer, Side};
pub use dispatch::{Broadcast, ByDemand, Consumers, Dispatcher, Partition};
pub use ends::{Inlet, Outlet};
pub use events::Events;
pub use flows::{Flows, ThroughStages};
pub use launch::Launch;
pub use output::Overflow;
pub use reason::Reason;
pub use reference::{StageCounts, StageRef};
pub use reply::{CallError, Reply};
pub(crate) use role::{Next, Role, Turn};
pub use scope::Scope;
pub(crate) use shared::Shared;
pub use stages::Stages;
pub use subscription::{Cancel, Subscribe, Subscription, SubscriptionId};
pub use supervisor::{Child, Restart, Strategy, Supervisor};
pub use tasks::{TaskCounters, TaskSupervisor};
