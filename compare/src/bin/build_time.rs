//! How long a crate takes to build that uses flow, beside the same crate on rayon.
//!
//! ```text
//! cargo run -p compare --bin build_time [ROUNDS]
//! ```
//!
//! Writes two crates with twenty pipelines of ten verbs each, builds their dependencies once, and then
//! builds in turns, in dev and release: the crate alone from nothing (cold), and after a change in one
//! pipeline (incremental). Prints medians of the wall clock, and of processor time where the system
//! tells, which other work on the machine disturbs less.

use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs};

/// How many pipelines.
const PIPELINES: usize = 20;

fn main() -> Result<(), Box<dyn Error>> {
    let rounds = env::args().nth(1).map_or(Ok(5), |rounds| rounds.parse())?;
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize()?;
    let folder = env::temp_dir().join("flow-build-time");
    let crates = [User::flow(&root, &folder)?, User::rayon(&root, &folder)?];
    println!("| build | flow wall | rayon wall | ratio | flow cpu | rayon cpu | ratio |");
    println!("|---|---|---|---|---|---|---|");
    for release in [false, true] {
        let profile = if release { "release" } else { "dev" };
        for user in &crates {
            user.build(release)?;
        }
        let mut cold = [Times::default(), Times::default()];
        let mut incremental = [Times::default(), Times::default()];
        for round in 0..rounds {
            for (user, times) in crates.iter().zip(&mut cold) {
                user.forget(release)?;
                times.add(user.build(release)?);
            }
            for (user, times) in crates.iter().zip(&mut incremental) {
                user.write_pipeline(7, round + 1)?;
                times.add(user.build(release)?);
                user.write_pipeline(7, 0)?;
            }
        }
        report(&format!("{profile}, cold"), &mut cold);
        report(&format!("{profile}, incremental"), &mut incremental);
    }
    Ok(())
}

/// A crate that uses a library.
struct User {
    folder: PathBuf,
    pipeline: fn(usize, usize) -> String,
}

impl User {
    fn flow(root: &Path, folder: &Path) -> Result<Self, Box<dyn Error>> {
        let dependency = format!("flow = {{ path = {root:?} }}");
        User::new(root, folder.join("on-flow"), &dependency, on_flow)
    }

    fn rayon(root: &Path, folder: &Path) -> Result<Self, Box<dyn Error>> {
        User::new(root, folder.join("on-rayon"), "rayon = \"1.12.0\"", on_rayon)
    }

    fn new(
        root: &Path,
        folder: PathBuf,
        dependency: &str,
        pipeline: fn(usize, usize) -> String,
    ) -> Result<Self, Box<dyn Error>> {
        fs::create_dir_all(folder.join("src"))?;
        let manifest = format!(
            "[package]\nname = \"user\"\nedition = \"2024\"\n\n[workspace]\n\n\
             [dependencies]\n{dependency}\n"
        );
        fs::write(folder.join("Cargo.toml"), manifest)?;
        // The versions that this workspace has.
        fs::copy(root.join("Cargo.lock"), folder.join("Cargo.lock"))?;
        let mut main = String::new();
        for number in 0..PIPELINES {
            writeln!(main, "mod pipeline_{number};")?;
        }
        writeln!(main, "fn main() {{")?;
        for number in 0..PIPELINES {
            writeln!(main, "    println!(\"{{}}\", pipeline_{number}::run());")?;
        }
        writeln!(main, "}}")?;
        fs::write(folder.join("src/main.rs"), main)?;
        let user = User { folder, pipeline };
        (0..PIPELINES).try_for_each(|number| user.write_pipeline(number, 0))?;
        Ok(user)
    }

    /// Writes one pipeline; another edition is another program.
    fn write_pipeline(&self, number: usize, edition: usize) -> Result<(), Box<dyn Error>> {
        let file = self.folder.join(format!("src/pipeline_{number}.rs"));
        Ok(fs::write(file, (self.pipeline)(number, edition))?)
    }

    /// Forgets what was built of the crate itself.
    fn forget(&self, release: bool) -> Result<(), Box<dyn Error>> {
        self.cargo(&["clean", "--package", "user"], release).map(drop)
    }

