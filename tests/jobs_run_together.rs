//! Several jobs as one run: all succeed and commit, or none does.

mod support;

use flow::{BoxError, Collect, ErrorKind, Executor, Flow, Meter, Part, Sink};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use support::{Counter, Lives, executors, in_time, until};

/// Notes when it is prepared and committed, and that nothing is written before the one and after the
/// other.
#[derive(Clone, Default)]
struct Noting {
    prepared: Counter,
    parts: Counter,
    written: Counter,
    committed: Counter,
    cannot: Option<&'static str>,
}

impl Sink<u64> for Noting {
    type Part = NotingPart;
    type Output = usize;

    fn prepare(&mut self) -> Result<(), BoxError> {
        self.prepared.up();
        if self.cannot == Some("prepare") { Err("cannot".into()) } else { Ok(()) }
    }

    fn part(self: &Arc<Self>, instance: usize) -> NotingPart {
        assert_eq!((self.prepared.get(), self.committed.get()), (1, 0));
        self.parts.up();
        NotingPart { sink: Arc::clone(self), instance, written: 0 }
    }

    fn commit(self: Arc<Self>, parts: Vec<NotingPart>) -> Result<usize, BoxError> {
        assert_eq!(self.committed.up(), 0);
        assert_eq!(parts.len(), self.parts.get());
        assert!(parts.is_sorted_by_key(|part| part.instance));
        assert_eq!(parts.iter().map(|part| part.written).sum::<usize>(), self.written.get());
        if self.cannot == Some("commit") { Err("cannot".into()) } else { Ok(self.written.get()) }
    }
}

struct NotingPart {
    sink: Arc<Noting>,
    instance: usize,
    written: usize,
}

impl Part<u64> for NotingPart {
    fn write(&mut self, _event: u64) -> Result<(), BoxError> {
        assert_eq!(self.sink.committed.get(), 0);
        self.sink.written.up();
        self.written += 1;
        Ok(())
    }
}

#[test]
fn each_gives_its_own_result() {
    for executor in executors() {
        let numbers = || Flow::from_range(0..1000u64).stages(2).on(executor.clone());
        let jobs = (
            numbers().to(Noting::default()),
            numbers().partition().stages(3).to(Noting::default()),
            Flow::from_iter(0..10u64).ordered().to(Collect::<Vec<_>>::new()),
        );
        assert_eq!(flow::run(jobs).unwrap(), (1000, 1000, (0..10).collect()));
    }
}

#[test]
fn one_alone_or_up_to_eight_or_nested() {
    let job = |n| Flow::from_range(0..n).to(Noting::default());
    assert_eq!(flow::run(job(5)).unwrap(), 5);
    assert_eq!(flow::run((job(5),)).unwrap(), (5,));
    let jobs = (job(0), job(1), job(2), job(3), job(4), job(5), job(6), job(7));
    assert_eq!(flow::run(jobs).unwrap(), (0, 1, 2, 3, 4, 5, 6, 7));
    assert_eq!(flow::run((job(1), (job(2), job(3)))).unwrap(), (1, (2, 3)));
}

#[test]
fn if_one_fails_none_is_committed() {
    for executor in executors() {
        let (fine, failing, lives) = (Noting::default(), Noting::default(), Lives::default());
        // The first never ends by itself.
        let endless = Flow::from_iter(0u64..).map(|x| lives.number(x)).map(|x| x.number);
        let fails =
            Flow::from_range(0..1000u64).map(|x| if x < 500 { x } else { panic!("at 500") });
        let jobs = (endless.on(executor).to(fine.clone()), fails.to(failing.clone()));
        let error = flow::run(jobs).unwrap_err();
        assert_eq!((error.kind(), error.operator()), (ErrorKind::Panic, Some("map")));
        assert_eq!((fine.committed.get(), failing.committed.get(), lives.left()), (0, 0, 0));
    }
}

