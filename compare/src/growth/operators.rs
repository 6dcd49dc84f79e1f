//! More operators in a chain: maps of the same cost, in a flow and in an iterator.

use flow::{Executor, Flow, FlowError};

use super::curve::{Curve, Line, Run, Straight};
use super::events::RUNS;
use crate::harness::THREADS;
use crate::report::Kind;

pub(super) fn curve() -> Curve {
    Curve {
        name: "operators",
        about: "A range of 20 million integers through maps in a row, in a flow and in an iterator of \
                the standard library on one thread",
        axis: "operators",
        cost: "nanoseconds of processor time per event and operator",
        sizes: |_| vec![1, 2, 5, 10, 20, 50],
        events: 20_000_000,
        straight: Straight::Level,
        lines: vec![
            Line {
                name: "flow",
                kind: Kind::First,
                run: Run::Timed(|operators, events| {
                    flow(operators, events).expect(RUNS);
                    operators * events
                }),
            },
            Line {
                name: "iterator",
                kind: Kind::Aside,
                run: Run::Timed(|operators, events| {
                    std::hint::black_box(iterator(operators, events));
                    operators * events
                }),
            },
        ],
    }
}

/// What every operator does: not so that the optimiser could make one of two.
#[inline]
fn step(x: u64) -> u64 {
    (x ^ (x >> 9)).wrapping_mul(0x9e37_79b9) & 0xffff_ffff
}

/// `map` with [`step`], so many times: the number is part of the type.
macro_rules! maps {
    ($chain:expr, 1) => {
        $chain.map(step)
    };
    ($chain:expr, 2) => {
        maps!($chain, 1).map(step)
    };
    ($chain:expr, 5) => {
        maps!(maps!(maps!($chain, 2), 2), 1)
    };
    ($chain:expr, 10) => {
        maps!(maps!($chain, 5), 5)
    };
    ($chain:expr, 20) => {
        maps!(maps!($chain, 10), 10)
    };
    ($chain:expr, 50) => {
        maps!(maps!(maps!($chain, 20), 20), 10)
    };
}

/// One arm for each length that there is.
macro_rules! of_length {
    ($length:expr, $chain:ident => $run:expr, $($known:tt)*) => {
        match $length {
            $($known => { let $chain = maps!($chain, $known); $run })*
            _ => unreachable!("no curve has this many"),
        }
    };
}

fn flow(operators: u64, events: u64) -> Result<u64, FlowError> {
    let chain = Flow::from_range(0..events).on(Executor::threads(THREADS));
    of_length!(operators, chain => chain.sum(), 1 2 5 10 20 50)
}

fn iterator(operators: u64, events: u64) -> u64 {
    let chain = 0..events;
    of_length!(operators, chain => chain.sum(), 1 2 5 10 20 50)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_have_as_many_operators() {
        for operators in (super::curve().sizes)(0) {
            let stepped = |x| (0..operators).fold(x, |x, _| step(x));
            let expected: u64 = (0..2_000).map(stepped).sum();
            assert_eq!(flow(operators, 2_000).expect(RUNS), expected);
            assert_eq!(iterator(operators, 2_000), expected);
        }
    }
}
