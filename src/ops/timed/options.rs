//! The options of flows whose events carry their time, and of their partitions.

use super::{TimedFlow, TimedReduction};
use crate::meter::Meter;
use crate::plan::Executor;
use std::borrow::Cow;
use std::time::Duration;

macro_rules! as_flow {
    (
        impl<$($part:ident),+> $flow:ty, $field:tt:
        $($option:ident($argument:ident: $type:ty)),+ $(,)?
    ) => {
        impl<$($part),+> $flow {
            $(
                #[doc = concat!("As [`Flow::", stringify!($option), "`](crate::Flow::", stringify!($option), ").")]
                #[track_caller]
                pub fn $option(mut self, $argument: $type) -> Self {
                    self.$field = self.$field.$option($argument);
                    self
                }
            )+
        }
    };
}

as_flow! {
    impl<N> TimedFlow<N>, 0:
    stages(stages: usize),
    max_demand(events: usize),
    min_demand(events: usize),
    linger(time: Duration),
    named(name: impl Into<Cow<'static, str>>),
    on(executor: Executor),
    observe(meter: &Meter),
}

// Of the stage that the partitions are: `merge_partitions` begins another one.
as_flow! {
    impl<N, P, W, I, F, A, R, M, L> TimedReduction<N, P, W, I, F, A, R, M, L>, options:
    stages(stages: usize),
    max_demand(events: usize),
    min_demand(events: usize),
    linger(time: Duration),
    named(name: impl Into<Cow<'static, str>>),
}
