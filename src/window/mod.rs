//! Windows: which events are folded together, when that is said, and what is still accepted.
//!
//! Everything here is a plain struct that is told what happens: no clock, no thread, no engine.
//!
//! | file | what is in it |
//! |---|---|
//! | `kind/`, `span.rs` | the kinds of windows, which one an event is in, and what one covers |
//! | `trigger/` | when a window fires |
//! | `fold.rs` | what windows fold with, and how their panes relate |
//! | `pane.rs` | what a firing says |
//! | `rules.rs` | one window of one key: fold, count, fire |
//! | `timers.rs` | what the clock or the watermark is to fire |
//! | `machine.rs` | what a machine is told and gives, and which kind has which |
//! | `one_of.rs` | machines that are one of several |
//! | `aligned/` | windows that never change: by window, then by key, in bins where there are many |
//! | `sliced.rs` | sliding windows in shared slices: by key, then by slice |
//! | `sessions/` | windows that merge: by key, then by time |
//! | `counted.rs` | windows of a number of events, by key |
//! | `sorted.rs` | machines around others: panes by key, events by time |
//!
//! **What holds in all machines**, with `w` the watermark (exclusive: nothing below it is expected),
//! `end` a window's end and `l` the allowed lateness:
//!
//! - An event goes into a window as long as `w < end + l`, whatever its own timestamp. One that goes
//!   into none of its windows is handed back.
//! - The pane at the watermark is given when `w >= end`, the state is forgotten when `w >= end + l`;
//!   what has not been given by then is given then. Windows without events do not exist.
//! - What one watermark causes is given in the order of the times at which it was due, then of the
//!   windows' starts; keys within are in the same order in every run. A watermark has passed when all
//!   of it has been given.
//! - The end of the input is a watermark after everything, and nothing more.
//! - A signal fires what hears it and has something new: of each key in the order of its windows.

mod aligned;
mod counted;
mod fold;
mod kind;
mod machine;
mod one_of;
mod pane;
mod rules;
mod sessions;
mod sliced;
mod sorted;
mod span;
mod timers;
mod trigger;

#[cfg(test)]
mod cases_tests;
#[cfg(test)]
mod machine_tests;
#[cfg(test)]
mod model;
#[cfg(test)]
mod parts_tests;
#[cfg(test)]
mod properties_tests;
#[cfg(test)]
mod runs;
#[cfg(test)]
mod speed;
#[cfg(test)]
use {aligned::Aligned, kind::Parted, machine::TakeParts, sliced::Sliced};

pub(crate) use aligned::{BINS, Binned, bin_of};
pub(crate) use fold::{
    Accumulating, Discarding, Fired, Fold, Folding, Kept, Merge, Mode, Once, Relation, Retracting,
};
pub use kind::{
    AnyWindow, Assign, Assigned, Assigner, ByClock, Count, Fixed, Global, OfPanes, Session,
    Sliding, SlidingCount, Window, WindowKind,
};
pub(crate) use machine::{Machine, MergingWindowing, Take, Windowing};
pub use pane::{Pane, Timing};
pub(crate) use rules::{Counters, Head, needs_mode};
pub(crate) use sorted::{SortedEvents, SortedPanes};
pub use span::Span;
pub(crate) use timers::{Timer, Timers};
pub(crate) use trigger::OnTime;
pub use trigger::{
    AfterDelay, AtWatermark, Condition, Each, Every, Firing, Never, On, OnEvent, OnSignal, Or,
    PaneView, Periodic, Trigger, Triggering, TriggeringOn,
};
