//! A progress bar of `indicatif`, moved by a meter.

use crate::meter::{Meter, Metrics};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use indicatif::ProgressBar;
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// How often the bar moves.
const EVERY: Duration = Duration::from_millis(100);

impl Meter {
    /// Lets a progress bar follow the run that this meter watches, until the guard is dropped.
    ///
    /// The position is how many bytes have been read, of [`bytes_total`](Metrics::bytes_total) where
    /// that is known; for sources that count no bytes it is how many events have come into the first
    /// stage, and the bar keeps the length that it has. How the bar looks, and what becomes of it
    /// in the end, is up to the bar.
    ///
    /// The bar may be attached before the run begins. It is moved by a thread of its own, ten times
    /// a second.
    ///
    /// ```
    /// use flow::{Flow, Meter};
    /// use indicatif::{ProgressBar, ProgressStyle};
    ///
    /// let bar = ProgressBar::no_length()
    ///     .with_style(ProgressStyle::with_template("{bytes} of {total_bytes} {wide_bar} {eta}")?);
    /// let meter = Meter::new();
    /// let progress = meter.progress(bar.clone());
    /// let lines = Flow::from_lines("one\ntwo\n".as_bytes()).observe(&meter).count()?;
    /// drop(progress);
    /// assert_eq!((lines, bar.position()), (2, 8));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn progress(&self, bar: ProgressBar) -> Progress {
        let meter = self.clone();
        let (running, ended) = bounded(0);
        let follow = move || follow(&meter, &bar, &ended);
        // Without a thread the bar stands still, which is no reason for the run to fail.
        let thread = thread::Builder::new().name("flow-progress".to_owned()).spawn(follow).ok();
        Progress { running: Some(running), thread }
    }
}

/// Moves a progress bar while it lives; see [`Meter::progress`]. When it is dropped the bar has been
/// moved for the last time.
#[must_use = "the bar moves only while this lives"]
#[derive(Debug)]
pub struct Progress {
    /// Closes to end the thread: nothing is ever sent.
    running: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Progress {
    fn drop(&mut self) {
        drop(self.running.take());
        if let Some(thread) = self.thread.take() {
            // A panic of the bar's own code has been reported where it happened.
            let _ = thread.join();
        }
    }
}

fn follow(meter: &Meter, bar: &ProgressBar, ended: &Receiver<()>) {
    while ended.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
        show(&meter.metrics(), bar);
    }
    show(&meter.metrics(), bar);
}

fn show(metrics: &Metrics, bar: &ProgressBar) {
    let events = metrics.stages().first().map_or(0, |source| source.events_in);
    let counts_bytes = metrics.bytes_total.is_some() || metrics.bytes_read > 0;
    if let Some(total) = metrics.bytes_total {
        bar.set_length(total);
    }
    bar.set_position(if counts_bytes { metrics.bytes_read } else { events });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Flow;
    use std::time::Instant;

    /// Where a hidden bar is after the run, and how long it is.
    fn followed(run: impl FnOnce(&Meter)) -> (u64, Option<u64>) {
        let (meter, bar) = (Meter::new(), ProgressBar::hidden());
        let progress = meter.progress(bar.clone());
        run(&meter);
        drop(progress);
        (bar.position(), bar.length())
    }

    #[test]
    fn files_move_the_bar_by_bytes_to_their_total() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/progress.rs");
        let size = std::fs::metadata(path).unwrap().len();
        let bar = followed(|meter| {
            Flow::from_files([path]).unwrap().observe(meter).run().unwrap();
        });
        assert_eq!(bar, (size, Some(size)));
    }

    #[test]
    fn a_reader_moves_the_bar_by_bytes_and_leaves_its_length() {
        let bar = followed(|meter| {
            Flow::from_lines("one\ntwo\nthree".as_bytes()).observe(meter).run().unwrap();
        });
        assert_eq!(bar, (13, None));
    }

    #[test]
    fn other_sources_move_the_bar_by_events() {
        let bar = followed(|meter| {
            let flow = Flow::from_range(0..1_000u64).filter(|x| x % 3 == 0);
            flow.partition()
                .reduce(|| 0, |n, _| *n += 1)
                .emit_state()
                .observe(meter)
                .run()
                .unwrap();
        });
        assert_eq!(bar, (1_000, None));
    }

    #[test]
    fn the_bar_moves_while_the_flow_runs() {
        let (meter, bar) = (Meter::new(), ProgressBar::hidden());
        let _progress = meter.progress(bar.clone());
        let flow = Flow::from_iter(0u64..).filter(|_| bar.position() > 0);
        flow.observe(&meter).take(1).run().unwrap();
    }

    #[test]
    fn dropping_the_guard_does_not_wait_for_the_next_move() {
        let start = Instant::now();
        for _ in 0..50 {
            followed(|_| ());
        }
        assert!(start.elapsed() < 50 * EVERY);
    }
}
