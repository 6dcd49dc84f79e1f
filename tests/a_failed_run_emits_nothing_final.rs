//! A run that fails gives its first cause, emits no state as final and commits no sink, whatever
//! failed: a source, an operator, a routing or a sink.

mod support;

use flow::{
    BoxError, Collect, Demand, ErrorKind, Executor, Flow, FlowError, Node, Part, Produced,
    Producer, Sink,
};
use std::error::Error;
use std::io::{self, Read};
use std::iter;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use support::{Counter, Lives, Living, executors, in_time, no_thread_is_left, until};

/// A sink that fails in one of its methods, or never. Counts commits.
#[derive(Clone, Default)]
struct Fails {
    at: Option<&'static str>,
    prepared: Counter,
    written: Counter,
    committed: Counter,
}

impl Fails {
    fn at(method: &'static str) -> Self {
        Fails { at: Some(method), ..Fails::default() }
    }

    fn may(&self, method: &str) -> Result<(), BoxError> {
        if self.at == Some(method) { Err(format!("{method} failed").into()) } else { Ok(()) }
    }
}

impl<T> Sink<T> for Fails {
    type Part = FailsPart;
    type Output = ();

    fn prepare(&mut self) -> Result<(), BoxError> {
        self.prepared.up();
        self.may("prepare")
    }

    fn part(self: &Arc<Self>, _instance: usize) -> FailsPart {
        FailsPart(Arc::clone(self))
    }

    fn commit(self: Arc<Self>, _parts: Vec<FailsPart>) -> Result<(), BoxError> {
        self.committed.up();
        self.may("commit")
    }
}

struct FailsPart(Arc<Fails>);

impl<T> Part<T> for FailsPart {
    fn write(&mut self, _event: T) -> Result<(), BoxError> {
        if self.0.written.up() == 100 { self.0.may("write") } else { Ok(()) }
    }
}

/// Emits numbers and then fails, or pends for ever.
#[derive(Clone)]
struct Broken {
    next: u64,
    fails_at: u64,
}

impl Producer for Broken {
    type Item = u64;

    fn produce(&mut self, demand: &mut Demand<'_, u64>) -> Result<Produced, BoxError> {
        while demand.events() > 0 {
            if self.next == self.fails_at {
                return Err("the wire was cut".into());
            }
            demand.emit(self.next);
            self.next += 1;
        }
        Ok(Produced::More)
    }
}

/// Sends events through state that must not come out, into a sink that must not commit, and gives
/// the failure.
fn failure_of<N: Node<Item: Send>>(flow: Flow<N>) -> FlowError {
    let (fired, sink) = (AtomicBool::new(false), Fails::default());
    let events = flow.partition_with(|_, n| n - 1).stages(2).reduce(|| 0, |n, _| *n += 1);
    let error = events
        .on_trigger(|n, _| {
            fired.store(true, Ordering::SeqCst);
            [*n]
        })
        .to(sink.clone())
        .run()
        .expect_err("the run fails");
    assert!(!fired.into_inner(), "state was emitted: {error}");
    assert_eq!(sink.committed.get(), 0, "the sink was committed: {error}");
    error
}

#[test]
fn when_a_producer_fails() {
    for executor in executors() {
        for fails_at in [0, 1, 5000] {
            let producers = vec![Broken { next: 0, fails_at }; 2];
            let error = failure_of(Flow::from_stages(producers).on(executor.clone()));
            assert_eq!((error.kind(), error.operator()), (ErrorKind::Source, Some("from_stages")));
            assert_eq!(error.source().unwrap().to_string(), "the wire was cut");
            assert_eq!(error.location().unwrap().line(), line!() - 3);
        }
    }
}

/// Some text, and then an error.
struct Torn(usize);

impl Read for Torn {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.0 == 0 {
            return Err(io::Error::other("the cable was pulled"));
        }
        self.0 -= 1;
        buffer[..5].copy_from_slice(b"line\n");
        Ok(5)
    }
}

