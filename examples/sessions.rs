//! Visits to a site, from nothing but clicks: a visit ends with half an hour without any.
//!
//! ```text
//! cargo run --release --example sessions                # a made-up day
//! cargo run --release --example sessions -- clicks.txt  # lines of `SECONDS USER PAGE`; - is stdin
//! ```

use flow::{Flow, Pane, Timestamp, Window};
use std::collections::BTreeMap;
use std::error::Error;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::process::ExitCode;
use std::time::Duration;
use std::{env, iter};

const MINUTE: Duration = Duration::from_secs(60);
const DAY: i64 = 24 * 3_600_000;

struct Click {
    at: Timestamp,
    user: String,
    page: String,
}

/// A visit of a user: how many clicks, and on how many pages.
type Visit = Pane<String, (u64, u64)>;

fn main() -> ExitCode {
    match run(env::args().nth(1).as_deref()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if nobody_reads(&*error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sessions: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(file: Option<&str>) -> Result<(), Box<dyn Error>> {
    let clicks: Box<dyn Iterator<Item = Click> + Send> = match file {
        None => Box::new(made_up().into_iter()),
        Some("-") => Box::new(parsed(BufReader::new(io::stdin()))),
        Some(path) => Box::new(parsed(BufReader::new(File::open(path)?))),
    };
    let visits: Vec<Visit> = Flow::from_iter(clicks)
        .timestamps(|click| click.at, |w| w.bounded(5 * MINUTE))
        .key_by(|click| click.user.clone())
        .window(Window::session(30 * MINUTE))
        .aggregate(|a| (a.count(), a.count_distinct(|click| click.page.clone())))
        .collect()?;
    Ok(print(&visits)?)
}

/// Whether the reader of what is printed has gone, as in `sessions | head -1`.
fn nobody_reads(error: &(dyn Error + 'static)) -> bool {
    let error = error.downcast_ref::<io::Error>();
    error.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// Every user's day as a line of two characters an hour, and their visits.
fn print(visits: &[Visit]) -> io::Result<()> {
    let mut users: BTreeMap<&str, Vec<&Visit>> = BTreeMap::new();
    for visit in visits {
        users.entry(&visit.key).or_default().push(visit);
    }
    let mut out = io::stdout().lock();
    let hours: String = (0..8).map(|n| format!("{:<6}", format!("{}:00", 3 * n))).collect();
    writeln!(out, "{:10}{}", "", hours.trim_end())?;
    for (user, visits) in &mut users {
        visits.sort_by_key(|visit| visit.window);
        let half_hour = |n: i64| {
            let (from, to) = (n * DAY / 48, (n + 1) * DAY / 48);
            visits.iter().any(|visit| starts(visit) < to && from <= ends(visit))
        };
        let day: String = (0..48).map(|n| if half_hour(n) { '█' } else { '·' }).collect();
        writeln!(out, "{user:10}{day}")?;
    }
    for (user, visits) in &users {
        for visit in visits {
            let (clicks, pages) = visit.value;
            let (from, to) = (clock(starts(visit)), clock(ends(visit)));
            writeln!(out, "{user}\t{from} to {to}\t{clicks} clicks, {pages} pages")?;
        }
    }
    writeln!(out, "{} visits of {} users", visits.len(), users.len())
}

fn starts(visit: &Visit) -> i64 {
    visit.window.start().0
}

/// The last click: a session's window ends with the gap behind it.
fn ends(visit: &Visit) -> i64 {
    (visit.window.end() - 30 * MINUTE).0
}

fn clock(ms: i64) -> String {
    let minutes = ms.div_euclid(60_000);
    format!("{}:{:02}", minutes.div_euclid(60), minutes.rem_euclid(60))
}

/// Lines that are clicks; others are left out.
fn parsed(lines: impl BufRead + Send) -> impl Iterator<Item = Click> + Send {
    lines.lines().map_while(Result::ok).filter_map(|line| {
        let mut fields = line.split_whitespace().map(str::to_owned);
        let seconds: i64 = fields.next()?.parse().ok()?;
        Some(Click { at: Timestamp(seconds * 1000), user: fields.next()?, page: fields.next()? })
    })
}

/// Five users come back now and then; what they click arrives up to five minutes late, so that some
/// clicks come after others that they belong before.
fn made_up() -> Vec<Click> {
    const PAGES: [&str; 6] = ["/", "/news", "/shop", "/basket", "/help", "/about"];
    let mut seed = 42u64;
    let mut below = move |n: i64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((seed >> 33) % n as u64) as i64
    };
    let mut arriving = Vec::new();
    for user in ["ann", "bob", "cleo", "dan", "eve"] {
        let visits = iter::successors(Some(below(DAY / 4)), |_| Some(below(DAY - 7_200_000)));
        let visits: Vec<i64> = visits.take(4).collect();
        for start in visits {
            let mut at = start;
            for _ in 0..5 + below(20) {
                at += below(12 * 60_000);
                let page = PAGES[below(6) as usize].to_owned();
                let click = Click { at: Timestamp(at), user: user.to_owned(), page };
                arriving.push((at + below(5 * 60_000), click));
            }
        }
    }
    arriving.sort_by_key(|(arrival, _)| *arrival);
    arriving.into_iter().map(|(_, click)| click).collect()
}
