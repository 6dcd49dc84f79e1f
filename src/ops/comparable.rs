//! What events must be to be compared with each other.

/// What has a total order of its own: whatever is `Ord`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no total order",
    label = "events are compared by `Ord`",
    note = "derive `PartialEq, Eq, PartialOrd, Ord` for a type of your own; for floats and others name the order, as in `max_by(f64::total_cmp)`, or compare a part, as in `max_by_key(|event| event.size)`"
)]
pub trait Comparable: Ord {}

#[diagnostic::do_not_recommend]
impl<T: Ord + ?Sized> Comparable for T {}
