//! A flow whose events are collected once and shared by all instances of another stage.

use crate::kernel::{Finish, Kernel, Make, Mark, Push};
use crate::ops::shared::Shared;
use crate::runtime::Place;
use crate::runtime::meter::EdgeCounters;
use crate::runtime::task::TaskRef;
use crate::sink::{Collected, Part, in_order};
use crate::sync::unpoisoned;
use std::sync::{Arc, Mutex};

/// A flow that is being collected.
#[derive(Debug)]
pub(super) struct Gathering<S> {
    /// What instances have gathered, with their numbers.
    parts: Mutex<Parts<S>>,
    /// All of it, once it is there.
    pub(super) all: Shared<[S]>,
}

#[derive(Debug)]
struct Parts<S> {
    parts: Vec<(usize, Collected<S>)>,
    stopped: bool,
}

impl<S> Gathering<S> {
    pub(super) fn new() -> Arc<Self> {
        let parts = Mutex::new(Parts { parts: Vec::new(), stopped: false });
        Arc::new(Gathering { parts, all: Shared::default() })
    }

    /// All parts are there.
    fn publish(&self) {
        let (mut parts, stopped) = {
            let mut state = unpoisoned(self.parts.lock());
            (std::mem::take(&mut state.parts), state.stopped)
        };
        parts.sort_by_key(|(instance, _)| *instance);
        let parts = parts.into_iter().map(|(_, part)| part);
        // A run that was stopped has seen a part only: nothing may come of it.
        let all = if stopped { Arc::default() } else { in_order(parts.collect()).collect() };
        self.all.publish(all);
    }
}

/// Makes the ends of the instances of the flow that is shared.
pub(super) struct GatherMake<S> {
    pub(super) shared: Arc<Gathering<S>>,
    pub(super) counters: Arc<EdgeCounters>,
}

impl<S: Send + Sync> Make for GatherMake<S> {
    type Kernel = Gather<S>;

    fn make(&self, place: &Place) -> Gather<S> {
        Gather {
            shared: Arc::clone(&self.shared),
            counters: Arc::clone(&self.counters),
            part: Collected::new(),
            instance: place.instance,
            task: place.task.clone(),
        }
    }
}

/// The end of one instance.
pub(super) struct Gather<S> {
    shared: Arc<Gathering<S>>,
    counters: Arc<EdgeCounters>,
    part: Collected<S>,
    instance: usize,
    task: TaskRef,
}

/// How many events are gathered between two looks at the run.
const ROOM: usize = 1 << 16;

impl<S: Send + Sync> Kernel for Gather<S> {
    fn room(&mut self) -> usize {
        if self.closed() { 0 } else { ROOM }
    }

    fn closed(&self) -> bool {
        self.task.core().is_over()
    }

    fn mark(&mut self, mark: Mark) {
        if let Mark::Claimed { start, .. } = mark {
            self.part.position(start);
        }
    }

    fn quiet(&mut self, _now: u64) -> Option<u64> {
        None
    }

    fn end(&mut self, finish: Finish) -> bool {
        let part = std::mem::replace(&mut self.part, Collected::new());
        self.counters.sent(part.len());
        self.counters.received(part.len());
        let mut state = unpoisoned(self.shared.parts.lock());
        state.stopped |= finish == Finish::Stopped;
        state.parts.push((self.instance, part));
        true
    }

    fn close(self, last: bool) {
        if last {
            self.shared.publish();
        }
    }
}

impl<S: Send + Sync> Push<S> for Gather<S> {
    #[inline]
    fn push(&mut self, event: S) {
        // Taking an event into memory cannot fail.
        let _ = self.part.write(event);
    }
}
