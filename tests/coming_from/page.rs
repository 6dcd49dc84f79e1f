//! The page, its rows, and how both sides of a row are compared.

use flow::{Flow, FlowError, Node};
use std::fmt::Debug;

/// A page of tables.
pub(crate) struct Page(String);

impl Page {
    pub(crate) fn new(head: &str) -> Self {
        Page(head.to_owned())
    }

    pub(crate) fn text(&self) -> &str {
        &self.0
    }

    /// Begins a table.
    pub(crate) fn table(&mut self, title: &str, what: &str, there: &str) {
        self.0 += &format!("\n## {title}\n\n{what}\n\n| {there} | here | |\n|---|---|---|\n");
    }

    /// Code of another language as it stands, or Rust as `stringify!` gives it.
    pub(crate) fn row(&mut self, there: &str, here: &str, note: &str) {
        self.0 += &format!("| {} | {} | {note} |\n", code(there), code(here));
    }

    /// A row without a counterpart, with what to do instead.
    pub(crate) fn none(&mut self, there: &str, instead: &str) {
        self.0 += &format!("| {} | none | {instead} |\n", code(there));
    }
}

/// Code as the cell of a table.
fn code(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    // The braces around several statements are the macro's.
    let inner = line.strip_prefix("{ ").and_then(|rest| rest.strip_suffix(" }")).unwrap_or(&line);
    format!("`{}`", inner.replace('|', "\\|"))
}

/// Whether texts are alike but for white space: compilers print code differently.
pub(crate) fn same_text(a: &str, b: &str) -> bool {
    a.split_whitespace().flat_map(str::chars).eq(b.split_whitespace().flat_map(str::chars))
}

/// What the events look like. Types differ (`usize` and `u64`, `i` and `u`); what they print does not.
pub(crate) fn looks<T: Debug>(events: impl IntoIterator<Item = T>) -> Vec<String> {
    events.into_iter().map(|event| format!("{event:?}")).collect()
}

fn sorted(mut looks: Vec<String>) -> Vec<String> {
    looks.sort();
    looks
}

/// The flow has the events in the order of the neighbour.
pub(crate) fn in_order<T: Debug, N: Node<Item: Debug>>(
    there: impl IntoIterator<Item = T>,
    here: Flow<N>,
) -> Result<(), FlowError> {
    assert_eq!(looks(here.collect::<Vec<_>>()?), looks(there));
    Ok(())
}

/// The flow has the events of the neighbour.
pub(crate) fn any_order<T: Debug, N: Node<Item: Debug>>(
    there: impl IntoIterator<Item = T>,
    here: Flow<N>,
) -> Result<(), FlowError> {
    assert_eq!(sorted(looks(here.collect::<Vec<_>>()?)), sorted(looks(there)));
    Ok(())
}

/// Both are the same value.
pub(crate) fn same<A: Debug, B: Debug>(there: A, here: B) -> Result<(), FlowError> {
    assert_eq!(format!("{here:?}"), format!("{there:?}"));
    Ok(())
}

/// Both have the same items, as maps and sets.
pub(crate) fn same_items<A: Debug, B: Debug>(
    there: impl IntoIterator<Item = A>,
    here: impl IntoIterator<Item = B>,
) -> Result<(), FlowError> {
    assert_eq!(sorted(looks(here)), sorted(looks(there)));
    Ok(())
}

/// The rows of a table: `how there => here, note;`, where `how` is a function that compares what both
/// sides give, `how "there" => here, expected, note;` where the other side is no Rust, and
/// `none "there", instead;`. The names before them are made anew for each side.
macro_rules! rows {
    ($page:ident, $names:tt;) => {};
    ($page:ident, $names:tt; none $there:literal, $instead:literal; $($more:tt)*) => {
        $page.none($there, $instead);
        rows!($page, $names; $($more)*);
    };
    ($page:ident, $names:tt; $how:ident $there:literal => $here:expr, $want:expr, $note:literal;
     $($more:tt)*) => {
        rows!(@run $names; $there; $how($want, rows!(@with $names; $here)));
        $page.row($there, stringify!($here), $note);
        rows!($page, $names; $($more)*);
    };
    ($page:ident, $names:tt; $how:ident $there:expr => $here:expr, $note:literal; $($more:tt)*) => {
        rows!(@run $names; stringify!($there);
            $how(rows!(@with $names; $there), rows!(@with $names; $here)));
        $page.row(stringify!($there), stringify!($here), $note);
        rows!($page, $names; $($more)*);
    };
    (@run $names:tt; $row:expr; $check:expr) => {
        let check = || -> Result<(), flow::FlowError> { $check };
        check().unwrap_or_else(|error| panic!("{}: {error}", $row));
    };
    (@with ($($name:ident = $value:expr),* $(,)?); $code:expr) => {{
        $(#[allow(unused)] let mut $name = $value;)*
        $code
    }};
}
pub(crate) use rows;
