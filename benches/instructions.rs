//! How many instructions an event costs in three flows, checked against what was recorded.
//!
//! ```text
//! cargo bench --bench instructions               # fails where a flow costs 5 % more than recorded
//! cargo bench --bench instructions -- --record   # records what they cost here
//! ```
//!
//! Valgrind counts, so that other work on the machine does not matter, and each flow runs in the
//! simulation, which does the same every time: two counts differ by a few thousandths, the hash seeds.
//! A count says nothing about another compiler, C library or instruction set: a bound holds for the
//! setup that it was recorded in, `benches/record/instructions.tsv` has one for each, and where there
//! is none, or no valgrind, nothing is checked and a line says so.

use flow::{Executor, Flow, FlowError, Timestamp, Window};
use std::collections::BTreeMap;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;
use std::{env, fs};

/// Events in a run.
const EVENTS: u64 = 100_000;
/// What is tolerated beyond the record: what the compiler puts inline moves a count a little.
const MORE: f64 = 1.05;

const HEAD: &str = "# setup\tflow\tinstructions per event\n";

/// A flow, and its name.
type Kernel = (&'static str, fn(&str) -> Result<u64, FlowError>);

const KERNELS: [Kernel; 3] = [("chain", chain), ("words", words), ("windows", windows)];

/// Where tasks run in the same order every time, whatever the machine is.
fn everywhere_the_same() -> Executor {
    Executor::simulation(7)
}

/// Stages without an exchange.
fn chain(_: &str) -> Result<u64, FlowError> {
    let odd = |x: &u64| x.count_ones() % 2 == 1;
    Flow::from_range(0..black_box(EVENTS))
        .map(|x| x ^ (x >> 3))
        .filter(odd)
        .on(everywhere_the_same())
        .sum()
}

/// Counts per key, the keys borrowed.
fn words(text: &str) -> Result<u64, FlowError> {
    let words = Flow::from_text(text).flat_map(str::split_whitespace);
    words
        .key_by(|word| *word)
        .count()
        .stages(2)
        .map(|(_, count)| count)
        .on(everywhere_the_same())
        .sum()
}

/// Windows of event time, out of order.
fn windows(_: &str) -> Result<u64, FlowError> {
    let event = |i: u64| {
        let random = i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        ((i / 100) as i64 - (random % 100) as i64, (random >> 8) as u32 % 1_000)
    };
    Flow::from_range(0..black_box(EVENTS))
        .stages(1)
        .map(event)
        .timestamps(|event| Timestamp(event.0), |w| w.bounded(Duration::from_millis(100)))
        .key_by(|event| event.1)
        .window(Window::fixed(Duration::from_millis(200)))
        .count()
        .stages(2)
        .untimed()
        .map(|pane| pane.value)
        .on(everywhere_the_same())
        .sum()
}

/// Words of which a few are frequent.
fn text() -> String {
    let word = |i: u64| {
        let random = i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
        format!("word{}{}", random % (1 + random % 3_000), if i % 9 == 8 { '\n' } else { ' ' })
    };
    (0..EVENTS).map(word).collect()
}

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["--run", flow, times] => run(flow, times),
        _ => check(words.contains(&"--record")),
    }
}

/// What valgrind counts: a flow, so many times.
fn run(flow: &str, times: &str) -> ExitCode {
    let text = text();
    let (_, kernel) = KERNELS.into_iter().find(|(name, _)| *name == flow).expect("it is known");
    for _ in 0..times.parse().expect("a number") {
        black_box(kernel(black_box(&text)).expect("the flow runs"));
    }
    ExitCode::SUCCESS
}

fn check(record: bool) -> ExitCode {
    let Some(setup) = setup() else {
        println!("instructions: valgrind is not here, nothing is checked");
        return ExitCode::SUCCESS;
    };
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/record/instructions.tsv");
    let mut known = read(&path);
    let mut slower = false;
    for (flow, _) in KERNELS {
        let Some(cost) = cost(flow) else {
            println!("instructions: valgrind cannot run {flow} here, nothing is checked");
            continue;
        };
        let place = (setup.clone(), flow.to_owned());
        match known.get(&place).copied() {
            _ if record => drop(known.insert(place, cost)),
            None => println!("{flow}: {cost:.1} instructions per event, no record for {setup}"),
            Some(recorded) => {
                println!("{flow}: {cost:.1} instructions per event, {recorded:.1} recorded");
                slower |= cost > recorded * MORE;
            }
        }
    }
    if record {
        write(&path, &known);
    }
    if slower {
        eprintln!("error: more than 5 % above {}; if it is worth it, `--record`", path.display());
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// Instructions of a flow for each event: three runs without one run, so that what comes before and
/// after does not count.
fn cost(flow: &str) -> Option<f64> {
    Some((count(flow, "3")? - count(flow, "1")?) / (2 * EVENTS) as f64)
}

fn count(flow: &str, times: &str) -> Option<f64> {
    let valgrind = ["--tool=callgrind", "--callgrind-out-file=/dev/null"];
    let mut command = Command::new("valgrind");
    command.args(valgrind).arg(env::current_exe().ok()?).args(["--run", flow, times]);
    let output = command.output().ok().filter(|output| output.status.success())?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    said.split("Collected :").nth(1)?.split_whitespace().next()?.parse().ok()
}

/// All that a count depends on beside our code; none where there is no valgrind.
fn setup() -> Option<String> {
    let rustc = env::var("RUSTC").unwrap_or_else(|_| "rustc".into());
    let parts = [
        first_line("valgrind", "--version")?,
        first_line(&rustc, "--version")?,
        first_line("ldd", "--version").unwrap_or_else(|| "no ldd".into()),
        // The instructions that libraries choose among while they run.
        features(),
        // What makes the compiler cut the crate into other pieces.
        format!("incremental {}", option_env!("CARGO_INCREMENTAL").unwrap_or("0")),
        format!("flags {:?}", option_env!("RUSTFLAGS").unwrap_or_default()),
    ];
    Some(parts.join("; "))
}

fn features() -> String {
    #[cfg(target_arch = "x86_64")]
    return format!("x86_64, avx2 {}", is_x86_feature_detected!("avx2"));
    #[cfg(not(target_arch = "x86_64"))]
    return env::consts::ARCH.to_owned();
}

fn first_line(program: &str, argument: &str) -> Option<String> {
    let output = Command::new(program).arg(argument).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().next().map(str::to_owned)
}

/// Instructions for each event, by setup and flow.
type Record = BTreeMap<(String, String), f64>;

fn read(path: &PathBuf) -> Record {
    let text = fs::read_to_string(path).unwrap_or_default();
    let parse = |line: &str| {
        let mut fields = line.split('\t');
        let place = (fields.next()?.to_owned(), fields.next()?.to_owned());
        Some((place, fields.next()?.parse().ok()?))
    };
    text.lines().filter_map(parse).collect()
}

fn write(path: &PathBuf, record: &Record) {
    let line =
        |((setup, flow), cost): (&(String, String), &f64)| format!("{setup}\t{flow}\t{cost:.1}\n");
    let text: String = record.iter().map(line).collect();
    fs::write(path, HEAD.to_owned() + &text).expect("the record can be written");
}
