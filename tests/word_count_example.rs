//! The word count as its users see it: what it prints, and how it ends.

use std::collections::HashMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// Runs the example.
fn word_count(args: &[&str], input: &[u8]) -> Output {
    let mut child = command(args).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    child.wait_with_output().unwrap()
}

fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO"));
    command.args(["run", "--quiet", "--example", "word_count", "--"]).args(args);
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn printed(output: &Output) -> &str {
    assert!(output.status.success(), "{output:?}");
    str::from_utf8(&output.stdout).unwrap()
}

/// What was said on the standard error, by cargo too.
fn said(output: &Output) -> &str {
    str::from_utf8(&output.stderr).unwrap()
}

/// What should be printed, by sorting everything.
fn expected(text: &str, top: usize) -> String {
    let mut counts = HashMap::<&str, u64>::new();
    text.split_whitespace().for_each(|word| *counts.entry(word).or_default() += 1);
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    counts.iter().take(top).map(|(word, count)| format!("{count}\t{word}\n")).collect()
}

/// Text with ties, with words of all lengths and with white space of all kinds.
fn text(lines: u32) -> String {
    let spaces = [" ", "\t", "  ", "\u{a0}", "\u{2003}", "\r"];
    let word = |n: u32| format!("{}{}", "é".repeat((n % 31) as usize), n % 400);
    (0..lines)
        .map(|n| format!("{}{}ZZ\n", word(n * n), spaces[n as usize % spaces.len()]))
        .collect()
}

/// An empty folder of its own for a test.
fn folder(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("word_count_example").join(name);
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).unwrap();
    path
}

#[test]
fn files_are_counted_together_whoever_counts() {
    let folder = folder("together");
    let (first, second) = (text(3_000), text(50));
    fs::write(folder.join("a.txt"), &first).unwrap();
    fs::write(folder.join("b.txt"), &second).unwrap();
    fs::write(folder.join(".hidden"), "hidden").unwrap();
    let (all, pattern) = (folder.to_str().unwrap(), folder.join("*.txt"));
    for (top, stages) in [(20, "1"), (1, "2"), (300, "5"), (1_000_000, "3")] {
        for path in [all, pattern.to_str().unwrap()] {
            let output = word_count(&["--top", &top.to_string(), "--stages", stages, path], b"");
            assert_eq!(printed(&output), expected(&format!("{first}{second}"), top));
        }
    }
}

#[test]
fn the_standard_input_is_a_file_and_20_is_the_default() {
    let text = text(1_000);
    let output = word_count(&["-"], text.as_bytes());
    assert_eq!(printed(&output), expected(&text, 20));
    assert_eq!(printed(&output).lines().count(), 20);
    assert!(said(&output).contains("2000 words, "), "{output:?}");
}

#[test]
fn no_words_are_no_lines() {
    assert_eq!(printed(&word_count(&["-"], b"")), "");
    assert_eq!(printed(&word_count(&["-"], b" \n\n\t")), "");
}

#[test]
fn a_missing_file_is_named() {
    let output = word_count(&["Cargo.toml", "no/such/file"], b"");
    assert_eq!((output.status.code(), &*output.stdout), (Some(1), &b""[..]));
    assert!(said(&output).contains("word_count: cannot find no/such/file"), "{output:?}");
}

#[test]
fn wrong_arguments_get_the_usage() {
    for args in [&["--top"][..], &["--top", "x"], &["--stages", "0", "-"], &["--colour"]] {
        let output = word_count(args, b"");
        assert_eq!((output.status.code(), &*output.stdout), (Some(2), &b""[..]));
        assert!(said(&output).contains("usage: word_count"), "{output:?}");
    }
}

#[test]
fn a_reader_who_has_seen_enough_is_no_error() {
    let mut child = command(&["--top", "1000000", "src"]).spawn().unwrap();
    drop(child.stdout.take());
    assert!(child.wait_with_output().unwrap().status.success());
}
