//! Renoir: two replicas of each block, batches of a fixed number of elements.

use std::sync::{Arc, Mutex};

use ::renoir::{BatchMode, RuntimeConfig, StreamContext};

use crate::harness::THREADS;

/// Runs the streams that `build` makes.
pub(crate) fn run(build: impl FnOnce(&StreamContext)) {
    let config = RuntimeConfig::local(THREADS as u64).expect("two replicas are possible");
    let context = StreamContext::new(config);
    build(&context);
    context.execute_blocking();
}

/// How many elements it sends at once: the most that was of use here.
pub(crate) fn batches() -> BatchMode {
    BatchMode::fixed(4_096)
}

/// What all replicas have gathered, each in a list of its own; `collect_vec` would send everything
/// through one of them.
pub(crate) struct Gathered<T>(Arc<Mutex<Vec<Vec<T>>>>);

impl<T: Send> Gathered<T> {
    pub(crate) fn new() -> Self {
        Gathered(Arc::default())
    }

    /// Where a replica puts what it has.
    pub(crate) fn place(&self) -> Place<T> {
        Place { own: Vec::new(), all: self.0.clone() }
    }

    /// To be called when the run is over.
    pub(crate) fn take(self) -> Vec<Vec<T>> {
        std::mem::take(&mut self.0.lock().expect("no contestant panics"))
    }
}

/// One replica's part of [`Gathered`].
pub(crate) struct Place<T> {
    own: Vec<T>,
    all: Arc<Mutex<Vec<Vec<T>>>>,
}

impl<T> Place<T> {
    pub(crate) fn push(&mut self, value: T) {
        self.own.push(value);
    }
}

/// For another replica.
impl<T> Clone for Place<T> {
    fn clone(&self) -> Self {
        Place { own: Vec::new(), all: self.all.clone() }
    }
}

impl<T> Drop for Place<T> {
    fn drop(&mut self) {
        if let (false, Ok(mut all)) = (self.own.is_empty(), self.all.lock()) {
            all.push(std::mem::take(&mut self.own));
        }
    }
}