#[test]
fn when_a_reader_fails() {
    for executor in executors() {
        for reads in [0, 1, 100] {
            let lines = failure_of(Flow::from_lines(Torn(reads)).on(executor.clone()));
            let blocks = failure_of(Flow::from_reader(Torn(reads)).on(executor.clone()));
            for (error, operator) in [(lines, "from_lines"), (blocks, "from_reader")] {
                assert_eq!((error.kind(), error.operator()), (ErrorKind::Source, Some(operator)));
                assert!(error.to_string().contains("the cable was pulled"), "{error}");
                assert_eq!(error.location().unwrap().file(), file!());
            }
        }
    }
}

#[test]
fn when_text_is_not_utf_8() {
    let bad = [&b"good\n"[..], b"b\xffd\n"].concat();
    for executor in executors() {
        let error = failure_of(Flow::from_lines(&bad[..]).on(executor.clone()));
        assert_eq!((error.kind(), error.operator()), (ErrorKind::Source, Some("from_lines")));
        assert!(error.to_string().contains('2'), "names the line: {error}");
        let lossy = Flow::from_lines(&bad[..]).lossy().on(executor).collect::<Vec<_>>().unwrap();
        assert_eq!(lossy, ["good", "b\u{fffd}d"]);
    }
}

#[test]
fn when_a_line_is_too_long() {
    let text = "short\nmuch longer\n";
    for executor in executors() {
        let lines = || Flow::from_lines(text.as_bytes()).on(executor.clone());
        let error = failure_of(lines().max_line(10));
        assert_eq!((error.kind(), error.operator()), (ErrorKind::Source, Some("from_lines")));
        assert_eq!(lines().max_line(11).count().unwrap(), 2);
    }
}

#[test]
fn when_a_file_is_missing() {
    let missing = std::env::temp_dir().join(format!("flow-missing-{}", std::process::id()));
    let error = Flow::from_files([&missing]).unwrap_err();
    assert_eq!((error.kind(), error.operator()), (ErrorKind::Source, Some("from_files")));
    assert_eq!(error.location().unwrap().line(), line!() - 2);
    assert!(error.to_string().contains("flow-missing"), "{error}");
    // It may also go missing between the building and the run.
    std::fs::write(&missing, "line\n").unwrap();
    let flow = Flow::from_files([&missing]).unwrap();
    std::fs::remove_file(&missing).unwrap();
    let error = failure_of(flow);
    assert_eq!((error.kind(), error.operator()), (ErrorKind::Source, Some("from_files")));
    assert!(error.to_string().contains("flow-missing"), "{error}");
}

#[test]
fn when_routing_gives_a_partition_that_there_is_not() {
    for executor in executors() {
        let numbers = Flow::from_range(0..1000u64).on(executor);
        let wrong = numbers.partition_with(|x, n| if *x == 500 { n } else { 0 }).stages(3);
        let error = failure_of(wrong);
        assert_eq!((error.kind(), error.operator()), (ErrorKind::Routing, Some("partition_with")));
        assert_eq!(error.location().unwrap().line(), line!() - 3);
        assert!(error.to_string().contains('3'), "names the number of partitions: {error}");
    }
}

#[test]
fn when_an_operator_panics() {
    for executor in executors() {
        let numbers = Flow::from_range(0..1000u64).on(executor);
        let error = failure_of(numbers.map(|x| assert!(x < 999)));
        assert_eq!((error.kind(), error.operator()), (ErrorKind::Panic, Some("map")));
    }
}

#[test]
fn when_a_sink_cannot_be_prepared_no_source_is_touched() {
    let (touched, sink) = (Counter::default(), Fails::at("prepare"));
    let source = Flow::from_iter((0..10u64).inspect(|_| _ = touched.up()));
    let error = source.to(sink.clone()).run().unwrap_err();
    assert_eq!((error.kind(), error.operator()), (ErrorKind::Sink, Some("to")));
    assert_eq!(error.source().unwrap().to_string(), "prepare failed");
    assert_eq!(error.location().unwrap().line(), line!() - 3);
    assert_eq!((touched.get(), sink.written.get(), sink.committed.get()), (0, 0, 0));
}