#[test]
fn nothing_is_committed_before_all_have_succeeded() {
    in_time(|| {
        let (small, ended) = (Noting::default(), Arc::new(AtomicBool::new(false)));
        let (watched, flag) = (small.clone(), Arc::clone(&ended));
        let late = Flow::from_iter((0..10u64).inspect(move |_| {
            // The other is through by now, or soon: it must not be committed.
            until("the small one is written", || watched.written.get() == 3);
            assert_eq!(watched.committed.get(), 0);
            flag.store(true, Ordering::SeqCst);
        }));
        let jobs = (
            Flow::from_range(0..3u64).to(small.clone()),
            late.filter(|_| true).to(Noting::default()),
        );
        assert_eq!(flow::run(jobs).unwrap(), (3, 10));
        assert!(ended.load(Ordering::SeqCst));
        assert_eq!(small.committed.get(), 1);
    });
}

#[test]
fn if_one_cannot_be_prepared_nothing_is_read() {
    let (touched, second) =
        (Counter::default(), Noting { cannot: Some("prepare"), ..Noting::default() });
    let source = || Flow::from_iter((0..10u64).inspect(|_| _ = touched.up()));
    let first = Noting::default();
    let error = flow::run((source().to(first.clone()), source().to(second.clone()))).unwrap_err();
    assert_eq!((error.kind(), error.operator()), (ErrorKind::Sink, Some("to")));
    assert_eq!((touched.get(), first.committed.get(), second.prepared.get()), (0, 0, 1));
}

#[test]
fn a_commit_that_fails_is_told() {
    let cannot = Noting { cannot: Some("commit"), ..Noting::default() };
    let numbers = || Flow::from_range(0..10u64);
    let error =
        flow::run((numbers().to(Noting::default()), numbers().to(cannot.clone()))).unwrap_err();
    assert_eq!((error.kind(), error.operator()), (ErrorKind::Sink, Some("to")));
    // What comes behind it is not committed.
    let last = Noting::default();
    flow::run((numbers().to(cannot), numbers().to(last.clone()))).unwrap_err();
    assert_eq!(last.committed.get(), 0);
}

#[test]
fn one_whose_event_gives_very_many_does_not_keep_others_from_running() {
    for executor in executors() {
        in_time(move || {
            let through = Counter::default();
            let seen = through.clone();
            let endless = Flow::from_vec(vec![()])
                .flat_map(move |()| {
                    let seen = seen.clone();
                    (0u64..).take_while(move |_| seen.get() == 0)
                })
                .on(executor);
            let others = Flow::from_range(0..10u64).to(|x| {
                if x == 9 {
                    through.up();
                }
            });
            flow::run((endless.to(|_| ()), others)).unwrap();
        });
    }
}

#[test]
fn every_meter_sees_the_whole_run() {
    let meters = [Meter::new(), Meter::new(), Meter::new()];
    let first = Flow::from_range(0..10u64).observe(&meters[0]).observe(&meters[1]);
    let second = Flow::from_range(0..10u64).observe(&meters[2]);
    flow::run((first.to(|_| ()), second.to(|_| ()))).unwrap();
    for meter in meters {
        assert_eq!(meter.metrics().stages().iter().map(|stage| stage.events_in).sum::<u64>(), 20);
    }
}

#[test]
fn they_share_an_executor_and_a_meter() {
    let meter = Meter::new();
    let numbers = || Flow::from_range(0..10u64).stages(1);
    let second = numbers().named("second").observe(&meter).on(Executor::simulation(3));
    flow::run((numbers().named("first").to(|_| ()), second.to(|_| ()))).unwrap();
    let metrics = meter.metrics();
    let names: Vec<_> = metrics.stages().iter().map(|stage| stage.name.as_str()).collect();
    assert_eq!(metrics.workers, 1);
    let mut sorted = names.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, ["first", "second"]);
    assert!(metrics.stages().iter().all(|stage| stage.events_in == 10));
}

#[test]
fn a_channel_connects_two_of_them() {
    in_time(|| {
        for workers in [1, 2, 4] {
            let (send, receive) = crossbeam_channel::unbounded();
            let writes = Flow::from_range(0..5000u64).to(move |x| send.send(x).unwrap());
            // The sender lives as long as the run: the channel has no end before.
            let reads = Flow::from_channel(receive).map(|x| 2 * x).take(5000);
            let reads = reads.on(Executor::threads(workers));
            let ((), read) = flow::run((writes, reads.to(Collect::<Vec<u64>>::new()))).unwrap();
            assert_eq!(read.iter().sum::<u64>(), 2 * (0..5000).sum::<u64>());
        }
    });
}
