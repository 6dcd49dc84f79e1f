//! What a user's producer says of time, between the events that it has emitted and nobody has taken yet.

use crate::kernel::{Mark, Push};
use crate::time::Timestamp;
use std::collections::VecDeque;

/// Marks of time beside a queue of events, which costs nothing more where there are none.
///
/// **Invariant.** A kernel gets a mark when it has taken all events before it and holds none of them
/// back, and none after it; watermarks never go back; and before the first event after an idle mark it
/// gets a watermark, since an event alone does not say whose it is.
#[derive(Debug)]
pub(crate) struct Marks {
    /// Each with how many events, of all that were ever emitted, are before it.
    marks: VecDeque<(u64, Mark)>,
    /// How many events were given.
    given: u64,
    watermark: Timestamp,
    idle: bool,
}

impl Default for Marks {
    fn default() -> Self {
        Marks { marks: VecDeque::new(), given: 0, watermark: Timestamp::MIN, idle: false }
    }
}

impl Marks {
    /// Whether no mark waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.marks.is_empty()
    }

    /// A mark, behind the `waiting` events that the queue has. Of watermarks at one place the last one
    /// stands for all.
    pub(crate) fn say(&mut self, waiting: usize, mark: Mark) {
        let at = self.given + waiting as u64;
        match (self.marks.back_mut(), mark) {
            (Some((before, Mark::Watermark(last))), Mark::Watermark(to)) if *before == at => {
                *last = to.max(*last);
            }
            _ => self.marks.push_back((at, mark)),
        }
    }

    /// Pushes at most `room` events, and the marks between them and behind; gives how many events.
    pub(crate) fn push_into<T, K: Push<T>>(
        &mut self,
        events: &mut VecDeque<T>,
        kernel: &mut K,
        room: usize,
    ) -> usize {
        let (mut room, mut pushed) = (room, 0);
        loop {
            let next = self.marks.front().copied();
            let before = next.map_or(usize::MAX, |(at, _)| (at - self.given) as usize);
            let now = before.min(room).min(events.len());
            if now > 0 {
                if self.idle {
                    self.tell(kernel, Mark::Watermark(self.watermark));
                }
                self.given += now as u64;
                pushed += now;
                kernel.push_all(events.drain(..now));
            }
            let Some((_, mark)) = next.filter(|_| now == before) else {
                return pushed;
            };
            if now > 0 {
                room = kernel.make_room();
                if room == 0 {
                    // What came before may still be held: the mark waits for it.
                    return pushed;
                }
            }
            self.marks.pop_front();
            self.tell(kernel, mark);
        }
    }

    fn tell<T, K: Push<T>>(&mut self, kernel: &mut K, mark: Mark) {
        match mark {
            Mark::Watermark(to) => {
                self.idle = false;
                self.watermark = to.max(self.watermark);
                kernel.mark(Mark::Watermark(self.watermark));
            }
            mark => {
                self.idle = mark == Mark::Idle;
                kernel.mark(mark);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{Finish, Kernel};
    use proptest::prelude::*;

    /// A queue with its marks.
    struct Emitted(VecDeque<u32>, Marks);

    impl Emitted {
        fn new() -> Self {
            Emitted(VecDeque::new(), Marks::default())
        }

        fn mark(&mut self, mark: Mark) {
            self.1.say(self.0.len(), mark);
        }

        fn push_into(&mut self, kernel: &mut Listens, room: usize) -> usize {
            self.1.push_into(&mut self.0, kernel, room)
        }

        fn is_empty(&self) -> bool {
            self.0.is_empty() && self.1.is_empty()
        }
    }

    /// What a kernel was told.
    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Told {
        Event(u32),
        Mark(Mark),
    }

    /// Takes everything, and has room as it is told.
    #[derive(Default)]
    struct Listens {
        told: Vec<Told>,
        full: bool,
    }

    impl Kernel for Listens {
        fn room(&mut self) -> usize {
            if self.full { 0 } else { 9 }
        }

        fn closed(&self) -> bool {
            false
        }

        fn mark(&mut self, mark: Mark) {
            self.told.push(Told::Mark(mark));
        }

        fn quiet(&mut self, _now: u64) -> Option<u64> {
            None
        }

        fn end(&mut self, _finish: Finish) -> bool {
            true
        }

        fn close(self, _last: bool) {}
    }

    impl Push<u32> for Listens {
        fn push(&mut self, event: u32) {
            self.told.push(Told::Event(event));
        }
    }

    fn w(to: i64) -> Mark {
        Mark::Watermark(Timestamp(to))
    }

    #[test]
    fn marks_stay_where_they_were_emitted() {
        let (mut emitted, mut kernel) = (Emitted::new(), Listens::default());
        emitted.mark(w(1));
        emitted.mark(w(0));
        emitted.0.extend([1, 2]);
        emitted.mark(w(5));
        emitted.0.push_back(3);
        emitted.mark(w(3));
        emitted.mark(Mark::Idle);
        assert_eq!(emitted.push_into(&mut kernel, 1), 1);
        assert_eq!((emitted.0.len(), emitted.push_into(&mut kernel, 9)), (2, 2));
        assert!(emitted.is_empty());
        emitted.0.push_back(4);
        assert_eq!(emitted.push_into(&mut kernel, 9), 1);
        use Told::{Event, Mark as Say};
        let want = [Say(w(1)), Event(1), Event(2), Say(w(5)), Event(3), Say(w(5)), Say(Mark::Idle)];
        assert_eq!(kernel.told, [&want[..], &[Say(w(5)), Event(4)]].concat());
    }

    #[test]
    fn a_mark_waits_for_events_that_are_held() {
        let (mut emitted, mut kernel) = (Emitted::new(), Listens::default());
        emitted.0.push_back(1);
        emitted.mark(w(1));
        emitted.0.push_back(2);
        kernel.full = true;
        assert_eq!(emitted.push_into(&mut kernel, 9), 1);
        assert_eq!(kernel.told, [Told::Event(1)]);
        kernel.full = false;
        assert_eq!(emitted.push_into(&mut kernel, 9), 1);
        assert_eq!(kernel.told[1..], [Told::Mark(w(1)), Told::Event(2)]);
    }

    proptest! {
        /// Whatever the room: what is told is what was emitted, with watermarks that do not go back.
        #[test]
        fn nothing_depends_on_the_room(
            says in prop::collection::vec(prop_oneof![3 => Just(None), 1 => (0..9_i64).prop_map(Some)], 0..40),
            rooms in prop::collection::vec((1..5_usize, any::<bool>()), 1..40),
        ) {
            let tell = |mut rooms: Box<dyn Iterator<Item = (usize, bool)>>, at_once: bool| {
                let (mut emitted, mut kernel) = (Emitted::new(), Listens::default());
                for (number, say) in says.iter().enumerate() {
                    match say {
                        None => emitted.0.push_back(number as u32),
                        Some(8) => emitted.mark(Mark::Idle),
                        Some(to) => emitted.mark(w(*to)),
                    }
                    if !at_once {
                        let (room, full) = rooms.next().unwrap();
                        kernel.full = full;
                        emitted.push_into(&mut kernel, room);
                    }
                }
                kernel.full = false;
                while !emitted.is_empty() {
                    emitted.push_into(&mut kernel, rooms.next().unwrap().0);
                }
                kernel.told
            };
            // Where marks follow each other only their last counts.
            let last = |told: Vec<Told>| -> Vec<Told> {
                let marks = |one: &Told, next: &Told| {
                    matches!((one, next), (Told::Mark(Mark::Watermark(_)), Told::Mark(Mark::Watermark(_))))
                };
                told.chunk_by(marks).map(|same| same[same.len() - 1]).collect()
            };
            let rooms = || Box::new(rooms.clone().into_iter().cycle());
            let all = tell(Box::new(std::iter::repeat((99, false))), true);
            prop_assert_eq!(last(tell(rooms(), true)), last(all.clone()));
            prop_assert_eq!(last(tell(rooms(), false)), last(all));
        }
    }
}
