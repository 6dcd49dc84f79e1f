//! Reads cases. What is wrong with a block is said, and no reason not to read the others.

use super::{Case, Fires, Fold, Panes, Row, Token, Trigger, Window};

/// All cases of a text, which has no mistakes.
#[track_caller]
pub fn parse(text: &str) -> Vec<Case> {
    let case = |(id, case): (String, Result<Case, String>)| match case {
        Ok(case) => case,
        Err(why) => panic!("case {id}: {why}"),
    };
    blocks(text).into_iter().map(case).collect()
}

/// The cases of a text by their names; of a block that is none, what is wrong with it.
pub fn blocks(text: &str) -> Vec<(String, Result<Case, String>)> {
    let lines =
        text.lines().map(str::trim).filter(|line| !line.starts_with('#') && !line.is_empty());
    let mut blocks: Vec<(String, Vec<(&str, &str)>)> = Vec::new();
    for line in lines {
        let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        match blocks.last_mut() {
            _ if word == "case" => {
                let id = rest.split_whitespace().next().unwrap_or("(a case without a name)");
                blocks.push((id.to_owned(), Vec::new()));
            }
            Some((_, block)) => block.push((word, rest.trim())),
            None => blocks.push(("(before the first case)".to_owned(), vec![(word, rest)])),
        }
    }
    let case = |(id, block): (String, Vec<_>)| (id.clone(), case(id, &block));
    blocks.into_iter().map(case).collect()
}

fn case(id: String, block: &[(&str, &str)]) -> Result<Case, String> {
    let known = ["config", "in", "out", "late", "compare"];
    if let Some((word, _)) = block.iter().find(|line| !known.contains(&line.0)) {
        return Err(format!("a line begins with `{word}`, not with one of {known:?}"));
    }
    let all = |word| block.iter().filter(move |line| line.0 == word).map(|line| line.1);
    let mut configs = all("config");
    let (Some(config), None) = (configs.next(), configs.next()) else {
        return Err("there is not one line `config`".to_owned());
    };
    let config: Vec<&str> = config.split(';').map(str::trim).collect();
    let [window, trigger, panes, lateness, fold] = config[..] else {
        return Err("a config has five parts: WINDOW; TRIGGER; PANES; L=LATENESS; FOLD".to_owned());
    };
    let by_clock = window.strip_prefix("by_clock ");
    let input = all("in").flat_map(str::split_whitespace).map(token).collect::<Result<_, _>>()?;
    Ok(Case {
        by_clock: by_clock.is_some(),
        window: self::window(by_clock.unwrap_or(window))?,
        trigger: self::trigger(trigger)?,
        panes: match panes {
            "acc" => Panes::Accumulating,
            "disc" => Panes::Discarding,
            "acc+retract" => Panes::Retracting,
            _ => return Err(format!("panes are acc, disc or acc+retract, not `{panes}`")),
        },
        lateness: match lateness.strip_prefix("L=") {
            Some("inf") => None,
            Some(ticks) => Some(number(ticks)?),
            None => return Err(format!("a lateness is L=TICKS or L=inf, not `{lateness}`")),
        },
        fold: match fold {
            "sum" => Fold::Sum,
            "list" => Fold::List,
            "count" => Fold::Count,
            _ => return Err(format!("folds are sum, list and count, not `{fold}`")),
        },
        input,
        out: all("out").filter(|line| *line != "none").map(row).collect::<Result<_, _>>()?,
        late: all("late").next().map(late).transpose()?,
        any_order: match all("compare").next() {
            None => false,
            Some("set") => true,
            Some(other) => return Err(format!("there is `compare set`, but no `{other}`")),
        },
        id,
    })
}

pub(super) fn number(text: &str) -> Result<i64, String> {
    match text.trim() {
        "-inf" => Ok(i64::MIN),
        "inf" | "+inf" => Ok(i64::MAX),
        text => text.parse().map_err(|_| format!("`{text}` is not a number")),
    }
}

