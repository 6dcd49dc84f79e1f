//! What this library costs as work grows: more events, keys, operators, stages, workers.
//!
//! Every curve is a cost per unit of work, such as nanoseconds per event and operator, so straight
//! is a horizontal line. The points of a curve run one after the other, round after round, and the
//! median of a point's rounds counts. A run that is shorter than [`LEAST`] is repeated within its
//! round.

mod curve;
mod events;
mod instances;
mod operators;
mod stages;
mod workers;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use self::curve::{Curve, Measured};
use crate::report::{self, Sections};

const HELP: &str = "\
Measures what a flow costs as work grows, prints a Markdown table for each curve, and writes it into a
folder, with a plot.

  --only NAME     only curves whose name contains this; may be repeated
  --scale F       factor for the most events of a run (1.0)
  --rounds N      how often each point runs (5)
  --out FOLDER    where tables and plots are written (target/growth)
  --docs          write them into docs/performance.md, too
  --list          name the curves and stop
";

/// Everything that is measured, in the order of the document.
fn all() -> Vec<Curve> {
    vec![
        events::of_events(),
        events::of_keys(),
        operators::curve(),
        stages::curve(),
        workers::curve(),
        instances::curve(),
    ]
}

#[derive(Debug)]
struct Options {
    only: Vec<String>,
    scale: f64,
    rounds: usize,
    out: PathBuf,
    docs: bool,
    list: bool,
}

/// Runs what the command line asks for.
pub fn main() -> ExitCode {
    report::program(HELP, parse, run)
}

fn parse(mut arguments: lexopt::Parser) -> Result<Option<Options>, lexopt::Error> {
    use lexopt::prelude::*;
    let mut options = Options {
        only: Vec::new(),
        scale: 1.0,
        rounds: 5,
        out: "target/growth".into(),
        docs: false,
        list: false,
    };
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("only") => options.only.push(arguments.value()?.string()?),
            Long("scale") => options.scale = arguments.value()?.parse()?,
            Long("rounds") => options.rounds = arguments.value()?.parse()?,
            Long("out") => options.out = arguments.value()?.into(),
            Long("docs") => options.docs = true,
            Long("list") => options.list = true,
            Long("help") | Short('h') => return Ok(None),
            other => return Err(other.unexpected()),
        }
    }
    if options.rounds == 0 || options.scale.is_nan() || options.scale <= 0.0 {
        return Err("--rounds and --scale must be more than zero".into());
    }
    Ok(Some(options))
}

fn run(options: &Options) -> Result<(), String> {
    let mut curves = all();
    curves.retain(|curve| {
        options.only.is_empty() || options.only.iter().any(|part| curve.name.contains(part))
    });
    if options.list {
        curves.iter().for_each(|curve| println!("{}: {}", curve.name, curve.about));
        return Ok(());
    }
    report::make_folder(&options.out)?;
    let mut sections = Sections::default();
    for curve in &curves {
        let measured = curve.measure(options.scale, options.rounds);
        println!("## {}\n\n{measured}", curve.name);
        measured.write(&options.out)?;
        if options.docs {
            sections.add(format!("growth-{}", curve.name), measured.to_string());
            measured.plot(&report::docs_folder().join(format!("growth-{}.svg", curve.name)))?;
        }
    }
    if curves.is_empty() {
        return Err("--only matches no curve; --list names them".into());
    }
    if options.docs {
        sections.add("growth-machine".into(), report::here());
        sections.fill(&report::docs_folder().join("performance.md"))?;
    }
    Ok(())
}

impl Measured<'_> {
    /// Its table and its plot.
    fn write(&self, folder: &Path) -> Result<(), String> {
        let name = self.curve.name;
        report::write(&folder.join(name).with_extension("md"), &self.to_string())?;
        self.plot(&folder.join(name).with_extension("svg"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_has_a_place_for_every_curve() {
        let names = all().into_iter().map(|curve| format!("growth-{}", curve.name));
        let document = report::docs_folder().join("performance.md");
        Sections::check(&document, names.chain(["growth-machine".into()]));
    }
}
