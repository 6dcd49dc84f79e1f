//! What several limits share: two threads, and a counter from which they claim their work.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crossbeam_channel::bounded;
use crossbeam_utils::CachePadded;

/// Runs `work` on the calling thread and, at the same time, on one more.
///
/// The caller works too: spawning one thread instead of two saves 20 µs and a core that only waits.
pub(crate) fn on_two_threads<R: Send>(work: impl Fn(usize) -> R + Sync) -> [R; 2] {
    std::thread::scope(|scope| {
        let second = scope.spawn(|| work(1));
        let first = work(0);
        [first, second.join().expect("no contestant panics")]
    })
}

/// Hands out `0..end` in chunks, each to the thread that asks next.
///
/// A fixed half for each thread loses whenever one of them is late (a skewed load, a core that
/// something else uses).
pub(crate) struct Claims {
    next: CachePadded<AtomicU64>,
    end: u64,
    chunk: u64,
}

impl Claims {
    pub(crate) fn new(end: u64, chunk: u64) -> Self {
        Claims { next: CachePadded::new(AtomicU64::new(0)), end, chunk }
    }

    /// The chunks, for whoever asks, as many as there are.
    #[cfg(feature = "peers")]
    pub(crate) fn shared(
        end: u64,
        chunk: u64,
    ) -> impl Fn(usize) -> Box<dyn Iterator<Item = Range<u64>>> + Send + Sync + 'static {
        let claims = std::sync::Arc::new(Claims::new(end, chunk));
        move |_| {
            let claims = claims.clone();
            Box::new(std::iter::from_fn(move || claims.next()))
        }
    }

    /// The next chunk that nobody has.
    pub(crate) fn next(&self) -> Option<Range<u64>> {
        let start = self.next.fetch_add(self.chunk, Relaxed);
        (start < self.end).then(|| start..self.end.min(start + self.chunk))
    }

    /// The chunks that this thread gets.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Range<u64>> {
        std::iter::from_fn(|| self.next())
    }
}

/// Every second element of a range, for one of two.
#[cfg(feature = "peers")]
pub(crate) fn half(end: u64, nth: usize) -> impl Iterator<Item = u64> + Send + 'static {
    (nth as u64..end).step_by(crate::harness::THREADS)
}

/// Cuts `text` at line ends into pieces of about `size` bytes.
pub(crate) fn chunks(text: &str, size: usize) -> Vec<&str> {
    let mut chunks = Vec::with_capacity(text.len() / size + 1);
    let mut rest = text;
    while !rest.is_empty() {
        // The cut is behind a line end, which is never inside of a character.
        let cut = rest
            .as_bytes()
            .iter()
            .skip(size)
            .position(|byte| *byte == b'\n')
            .map_or(rest.len(), |at| size + at + 1);
        let (chunk, behind) = rest.split_at(cut);
        chunks.push(chunk);
        rest = behind;
    }
    chunks
}

/// The integers of a run, in batches of `size`.
pub(crate) fn batches(end: u64, size: usize) -> impl Iterator<Item = Range<u64>> {
    (0..end).step_by(size).map(move |start| start..end.min(start + size as u64))
}

/// One hand-over between two threads, as fast as we could write it: what `make` makes of each integer
/// goes to the other thread, and `read` reads it there; the results are added up.
///
/// Empty batches return to the producer: no allocation, and the same few kilobytes stay in the
/// caches.
pub(crate) fn hand_over(
    end: u64,
    size: usize,
    waiting: usize,
    make: impl Fn(u64) -> u64 + Send,
    read: impl Fn(&[u64]) -> u64,
) -> u64 {
    let (sender, receiver) = bounded::<Vec<u64>>(waiting);
    let (back, empty) = bounded::<Vec<u64>>(waiting + 2);
    for _ in 0..waiting + 2 {
        back.send(Vec::with_capacity(size)).expect("there is room for all");
    }
    std::thread::scope(|scope| {
        scope.spawn(move || {
            for events in batches(end, size) {
                let mut batch = empty.recv().expect("the consumer returns all batches");
                batch.clear();
                batch.extend(events.map(&make));
                sender.send(batch).expect("the consumer waits for the end");
            }
        });
        let mut total = 0u64;
        for batch in &receiver {
            total = total.wrapping_add(read(&batch));
            // The producer may have gone with its last batch.
            let _ = back.send(batch);
        }
        total
    })
}

/// A finaliser in the manner of SplitMix64: every bit of the input reaches every bit of the output.
pub(crate) fn mix(x: u64) -> u64 {
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// Dear work whose cost grows with `index`: a chain of dependent steps, none of which the compiler
/// can merge with the next (it does merge the steps of a linear congruential generator).
///
/// The last of `end` indices takes some 90 µs. All of 20,000 together take 0.9 s on one core.
pub(crate) fn dear(index: u64, end: u64) -> u64 {
    const MOST_STEPS: u64 = 75_000;
    let step = |x: u64| (x ^ (x >> 29)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (0..index * MOST_STEPS / end).fold(index, |x, _| step(x))
}

/// Asks for the cache line of `place` without waiting for it.
#[inline(always)]
#[allow(
    unsafe_code,
    reason = "there is no safe way to prefetch, and the limits shall not be weaker for it"
)]
pub(crate) fn prefetch<T>(place: &T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch reads and writes nothing, for whatever address.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(
            (&raw const *place).cast(),
        );
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = place;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_cut_behind_line_ends_and_lose_nothing() {
        let text = "one two\n\nthree ß\nfour\n".repeat(100);
        let chunks = chunks(&text, 300);
        assert!(chunks.len() > 5);
        assert!(chunks.iter().all(|chunk| chunk.ends_with('\n')));
        assert_eq!(chunks.concat(), text);
    }
}
