//! One watermark from those of several inputs.
//!
//! **Invariant.** What was forwarded is the least watermark of all inputs that are neither idle nor
//! ended, once each of them has one, and never goes back. Only while all are idle or ended it is the
//! highest seen.

use super::Timestamp;

/// What an input's news mean for what is behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct Change {
    /// The new watermark, if it moved.
    pub(crate) watermark: Option<Timestamp>,
    /// Whether from now on all inputs are idle (true) or not (false), if that changed. It comes after
    /// the watermark if it is true, and before if it is false.
    pub(crate) idle: Option<bool>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Active,
    Idle,
    Ended,
}

/// Several inputs, of which each has a watermark, may be idle, and ends.
#[derive(Debug)]
pub(crate) struct Coalescer {
    inputs: Vec<(State, Timestamp)>,
    forwarded: Timestamp,
    idle: bool,
}

impl Coalescer {
    /// Inputs that are active and have not said anything yet.
    pub(crate) fn new(inputs: usize) -> Self {
        let inputs = vec![(State::Active, Timestamp::MIN); inputs];
        Coalescer { inputs, forwarded: Timestamp::MIN, idle: false }
    }

    /// The watermark of all.
    pub(crate) fn watermark(&self) -> Timestamp {
        self.forwarded
    }

    /// Whether all inputs are idle or have ended.
    pub(crate) fn is_idle(&self) -> bool {
        self.idle
    }

    /// An input's watermark; one that is lower than before is ignored. It makes an idle input active.
    pub(crate) fn advance(&mut self, input: usize, to: Timestamp) -> Change {
        let (state, watermark) = &mut self.inputs[input];
        if *state == State::Ended {
            return Change::default();
        }
        *state = State::Active;
        *watermark = to.max(*watermark);
        self.change()
    }

    /// An event of an input, to be told *before* it is handled: it makes an idle input active, so
    /// that its event is not behind a watermark that moves without it.
    pub(crate) fn element(&mut self, input: usize) -> Change {
        match &mut self.inputs[input].0 {
            state @ State::Idle => *state = State::Active,
            State::Active | State::Ended => return Change::default(),
        }
        self.change()
    }

    /// An input has nothing for now and is not to be waited for.
    pub(crate) fn idle(&mut self, input: usize) -> Change {
        match &mut self.inputs[input].0 {
            state @ State::Active => *state = State::Idle,
            State::Idle | State::Ended => return Change::default(),
        }
        self.change()
    }

    /// An input has ended. That all have is not said here: the end travels by itself.
    pub(crate) fn end(&mut self, input: usize) -> Change {
        self.inputs[input].0 = State::Ended;
        self.change()
    }

    /// Whether all inputs have ended.
    pub(crate) fn ended(&self) -> bool {
        self.inputs.iter().all(|(state, _)| *state == State::Ended)
    }

