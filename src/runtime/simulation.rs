//! The seed's say in a simulated run: which task runs next, where batches are cut, which wakes and
//! credits come late.
//!
//! A simulated run is single-threaded and reads no clock but a virtual one, so the seed alone
//! decides everything: a seed that fails, fails again.

use super::task::Ready;

#[derive(Debug)]
pub(crate) struct Simulation {
    random: SplitMix,
    ready: Vec<Ready>,
    /// Scheduled, but held back for a while, as on a busy machine.
    late: Vec<Ready>,
    seed: u64,
}

impl Simulation {
    pub(crate) fn new(seed: u64) -> Self {
        Simulation { random: SplitMix(seed), ready: Vec::new(), late: Vec::new(), seed }
    }

    pub(crate) fn seed(&self) -> u64 {
        self.seed
    }

    pub(crate) fn schedule(&mut self, task: Ready) {
        if self.random.below(4) == 0 {
            self.late.push(task);
        } else {
            self.ready.push(task);
        }
    }

    pub(crate) fn next(&mut self) -> Option<Ready> {
        if !self.late.is_empty() && (self.ready.is_empty() || self.random.below(4) == 0) {
            let late = self.random.below(self.late.len());
            self.ready.push(self.late.swap_remove(late));
        }
        if self.ready.is_empty() {
            return None;
        }
        let next = self.random.below(self.ready.len());
        Some(self.ready.swap_remove(next))
    }

    pub(crate) fn has_ready(&self) -> bool {
        !self.ready.is_empty() || !self.late.is_empty()
    }

    /// Cuts an amount of work: often all, often one, else something between.
    pub(crate) fn cut(&mut self, most: usize) -> usize {
        match self.random.below(4) {
            0 => most.min(1),
            1 => most,
            _ => most.min(1 + self.random.below(most.clamp(1, 4096))),
        }
    }

    pub(crate) fn interrupts(&mut self) -> bool {
        self.random.below(3) == 0
    }

    pub(crate) fn delays(&mut self) -> bool {
        self.random.below(3) == 0
    }
}

/// SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014).
#[derive(Debug)]
pub(super) struct SplitMix(pub(super) u64);

impl SplitMix {
    pub(super) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        // The high bits of the product: no division, and unbiased enough for a schedule.
        ((u128::from(z) * bound as u128) >> 64) as usize
    }
}
