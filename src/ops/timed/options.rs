//! The options of flows whose events carry their time.

use super::TimedFlow;
use crate::meter::Meter;
use crate::plan::Executor;
use std::borrow::Cow;
use std::time::Duration;

macro_rules! as_flow {
    ($($option:ident($argument:ident: $type:ty)),+ $(,)?) => {
        impl<N> TimedFlow<N> {
            $(
                #[doc = concat!("As [`Flow::", stringify!($option), "`](crate::Flow::", stringify!($option), ").")]
                #[track_caller]
                pub fn $option(self, $argument: $type) -> Self {
                    TimedFlow(self.0.$option($argument))
                }
            )+
        }
    };
}

as_flow!(
    stages(stages: usize),
    max_demand(events: usize),
    min_demand(events: usize),
    linger(time: Duration),
    named(name: impl Into<Cow<'static, str>>),
    on(executor: Executor),
    observe(meter: &Meter),
);
