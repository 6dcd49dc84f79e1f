//! Worked cases of windows as text: what a case says, and whether what came out is that. How a case is
//! run is left to who reads it.
#![allow(dead_code, unreachable_pub, reason = "included by unit tests and by integration tests")]

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
    Or(Box<Fires>, Box<Fires>),
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
            Fold::Sum => values.iter().map(|value| number(value)).sum::<i64>().to_string(),
            Fold::List => format!("[{}]", values.join(",")),
            Fold::Count => values.len().to_string(),
        }
    }
}

impl Case {
    /// Panics unless rows and late events are what the case says.
    #[track_caller]
    pub fn check(&self, rows: &[Row], late: &[(String, i64)]) {
        let show = |rows: &[Row]| rows.iter().map(Row::to_string).collect::<Vec<_>>().join("\n  ");
        assert!(
            self.comparable(rows, true) == self.comparable(&self.out, true),
            "case {}: these panes came\n  {}\nand not\n  {}",
            self.id,
            show(rows),
            show(&self.out)
        );
        if let Some(expected) = &self.late {
            assert_eq!(late, expected, "case {}: late events", self.id);
        }
    }

    /// Rows in an order that does not depend on keys: those of one key stay in theirs.
    fn comparable(&self, rows: &[Row], stated: bool) -> Vec<Row> {
        let mut rows = rows.to_vec();
        let says = stated && self.out.iter().any(|row| row.replaces.is_some());
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
        // Neighbours of one window and timing are of one cause.
        let together = |one: &Row, other: &Row| {
            (one.window, one.timing == 'O') == (other.window, other.timing == 'O')
        };
        for part in rows.chunk_by_mut(together) {
            part.sort_by(|one, other| one.key.cmp(&other.key));
        }
        rows
    }
}

/// All cases of a text.
pub fn parse(text: &str) -> Vec<Case> {
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty());
    let mut blocks: Vec<Vec<(&str, &str)>> = Vec::new();
    for line in lines {
        let (word, rest) = line.trim().split_once(' ').unwrap_or((line.trim(), ""));
        if word == "case" {
            blocks.push(Vec::new());
        }
        blocks.last_mut().expect("a case").push((word, rest.trim()));
    }
    blocks.iter().map(|block| case(block)).collect()
}

fn case(block: &[(&str, &str)]) -> Case {
    let all = |word| block.iter().filter(move |line| line.0 == word).map(|line| line.1);
    let id = block[0].1.split(' ').next().unwrap_or_default().to_owned();
    let config: Vec<&str> =
        all("config").next().expect("a config").split(';').map(str::trim).collect();
    let [window, trigger, panes, lateness, fold] = config[..] else {
        panic!("case {id}: a config has five parts");
    };
    let by_clock = window.strip_prefix("by_clock ");
    Case {
        by_clock: by_clock.is_some(),
        window: self::window(by_clock.unwrap_or(window)),
        trigger: self::trigger(trigger),
        panes: match panes {
            "acc" => Panes::Accumulating,
            "disc" => Panes::Discarding,
            "acc+retract" => Panes::Retracting,
            _ => panic!("case {id}: panes {panes}"),
        },
        lateness: match lateness.strip_prefix("L=").expect("a lateness") {
            "inf" => None,
            ticks => Some(number(ticks)),
        },
        fold: match fold {
            "sum" => Fold::Sum,
            "list" => Fold::List,
            "count" => Fold::Count,
            _ => panic!("case {id}: fold {fold}"),
        },
        input: all("in").flat_map(|line| line.split_whitespace()).map(token).collect(),
        out: all("out").map(row).collect(),
        late: all("late").next().map(|line| match line {
            "none" => Vec::new(),
            line => line
                .split_whitespace()
                .map(|late| {
                    let (key, at) = late.split_once('@').expect("key@ts");
                    (key.to_owned(), number(at.split('=').next().unwrap_or(at)))
                })
                .collect(),
        }),
        any_order: all("compare").any(|line| line == "set"),
        id,
    }
}

fn number(text: &str) -> i64 {
    match text {
        "-inf" => i64::MIN,
        "inf" | "+inf" => i64::MAX,
        text => text.trim().parse().unwrap_or_else(|_| panic!("not a number: {text}")),
    }
}

