//! What most programs need: `use flow::prelude::*`.

pub use crate::error::{BoxError, ErrorKind, FlowError};
pub use crate::meter::Meter;
pub use crate::ops::{BoxFlow, Flow, Node};
pub use crate::plan::Executor;
pub use crate::sink::{Handle, Job, Part, Sink};
pub use crate::source::{Demand, Produced, Producer};
