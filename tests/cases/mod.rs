//! Worked cases of windows as text: what a case says, and whether what came out is that. How a case is
//! run is left to who reads it.
#![allow(dead_code, unreachable_pub, reason = "included by unit tests and by integration tests")]

mod parse;
pub mod said;

#[allow(unused_imports, reason = "unit tests read files without mistakes only")]
pub use parse::{blocks, parse};
use std::fmt;

/// A case as its block says it.
#[derive(Clone, Debug)]
pub struct Case {
    pub id: String,
    pub by_clock: bool,
    pub window: Window,
    pub trigger: Trigger,
    pub panes: Panes,
    /// `None`: windows never expire.
    pub lateness: Option<i64>,
    pub fold: Fold,
    pub input: Vec<Token>,
    pub out: Vec<Row>,
    /// Key and timestamp; `None` if nothing is said about it.
    pub late: Option<Vec<(String, i64)>>,
    /// Whether values inside a list may come in any order.
    pub any_order: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Window {
    Global,
    Fixed { size: i64, offset: i64 },
    Sliding { size: i64, every: i64, offset: i64 },
    Session { gap: i64 },
    Count { size: i64, every: i64 },
}

#[derive(Clone, Debug)]
pub enum Trigger {
    AtWatermark { early: Option<Fires>, late: Option<Fires> },
    Repeat(Fires),
}

#[derive(Clone, Debug)]
pub enum Fires {
    Every(i64),
    AfterDelay(i64),
    Periodic(i64),
    Or(Box<(Fires, Fires)>),
    Never,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Panes {
    Accumulating,
    Discarding,
    Retracting,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fold {
    Sum,
    List,
    Count,
}

#[derive(Clone, Debug)]
pub enum Token {
    Event { key: String, at: i64, value: String },
    Watermark(i64),
    Clock(i64),
    End,
}

/// A pane. The window of all time is `None`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Row {
    pub window: Option<(i64, i64)>,
    pub key: String,
    pub timing: char,
    pub index: u32,
    pub last: bool,
    pub value: String,
    pub replaces: Option<Vec<(i64, i64)>>,
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.key.is_empty() {
            write!(f, "{} ", self.key)?;
        }
        match self.window {
            None => f.write_str("global")?,
            Some((start, end)) => write!(f, "[{start},{end})")?,
        }
        let last = if self.last { "*" } else { "" };
        write!(f, "={} {}{}{last}", self.value, self.timing, self.index)?;
        for (nth, (start, end)) in self.replaces.iter().flatten().enumerate() {
            write!(f, "{}[{start},{end})", if nth == 0 { " <" } else { "" })?;
        }
        Ok(())
    }
}

impl Fold {
    /// The value of some events, as a row has it.
    pub fn of(self, values: &[String]) -> String {
        match self {
            Fold::Sum => {
                let number =
                    |value: &String| parse::number(value).expect("what is added is a number");
                values.iter().map(number).sum::<i64>().to_string()
            }
            Fold::List => format!("[{}]", values.join(",")),
            Fold::Count => values.len().to_string(),
        }
    }
}

impl Case {
    /// Panics unless rows and late events are what the case says.
    #[track_caller]
    pub fn check(&self, rows: &[Row], late: &[(String, i64)]) {
        if let Some(difference) = self.difference(rows, late) {
            panic!("case {}: {difference}", self.id);
        }
    }

    /// How rows and late events differ from what the case says; nothing if they do not.
    pub fn difference(&self, rows: &[Row], late: &[(String, i64)]) -> Option<String> {
        if self.comparable(rows) != self.comparable(&self.out) {
            return Some(lines("panes", &self.out, rows));
        }
        let expected = self.late.as_ref().filter(|expected| expected[..] != *late)?;
        let shown = |late: &[(String, i64)]| -> Vec<String> {
            late.iter().map(|(key, at)| format!("{key}@{at}")).collect()
        };
        Some(lines("late events", &shown(expected), &shown(late)))
    }

    /// Rows in an order that does not depend on keys: those of one key stay in theirs.
    fn comparable(&self, rows: &[Row]) -> Vec<Row> {
        let mut rows = rows.to_vec();
        let says = self.out.iter().any(|row| row.replaces.is_some());
        for row in &mut rows {
            let replaces = row.replaces.take().unwrap_or_default();
            row.replaces = says.then_some(replaces);
            if self.any_order && self.fold == Fold::List {
                let inner = row.value.trim_start_matches('[').trim_end_matches(']');
                let mut values: Vec<&str> = inner.split(',').collect();
                values.sort_unstable();
                row.value = values.join(",");
            }
        }
        // A value is taken back for the reason of which the next one comes.
        let mut caused: Vec<(Option<(i64, i64)>, char, Row)> = Vec::new();
        for row in rows.into_iter().rev() {
            let (window, timing) = match caused.last() {
                Some((window, timing, _)) if row.timing == 'R' => (*window, *timing),
                _ => (row.window, row.timing),
            };
            caused.push((window, timing, row));
        }
        caused.reverse();
        // Neighbours of one window and timing are of one cause.
        for part in caused.chunk_by_mut(|one, other| (one.0, one.1) == (other.0, other.1)) {
            part.sort_by(|one, other| one.2.key.cmp(&other.2.key));
        }
        caused.into_iter().map(|(_, _, row)| row).collect()
    }
}

/// Two lists below each other: a line with `-` was expected and did not come, one with `+` came.
fn lines<T: fmt::Display>(what: &str, expected: &[T], came: &[T]) -> String {
    let show = |lines: &[T]| lines.iter().map(T::to_string).collect::<Vec<_>>();
    let (expected, came) = (show(expected), show(came));
    let only = |lines: &[String], others: &[String], sign| -> Vec<String> {
        let mut others = others.to_vec();
        let mark = |line: &String| match others.iter().position(|other| other == line) {
            Some(place) => {
                others.remove(place);
                format!("\n    {line}")
            }
            None => format!("\n  {sign} {line}"),
        };
        lines.iter().map(mark).collect()
    };
    let (expected, came) = (only(&expected, &came, '-'), only(&came, &expected, '+'));
    format!("{what} expected:{}\nthat came:{}", expected.concat(), came.concat())
}