    fn build(&self, release: bool) -> Result<Time, Box<dyn Error>> {
        self.cargo(&["build"], release)
    }

    fn cargo(&self, arguments: &[&str], release: bool) -> Result<Time, Box<dyn Error>> {
        let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.args(arguments).arg("--quiet").current_dir(&self.folder).stdout(Stdio::null());
        if release {
            cargo.arg("--release");
        }
        // What cargo and whoever builds us have set for this program is not for those.
        for (name, _) in env::vars_os() {
            if name.to_str().is_some_and(|name| name.starts_with("CARGO_PROFILE_")) {
                cargo.env_remove(name);
            }
        }
        cargo.env("CARGO_TARGET_DIR", self.folder.join("target"));
        let (began, cpu) = (Instant::now(), cpu_of_children());
        if !cargo.status()?.success() {
            return Err(format!("cargo {arguments:?} failed in {}", self.folder.display()).into());
        }
        Ok(Time { wall: began.elapsed(), cpu: cpu_of_children().saturating_sub(cpu) })
    }
}

/// What one build took.
struct Time {
    wall: Duration,
    cpu: Duration,
}

/// What several builds took.
#[derive(Default)]
struct Times {
    wall: Vec<Duration>,
    cpu: Vec<Duration>,
}

impl Times {
    fn add(&mut self, time: Time) {
        self.wall.push(time.wall);
        self.cpu.push(time.cpu);
    }
}

/// The processor time of children that have ended, where the system tells, in hundredths of seconds.
fn cpu_of_children() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // Behind the name, which may contain anything: fields 16 and 17 count from the process number.
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: u64 = fields.skip(13).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    Duration::from_millis(10 * ticks)
}

fn report(build: &str, [flow, rayon]: &mut [Times; 2]) {
    let (flow_wall, rayon_wall) = (median(&mut flow.wall), median(&mut rayon.wall));
    let (flow_cpu, rayon_cpu) = (median(&mut flow.cpu), median(&mut rayon.cpu));
    println!(
        "| {build} | {flow_wall:.2} s | {rayon_wall:.2} s | {:.2} | {flow_cpu:.2} s | {rayon_cpu:.2} s | {:.2} |",
        flow_wall / rayon_wall,
        flow_cpu / rayon_cpu,
    );
}

fn median(times: &mut [Duration]) -> f64 {
    times.sort();
    times[times.len() / 2].as_secs_f64()
}

