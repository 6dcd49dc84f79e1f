//! Sinks that write: whole records, in order where there is one, nothing but the whole file at its
//! name, and errors that say what failed.

mod support;

use flow::{AtomicFile, Csv, ErrorKind, Executor, Flow, FlowError, Json, Lines};
use serde::Serialize;
use std::collections::BTreeSet;
use std::error::Error;
use std::fmt;
use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};
use support::{executors, in_time, until};

#[test]
fn ordered_lines_come_in_order() {
    for executor in executors() {
        for many in [0u64, 1, 100, 50_000] {
            let lines = Flow::from_range(0..many).ordered().on(executor.clone());
            let text = in_time(|| lines.to(Lines::new(Vec::new())).run()).unwrap();
            let want: String = (0..many).map(|x| format!("{x}\n")).collect();
            assert_eq!(String::from_utf8(text).unwrap(), want);
        }
    }
}

/// Takes a few bytes at a time, as a pipe may.
#[derive(Debug, Default)]
struct Dribble(Vec<u8>);

impl Write for Dribble {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(7);
        self.0.extend(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn lines_of_many_instances_are_whole() {
    for executor in executors() {
        let lines = Flow::from_range(0..40_000u64).partition().stages(3).max_demand(100);
        let lines = lines.on(executor).to(Lines::new(Dribble::default()));
        let Dribble(text) = in_time(|| lines.run()).unwrap();
        let text = String::from_utf8(text).unwrap();
        assert!(text.ends_with('\n'));
        let got: BTreeSet<u64> = text.lines().map(|line| line.parse().unwrap()).collect();
        assert_eq!(text.lines().count(), 40_000);
        assert!(got.into_iter().eq(0..40_000));
    }
}

#[test]
fn json_and_csv_have_one_header_and_all_records() {
    #[derive(Serialize)]
    struct Row {
        id: u64,
        name: String,
    }
    let row = |id| Row { id, name: format!("a \"{id}\",\nb") };
    for executor in executors() {
        let rows = Flow::from_range(0..3_000u64).partition().stages(3).map(row);
        let rows = rows.on(executor.clone()).to(Csv::new(Vec::new()));
        let text = String::from_utf8(in_time(move || rows.run()).unwrap()).unwrap();
        assert!(text.starts_with("id,name\n"), "{}", &text[..30]);
        assert_eq!(text.matches("id,name").count(), 1);
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let got: BTreeSet<(u64, String)> = reader.deserialize().map(Result::unwrap).collect();
        assert!(got.into_iter().eq((0..3_000).map(|id| (id, row(id).name))));

        let rows = Flow::from_range(0..3_000u64).map(row).ordered().on(executor);
        let text = in_time(move || rows.to(Json::new(Vec::new())).run()).unwrap();
        let lines = String::from_utf8(text).unwrap();
        for (id, line) in lines.lines().enumerate() {
            let value: serde_json::Value = serde_json::from_str(line).unwrap();
            assert_eq!(value["id"], id);
        }
        assert_eq!(lines.lines().count(), 3_000);
    }
    let options = Csv::new(Vec::new()).delimiter(b';').header(false);
    assert_eq!(Flow::from_vec(vec![row(1)]).to(options).run().unwrap(), b"1;\"a \"\"1\"\",\nb\"\n");
}

/// Has room for so many bytes, as a disk has.
#[derive(Debug)]
struct Disk(usize);

impl Write for Disk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(self.0);
        self.0 -= taken;
        if taken == 0 { Err(io::ErrorKind::StorageFull.into()) } else { Ok(taken) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn assert_full(error: &FlowError) {
    assert_eq!((error.kind(), error.operator()), (ErrorKind::Sink, Some("to")), "{error}");
    assert!(error.location().unwrap().file().ends_with("written_sinks.rs"));
    let source = error.source().unwrap().downcast_ref::<io::Error>().unwrap();
    assert_eq!(source.kind(), io::ErrorKind::StorageFull);
}

#[test]
fn a_full_disk_fails_the_run() {
    for executor in executors() {
        // Within the run, which would never end, and at its end.
        for numbers in [0..u64::MAX, 0..3] {
            let lines = Flow::from_range(numbers).on(executor.clone()).to(Lines::new(Disk(2)));
            assert_full(&in_time(move || lines.run()).unwrap_err());
        }
        let rows = Flow::from_range(0..9_000u64).map(|x| (x, x)).on(executor.clone());
        assert_full(&in_time(move || rows.to(Csv::new(Disk(1_000))).run()).unwrap_err());
    }
}

fn names(directory: &Path) -> Vec<String> {
    let names = fs::read_dir(directory).unwrap();
    names.map(|name| name.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn an_atomic_file_appears_when_the_run_has_succeeded() {
    for executor in executors() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("out.txt");
        for many in [3u64, 30_000, 0] {
            let (seen, watched) = (path.clone(), path.clone());
            let before = fs::read(&path).ok();
            let numbers = Flow::from_range(0..many).ordered().on(executor.clone());
            let unchanged = move |_: &u64| assert_eq!(fs::read(&watched).ok(), before);
            let job = numbers.inspect(unchanged).to(Lines::new(AtomicFile::new(&path)));
            in_time(move || job.run()).unwrap();
            let want: String = (0..many).map(|x| format!("{x}\n")).collect();
            assert_eq!(fs::read_to_string(seen).unwrap(), want);
            assert_eq!(names(directory.path()), ["out.txt"]);
        }
    }
}

#[test]
fn a_run_that_fails_leaves_the_old_file_and_nothing_else() {
    for executor in executors() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("out.csv");
        fs::write(&path, "old").unwrap();
        let atomic = || Csv::new(AtomicFile::new(&path));
        let boom = |x: u64| if x == 20_000 { panic!("boom") } else { (x, x) };
        let panics = Flow::from_range(0..30_000u64).map(boom).on(executor.clone()).to(atomic());
        let error = in_time(move || panics.run()).unwrap_err();
        assert_eq!((error.kind(), error.operator()), (ErrorKind::Panic, Some("map")));
        // A map is no CSV record.
        let nested = Flow::from_vec(vec![vec![vec![(1, 2)]], vec![]]).map(|x| [(x, 1)]);
        let map = nested.map(|x| x.into_iter().collect::<std::collections::HashMap<_, _>>());
        let error = in_time({
            let job = map.on(executor).to(atomic());
            move || job.run()
        });
        assert_eq!(error.unwrap_err().kind(), ErrorKind::Sink);
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        assert_eq!(names(directory.path()), ["out.csv"]);
    }
}

#[test]
fn a_cancelled_or_stopped_run_leaves_nothing() {
    let directory = tempfile::tempdir().unwrap();
    for stop in [true, false] {
        let lines = Lines::new(AtomicFile::new(directory.path().join("never")));
        let (sender, receiver) = crossbeam_channel::bounded(0);
        let handle = Flow::from_channel(receiver).on(Executor::threads(2)).to(lines).start();
        let handle = handle.unwrap();
        sender.send(1).unwrap();
        assert_eq!(names(directory.path()).len(), 1);
        if stop {
            handle.stop();
        } else {
            handle.cancel();
        }
        in_time(move || handle.join()).unwrap_err();
        assert!(names(directory.path()).is_empty());
    }
}

#[test]
fn a_directory_that_is_not_there_is_named() {
    let touched = support::Counter::default();
    let counted = touched.clone();
    let numbers = Flow::from_iter((0..3).inspect(move |_| _ = counted.up()));
    let error = numbers.to(Lines::new(AtomicFile::new("no/such/file.txt"))).run().unwrap_err();
    assert_eq!((error.kind(), error.operator()), (ErrorKind::Sink, Some("to")));
    assert!(error.to_string().contains("no/such/file.txt"), "{error}");
    let source = error.source().unwrap().downcast_ref::<io::Error>().unwrap();
    assert_eq!(source.kind(), io::ErrorKind::NotFound);
    assert_eq!(touched.get(), 0);
}

#[cfg(unix)]
#[test]
fn an_atomic_file_has_the_permissions_of_others() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    let [ours, plain] = ["ours", "plain"].map(|name| directory.path().join(name));
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode();
    let write = || Flow::from_range(0..1u8).to(Lines::new(AtomicFile::new(&ours))).run().unwrap();
    write();
    fs::write(&plain, "").unwrap();
    assert_eq!(mode(&ours), mode(&plain));
    fs::set_permissions(&ours, fs::Permissions::from_mode(0o640)).unwrap();
    write();
    assert_eq!(mode(&ours) & 0o777, 0o640);
}

/// Panics when it is displayed.
struct Boom;

impl fmt::Display for Boom {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic!("boom")
    }
}

/// Panics when it is flushed.
struct PanicsAtTheEnd;

impl Write for PanicsAtTheEnd {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        panic!("boom")
    }
}

