//! What most programs need: `use flow::prelude::*`.

pub use crate::error::{BoxError, ErrorKind, FlowError};
pub use crate::meter::Meter;
pub use crate::ops::{BoxFlow, Flow, Node, ProducerConsumer, TimedFlow};
pub use crate::plan::Executor;
pub use crate::sink::{Collect, Handle, Ignore, Job, Part, Sink};
pub use crate::source::{Demand, Produced, Producer};
pub use crate::time::Timestamp;
pub use crate::window::{Pane, Timing, Trigger, Window};