/// A number that a window or a trigger can be made of.
fn positive(text: &str) -> Result<i64, String> {
    number(text).and_then(|n| if n > 0 { Ok(n) } else { Err(format!("`{text}` is not above 0")) })
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

fn window(text: &str) -> Result<Window, String> {
    let wrong = || format!("there is no window `{text}`");
    let (name, inner) = text.split_once('(').unwrap_or((text, ")"));
    let inner = inner.strip_suffix(')').ok_or_else(wrong)?;
    let numbers = inner.split(',').filter(|n| !n.is_empty()).map(number);
    let numbers = numbers.collect::<Result<Vec<_>, _>>()?;
    let window = match (name, &numbers[..]) {
        ("global", []) => Window::Global,
        // Shifting by a negative time is shifting by what is left of a whole size.
        ("fixed", &[size]) => Window::Fixed { size, offset: 0 },
        ("fixed", &[size, offset]) if size > 0 => {
            Window::Fixed { size, offset: offset.rem_euclid(size) }
        }
        ("sliding", &[size, every]) => Window::Sliding { size, every, offset: 0 },
        ("sliding", &[size, every, offset]) if every > 0 => {
            Window::Sliding { size, every, offset: offset.rem_euclid(every) }
        }
        ("session", &[gap]) => Window::Session { gap },
        ("count", &[size]) => Window::Count { size, every: size },
        ("count", &[size, every]) => Window::Count { size, every },
        _ => return Err(wrong()),
    };
    // The first two are sizes and distances.
    if numbers.iter().take(if name == "fixed" { 1 } else { 2 }).any(|n| *n <= 0) {
        return Err(wrong());
    }
    Ok(window)
}

fn trigger(text: &str) -> Result<Trigger, String> {
    // What is repeated never finishes, and so are all of ours.
    if let Some((inner, "")) = call(text, "repeat") {
        return trigger(inner);
    }
    if let Some((inner, "")) = call(text, "any")
        && let [one, other] = inner.split(',').map(str::trim).collect::<Vec<_>>()[..]
    {
        let early = match (one, other) {
            ("at_watermark", early) | (early, "at_watermark") => early,
            _ => return Ok(Trigger::Repeat(Fires::Or(Box::new((fires(one)?, fires(other)?))))),
        };
        return Ok(Trigger::AtWatermark { early: Some(fires(early)?), late: None });
    }
    let Some(mut rest) = text.strip_prefix("at_watermark") else {
        return Ok(Trigger::Repeat(fires(text)?));
    };
    let (mut early, mut late) = (None, None);
    while !rest.is_empty() {
        let part = rest.strip_prefix('.').ok_or_else(|| format!("there is no trigger `{text}`"))?;
        if let Some((inner, behind)) = call(part, "early") {
            (early, rest) = (Some(fires(inner)?), behind);
        } else if let Some((inner, behind)) = call(part, "late") {
            (late, rest) = (Some(fires(inner)?), behind);
        } else {
            return Err(format!("there is no trigger `{text}`"));
        }
    }
    Ok(Trigger::AtWatermark { early, late })
}

fn fires(text: &str) -> Result<Fires, String> {
    if let Some((one, other)) = text.split_once(" or ") {
        return Ok(Fires::Or(Box::new((fires(one)?, fires(other)?))));
    }
    let text = text.trim();
    match text.split_once(' ') {
        Some(("every" | "count", n)) => Ok(Fires::Every(positive(n)?)),
        Some(("after_delay", ticks)) => Ok(Fires::AfterDelay(number(ticks)?)),
        Some(("periodic" | "aligned", ticks)) => Ok(Fires::Periodic(positive(ticks)?)),
        None if text == "each" => Ok(Fires::Every(1)),
        None if text == "at_close" => Ok(Fires::Never),
        _ => Err(format!("nothing fires `{text}`")),
    }
}

fn token(text: &str) -> Result<Token, String> {
    if let Some((key, event)) = text.split_once('@') {
        let (at, value) = event.split_once('=').unwrap_or((event, event));
        let (key, value) = (key.to_owned(), value.to_owned());
        return Ok(Token::Event { key, at: number(at)?, value });
    }
    match text.split_at_checked(1) {
        _ if text == "EOI" => Ok(Token::End),
        Some(("W", to)) => Ok(Token::Watermark(number(to)?)),
        Some(("P", to)) => Ok(Token::Clock(number(to)?)),
        _ => Err(format!("`{text}` is not a token")),
    }
}

fn late(line: &str) -> Result<Vec<(String, i64)>, String> {
    if line == "none" {
        return Ok(Vec::new());
    }
    let late = line.split_whitespace().map(|late| match token(late)? {
        Token::Event { key, at, .. } => Ok((key, at)),
        _ => Err(format!("`{late}` is not a late event")),
    });
    late.collect()
}

fn span(text: &str) -> Result<(i64, i64), String> {
    let bounds = text.strip_prefix('[').and_then(|text| text.strip_suffix(')'));
    let (start, end) = bounds
        .and_then(|bounds| bounds.split_once(','))
        .ok_or_else(|| format!("`{text}` is not [start,end)"))?;
    Ok((number(start)?, number(end)?))
}

fn row(text: &str) -> Result<Row, String> {
    let wrong = || format!("`{text}` is not a pane");
    let (shown, replaces) = match text.split_once(" <") {
        None => (text, None),
        Some((shown, spans)) => {
            let spans = spans.split_inclusive(')').map(span);
            (shown, Some(spans.collect::<Result<Vec<_>, _>>()?))
        }
    };
    let (head, value) = shown.split_once('=').ok_or_else(wrong)?;
    let (key, window) = head.rsplit_once(' ').unwrap_or(("", head));
    let (value, pane) = value.rsplit_once(' ').ok_or_else(wrong)?;
    let mut rest = pane.chars();
    let timing = rest.next().filter(|timing| "EOLR".contains(*timing)).ok_or_else(wrong)?;
    let index = rest.as_str();
    Ok(Row {
        key: key.trim().to_owned(),
        window: if window == "global" { None } else { Some(span(window)?) },
        value: value.trim().replace(", ", ","),
        timing,
        index: index.strip_suffix('*').unwrap_or(index).parse().map_err(|_| wrong())?,
        last: index.ends_with('*'),
        replaces,
    })
}
