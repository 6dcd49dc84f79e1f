//! Bars for the contestants of a workload, and for all workloads.

use std::error::Error;
use std::path::Path;

use plotters::coord::Shift;
use plotters::prelude::*;

use super::{Row, Side, Summary, Table, three_digits};

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Plotted = Result<(), Box<dyn Error>>;

/// A bar: what it stands for, how long it is, its colour.
type Bar<'a> = (&'a str, f64, RGBColor);

/// Pixels for each bar, and for title and axis together.
const BAR: u32 = 22;
const FRAME: u32 = 90;
/// Pixels for the two bars of a workload among all.
const PAIR: u32 = 28;

/// Speed, time over the limit's, and memory, side by side.
pub(super) fn workload(table: &Table, path: &Path) -> Result<(), String> {
    plotted(path, bars_of(table, path))
}

fn plotted(path: &Path, plotted: Plotted) -> Result<(), String> {
    plotted.map_err(|e| format!("cannot draw {}: {e}", path.display()))
}

fn bars_of(table: &Table, path: &Path) -> Plotted {
    let size = (1200, FRAME + BAR * table.rows.len() as u32);
    let root = SVGBackend::new(path, size).into_drawing_area();
    root.fill(&WHITE)?;
    let panels = root.split_evenly((1, 3));
    let bars = |value: &dyn Fn(&Row) -> f64| -> Vec<Bar<'_>> {
        table.rows.iter().map(|row| (row.name, value(row), colour(row.side))).collect()
    };
    let limit = table.limit();
    let ratio = |row: &Row| limit.map_or(0.0, |limit| row.times(limit));
    draw(&panels[0], table.unit.heading(), &bars(&|row| table.speed(row)))?;
    draw(&panels[1], "time, × limit", &bars(&ratio))?;
    draw(&panels[2], "peak memory, MiB", &bars(&|row| row.peak as f64 / f64::from(1 << 20)))?;
    Ok(root.present()?)
}

/// For each workload with a limit this library's speed and the fastest peer's, as shares of the
/// limit's.
pub(super) fn summary(summary: &Summary, path: &Path) -> Result<(), String> {
    plotted(path, shares(summary, path))
}

fn shares(summary: &Summary, path: &Path) -> Plotted {
    let lines: Vec<_> = summary.lines.iter().filter(|line| line.flow.is_some()).collect();
    let share = |times: Option<f64>| times.map(|times| 1.0 / times);
    let all = || lines.iter().flat_map(|line| [share(line.flow), share(line.peer)]).flatten();
    let (left, right) = (all().fold(0.5, f64::min) / 2.0, all().fold(1.0, f64::max) * 2.0);
    let size = (900, FRAME + PAIR * lines.len() as u32);
    let root = SVGBackend::new(path, size).into_drawing_area();
    root.fill(&WHITE)?;
    let title =
        "speed as a share of hand-written code's (the line): Flow, below it the fastest peer";
    let mut chart = ChartBuilder::on(&root)
        .caption(title, ("sans-serif", 16))
        .margin(8)
        .x_label_area_size(28)
        .y_label_area_size(130)
        .build_cartesian_2d((left..right).log_scale(), lines.len() as f64..0.0)?;
    chart
        .configure_mesh()
        .disable_y_mesh()
        .disable_y_axis()
        .y_labels(0)
        .light_line_style(TRANSPARENT)
        .draw()?;
    let style = ("sans-serif", 12).into_font();
    let text = |words: String, at: (f64, f64), right: i32| {
        EmptyElement::at(at) + Text::new(words, (right, -6), style.clone())
    };
    for (place, line) in lines.iter().enumerate() {
        let top = place as f64;
        let sides = [(line.flow, Side::Flow, 0.1), (line.peer, Side::Peer, 0.5)];
        for (times, side, below) in sides {
            let Some(share) = share(times) else { continue };
            let (upper, lower) = (top + below, top + below + 0.4);
            let bar = Rectangle::new([(left, upper), (share, lower)], colour(side).filled());
            chart.draw_series([bar])?;
            chart.draw_series([text(three_digits(share), (share, (upper + lower) / 2.0), 6)])?;
        }
        chart.draw_series([text(line.workload.into(), (left, top + 0.5), -128)])?;
    }
    let limit = [(1.0, 0.0), (1.0, lines.len() as f64)];
    chart.draw_series(LineSeries::new(limit, colour(Side::Limit).stroke_width(2)))?;
    Ok(root.present()?)
}

fn draw(area: &Area<'_>, title: &str, bars: &[Bar<'_>]) -> Plotted {
    let most = bars.iter().map(|bar| bar.1).fold(f64::MIN_POSITIVE, f64::max);
    let mut chart = ChartBuilder::on(area)
        .caption(title, ("sans-serif", 16))
        .margin(8)
        .x_label_area_size(28)
        .y_label_area_size(130)
        // Room for the number behind the longest bar; the first bar is on top.
        .build_cartesian_2d(0.0..most * 1.2, bars.len() as f64..0.0)?;
    chart.configure_mesh().disable_mesh().disable_y_axis().y_labels(0).x_labels(4).draw()?;
    chart.draw_series(bars.iter().enumerate().map(|(place, (_, value, colour))| {
        let top = place as f64;
        Rectangle::new([(0.0, top + 0.15), (*value, top + 0.85)], colour.filled())
    }))?;
    let style = ("sans-serif", 12).into_font();
    let text = |words: String, value: f64, place: usize, right: i32| {
        let words = Text::new(words, (right, -6), style.clone());
        EmptyElement::at((value, place as f64 + 0.5)) + words
    };
    let numbered = || bars.iter().enumerate();
    chart.draw_series(numbered().map(|(place, bar)| text(three_digits(bar.1), bar.1, place, 6)))?;
    chart.draw_series(numbered().map(|(place, bar)| text(bar.0.into(), 0.0, place, -128)))?;
    Ok(())
}

fn colour(side: Side) -> RGBColor {
    match side {
        Side::Flow => RGBColor(0x1f, 0x77, 0xb4),
        Side::Peer => RGBColor(0xff, 0x7f, 0x0e),
        Side::Limit => RGBColor(0x2c, 0xa0, 0x2c),
        Side::Aside => RGBColor(0x9a, 0x9a, 0x9a),
    }
}