/// The inner part of `name(inner)`, and what follows.
fn call<'a>(text: &'a str, name: &str) -> Option<(&'a str, &'a str)> {
    let inner = text.strip_prefix(name)?.strip_prefix('(')?;
    let mut depth = 1;
    let end = inner.find(|c| {
        depth += match c {
            '(' => 1,
            ')' => -1,
            _ => 0,
        };
        depth == 0
    })?;
    Some((&inner[..end], &inner[end + 1..]))
}

fn window(text: &str) -> Window {
    let (name, inner) = text.split_once('(').unwrap_or((text, ")"));
    let inner = inner.trim_end_matches(')');
    let numbers: Vec<i64> = inner.split(',').filter(|n| !n.is_empty()).map(number).collect();
    match (name, &numbers[..]) {
        ("global", []) => Window::Global,
        ("fixed", &[size]) => Window::Fixed { size, offset: 0 },
        ("fixed", &[size, offset]) => Window::Fixed { size, offset },
        ("sliding", &[size, every]) => Window::Sliding { size, every, offset: 0 },
        ("sliding", &[size, every, offset]) => Window::Sliding { size, every, offset },
        ("session", &[gap]) => Window::Session { gap },
        ("count", &[size]) => Window::Count { size, every: size },
        ("count", &[size, every]) => Window::Count { size, every },
        _ => panic!("window {text}"),
    }
}

fn trigger(text: &str) -> Trigger {
    if let Some(inner) = text.strip_prefix("repeat(any(count ") {
        let n = inner.split(',').next().expect("a count");
        return Trigger::AtWatermark { early: Some(Fires::Every(number(n))), late: None };
    }
    let Some(mut rest) = text.strip_prefix("at_watermark") else {
        return Trigger::Repeat(fires(text));
    };
    let (mut early, mut late) = (None, None);
    while !rest.is_empty() {
        let part = rest.strip_prefix('.').expect("a further part");
        if let Some((inner, behind)) = call(part, "early") {
            (early, rest) = (Some(fires(inner)), behind);
        } else if let Some((inner, behind)) = call(part, "late") {
            (late, rest) = (Some(fires(inner)), behind);
        } else {
            panic!("trigger {text}");
        }
    }
    Trigger::AtWatermark { early, late }
}

fn fires(text: &str) -> Fires {
    if let Some((one, other)) = text.split_once(" or ") {
        return Fires::Or(Box::new(fires(one)), Box::new(fires(other)));
    }
    match text.trim().split_once(' ') {
        Some(("every", n)) => Fires::Every(number(n)),
        Some(("after_delay", ticks)) => Fires::AfterDelay(number(ticks)),
        Some(("periodic" | "aligned", ticks)) => Fires::Periodic(number(ticks)),
        _ => panic!("condition {text}"),
    }
}

fn token(text: &str) -> Token {
    if let Some((key, event)) = text.split_once('@') {
        let (at, value) = event.split_once('=').unwrap_or((event, event));
        return Token::Event { key: key.to_owned(), at: number(at), value: value.to_owned() };
    }
    match text.split_at(1) {
        _ if text == "EOI" => Token::End,
        ("W", to) => Token::Watermark(number(to)),
        ("P", to) => Token::Clock(number(to)),
        _ => panic!("token {text}"),
    }
}

fn span(text: &str) -> (i64, i64) {
    let (start, end) =
        text.trim_start_matches('[').trim_end_matches(')').split_once(',').expect("start,end");
    (number(start), number(end))
}

fn row(text: &str) -> Row {
    let (text, replaces) = match text.split_once(" <") {
        None => (text, None),
        Some((text, spans)) => {
            (text, Some(spans.split_inclusive(')').map(span).collect::<Vec<_>>()))
        }
    };
    let (head, value) = text.split_once('=').expect("window=value");
    let (key, window) = head.rsplit_once(' ').unwrap_or(("", head));
    let (value, pane) = value.rsplit_once(' ').expect("value pane");
    let (timing, index) = pane.split_at(1);
    Row {
        key: key.to_owned(),
        window: (window != "global").then(|| span(window)),
        value: value.to_owned(),
        timing: timing.chars().next().expect("a timing"),
        index: index.trim_end_matches('*').parse().expect("an index"),
        last: index.ends_with('*'),
        replaces,
    }
}