/// Pipelines of four kinds: numbers added up, events collected, words counted, the largest found.
fn on_flow(number: usize, edition: usize) -> String {
    let body = match number % 4 {
        0 => {
            "    Flow::from_range(0..10_000u64)
        .map(|x| x * A)
        .filter(|x| x % 3 != B)
        .map(|x| x + A)
        .filter_map(|x| (x % 5 != 1).then_some(x / 2))
        .flat_map(|x| [x, x + B])
        .map(|x| x ^ A)
        .filter(|x| x % 7 != 0)
        .inspect(|x| assert!(*x < u64::MAX))
        .sum::<u64>()
        .unwrap()"
        }
        1 => {
            "    let names: Vec<String> = Flow::from_vec((0..1000u64).collect())
        .map(|x| x + A)
        .filter(|x| x % 3 != B)
        .map(|x| (x, x.to_string()))
        .filter(|(x, _)| x % 7 != 0)
        .map(|(x, name)| format!(\"{name}-{x}\"))
        .filter_map(|name| (name.len() > 2).then_some(name))
        .map(|name| name.replace('1', \"one\"))
        .inspect(|name| assert!(!name.is_empty()))
        .collect()
        .unwrap();
    names.len() as u64"
        }
        2 => {
            "    let lines: Vec<String> = (0..1000u64).map(|x| format!(\"{x} {} {A}\", x % 10)).collect();
    let counts: HashMap<String, u64> = Flow::from_slice(&lines)
        .map(|line| line.as_str())
        .filter(|line| line.len() as u64 > B)
        .flat_map(|line| line.split(' '))
        .map(|word| word.trim())
        .filter(|word| !word.is_empty())
        .map(|word| word.to_lowercase())
        .key_by(|word| word.clone())
        .count()
        .collect()
        .unwrap();
    counts.len() as u64"
        }
        _ => {
            "    let numbers: Vec<u64> = (0..10_000).collect();
    Flow::from_slice(&numbers)
        .map(|x| *x as f64 * A as f64)
        .filter(|x| *x > B as f64)
        .map(|x| x.sqrt())
        .map(|x| (x, x as u64))
        .filter(|(x, y)| *x != *y as f64)
        .map(|(x, y)| (y, x.fract()))
        .filter_map(|(y, rest)| (rest < 0.9).then_some(y))
        .map(|y| y + A)
        .max()
        .unwrap()
        .unwrap_or(0)"
        }
    };
    let imports = if number % 4 == 2 { "use std::collections::HashMap;\n" } else { "" };
    module("use flow::Flow;\n", imports, number, edition, body)
}

/// The same on rayon.
fn on_rayon(number: usize, edition: usize) -> String {
    let body = match number % 4 {
        0 => {
            "    (0..10_000u64)
        .into_par_iter()
        .map(|x| x * A)
        .filter(|x| x % 3 != B)
        .map(|x| x + A)
        .filter_map(|x| (x % 5 != 1).then_some(x / 2))
        .flat_map_iter(|x| [x, x + B])
        .map(|x| x ^ A)
        .filter(|x| x % 7 != 0)
        .inspect(|x| assert!(*x < u64::MAX))
        .sum::<u64>()"
        }
        1 => {
            "    let names: Vec<String> = (0..1000u64)
        .collect::<Vec<_>>()
        .into_par_iter()
        .map(|x| x + A)
        .filter(|x| x % 3 != B)
        .map(|x| (x, x.to_string()))
        .filter(|(x, _)| x % 7 != 0)
        .map(|(x, name)| format!(\"{name}-{x}\"))
        .filter_map(|name| (name.len() > 2).then_some(name))
        .map(|name| name.replace('1', \"one\"))
        .inspect(|name| assert!(!name.is_empty()))
        .collect();
    names.len() as u64"
        }
        2 => {
            "    let lines: Vec<String> = (0..1000u64).map(|x| format!(\"{x} {} {A}\", x % 10)).collect();
    let counts: HashMap<String, u64> = lines
        .par_iter()
        .map(|line| line.as_str())
        .filter(|line| line.len() as u64 > B)
        .flat_map_iter(|line| line.split(' '))
        .map(|word| word.trim())
        .filter(|word| !word.is_empty())
        .map(|word| word.to_lowercase())
        .fold(HashMap::new, |mut counts, word| {
            *counts.entry(word).or_insert(0) += 1;
            counts
        })
        .reduce(HashMap::new, |mut all, counts| {
            counts.into_iter().for_each(|(word, count)| *all.entry(word).or_insert(0) += count);
            all
        });
    counts.len() as u64"
        }
        _ => {
            "    let numbers: Vec<u64> = (0..10_000).collect();
    numbers
        .par_iter()
        .map(|x| *x as f64 * A as f64)
        .filter(|x| *x > B as f64)
        .map(|x| x.sqrt())
        .map(|x| (x, x as u64))
        .filter(|(x, y)| *x != *y as f64)
        .map(|(x, y)| (y, x.fract()))
        .filter_map(|(y, rest)| (rest < 0.9).then_some(y))
        .map(|y| y + A)
        .max()
        .unwrap_or(0)"
        }
    };
    let imports = if number % 4 == 2 { "use std::collections::HashMap;\n" } else { "" };
    module("use rayon::prelude::*;\n", imports, number, edition, body)
}

fn module(library: &str, imports: &str, number: usize, edition: usize, body: &str) -> String {
    let (a, b) = (2 * number + 3 + edition, number % 3);
    format!(
        "{library}{imports}\nconst A: u64 = {a};\nconst B: u64 = {b};\n\n\
         pub fn run() -> u64 {{\n{body}\n}}\n"
    )
}
