//! Verbs that people look for where they are not. Each exists only to be refused with a reason: without
//! it the compiler speaks of `Iterator` bounds, or of a verb with a similar name.

use super::{Flow, Keyed, Reduction};

macro_rules! refused {
    ($reason:ident: $($verb:ident($($argument:ident: $type:ident),*))+) => {$(
        #[doc(hidden)]
        pub fn $verb<Out $(, $type)*>(self $(, $argument: $type)*) -> Out
        where
            Self: $reason,
        {
            $(drop($argument);)*
            self.never()
        }
    )+};
}

/// Implemented by nothing.
#[diagnostic::on_unimplemented(
    message = "a flow is not an iterator until it runs",
    label = "a flow has no items of its own",
    note = "read it with `for x in flow` or `into_iter()`, which give `Result`s, or with `with_iter(|items| ..)`, which gives items"
)]
pub trait IsRead {
    /// What never comes.
    fn never<Out>(self) -> Out;
}

impl<N> Flow<N> {
    refused!(IsRead: iter() next());
}

/// Implemented by nothing.
#[diagnostic::on_unimplemented(
    message = "a keyed flow is not a flow: it has no events of its own",
    label = "first say what is kept for each key",
    note = "`count()`, `sum(..)`, `aggregate(..)` or `fold(..)` make it a flow of `(key, value)`; do what concerns single events before `key_by`"
)]
pub trait KeepsPerKey {
    /// What never comes.
    fn never<Out>(self) -> Out;
}

impl<N, X> Keyed<N, X> {
    refused!(KeepsPerKey: map(f: F) filter(f: F) flat_map(f: F) for_each(f: F) collect());
}

/// Implemented by nothing.
#[diagnostic::on_unimplemented(
    message = "a reduction is state, not a flow of events",
    label = "first say what is emitted of it",
    note = "`emit_state()` emits every accumulator, `emit_items()` its items, `on_trigger(..)` what a closure makes of it"
)]
pub trait Emitted {
    /// What never comes.
    fn never<Out>(self) -> Out;
}

impl<N, I, F, A> Reduction<N, I, F, A> {
    refused!(Emitted: map(f: G) filter(f: G) flat_map(f: G) for_each(f: G) collect() count() sum());
    refused!(Emitted: reduce(init: J, f: G));
}