#[test]
fn when_a_sink_cannot_write() {
    for executor in executors() {
        let (sink, lives) = (Fails::at("write"), Lives::default());
        let events = Flow::from_range(0..10_000u64).on(executor).map(|x| lives.number(x));
        let error = events.partition_by(|x: &Living| x.number).to(sink.clone()).run().unwrap_err();
        assert_eq!((error.kind(), error.operator()), (ErrorKind::Sink, Some("to")));
        assert_eq!(error.source().unwrap().to_string(), "write failed");
        assert_eq!(error.location().unwrap().line(), line!() - 3);
        assert_eq!((sink.committed.get(), lives.left()), (0, 0));
    }
}

#[test]
fn when_a_sink_cannot_commit() {
    let sink = Fails::at("commit");
    let error = Flow::from_range(0..10u64).to(sink.clone()).run().unwrap_err();
    assert_eq!((error.kind(), error.operator()), (ErrorKind::Sink, Some("to")));
    assert_eq!(error.source().unwrap().to_string(), "commit failed");
    assert_eq!((sink.prepared.get(), sink.written.get(), sink.committed.get()), (1, 10, 1));
}

#[test]
fn a_part_is_not_written_to_after_it_has_failed() {
    for executor in executors() {
        let sink = Fails::at("write");
        let events = Flow::from_vec(vec![1u64]).flat_map(|_| 0..10_000).on(executor);
        events.to(sink.clone()).run().unwrap_err();
        assert_eq!(sink.written.get(), 101);
    }
}

/// An iterator without an end, in the middle of which the run fails.
fn endless(executor: Executor) -> Flow<impl Node<Item = u64>> {
    Flow::from_vec(vec![0u64]).on(executor).flat_map(|x| x..)
}

#[test]
fn when_a_sink_cannot_write_what_an_endless_iterator_gives() {
    for executor in executors() {
        let error = in_time(|| endless(executor).to(Fails::at("write")).run().unwrap_err());
        assert_eq!(error.kind(), ErrorKind::Sink);
    }
}

#[test]
fn when_routing_is_wrong_for_what_an_endless_iterator_gives() {
    for executor in executors() {
        let error = in_time(|| endless(executor).partition_with(|_, n| n).run().unwrap_err());
        assert_eq!(error.kind(), ErrorKind::Routing);
    }
}

#[test]
fn when_another_job_fails_beside_an_endless_iterator() {
    in_time(|| {
        let (began, begun) = crossbeam_channel::bounded(1);
        let fails = Flow::from_iter(iter::from_fn(move || -> Option<u64> {
            begun.recv().unwrap();
            panic!("the endless one has begun")
        }));
        let endless = endless(Executor::threads(2)).to(move |_| _ = began.try_send(()));
        let error = flow::run((fails.to(Collect::<Vec<_>>::new()), endless)).unwrap_err();
        assert_eq!((error.kind(), error.operator()), (ErrorKind::Panic, Some("from_iter")));
    });
}

#[test]
fn the_first_cause_is_told_and_not_what_follows_from_it() {
    in_time(|| {
        for executor in [Executor::threads(2), Executor::threads(4)] {
            let failed = AtomicBool::new(false);
            let error = Flow::from_stages([Broken { next: 0, fails_at: 10_000 }])
                .on(executor)
                .for_each(|_| assert!(!failed.swap(true, Ordering::SeqCst), "a second failure"))
                .map(|()| unreachable!("it fails"))
                .unwrap_err();
            assert!(matches!(error.kind(), ErrorKind::Panic | ErrorKind::Source));
        }
    });
}

#[test]
fn a_started_run_tells_it_when_it_is_joined() {
    let started = Flow::from_stages([Broken { next: 0, fails_at: 1000 }]).start().unwrap();
    until("the run has failed", || started.is_finished());
    let error = started.join().unwrap_err();
    assert_eq!((error.kind(), error.operator()), (ErrorKind::Source, Some("from_stages")));
    no_thread_is_left();
}
