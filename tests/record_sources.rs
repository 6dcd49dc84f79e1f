//! CSV and lines of JSON as sources: the records of the whole input, whatever is cut where, and errors
//! that name the line.

mod support;

use flow::{AtomicFile, Csv, ErrorKind, Executor, Flow, FlowError, Json};
use proptest::prelude::*;
use serde::{Deserialize, Deserializer, Serialize};
use std::error::Error;
use std::fs;
use std::io::{self, Read};
use support::{Counter, alone, executors, in_time, no_thread_is_left};

#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
struct Row {
    id: u64,
    name: String,
    more: Option<i32>,
}

fn rows(many: u64) -> Vec<Row> {
    let name = |id| match id % 4 {
        0 => String::new(),
        1 => format!("plain {id}"),
        2 => format!("a \"quoted\", {id}"),
        _ => format!("line\nfeed\r\n{id}"),
    };
    (0..many).map(|id| Row { id, name: name(id), more: (id % 3 > 0).then_some(7) }).collect()
}

/// Gives a few bytes at a time.
struct Dribble<'a>(&'a [u8], usize);

impl Read for Dribble<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let given = self.1.min(into.len());
        self.0.read(&mut into[..given])
    }
}

#[test]
fn what_is_written_is_read() {
    for executor in executors() {
        for many in [0, 1, 5000] {
            let on = || executor.clone();
            let rows = rows(many);
            let source = || Flow::from_slice(&rows).ordered().on(on());
            let csv = source().to(Csv::new(Vec::new())).run().unwrap();
            let json = source().to(Json::new(Vec::new())).run().unwrap();
            for step in [1000, usize::MAX] {
                let read = Flow::from_csv::<Row, _>(Dribble(&csv, step)).on(on());
                assert_eq!(read.ordered().collect::<Vec<_>>().unwrap(), rows);
                let read = Flow::from_json::<Row, _>(Dribble(&json, step)).on(on());
                assert_eq!(read.collect::<Vec<_>>().unwrap(), rows);
            }
        }
    }
}

#[test]
fn files_have_headers_of_their_own() {
    let directory = tempfile::tempdir().unwrap();
    let [a, b, c] = ["a.csv", "b.csv", "c.csv"].map(|name| directory.path().join(name));
    let many = rows(30_000);
    for executor in executors() {
        let written = Flow::from_slice(&many).ordered().on(executor.clone());
        written.to(Csv::new(AtomicFile::new(&a))).run().unwrap();
        fs::write(&b, "\n\u{feff}").unwrap();
        fs::write(&c, "\u{feff}\"name\",more,id\nx,,1").unwrap();
        let read = Flow::from_csv_files([directory.path()]).unwrap().on(executor);
        let got: Vec<Row> = in_time(move || read.collect()).unwrap();
        let x = Row { id: 1, name: "x".to_owned(), more: None };
        assert!(got.iter().eq(many.iter().chain([&x])));
    }
    assert!(Flow::from_csv_files::<Row, _>(["no/such/*.csv"]).is_err());
    assert!(Flow::from_json_files::<Row, _>(["no/such/file"]).is_err());
}

#[test]
fn fields_may_go_by_their_order_and_stand_apart_by_anything() {
    let text = "1;\"a;b\"\r\n\r\n2;,\r\n";
    let pairs = Flow::from_csv(text.as_bytes()).header(false).delimiter(b';');
    let pairs: Vec<(u8, String)> = pairs.collect().unwrap();
    assert_eq!(pairs, [(1, "a;b".to_owned()), (2, ",".to_owned())]);
    let header_only = Flow::from_csv::<Row, _>("id,name,more\n".as_bytes());
    assert_eq!(header_only.count().unwrap(), 0);
}

#[test]
fn blank_lines_and_marks_are_no_values() {
    let text = b"\xef\xbb\xbf1\n\n  \r\n 2 \r\n\t\n3";
    let values: Vec<u8> = Flow::from_json(&text[..]).collect().unwrap();
    assert_eq!(values, [1, 2, 3]);
}

fn assert_bad(error: &FlowError, operator: &str, says: &str) {
    assert_eq!((error.kind(), error.operator()), (ErrorKind::Source, Some(operator)), "{error}");
    assert!(error.location().unwrap().file().ends_with("record_sources.rs"));
    assert!(error.to_string().contains(says), "{error}: not {says}");
}

