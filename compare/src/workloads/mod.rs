//! The workloads, one file each: the input, every contestant as a small function, and the list that
//! names them.

mod common;
mod exchange;
mod handover;
mod int_table;
mod join;
mod many_keys;
mod map;
mod nexmark;
mod ordered;
mod pipeline;
mod sessions;
mod skewed;
pub(crate) mod stages;
mod stations;
mod text_fold;
mod tiny;
mod windows;
mod words;

pub(crate) use self::common::mix;
use crate::harness::Compare;

/// Every workload, in the order in which they run.
pub(crate) fn all() -> Vec<Box<dyn Compare>> {
    let mut all: Vec<Box<dyn Compare>> = vec![
        Box::new(words::borrowed()),
        Box::new(words::lent()),
        Box::new(words::owned()),
        Box::new(stations::few()),
        Box::new(stations::many()),
        Box::new(map::over_range()),
        Box::new(map::over_slice()),
        Box::new(skewed::workload()),
        Box::new(tiny::hundred()),
        Box::new(tiny::hundred_thousand()),
        Box::new(tiny::partition()),
        Box::new(exchange::into_arrays()),
        Box::new(exchange::into_maps()),
        Box::new(exchange::many::workload()),
        Box::new(handover::workload()),
        Box::new(pipeline::workload()),
        Box::new(stages::of_1()),
        Box::new(stages::of_10()),
        Box::new(stages::of_100()),
        Box::new(stages::of_1000()),
        Box::new(stages::four_by_four()),
        Box::new(join::workload()),
        Box::new(ordered::workload()),
        Box::new(windows::fixed()),
        Box::new(windows::sliding()),
        Box::new(windows::greatest::workload()),
        Box::new(many_keys::workload()),
        Box::new(sessions::workload()),
    ];
    // The last ones, since their events stay in memory.
    all.extend(nexmark::all());
    all
}
