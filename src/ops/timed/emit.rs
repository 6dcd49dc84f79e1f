//! `flat_map_emit` of events that are owned.

use crate::error::Site;
use crate::kernel::culprit::guarded;
use crate::kernel::{Finish, Operator, Push, Spec};
use crate::ops::flat_map::{Emitter, hand_on};
use crate::runtime::Place;
use std::collections::VecDeque;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

/// `flat_map_emit` as the plan holds it.
pub struct EmitEach<F, T, U> {
    f: Arc<F>,
    site: Site,
    types: PhantomData<fn(T) -> U>,
}

impl<F, T, U> EmitEach<F, T, U> {
    pub(super) fn new(site: Site, f: F) -> Self {
        EmitEach { f: Arc::new(f), site, types: PhantomData }
    }
}

impl<F, T, U> Clone for EmitEach<F, T, U> {
    fn clone(&self) -> Self {
        EmitEach { f: Arc::clone(&self.f), site: self.site, types: PhantomData }
    }
}

impl<F, T, U> fmt::Debug for EmitEach<F, T, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("flat_map_emit")
    }
}

impl<F, T, U> Spec for EmitEach<F, T, U>
where
    U: Send,
    F: Fn(&T, &mut Emitter<'_, U>) + Send + Sync,
{
    type Operator = EmitEachInstance<F, T, U>;

    fn start(&self, _place: &Place) -> Self::Operator {
        EmitEachInstance { spec: self.clone(), emitted: VecDeque::new() }
    }
}

/// One instance, with what is left of what its last call emitted.
pub struct EmitEachInstance<F, T, U> {
    spec: EmitEach<F, T, U>,
    emitted: VecDeque<U>,
}

impl<F, T, U> fmt::Debug for EmitEachInstance<F, T, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("flat_map_emit")
    }
}

impl<F, T, U> Operator for EmitEachInstance<F, T, U>
where
    U: Send,
    F: Fn(&T, &mut Emitter<'_, U>) + Send + Sync,
{
    type In = T;
    type Out = U;

    #[inline(always)]
    fn push<K: Push<U>>(&mut self, event: T, next: &mut K) {
        let EmitEachInstance { spec, emitted } = self;
        guarded(&spec.site, || {
            // The event's own `Drop` is user code, too.
            let event = event;
            (spec.f)(&event, &mut Emitter(emitted));
        });
        hand_on(emitted, next);
    }

    #[inline(always)]
    fn holds(&self) -> bool {
        !self.emitted.is_empty()
    }

    fn resume<K: Push<U>>(&mut self, next: &mut K) {
        hand_on(&mut self.emitted, next);
    }

    fn end<K: Push<U>>(&mut self, _finish: Finish, next: &mut K) -> bool {
        hand_on(&mut self.emitted, next);
        self.emitted.is_empty()
    }
}