#[test]
fn errors_name_the_line() {
    let filler = "1,\"two\nlines\",3\n".repeat(10_000);
    for executor in executors() {
        for (bad, says) in [
            ("\n\nx,y,3\n", "reader:20004: no such record: field 0: invalid digit"),
            ("1,y\n", "reader:20002: 2 fields, but the first record has 3"),
            ("\"1\n\",y,3\n", "reader:20002: no such record: field 0"),
            ("1,\u{0}\u{7f}", "reader:20002: 2 fields"),
        ] {
            let text = format!("id,name,more\n{filler}{bad}");
            let read = Flow::from_csv::<Row, _>(Dribble(text.as_bytes(), 30_000));
            let error = read.on(executor.clone()).count().unwrap_err();
            assert_bad(&error, "from_csv", says);
        }
        let text = format!("{}\n[1,2\n", "[1,2]\n".repeat(20_000));
        let error = Flow::from_json::<[u8; 2], _>(text.as_bytes()).on(executor).count();
        let error = error.unwrap_err();
        assert_bad(&error, "from_json", "reader:20002: not such a value: EOF");
        assert!(error.source().unwrap().downcast_ref::<serde_json::Error>().is_some());
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("b.json");
    fs::write(&path, "1\n\"\n").unwrap();
    let error = Flow::from_json_files::<u8, _>([&path]).unwrap().count().unwrap_err();
    assert_bad(&error, "from_json_files", "b.json:2:");
    fs::write(&path, b"a\n\xff\n").unwrap();
    let error = Flow::from_csv_files::<(String,), _>([&path]).unwrap().count().unwrap_err();
    assert_bad(&error, "from_csv_files", "b.json:2: no such record: field 0: invalid utf-8");
}

#[test]
fn records_that_are_too_long_are_refused() {
    for executor in executors() {
        // One that ends in time to be seen, and one that never does.
        for (text, line) in [
            (format!("a\n\"{}\"\n", "b\n".repeat(1000)), "reader:2: the record has more"),
            (format!("a\n\"{}", "b\n".repeat(1_000_000)), "has more than 1000 bytes"),
        ] {
            let read = Flow::from_csv::<(String,), _>(Dribble(text.as_bytes(), 50_000));
            let error = read.max_record(1000).on(executor.clone()).count().unwrap_err();
            assert_bad(&error, "from_csv", line);
        }
        let text = format!("\"{}\"", "b".repeat(2000));
        let read = Flow::from_json::<String, _>(text.as_bytes()).max_record(1000);
        let error = read.on(executor.clone()).count().unwrap_err();
        assert_bad(&error, "from_json", "reader:1: the line at byte 0 has more than 1000 bytes");
    }
    let refused = |flow: Result<u64, FlowError>, operator| {
        let error = flow.unwrap_err();
        assert_eq!((error.kind(), error.operator()), (ErrorKind::Option, Some(operator)));
    };
    refused(Flow::from_json::<u8, _>(&b""[..]).max_record(0).count(), "max_record");
    refused(Flow::from_csv::<(u8,), _>(&b""[..]).delimiter(b'"').count(), "delimiter");
}

/// Panics at a number.
struct Boom;

impl<'de> Deserialize<'de> for Boom {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Boom, D::Error> {
        assert!(u64::deserialize(from)? != 300, "boom");
        Ok(Boom)
    }
}

#[test]
fn a_panic_while_deserialising_names_the_operator() {
    let _alone = alone();
    let text: String = (0..500).map(|x| format!("{x}\n")).collect();
    for executor in executors() {
        let json = Flow::from_json::<Boom, _>(text.as_bytes()).on(executor.clone()).count();
        let csv = Flow::from_csv::<(Boom,), _>(text.as_bytes()).on(executor).count();
        for (error, operator) in [(json, "from_json"), (csv, "from_csv")] {
            let error = error.unwrap_err();
            assert_eq!((error.kind(), error.operator()), (ErrorKind::Panic, Some(operator)));
        }
        no_thread_is_left();
    }
}

/// Lines without end, counted.
struct Endless(Counter);

impl Read for Endless {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.0.up();
        let line = b"1,2\n";
        for (at, byte) in into.iter_mut().enumerate() {
            *byte = line[at % 4];
        }
        Ok(into.len() / 4 * 4)
    }
}

#[test]
fn an_endless_input_is_read_by_demand() {
    let _alone = alone();
    for executor in executors() {
        let reads = Counter::default();
        let read = Flow::from_csv(Endless(reads.clone())).on(executor);
        let first: Vec<(u8, u8)> = in_time(move || read.take(10).collect()).unwrap();
        assert_eq!(first, [(1, 2); 10]);
        assert!(reads.get() <= 12, "{} reads", reads.get());
        no_thread_is_left();
    }
}

/// A reader that fails after what it has.
struct Fails<'a>(&'a [u8]);

impl Read for Fails<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self.0.read(into)? {
            0 => Err(io::ErrorKind::BrokenPipe.into()),
            read => Ok(read),
        }
    }
}

#[test]
fn a_reader_that_fails_fails_the_run() {
    for executor in executors() {
        let read = Flow::from_csv::<(u8,), _>(Fails(b"1\n2\n")).on(executor.clone());
        assert_bad(&read.count().unwrap_err(), "from_csv", "cannot read reader: broken pipe");
        let read = Flow::from_json::<u8, _>(Fails(b"1\n2\n")).on(executor);
        assert_bad(&read.count().unwrap_err(), "from_json", "cannot read reader: broken pipe");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_strings_come_back(
        strings in proptest::collection::vec(("[a,\"\n\r é]{0,6}", any::<i16>()), 0..200),
        step in 1usize..40,
        seed in any::<u64>(),
        threads in any::<bool>(),
    ) {
        let executor = || match threads {
            true => Executor::threads(3),
            false => Executor::simulation(seed),
        };
        let source = || Flow::from_slice(&strings).ordered().on(executor());
        let csv = source().to(Csv::new(Vec::new()).header(false)).run().unwrap();
        let read = Flow::from_csv::<(String, i16), _>(Dribble(&csv, step)).header(false);
        prop_assert_eq!(&read.on(executor()).collect::<Vec<_>>().unwrap(), &strings);
        let json = source().to(Json::new(Vec::new())).run().unwrap();
        let read = Flow::from_json::<(String, i16), _>(Dribble(&json, step));
        prop_assert_eq!(&read.on(executor()).collect::<Vec<_>>().unwrap(), &strings);
    }
}