#[test]
fn a_panic_of_an_event_or_a_writer_names_the_operator() {
    for executor in executors() {
        let event = Flow::from_range(0..3u8).map(|_| Boom).on(executor.clone());
        let event = event.to(Lines::new(Vec::new())).run();
        let writer = Flow::from_range(0..3u8).on(executor).to(Lines::new(PanicsAtTheEnd)).run();
        for error in [event.err(), writer.err()] {
            let error = error.unwrap();
            assert_eq!((error.kind(), error.operator()), (ErrorKind::Panic, Some("to")));
        }
    }
}

/// A writer that others read along.
#[derive(Clone, Debug, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn lines_of_an_endless_flow_do_not_wait_for_company() {
    let (sender, receiver) = crossbeam_channel::unbounded();
    let shared = Shared::default();
    let handle = Flow::from_channel(receiver).to(Lines::new(shared.clone())).start().unwrap();
    let mut want = Vec::new();
    for x in 0..20u64 {
        sender.send(x).unwrap();
        writeln!(want, "{x}").unwrap();
        let (shared, want) = (shared.clone(), want.len());
        until("the line is written", move || shared.0.lock().unwrap().len() == want);
    }
    drop(sender);
    in_time(move || handle.join()).unwrap();
    assert_eq!(*shared.0.lock().unwrap(), want);
}
