//! `count`, `sum`, `min`, `max`, `mean`, `top_k`, `distinct`, `count_distinct` and `aggregate` per key and
//! window.

use super::Stamped;
use super::folds::Aggregated;
use super::open::{ByRef, Open, OpenMerging};
use super::window::Panes;
use super::windowed::Windowed;
use crate::error::Site;
use crate::ops::Node;
use crate::ops::keyed::KeyOf;
use crate::state::{
    Aggregates, Aggregator, Count, CountDistinct, Distinct, Max, Mean, Min, Number, Sum, TopK,
    TotalOrd,
};
use crate::window::{Triggering, WindowKind};
use std::hash::Hash;
use std::ops::AddAssign;

impl<N, T, X, W, R, M> Windowed<N, X, W, R, M>
where
    N: Node<Item = Stamped<T>>,
    T: Send,
    X: KeyOf<T>,
    W: WindowKind + Clone,
    R: Triggering + Clone,
    M: 'static,
{
    /// How many events each window of a key has.
    ///
    /// ```
    /// use flow::{Flow, Timestamp, Window};
    /// use std::time::Duration;
    ///
    /// let counts: Vec<u64> = Flow::from_range(0..20i64)
    ///     .timestamps(|x| Timestamp(*x), |w| w.ascending())
    ///     .key_by(|_| ())
    ///     .window(Window::fixed(Duration::from_millis(10)))
    ///     .count()
    ///     .map(|pane| pane.value)
    ///     .collect()?;
    /// assert_eq!(counts, [10, 10]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn count(self) -> Panes<N, X, OpenMerging<W, Aggregated<Count, T>, R, M>, ByRef>
    where
        OpenMerging<W, Aggregated<Count, T>, R, M>: Open<X, T, ByRef>,
    {
        self.aggregated(Site::here("count"), Aggregates::<T>::new().count())
    }

    /// The sum of `value(event)` over each window of a key.
    ///
    /// ```
    /// use flow::{Flow, Timestamp, Window};
    /// use std::time::Duration;
    ///
    /// let sums: Vec<i64> = Flow::from_range(0..20i64)
    ///     .timestamps(|x| Timestamp(*x), |w| w.ascending())
    ///     .key_by(|_| ())
    ///     .window(Window::fixed(Duration::from_millis(10)))
    ///     .sum(|x| *x)
    ///     .map(|pane| pane.value)
    ///     .collect()?;
    /// assert_eq!(sums, [45, 145]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn sum<V, F>(
        self,
        value: F,
    ) -> Panes<N, X, OpenMerging<W, Aggregated<Sum<F>, T>, R, M>, ByRef>
    where
        V: Default + AddAssign + Send,
        F: Fn(&T) -> V + Send + Sync,
        OpenMerging<W, Aggregated<Sum<F>, T>, R, M>: Open<X, T, ByRef>,
    {
        self.aggregated(Site::here("sum"), Aggregates::new().sum(value))
    }

    /// The smallest value of the events of each window of a key. Floats are ordered by `total_cmp`; of
    /// equal values any one is kept.
    ///
    /// ```
    /// use flow::{Flow, Timestamp, Window};
    /// use std::time::Duration;
    ///
    /// let smallest: Vec<i64> = Flow::from_range(0..20i64)
    ///     .timestamps(|x| Timestamp(*x), |w| w.ascending())
    ///     .key_by(|_| ())
    ///     .window(Window::fixed(Duration::from_millis(10)))
    ///     .min(|x| (x - 5).abs())
    ///     .map(|pane| pane.value)
    ///     .collect()?;
    /// assert_eq!(smallest, [0, 5]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn min<V, F>(
        self,
        value: F,
    ) -> Panes<N, X, OpenMerging<W, Aggregated<Min<F>, T>, R, M>, ByRef>
    where
        V: TotalOrd + Send,
        F: Fn(&T) -> V + Send + Sync,
        OpenMerging<W, Aggregated<Min<F>, T>, R, M>: Open<X, T, ByRef>,
    {
        self.aggregated(Site::here("min"), Aggregates::new().min(value))
    }

    /// The largest value of the events of each window of a key; the order is that of [`min`](Self::min).
    ///
    /// ```
    /// use flow::{Flow, Timestamp, Window};
    /// use std::time::Duration;
    ///
    /// let largest: Vec<i64> = Flow::from_range(0..20i64)
    ///     .timestamps(|x| Timestamp(*x), |w| w.ascending())
    ///     .key_by(|_| ())
    ///     .window(Window::fixed(Duration::from_millis(10)))
    ///     .max(|x| *x)
    ///     .map(|pane| pane.value)
    ///     .collect()?;
    /// assert_eq!(largest, [9, 19]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn max<V, F>(
        self,
        value: F,
    ) -> Panes<N, X, OpenMerging<W, Aggregated<Max<F>, T>, R, M>, ByRef>
    where
        V: TotalOrd + Send,
        F: Fn(&T) -> V + Send + Sync,
        OpenMerging<W, Aggregated<Max<F>, T>, R, M>: Open<X, T, ByRef>,
    {
        self.aggregated(Site::here("max"), Aggregates::new().max(value))
    }

    /// The arithmetic mean of a number of the events of each window of a key, as `f64`; rounding is that
    /// of [`Aggregates::mean`].
    ///
    /// ```
    /// use flow::{Flow, Timestamp, Window};
    /// use std::time::Duration;
    ///
    /// let means: Vec<f64> = Flow::from_range(0..20i64)
    ///     .timestamps(|x| Timestamp(*x), |w| w.ascending())
    ///     .key_by(|_| ())
    ///     .window(Window::fixed(Duration::from_millis(10)))
    ///     .mean(|x| *x)
    ///     .map(|pane| pane.value)
    ///     .collect()?;
    /// assert_eq!(means, [4.5, 14.5]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn mean<V, F>(
        self,
        value: F,
    ) -> Panes<N, X, OpenMerging<W, Aggregated<Mean<F>, T>, R, M>, ByRef>
    where
        V: Number,
        F: Fn(&T) -> V + Send + Sync,
        OpenMerging<W, Aggregated<Mean<F>, T>, R, M>: Open<X, T, ByRef>,
    {
        self.aggregated(Site::here("mean"), Aggregates::new().mean(value))
    }

    /// The `k` largest values of the events of each window of a key, the largest first; all of them where
    /// there are fewer. Keeps at most `2 k` values per key and window.
    ///
    /// ```
    /// use flow::{Flow, Timestamp, Window};
    /// use std::time::Duration;
    ///
    /// let best: Vec<Vec<i64>> = Flow::from_range(0..20i64)
    ///     .timestamps(|x| Timestamp(*x), |w| w.ascending())
    ///     .key_by(|_| ())
    ///     .window(Window::fixed(Duration::from_millis(10)))
    ///     .top_k(2, |x| *x)
    ///     .map(|pane| pane.value)
    ///     .collect()?;
    /// assert_eq!(best, [[9, 8], [19, 18]]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn top_k<V, F>(
        self,
        k: usize,
        value: F,
    ) -> Panes<N, X, OpenMerging<W, Aggregated<TopK<F>, T>, R, M>, ByRef>
    where
        V: TotalOrd + Send,
        F: Fn(&T) -> V + Send + Sync,
        OpenMerging<W, Aggregated<TopK<F>, T>, R, M>: Open<X, T, ByRef>,
    {
        self.aggregated(Site::here("top_k"), Aggregates::new().top_k(k, value))
    }

    /// The set of different values of the events of each window of a key, as a `HashSet`, which is kept.
    ///
    /// What is wanted as an event each time that it is new in its window is a key of its own: the panes
    /// of `key_by(..).window(..).count()` have each key once per window.
    ///
    /// ```
    /// use flow::{Flow, Timestamp, Window};
    /// use std::time::Duration;
    ///
    /// let sets: Vec<std::collections::HashSet<i64>> = Flow::from_range(0..20i64)
    ///     .timestamps(|x| Timestamp(*x), |w| w.ascending())
    ///     .key_by(|_| ())
    ///     .window(Window::fixed(Duration::from_millis(10)))
    ///     .distinct(|x| x / 5)
    ///     .map(|pane| pane.value)
    ///     .collect()?;
    /// assert_eq!(sets, [[0, 1].into(), [2, 3].into()]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn distinct<V, F>(
        self,
        value: F,
    ) -> Panes<N, X, OpenMerging<W, Aggregated<Distinct<F>, T>, R, M>, ByRef>
    where
        V: Hash + Eq + Send,
        F: Fn(&T) -> V + Send + Sync,
        OpenMerging<W, Aggregated<Distinct<F>, T>, R, M>: Open<X, T, ByRef>,
    {
        self.aggregated(Site::here("distinct"), Aggregates::new().distinct(value))
    }

    /// How many different values the events of each window of a key have, exactly. Memory: as
    /// [`distinct`](Self::distinct).
    ///
    /// ```
    /// use flow::{Flow, Timestamp, Window};
    /// use std::time::Duration;
    ///
    /// let different: Vec<u64> = Flow::from_range(0..20i64)
    ///     .timestamps(|x| Timestamp(*x), |w| w.ascending())
    ///     .key_by(|_| ())
    ///     .window(Window::fixed(Duration::from_millis(10)))
    ///     .count_distinct(|x| x % 4)
    ///     .map(|pane| pane.value)
    ///     .collect()?;
    /// assert_eq!(different, [4, 4]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn count_distinct<V, F>(
        self,
        value: F,
    ) -> Panes<N, X, OpenMerging<W, Aggregated<CountDistinct<F>, T>, R, M>, ByRef>
    where
        V: Hash + Eq + Send,
        F: Fn(&T) -> V + Send + Sync,
        OpenMerging<W, Aggregated<CountDistinct<F>, T>, R, M>: Open<X, T, ByRef>,
    {
        self.aggregated(Site::here("count_distinct"), Aggregates::new().count_distinct(value))
    }

    /// Folds each window of a key with aggregators, as [`Keyed::aggregate`](crate::Keyed::aggregate) does
    /// without windows: one, or a tuple of several. Each event is looked at once.
    ///
    /// ```
    /// use flow::{Flow, Timestamp, Window};
    /// use std::time::Duration;
    ///
    /// let both: Vec<(u64, i64)> = Flow::from_range(0..20i64)
    ///     .timestamps(|x| Timestamp(*x), |w| w.ascending())
    ///     .key_by(|_| ())
    ///     .window(Window::sliding(Duration::from_millis(20), Duration::from_millis(10)))
    ///     .aggregate(|a| (a.count(), a.max(|x| *x)))
    ///     .map(|pane| pane.value)
    ///     .collect()?;
    /// assert_eq!(both, [(10, 9), (20, 19), (10, 19)]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn aggregate<A, F>(
        self,
        build: F,
    ) -> Panes<N, X, OpenMerging<W, Aggregated<A, T>, R, M>, ByRef>
    where
        A: Aggregator<T>,
        F: FnOnce(Aggregates<T>) -> A,
        OpenMerging<W, Aggregated<A, T>, R, M>: Open<X, T, ByRef>,
    {
        self.aggregated(Site::here("aggregate"), build(Aggregates::new()))
    }
}
