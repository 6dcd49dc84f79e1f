//! What is talked about right now: the most frequent tags of the last minute, every ten seconds.
//!
//! ```text
//! cargo run --release --example trending          # in a terminal the chart moves
//! cargo run --release --example trending | cat    # a line for each chart
//! ```

use flow::{Flow, FlowError, Pane, Timestamp, Window};
use std::io::{self, IsTerminal, Write};
use std::thread;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const TAGS: [&str; 8] =
    ["#rust", "#rain", "#goal", "#cats", "#coffee", "#vote", "#music", "#lunch"];

/// Of a window: the most frequent tags, the first of them first.
type Chart = Pane<(), Vec<(u64, &'static str)>>;

fn main() -> Result<(), FlowError> {
    let live = io::stdout().is_terminal();
    // Five minutes of posts; in a terminal they take ten seconds.
    let posts = posts().inspect(move |(at, _)| {
        if live && at % 100 == 0 {
            thread::sleep(Duration::from_micros(3_300));
        }
    });
    Flow::from_iter(posts)
        .timestamps(|(at, _)| Timestamp(*at), |w| w.bounded(SECOND))
        .key_by(|(_, tag)| *tag)
        .window(Window::sliding(60 * SECOND, 10 * SECOND))
        .count()
        // The tags of one window meet again.
        .key_by(|_| ())
        .window(Window::of_panes())
        .top_k(5, |pane| (pane.value, pane.key))
        .stages(1)
        .with_iter(|charts| charts.try_for_each(|chart| show(&chart, live).map_err(drop)))?
        // Whoever read the charts has gone.
        .unwrap_or(());
    Ok(())
}

/// Draws a chart over the one before, or writes it as a line.
fn show(chart: &Chart, live: bool) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let seconds = chart.window.end().0 / 1000;
    if !live {
        let tags: Vec<_> =
            chart.value.iter().map(|(count, tag)| format!("{tag} {count}")).collect();
        return writeln!(out, "{seconds:4} s  {}", tags.join(", "));
    }
    writeln!(out, "\x1b[2J\x1b[HThe last minute, at {seconds} s\n")?;
    let most = chart.value.first().map_or(1, |(count, _)| *count);
    for (count, tag) in &chart.value {
        let width = (count * 50).div_ceil(most) as usize;
        writeln!(out, "{tag:>8} {:▇<width$} {count}", "")?;
    }
    out.flush()
}

/// Twenty posts a second, out of order by less than a second. Every tag has its moment.
fn posts() -> impl Iterator<Item = (i64, &'static str)> + Send {
    let mut seed = 7u64;
    let mut below = move |n: i64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((seed >> 33) % n as u64) as i64
    };
    (0..300_000i64).step_by(50).map(move |at| {
        let trend = at / 37_500;
        let tag = if below(3) == 0 { trend } else { (trend + below(4) * below(3)) % 8 };
        (at - below(1_000), TAGS[tag as usize])
    })
}
