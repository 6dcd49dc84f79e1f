//! Readings that arrive out of order: what a minute's mean looks like before, at and after the moment
//! when it should be complete.
//!
//! ```text
//! cargo run --release --example sensors
//! ```

use flow::{Flow, FlowError, Pane, Timestamp, Timing, Trigger, Window};
use std::f64::consts::TAU;
use std::iter;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const MINUTES: i64 = 12;

#[derive(Clone, Copy)]
struct Reading {
    sensor: &'static str,
    at: Timestamp,
    celsius: f64,
}

/// Of a minute: the mean, and of how many readings.
type Minute = Pane<&'static str, (f64, u64)>;

fn main() -> Result<(), FlowError> {
    let too_late = AtomicU32::new(0);
    let mut panes: Vec<Minute> = Flow::from_vec(readings())
        .timestamps(|reading| reading.at, |w| w.bounded(5 * SECOND))
        .key_by(|reading| reading.sensor)
        .window(Window::fixed(MINUTE))
        .trigger(Trigger::at_watermark().early(Trigger::every(3)))
        .allowed_lateness(MINUTE)
        .accumulating()
        .aggregate(|a| (a.mean(|reading| reading.celsius), a.count()))
        .late_to(|_| _ = too_late.fetch_add(1, Ordering::Relaxed))
        .collect()?;
    panes.sort_by_key(|pane| (pane.key, pane.window, pane.index));

    println!("The cellar's first minutes, pane by pane:\n");
    println!("minute  pane     readings    mean");
    for pane in panes.iter().filter(|pane| pane.key == "cellar").take(14) {
        let (mean, readings) = pane.value;
        let name = name(pane.timing);
        println!("{:6}  {name:7} {readings:9} {mean:7.2}", minute(pane));
    }

    println!("\nThe mean of every minute, as its last pane has it:\n");
    for of_sensor in panes.chunk_by(|one, other| one.key == other.key) {
        plot(of_sensor);
    }

    let count = |timing| panes.iter().filter(|pane| pane.timing == timing).count();
    let [early, on_time, late] = [Timing::Early, Timing::OnTime, Timing::Late].map(count);
    let too_late = too_late.into_inner();
    println!("{early} panes early, {on_time} on time, {late} late; {too_late} readings too late");
    Ok(())
}

fn name(timing: Timing) -> &'static str {
    match timing {
        Timing::Early => "early",
        Timing::OnTime => "on time",
        Timing::Late => "late",
    }
}

fn minute(pane: &Minute) -> i64 {
    pane.window.start().0.div_euclid(60_000)
}

/// A sensor's minutes as columns of characters.
fn plot(panes: &[Minute]) {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let minutes = panes.chunk_by(|one, other| one.window == other.window);
    let means: Vec<f64> = minutes.map(|panes| panes[panes.len() - 1].value.0).collect();
    let lowest = means.iter().copied().fold(f64::INFINITY, f64::min);
    let highest = means.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let bar = |mean: &f64| {
        let height = (mean - lowest) / (highest - lowest).max(f64::MIN_POSITIVE);
        iter::repeat_n(BARS[(height * 7.0).round() as usize], 3)
    };
    let bars: String = means.iter().flat_map(bar).collect();
    println!("{:8} {bars}  {lowest:.1} to {highest:.1} °C\n", panes[0].key);
}

/// A reading of each sensor every five seconds, in the order in which they arrive: most of them within
/// five seconds, some up to a minute and a half later.
fn readings() -> Vec<Reading> {
    let mut arriving = Vec::new();
    let mut seed = 1u64;
    let mut below = |n: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % n
    };
    for at in (0..MINUTES * 60_000).step_by(5_000) {
        let turn = at as f64 / (MINUTES * 60_000) as f64 * TAU;
        let sensors = [
            ("cellar", 11.0 + turn.cos() / 2.0),
            ("garden", 14.0 - 6.0 * turn.cos()),
            ("attic", 24.0 + 3.0 * (2.0 * turn).sin()),
        ];
        for (sensor, celsius) in sensors {
            let at = at + below(4_000) as i64;
            let delay = if below(12) == 0 { 10_000 + below(120_000) } else { below(5_000) };
            let celsius = celsius + below(100) as f64 / 200.0;
            arriving.push((at + delay as i64, Reading { sensor, at: Timestamp(at), celsius }));
        }
    }
    arriving.sort_by_key(|(arrival, _)| *arrival);
    arriving.into_iter().map(|(_, reading)| reading).collect()
}
