//! How much memory a contestant needs: an allocator that counts.
//!
//! All contestants allocate with mimalloc. With the allocator of the system, a run that frees on
//! another thread what it has allocated would measure that allocator: dataflows do so all the time,
//! and owned words take up to three times as long.
//!
//! What a thread allocates and frees is added up in the thread, and told to the others only when it
//! comes to more than [`UNTOLD`]: a counter that all threads write with each allocation would be the
//! slowest part of many contestants. The peak is exact to so many bytes for each thread.
#![allow(unsafe_code, reason = "only an unsafe implementation can be an allocator")]

use std::alloc::{GlobalAlloc, Layout};
use std::cell::Cell;
use std::sync::atomic::{AtomicIsize, Ordering::Relaxed};

use mimalloc::MiMalloc;

#[global_allocator]
static COUNTING: Counting = Counting;

/// The most bytes that a thread keeps to itself.
const UNTOLD: isize = 64 * 1024;

static LIVE: AtomicIsize = AtomicIsize::new(0);
static PEAK: AtomicIsize = AtomicIsize::new(0);

thread_local! {
    static CHANGE: Cell<isize> = const { Cell::new(0) };
}

struct Counting;

#[inline]
fn count(bytes: isize) {
    CHANGE.with(|change| {
        change.set(change.get() + bytes);
        if change.get().abs() > UNTOLD {
            tell(change);
        }
    });
}

#[cold]
fn tell(change: &Cell<isize>) {
    let change = change.take();
    let live = LIVE.fetch_add(change, Relaxed) + change;
    PEAK.fetch_max(live, Relaxed);
}

// SAFETY: everything is mimalloc's; counting allocates nothing and has no destructor.
unsafe impl GlobalAlloc for Counting {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: as the caller promised.
        unsafe { MiMalloc.alloc(layout) }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: as the caller promised.
        unsafe { MiMalloc.alloc_zeroed(layout) }
    }

    #[inline]
    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        // SAFETY: as the caller promised.
        unsafe { MiMalloc.dealloc(place, layout) }
    }

    #[inline]
    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size as isize - layout.size() as isize);
        // SAFETY: as the caller promised.
        unsafe { MiMalloc.realloc(place, layout, size) }
    }
}

/// The memory that is in use when a contestant starts: its input, and what lives as long as the
/// program.
pub(crate) struct Before(isize);

impl Before {
    /// From here on the peak counts.
    pub(crate) fn now() -> Self {
        CHANGE.with(tell);
        let live = LIVE.load(Relaxed);
        PEAK.store(live, Relaxed);
        Before(live)
    }

    /// The most bytes that were in use at once, without those that were before.
    pub(crate) fn peak(self) -> u64 {
        CHANGE.with(tell);
        (PEAK.load(Relaxed) - self.0).max(0) as u64
    }
}

/// Gives memory that is free back to the system, so that each contestant starts as cold as a
/// program of its own.
///
/// Otherwise one finds the heap that the one before it has left: up to a fifth of a word count's
/// time is page faults, or is not. Threads that outlive a run keep what they have.
pub(crate) fn return_free() {
    unsafe extern "C" {
        safe fn mi_collect(force: bool);
    }
    mi_collect(true);
}

/// Has the system find so much memory once, and gives it back.
///
/// A virtual machine may hand memory that has been free for some seconds back to its host, and who needs
/// it next waits for the host: up to twice the time of a word count, for whoever happened to come after a
/// long run that needed little.
pub(crate) fn warm(bytes: usize) {
    const PAGE: usize = 4096;
    // Not from the allocator, which would be left in another state than that of a new program.
    if let Ok(mut memory) = memmap2::MmapMut::map_anon(bytes) {
        memory.iter_mut().step_by(PAGE).for_each(|page| *page = 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_counts_what_was_freed_again_and_what_other_threads_took() {
        let before = Before::now();
        drop(std::hint::black_box(vec![1u8; 10 << 20]));
        let second = || std::hint::black_box(vec![1u8; 100 << 20]).len();
        std::thread::scope(|scope| _ = scope.spawn(second));
        // Other tests run at the same time: they take and give back a few MiB.
        let mib = before.peak() >> 20;
        assert!((85..=115).contains(&mib), "{mib} MiB");
    }
}
