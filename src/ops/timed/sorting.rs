//! `sorted_panes` and `sorted_events`: order within windows, for those who ask for it.

use super::inputs::Inputs;
use super::open::{Open, without_parts};
use super::windows::KeyedWindows;
use super::{Timed, TimedFlow};
use crate::error::Site;
use crate::ops::keyed::KeyOf;
use crate::runtime::Place;
use crate::time::Timestamp;
use crate::window::{Binned, SortedEvents, SortedPanes, Span};
use std::sync::Arc;

impl<I, O, D, L> TimedFlow<KeyedWindows<I, O, D, L>>
where
    I: Inputs,
    O: Open<I::Key, I::Event, D>,
{
    /// Sorts what a window gives at a time by its keys: the panes that one watermark, or one event, makes
    /// it fire. Without it keys come in no promised order.
    ///
    /// Partitions give their panes side by side; `stages(1)` makes one of them. A partition holds the panes of
    /// one window while it gives them. Cost: `log n` comparisons for each.
    ///
    /// ```
    /// use flow::{Flow, Timestamp, Window};
    /// use std::time::Duration;
    ///
    /// let words = Flow::from_vec(vec![(1, "c"), (2, "a"), (3, "b"), (12, "b"), (13, "a")]);
    /// let counts = words
    ///     .timestamps(|(at, _)| Timestamp(*at), |w| w.ascending())
    ///     .key_by(|(_, word)| *word)
    ///     .window(Window::fixed(Duration::from_millis(10)))
    ///     .count()
    ///     .sorted_panes()
    ///     .stages(1);
    /// assert_eq!(counts.map(|pane| pane.key).collect::<String>()?, "abcab");
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    pub fn sorted_panes(self) -> TimedFlow<KeyedWindows<I, SortPanes<O>, D, L>>
    where
        <I::Key as KeyOf<I::Event>>::Stored: Ord,
    {
        self.within(|windows| windows.opened(SortPanes))
    }

    /// Folds events in the order of their times instead of that in which they came: an event waits until
    /// the watermark has passed it. Events of the same time stay in the order in which they came to the
    /// partition; those that the watermark has passed already are folded at once.
    ///
    /// It is for folds in which the order counts. Events are held until then, however many there are
    /// between the watermark and the latest event; nothing is folded before the exchange, and early
    /// panes have what the watermark has passed. In windows by the clock it is refused. Without
    /// `timestamps` there is no watermark, and everything waits for the end of the input. Cost: the
    /// logarithm of what waits in comparisons, for each event.
    ///
    /// ```
    /// use flow::{Flow, Timestamp, Window};
    /// use std::time::Duration;
    ///
    /// let words = Flow::from_vec(vec![(3, "c"), (1, "a"), (2, "b"), (14, "e"), (12, "d")]);
    /// let texts = words
    ///     .timestamps(|(at, _)| Timestamp(*at), |w| w.bounded(Duration::from_millis(5)))
    ///     .key_by(|_| ())
    ///     .window(Window::fixed(Duration::from_millis(10)))
    ///     .fold(String::new, |text, (_, word)| text.push_str(word))
    ///     .sorted_events();
    /// assert_eq!(texts.map(|pane| pane.value).collect::<Vec<_>>()?, ["abc", "de"]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn sorted_events(mut self) -> TimedFlow<KeyedWindows<I, SortEvents<O>, D, L>> {
        if O::BY_CLOCK {
            let why = "windows by the clock have their events as they come".to_owned();
            self.0.run.refuse(Site::here("sorted_events"), why);
        }
        TimedFlow(self.0.within(|Timed(windows)| Timed(windows.opened(SortEvents))))
    }
}

/// Opens windows whose panes are sorted.
#[derive(Debug)]
pub struct SortPanes<O>(Arc<O>);

/// Opens windows whose events are sorted.
#[derive(Debug)]
pub struct SortEvents<O>(Arc<O>);

/// What stays as it is.
macro_rules! as_opened {
    () => {
        type Out = O::Out;
        const CLOCKED: bool = O::CLOCKED;
        const BY_CLOCK: bool = O::BY_CLOCK;

        fn by_number(&self) -> bool {
            self.0.by_number()
        }

        fn signals(&self) -> Vec<&'static str> {
            self.0.signals()
        }

        fn granularity(&self) -> i64 {
            self.0.granularity()
        }
    };
}

impl<X, T, D, O> Open<X, T, D> for SortPanes<O>
where
    X: KeyOf<T, Stored: Ord>,
    O: Open<X, T, D>,
{
    type Machine = SortedPanes<O::Machine, X::Stored, O::Out>;
    type Part = O::Part;
    as_opened!();

    fn open(&self, place: &Place) -> Self::Machine {
        SortedPanes::new(self.0.open(place))
    }

    #[inline(always)]
    fn event(
        windows: &mut Self::Machine,
        hash: u64,
        key: X::Stored,
        at: Timestamp,
        event: T,
    ) -> Option<(X::Stored, T)> {
        O::event(windows.within(), hash, key, at, event)
    }

    fn part(&self, at: Timestamp) -> Option<Span> {
        self.0.part(at)
    }

    fn again(key: &X::Stored) -> X::Stored {
        O::again(key)
    }

    #[inline(always)]
    fn first(&self, event: &T) -> O::Part {
        self.0.first(event)
    }

    #[inline(always)]
    fn add(&self, acc: &mut O::Part, event: &T) {
        self.0.add(acc, event);
    }

    #[inline(always)]
    fn take_part(
        windows: &mut Self::Machine,
        part: Span,
        partial: (u64, X::Stored, O::Part),
    ) -> bool {
        O::take_part(windows.within(), part, partial)
    }

    fn in_bins(&self) -> bool {
        self.0.in_bins()
    }

    fn take_bin(
        windows: &mut Self::Machine,
        part: Span,
        bin: Vec<Binned<X::Stored, O::Part>>,
    ) -> usize {
        O::take_bin(windows.within(), part, bin)
    }
}

impl<X, T, D, O> Open<X, T, D> for SortEvents<O>
where
    X: KeyOf<T>,
    T: Send,
    O: Open<X, T, D>,
{
    type Machine = SortedEvents<O::Machine, X::Stored, T>;
    without_parts!(X::Stored, T);
    as_opened!();

    fn open(&self, place: &Place) -> Self::Machine {
        SortedEvents::new(self.0.open(place), |windows, hash, key, at, event| {
            let late = O::event(windows, hash, key, at, event);
            debug_assert!(late.is_none(), "what the watermark had not passed is late");
        })
    }

    fn event(
        windows: &mut Self::Machine,
        hash: u64,
        key: X::Stored,
        at: Timestamp,
        event: T,
    ) -> Option<(X::Stored, T)> {
        let passed = windows.wait((hash, key), at, event).err()?;
        let (windows, key, event) = passed;
        O::event(windows, hash, key, at, event)
    }
}
