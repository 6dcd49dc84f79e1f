//! Machines that put in order what another one gives, or what it takes.

use super::machine::{Machine, as_the_machine};
use super::rules::Counters;
use super::{Pane, Timing};
use crate::time::Timestamp;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;

/// The panes of a machine, those of one window and cause in the order of their keys.
///
/// **Invariant.** A machine is told nothing until it has given everything, so what it gives in between
/// has one cause, and it gives a window's panes one after the other.
pub struct SortedPanes<X, K, V> {
    machine: X,
    /// Of one window, sorted.
    panes: VecDeque<Pane<K, V>>,
    /// The first pane of the next one.
    ahead: Option<Pane<K, V>>,
}

impl<X: fmt::Debug, K, V> fmt::Debug for SortedPanes<X, K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SortedPanes").field(&self.machine).finish()
    }
}

impl<X, K, V> SortedPanes<X, K, V> {
    pub(crate) fn new(machine: X) -> Self {
        SortedPanes { machine, panes: VecDeque::new(), ahead: None }
    }

    pub(crate) fn within(&mut self) -> &mut X {
        &mut self.machine
    }
}

impl<X, K, V> Machine<K, V> for SortedPanes<X, K, V>
where
    X: Machine<K, V>,
    K: Ord + Send,
    V: Send,
{
    fn next(&mut self) -> Option<Pane<K, V>> {
        if let Some(pane) = self.panes.pop_front() {
            return Some(pane);
        }
        let first = self.ahead.take().or_else(|| self.machine.next())?;
        let of = |pane: &Pane<K, V>| -> (_, Timing, _) { (pane.window, pane.timing, pane.trigger) };
        let cause = of(&first);
        self.panes.push_back(first);
        while let Some(pane) = self.machine.next() {
            if of(&pane) != cause {
                self.ahead = Some(pane);
                break;
            }
            self.panes.push_back(pane);
        }
        // Stable: what a key takes back comes before what it gives.
        self.panes.make_contiguous().sort_by(|a, b| a.key.cmp(&b.key));
        self.panes.pop_front()
    }

    #[inline]
    fn pending(&self) -> bool {
        !self.panes.is_empty() || self.ahead.is_some() || self.machine.pending()
    }

    fn watermark(&mut self, to: Timestamp) {
        self.machine.watermark(to);
    }

    fn end(&mut self) {
        self.machine.end();
    }

    as_the_machine!();

    fn held(&self) -> usize {
        self.machine.held() + self.panes.len() + usize::from(self.ahead.is_some())
    }
}

/// A machine that takes events in the order of their times: one that the watermark has not passed waits
/// until it has. Events of the same time stay in the order in which they came.
///
/// **Invariant.** No event waits that the watermark which the machine has been told has passed.
pub struct SortedEvents<X, K, T> {
    machine: X,
    /// How the machine takes an event that is not late.
    take: fn(&mut X, u64, K, Timestamp, T),
    /// By time and number.
    waiting: BTreeMap<(Timestamp, u64), (u64, K, T)>,
    came: u64,
    target: Timestamp,
    /// What the machine is to be told when the events before it have been taken.
    tell: Tell,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Tell {
    Nothing,
    Watermark,
    End,
}

impl<X: fmt::Debug, K, T> fmt::Debug for SortedEvents<X, K, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SortedEvents").field(&self.machine).finish()
    }
}

impl<X, K, T> SortedEvents<X, K, T> {
    pub(crate) fn new(machine: X, take: fn(&mut X, u64, K, Timestamp, T)) -> Self {
        SortedEvents {
            machine,
            take,
            waiting: BTreeMap::new(),
            came: 0,
            target: Timestamp::MIN,
            tell: Tell::Nothing,
        }
    }

    /// Lets an event wait, unless the watermark has passed it: then it is for the machine at once.
    pub(crate) fn wait(
        &mut self,
        (hash, key): (u64, K),
        at: Timestamp,
        event: T,
    ) -> Result<(), (&mut X, K, T)> {
        if at < self.target {
            return Err((&mut self.machine, key, event));
        }
        self.came += 1;
        self.waiting.insert((at, self.came), (hash, key, event));
        Ok(())
    }
}

impl<X, K, T, V> Machine<K, V> for SortedEvents<X, K, T>
where
    X: Machine<K, V>,
    K: Send,
    T: Send,
{
    fn next(&mut self) -> Option<Pane<K, V>> {
        loop {
            if self.machine.pending()
                && let Some(pane) = self.machine.next()
            {
                return Some(pane);
            }
            if self.tell == Tell::Nothing {
                return None;
            }
            let first = self.waiting.first_entry();
            let passed = |at| at < self.target || self.tell == Tell::End;
            if let Some(first) = first.filter(|first| passed(first.key().0)) {
                let ((at, _), (hash, key, event)) = first.remove_entry();
                (self.take)(&mut self.machine, hash, key, at, event);
                continue;
            }
            match std::mem::replace(&mut self.tell, Tell::Nothing) {
                Tell::End => self.machine.end(),
                _ => self.machine.watermark(self.target),
            }
        }
    }

    #[inline]
    fn pending(&self) -> bool {
        self.tell != Tell::Nothing || self.machine.pending()
    }

    fn watermark(&mut self, to: Timestamp) {
        if to > self.target {
            (self.target, self.tell) = (to, Tell::Watermark);
        }
    }

    fn end(&mut self) {
        (self.target, self.tell) = (Timestamp::MAX, Tell::End);
    }

    as_the_machine!();

    fn held(&self) -> usize {
        self.machine.held() + self.waiting.len()
    }
}
