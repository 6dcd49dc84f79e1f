//! A stage with two inputs: an inbox of each side, and a state machine that says whose turn it is.
//!
//! Invariants:
//! - Only the side that is wanted is taken from; what the other one sends waits in its inbox, within
//!   the demand of that edge. No more is asked of a side than its events have been taken.
//! - What the machine holds beyond the room goes out before it takes another event.
//! - A wake-up says only that something has changed: every run of the task looks at the side that is
//!   wanted then, so none is lost that the other side caused.
//! - When the machine wants nothing any more both inboxes are closed: whoever still produces stops.

use super::core::{Cx, Phase};
use super::edge::{Inbox, Received, Receiver};
use super::stage::{Input, Pull};
use crate::kernel::{Finish, Push};
use std::collections::VecDeque;
use std::sync::Arc;

/// What one instance of a stage with two inputs does with them.
pub(crate) trait Junction: Send {
    /// The events of one side.
    type Left: Send;
    /// The events of the other.
    type Right: Send;
    /// What comes out.
    type Out;

    /// What it needs to go on.
    fn wants(&self) -> Wants;

    /// Takes an event of the left side, which it wanted.
    fn left(&mut self, event: Self::Left);

    /// Takes an event of the right side, which it wanted.
    fn right(&mut self, event: Self::Right);

    /// The left side, which it wanted, has ended.
    fn left_ended(&mut self, finish: Finish);

    /// The right side, which it wanted, has ended.
    fn right_ended(&mut self, finish: Finish);

    /// Emits of what it holds at most `room` events (`room` > 0); returns how many. It wanted room,
    /// and wants something else when all that it held is through.
    fn emit<K: Push<Self::Out>>(&mut self, room: usize, next: &mut K) -> usize;

    /// A turn is over: what is counted per batch is counted now.
    fn settle(&mut self) {}
}

/// What a [`Junction`] needs to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wants {
    /// Room downstream, for what it holds.
    Room,
    /// An event of the left side, or its end.
    Left,
    /// An event of the right side, or its end.
    Right,
    /// Nothing any more: it has come to its end.
    Nothing,
}

/// How many events one turn takes and emits, at most: the task looks at the clock in between.
const TURN: usize = 1024;

/// The two inboxes of an instance, and its machine, as its input.
#[derive(Debug)]
pub(crate) struct FromTwo<J: Junction> {
    left: Side<J::Left>,
    right: Side<J::Right>,
    junction: J,
}

impl<J: Junction> FromTwo<J> {
    pub(crate) fn new(left: Arc<Inbox<J::Left>>, right: Arc<Inbox<J::Right>>, junction: J) -> Self {
        FromTwo { left: Side::new(left), right: Side::new(right), junction }
    }

    fn close(&mut self) {
        self.left.close();
        self.right.close();
    }
}

impl<J: Junction, K: Push<J::Out>> Input<K> for FromTwo<J> {
    fn pull(&mut self, kernel: &mut K, room: usize, cx: &mut Cx<'_>) -> Pull {
        let FromTwo { left, right, junction } = self;
        let (mut room, mut turn, mut taken) = (room, cx.limit(TURN), 0);
        let stays = loop {
            let wants = junction.wants();
            if wants == Wants::Nothing {
                self.close();
                break Pull::End;
            }
            if turn == 0 || (wants == Wants::Room && room == 0) {
                break Pull::Some(0);
            }
            turn -= 1;
            match wants {
                Wants::Room => {
                    let emitted = junction.emit(room.min(turn + 1), kernel);
                    room -= emitted;
                    turn -= emitted.saturating_sub(1);
                }
                Wants::Left => match left.next(cx) {
                    Next::Event(event) => {
                        taken += 1;
                        junction.left(event);
                    }
                    Next::Nothing => break Pull::Wait,
                    Next::End => junction.left_ended(finish(cx)),
                },
                Wants::Right => match right.next(cx) {
                    Next::Event(event) => {
                        taken += 1;
                        junction.right(event);
                    }
                    Next::Nothing => break Pull::Wait,
                    Next::End => junction.right_ended(finish(cx)),
                },
                Wants::Nothing => {}
            }
        };
        self.junction.settle();
        // What was taken is counted; then the next pull says how it stands.
        if taken > 0 { Pull::Some(taken) } else { stays }
    }

    fn cancel(&mut self) {
        self.close();
    }
}

/// Whether a side that ends now has come to its own end.
fn finish(cx: &Cx<'_>) -> Finish {
    match cx.core.phase() {
        Phase::Stopping => Finish::Stopped,
        _ => Finish::Complete,
    }
}

/// One side's inbox, with the batch at hand.
#[derive(Debug)]
struct Side<T> {
    /// None: closed.
    receiver: Option<Receiver<T>>,
    batch: VecDeque<T>,
    /// Who sent the batch at hand, and how large it was.
    of: Option<(usize, usize)>,
}

enum Next<T> {
    Event(T),
    Nothing,
    End,
}

impl<T> Side<T> {
    fn new(inbox: Arc<Inbox<T>>) -> Self {
        Side { receiver: Some(Receiver::new(inbox)), batch: VecDeque::new(), of: None }
    }

    #[inline(always)]
    fn next(&mut self, cx: &Cx<'_>) -> Next<T> {
        match self.batch.pop_front() {
            Some(event) => Next::Event(event),
            None => self.receive(cx),
        }
    }

    #[inline(never)]
    fn receive(&mut self, cx: &Cx<'_>) -> Next<T> {
        let Some(receiver) = &mut self.receiver else {
            return Next::End;
        };
        if let Some((input, events)) = self.of.take() {
            let spent = Vec::from(std::mem::take(&mut self.batch));
            receiver.handled(input, events, spent, cx.delays());
        }
        match receiver.receive() {
            Received::Batch { input, events, .. } => {
                self.of = Some((input, events.len()));
                self.batch = VecDeque::from(events);
                self.batch.pop_front().map_or(Next::Nothing, Next::Event)
            }
            Received::Nothing => Next::Nothing,
            Received::End => {
                self.close();
                Next::End
            }
        }
    }

    /// Takes no more: what is left is dropped and counted, and its producers are told.
    fn close(&mut self) {
        if let Some(receiver) = self.receiver.take() {
            receiver.dropped(self.batch.len());
            self.batch.clear();
        }
    }
}

impl<T> Drop for Side<T> {
    fn drop(&mut self) {
        self.close();
    }
}