    fn change(&mut self) -> Change {
        if self.ended() {
            return Change::default();
        }
        let active = self.inputs.iter().filter(|(state, _)| *state == State::Active);
        let least = active.map(|(_, watermark)| *watermark).min();
        let highest = self.inputs.iter().map(|(_, watermark)| *watermark).max();
        let to = least.or(highest).unwrap_or(Timestamp::MIN);
        let watermark = (to > self.forwarded).then_some(to);
        let idle = least.is_none();
        let change = Change { watermark, idle: (idle != self.idle).then_some(idle) };
        (self.forwarded, self.idle) = (to.max(self.forwarded), idle);
        change
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What an input says.
    #[derive(Clone, Copy)]
    enum Say {
        W(i64),
        Element,
        Idle,
        Done,
    }
    use Say::{Done, Element, Idle, W};

    /// Which input says what, and what is forwarded: a watermark, and a change of idleness.
    type Step = (usize, Say, Option<i64>, Option<bool>);

    fn check(what: &str, inputs: usize, steps: &[Step]) {
        let mut all = Coalescer::new(inputs);
        for (at, &(input, say, watermark, idle)) in steps.iter().enumerate() {
            let change = match say {
                W(to) => all.advance(input, Timestamp(to)),
                Element => all.element(input),
                Idle => all.idle(input),
                Done => all.end(input),
            };
            let expected = Change { watermark: watermark.map(Timestamp), idle };
            assert_eq!(change, expected, "{what}, step {at}");
        }
    }

    const A: usize = 0;
    const B: usize = 1;
    const C: usize = 2;

    #[test]
    fn the_least_counts_once_all_have_reported() {
        let steps = [
            (A, W(1), None, None),
            (B, W(2), Some(1), None),
            (A, W(3), Some(2), None),
            (B, W(4), Some(3), None),
        ];
        check("two inputs", 2, &steps);
        let steps = [
            (A, W(5), None, None),
            (B, W(7), None, None),
            (C, W(3), Some(3), None),
            (C, Done, Some(5), None),
        ];
        check("three inputs", 3, &steps);
        check("one goes back", 1, &[(A, W(10), Some(10), None), (A, W(9), None, None)]);
    }

    #[test]
    fn idle_inputs_are_not_waited_for_until_they_wake() {
        for wakes in [W(11), Element] {
            let steps = [
                (A, Idle, None, None),
                (B, W(11), Some(11), None),
                (A, wakes, None, None),
                (B, W(12), None, None),
                (A, W(13), Some(12), None),
            ];
            check("one idle", 2, &steps);
        }
        check("idle second", 2, &[(A, W(100), None, None), (B, Idle, Some(100), None)]);
        check("idle first", 2, &[(A, Idle, None, None), (B, W(100), Some(100), None)]);
        check("nothing known", 2, &[(A, Element, None, None), (B, Idle, None, None)]);
        let steps = [
            (B, Idle, None, None),
            (A, W(20), Some(20), None),
            (A, Idle, None, Some(true)),
            (B, W(20), None, Some(false)),
            (A, Element, None, None),
            (B, W(30), None, None),
        ];
        check("one that wakes holds the watermark", 2, &steps);
    }

    #[test]
    fn when_all_are_idle_the_highest_counts() {
        let steps = [(A, Idle, None, None), (B, Idle, None, Some(true)), (A, Idle, None, None)];
        check("nothing said", 2, &steps);
        let steps = [
            (A, W(10), None, None),
            (B, W(11), Some(10), None),
            (B, Idle, None, None),
            (A, Idle, Some(11), Some(true)),
        ];
        check("highest", 2, &steps);
        let steps = [
            (A, W(10), None, None),
            (B, W(11), Some(10), None),
            (B, Idle, None, None),
            (A, Done, Some(11), Some(true)),
        ];
        check("the other one ended", 2, &steps);
    }

    #[test]
    fn ended_inputs_are_not_waited_for() {
        check("other ended", 2, &[(A, W(100), None, None), (B, Done, Some(100), None)]);
        check("ended first", 2, &[(A, Done, None, None), (B, W(100), Some(100), None)]);
        let steps =
            [(A, Idle, None, None), (B, Done, None, Some(true)), (A, W(10), Some(10), Some(false))];
        check("idle and ended", 2, &steps);
        check("all ended", 2, &[(A, Done, None, None), (B, Done, None, None)]);
        let mut all = Coalescer::new(2);
        assert_eq!(
            (all.end(A), all.ended(), all.end(B), all.ended()),
            (Change::default(), false, Change::default(), true)
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]

        /// What is forwarded is what all news so far give together, found anew each time.
        #[test]
        fn news_give_what_all_of_them_give(
            news in prop::collection::vec((0..3_usize, 0..6_u8, -9..9_i64), 0..30)
        ) {
            let mut all = Coalescer::new(3);
            let mut inputs = [(true, i64::MIN, false); 3];
            let (mut watermark, mut idle) = (i64::MIN, false);
            for (input, what, to) in news {
                let (active, highest, ended) = &mut inputs[input];
                if *ended {
                    continue;
                }
                let change = match what {
                    0 => { *active = false; all.idle(input) }
                    1 => { *active = true; all.element(input) }
                    2 if to < -6 => { (*active, *ended) = (false, true); all.end(input) }
                    _ => {
                        (*active, *highest) = (true, to.max(*highest));
                        all.advance(input, Timestamp(to))
                    }
                };
                let active = inputs.iter().filter(|input| input.0).map(|input| input.1);
                let highest = inputs.iter().map(|input| input.1);
                let to = active.min().or(highest.max()).unwrap_or(i64::MIN).max(watermark);
                if inputs.iter().all(|input| input.2) {
                    prop_assert_eq!(change, Change::default());
                    break;
                }
                let nobody = inputs.iter().all(|input| !input.0);
                prop_assert_eq!(change, Change {
                    watermark: (to > watermark).then_some(Timestamp(to)),
                    idle: (nobody != idle).then_some(nobody),
                });
                (watermark, idle) = (to, nobody);
            }
        }
    }

    #[test]
    fn the_watermark_never_goes_back() {
        let steps = [
            (A, Idle, None, None),
            (B, W(20), Some(20), None),
            (A, W(5), None, None),
            (B, W(40), None, None),
            (A, W(30), Some(30), None),
        ];
        check("a lower one wakes", 2, &steps);
    }
}
