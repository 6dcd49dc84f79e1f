//! `unique`, `unique_by` per key and window: every event once, as soon as it comes.

use super::inputs::One;
use super::open::{ByValue, Open, OpenPlain, Opening};
use super::window::windows;
use super::windowed::Windowed;
use super::windows::KeyedWindows;
use super::{Carried, Stamped};
use crate::error::Site;
use crate::ops::Key;
use crate::ops::each::PerEvent;
use crate::ops::keyed::KeyOf;
use crate::ops::map::FilterMapWith;
use crate::ops::node::Node;
use crate::ops::unique::{Identity, Itself, KeyFn, Seen};
use crate::state::RoutingHash;
use crate::window::{
    AtWatermark, Each, Fired, Fold, Folding, Head, Kept, Mode, Pane, Trigger, WindowKind,
};
use std::fmt;
use std::hash::Hash;
use std::marker::PhantomData;
use std::sync::Arc;

/// Fires for every event, so that what is new goes on at once.
type AtOnce = AtWatermark<Each, Each>;
type OpenNew<W, D, T> = OpenPlain<W, New<D, T>, AtOnce, WhatIsNew>;
type PaneOf<X, T, V> = Pane<<X as KeyOf<T>>::Out, V>;
type Found<X, T> = fn(PaneOf<X, T, Option<T>>) -> Option<PaneOf<X, T, T>>;
/// The panes of events that are new in their window.
type UniquePanes<N, X, W, D, T> = Carried<
    KeyedWindows<One<N, X>, OpenNew<W, D, T>, ByValue>,
    PerEvent<FilterMapWith<Found<X, T>>, PaneOf<X, T, Option<T>>>,
>;

impl<N, T, X, W> Windowed<N, X, W>
where
    N: Node<Item = Stamped<T>>,
    T: Send,
    X: KeyOf<T>,
    W: WindowKind + Clone,
{
    /// Lets every event through that was not in its window (of its key) before, as soon as it comes: a
    /// pane whose value is the event. What was seen is forgotten with the window, so this also removes
    /// duplicates from a stream that never ends.
    ///
    /// Of equal events the first to arrive goes on, or any one of them where the source has several
    /// instances. An event of several windows (sliding ones) goes on once in each. `distinct` gives
    /// them together when the window fires. Not for sessions, which become one after their events have
    /// gone on, nor with a trigger, since nothing is left to be fired. Memory: a copy of every different
    /// event of the windows that are open; [`unique_by`](Self::unique_by) keeps only keys.
    ///
    /// ```
    /// use flow::{Flow, Timestamp, Window};
    /// use std::time::Duration;
    ///
    /// let pages = vec![(1, "ann", "/"), (2, "ann", "/a"), (3, "ann", "/"), (11, "ann", "/")];
    /// let visited: Vec<(i64, &str)> = Flow::from_vec(pages)
    ///     .timestamps(|(at, ..)| Timestamp(*at), |w| w.ascending())
    ///     .key_by(|(_, who, _)| *who)
    ///     .window(Window::fixed(Duration::from_millis(10)))
    ///     .unique_by(|(.., page)| *page)
    ///     .map(|pane| (pane.window.start().0, pane.value.2))
    ///     .collect()?;
    /// assert_eq!(visited, [(0, "/"), (0, "/a"), (10, "/")]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn unique(self) -> UniquePanes<N, X, W, Itself, T>
    where
        T: Hash + Eq + Clone,
        OpenNew<W, Itself, T>: Open<X, T, ByValue, Out = Option<T>>,
    {
        self.once_per(Site::here("unique"), Itself)
    }

    /// As [`unique`](Self::unique), and events are the same whose keys are: another key than that of
    /// the windows.
    #[track_caller]
    pub fn unique_by<K, F>(self, key: F) -> UniquePanes<N, X, W, KeyFn<F>, T>
    where
        K: Key,
        F: Fn(&T) -> K + Send + Sync,
        OpenNew<W, KeyFn<F>, T>: Open<X, T, ByValue, Out = Option<T>>,
    {
        self.once_per(Site::here("unique_by"), KeyFn(key))
    }

    fn once_per<D>(self, site: Site, identity: D) -> UniquePanes<N, X, W, D, T>
    where
        D: Identity<T>,
        OpenNew<W, D, T>: Open<X, T, ByValue, Out = Option<T>>,
    {
        let Windowed { keyed, window, lateness, site: at, .. } = self;
        let fold = New { identity: Arc::new(identity), events: PhantomData };
        let trigger = Trigger::at_watermark().early(Each);
        let (in_parts, mode) = (false, PhantomData);
        let open = OpenPlain(Opening { window, fold, trigger, lateness, in_parts, mode });
        let found: Found<X, T> = |pane| {
            let mut new = None;
            let pane = pane.map(|value| new = value);
            new.map(|event| pane.map(|()| event))
        };
        windows::<_, _, _, _, WhatIsNew>(keyed, open, false, site, at)
            .carry(site, PerEvent::new(FilterMapWith { f: found, site }))
    }
}

/// Folds the events of a window into what it has seen, and the last one that was new.
pub struct New<D, T> {
    identity: Arc<D>,
    events: PhantomData<fn(T)>,
}

impl<D, T> Clone for New<D, T> {
    fn clone(&self) -> Self {
        New { identity: Arc::clone(&self.identity), events: PhantomData }
    }
}

impl<D, T> fmt::Debug for New<D, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("New")
    }
}

impl<D: Identity<T>, T: Send> Folding for New<D, T> {
    type Acc = (Seen<D::Kept>, Option<T>);
    type Out = Option<T>;

    fn finish(&self, (_, new): Self::Acc) -> Option<T> {
        new
    }
}

impl<D: Identity<T>, T: Send> Fold<T> for New<D, T> {
    #[inline]
    fn first(&self, event: T) -> Self::Acc {
        let mut acc = (Seen::default(), None);
        self.add(&mut acc, event);
        acc
    }

    #[inline]
    fn add(&self, (seen, new): &mut Self::Acc, event: T) {
        if self.identity.note(&event, RoutingHash::default(), seen) {
            *new = Some(event);
        }
    }
}

/// A pane has what is new; there is none where nothing is.
#[derive(Clone, Copy, Debug)]
pub struct WhatIsNew;

impl<D: Identity<T>, T: Send> Mode<New<D, T>> for WhatIsNew {
    type Held = Kept<(Seen<D::Kept>, Option<T>)>;

    fn fire(_fold: &New<D, T>, held: &mut Self::Held, _: &Head, _: u32) -> Fired<Option<T>> {
        Fired { retract: None, insert: held.0.1.take().map(Some) }
    }

    fn last(fold: &New<D, T>, mut held: Self::Held, head: &Head, index: u32) -> Fired<Option<T>> {
        Self::fire(fold, &mut held, head, index)
    }
}
