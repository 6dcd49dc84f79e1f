//! Vectors: instances claim elements from the front, by value.

use crate::error::Site;
use crate::kernel::{Make, Push};
use crate::ops::{ByReference, Flow, Node, Sequenced, Stampable};
use crate::plan::{Builder, Outline, StageOptions};
use crate::runtime::pool::{FromPool, Pool};
use std::sync::Arc;

impl Flow {
    /// The elements of a vector, by value. Moving an element to the worker that claims it costs a
    /// copy; [`from_slice`](Flow::from_slice) costs none.
    ///
    /// ```
    /// use flow::Flow;
    ///
    /// let names = vec!["ann".to_string(), "bob".to_string()];
    /// let loud: Vec<String> = Flow::from_vec(names).map(|name| name + "!").collect()?;
    /// assert_eq!(loud, ["ann!", "bob!"]);
    /// # Ok::<(), flow::FlowError>(())
    /// ```
    #[track_caller]
    pub fn from_vec<T: Send>(vec: Vec<T>) -> Flow<FromVec<T>> {
        Flow::of(FromVec { vec, site: Site::here("from_vec") })
    }
}

/// A vector's elements.
#[derive(Clone, Debug)]
pub struct FromVec<T> {
    vec: Vec<T>,
    site: Site,
}

impl<T: Send> Stampable for FromVec<T> {}

#[diagnostic::do_not_recommend]
impl<T: Send> Sequenced for FromVec<T> {}

impl<T: Send> Node for FromVec<T> {
    type Item = T;
    type Lending = ByReference;
    const POSITIONED: bool = true;

    fn describe(&self, _stage: &StageOptions, outline: &mut Outline) {
        outline.source(self.site);
    }

    fn build<'env, M>(self, options: StageOptions, builder: &mut Builder<'env>, make: M)
    where
        Self: 'env,
        M: Make<Kernel: Push<T>> + 'env,
    {
        let stage = builder.open_source(&options, self.site);
        let pool = Pool::filled(self.vec, options.edge(), options.tokens);
        builder.fill_source(stage, make, |task, stage| {
            FromPool::new(Arc::clone(&pool), Arc::clone(stage), task.clone())
        });
    }
}
