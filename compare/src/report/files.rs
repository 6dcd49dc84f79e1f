//! Where reports go: folders, and marked sections of documents.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// A program: does what its command line asks for, or prints the help where `parse` gives nothing to do.
pub(crate) fn program<O>(
    help: &str,
    parse: impl FnOnce(lexopt::Parser) -> Result<Option<O>, lexopt::Error>,
    run: impl FnOnce(&O) -> Result<(), String>,
) -> ExitCode {
    let done = match parse(lexopt::Parser::from_env()) {
        Ok(Some(options)) => run(&options),
        Ok(None) => {
            print!("{help}");
            Ok(())
        }
        Err(what) => Err(what.to_string()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(what) => {
            eprintln!("error: {what}");
            ExitCode::FAILURE
        }
    }
}

pub(crate) fn make_folder(path: &Path) -> Result<(), String> {
    fs::create_dir_all(path).map_err(|e| format!("cannot make {}: {e}", path.display()))
}

pub(crate) fn write(path: &Path, text: &str) -> Result<(), String> {
    fs::write(path, text).map_err(|e| format!("cannot write {}: {e}", path.display()))
}

/// The folder of the whole project.
pub(crate) fn root_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Its documents.
pub(crate) fn docs_folder() -> PathBuf {
    root_folder().join("docs")
}

/// Texts that take the place of what is between marks in a document:
///
/// ```text
/// <!-- begin NAME -->
/// <!-- end NAME -->
/// ```
#[derive(Default)]
pub(crate) struct Sections(Vec<(String, String)>);

impl Sections {
    /// Adds the text of a section.
    pub(crate) fn add(&mut self, name: String, text: String) {
        self.0.push((name, text));
    }

    /// Replaces the sections of a document; it must have them all.
    pub(crate) fn fill(&self, path: &Path) -> Result<(), String> {
        let cannot = |e: &dyn std::fmt::Display| format!("cannot fill {}: {e}", path.display());
        let document = fs::read_to_string(path).map_err(|e| cannot(&e))?;
        let filled = self.filled(document).map_err(|e| cannot(&e))?;
        write(path, &filled)
    }

    /// Whether a document has all sections of these names.
    #[cfg(test)]
    pub(crate) fn check(path: &Path, names: impl IntoIterator<Item = String>) {
        let sections = Sections(names.into_iter().map(|name| (name, String::new())).collect());
        let document = fs::read_to_string(path).expect("the document is there");
        sections.filled(document).expect("it has all sections");
    }

    fn filled(&self, mut document: String) -> Result<String, String> {
        for (name, text) in &self.0 {
            let (begin, end) = (format!("<!-- begin {name} -->"), format!("<!-- end {name} -->"));
            let from = document.find(&begin).map(|at| at + begin.len());
            let to = document.find(&end);
            let (Some(from), Some(to)) = (from, to) else {
                return Err(format!("it has no section {name}"));
            };
            if to < from {
                return Err(format!("section {name} ends before it begins"));
            }
            document.replace_range(from..to, &format!("\n{}\n", text.trim_end()));
        }
        Ok(document)
    }
}

/// On what, when and of which tree something was measured, as a sentence.
pub(crate) fn here() -> String {
    let day = said("date", &["-u", "+%Y-%m-%d"]);
    format!("Measured on {} with {}, {day}, tree {}.", machine(), said("rustc", &["-V"]), commit())
}

/// The commit that was built, with a plus where the tree has changes.
pub(super) fn commit() -> String {
    let clean = said("git", &["status", "--porcelain", "--untracked-files=no"]).is_empty();
    said("git", &["rev-parse", "--short=12", "HEAD"]) + if clean { "" } else { "+" }
}

/// The processor and how many of its cores there are.
pub(super) fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpus.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    format!("{} x{cores}", model.map_or(std::env::consts::ARCH, |(_, name)| name.trim()))
}

/// What a program prints; nothing where it cannot be run.
pub(super) fn said(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    text.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sections() -> Sections {
        let mut sections = Sections::default();
        sections.add("one".into(), "new\nlines\n".into());
        sections
    }

    #[test]
    fn what_is_between_marks_is_replaced_again_and_again() {
        let document = "before\n<!-- begin one -->\nold\n<!-- end one -->\nbehind\n";
        let filled = sections().filled(document.into()).expect("it has the section");
        assert_eq!(filled, document.replace("old", "new\nlines"));
        assert_eq!(sections().filled(filled.clone()), Ok(filled));
    }

    #[test]
    fn a_section_that_is_not_there_is_an_error() {
        assert!(sections().filled("no marks".into()).is_err());
        assert!(sections().filled("<!-- end one --><!-- begin one -->".into()).is_err());
    }
}
