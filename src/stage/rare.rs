//! A list that is nearly always empty.

/// One word while it is empty: there may be a hundred thousand stages.
pub(crate) struct Rare<T>(
    #[expect(clippy::box_collection, reason = "a vector is three words")] Option<Box<Vec<T>>>,
);

impl<T> Default for Rare<T> {
    fn default() -> Self {
        Rare::new()
    }
}

impl<T> Rare<T> {
    pub(crate) const fn new() -> Self {
        Rare(None)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    pub(crate) fn push(&mut self, one: T) {
        self.0.get_or_insert_default().push(one);
    }

    /// Takes all out.
    pub(crate) fn take(&mut self) -> impl Iterator<Item = T> + use<T> {
        self.0.take().into_iter().flat_map(|all| *all)
    }
}
