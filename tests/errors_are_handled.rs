//! What becomes of events that fail: back-off by the run's clock, bounded lines, runs that end while
//! events wait, panics in every closure, and nothing lost uncounted.

mod support;

use flow::{
    BoxError, Collect, DeadLetter, ErrorKind, Executor, Flow, FlowError, Meter, Node, Retry,
    StageMetrics,
};
use std::panic::panic_any;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use support::{Counter, Lives, alone, executors, in_time, no_thread_is_left, until};

const HOUR: Duration = Duration::from_secs(3600);

/// Four hours and more, in real time: whoever waits for it hangs.
fn hours() -> Retry {
    Retry::every(HOUR).times(4)
}

fn fails<T>(_: &T) -> Result<u64, &'static str> {
    Err("fails")
}

/// The stage in which events fail.
fn stage(meter: &Meter) -> StageMetrics {
    meter.metrics().stages().last().expect("a stage").clone()
}

// Times.

/// When, by the run's clock, each attempt of a single event is made.
fn times(retry: Retry, seed: u64) -> Vec<Duration> {
    let (meter, times) = (Meter::new(), Mutex::new(Vec::new()));
    let one = Flow::from_vec(vec![0u64]).observe(&meter).on(Executor::simulation(seed));
    let tried = one.attempt(|x| {
        times.lock().unwrap().push(meter.metrics().elapsed);
        fails(x)
    });
    let letters = tried.retry(retry).collect::<Vec<_>>().unwrap();
    let times = times.into_inner().unwrap();
    assert_eq!(letters[0].as_ref().unwrap_err().attempts as usize, times.len());
    // Nobody waits after the last attempt.
    assert_eq!(meter.metrics().elapsed, *times.last().unwrap());
    times
}

#[test]
fn back_off_is_exact_by_the_clock_of_the_run() {
    let hours = |hours: &[u32]| hours.iter().map(|&hours| hours * HOUR).collect::<Vec<_>>();
    for seed in 0..20 {
        assert_eq!(times(Retry::every(HOUR), seed), hours(&[0, 1, 2, 3]));
        assert_eq!(times(Retry::every(HOUR).times(0), seed), hours(&[0]));
        assert_eq!(times(Retry::exponential(HOUR).times(4), seed), hours(&[0, 1, 3, 7, 15]));
        let capped = Retry::exponential(HOUR).times(5).up_to(3 * HOUR);
        assert_eq!(times(capped, seed), hours(&[0, 1, 3, 6, 9, 12]));
        assert_eq!(times(Retry::every(HOUR).times(2).up_to(Duration::ZERO), seed).len(), 3);
    }
}

#[test]
fn waits_grow_and_do_not_overflow() {
    let second = Duration::from_secs(1);
    let retry = Retry::exponential(second).times(u32::MAX);
    assert_eq!(
        [1, 2, 3, 11].map(|retry_number| retry.wait(retry_number).as_secs()),
        [1, 2, 4, 1024]
    );
    assert_eq!(retry.wait(33), retry.wait(u32::MAX));
    assert_eq!(Retry::exponential(Duration::MAX).wait(7), Duration::MAX);
    assert_eq!(retry.up_to(HOUR).wait(1000), HOUR);
    assert_eq!(retry.wait(0), second);
}

#[test]
fn events_wait_beside_each_other() {
    for seed in 0..20 {
        let meter = Meter::new();
        let many = Flow::from_range(0..100u64).observe(&meter).on(Executor::simulation(seed));
        let tried = many.attempt(fails).retry(Retry::exponential(HOUR).times(3));
        assert_eq!(tried.skip_errors().count().unwrap(), 0);
        let stage = stage(&meter);
        assert_eq!((stage.events_in, stage.skipped, stage.retried, stage.held), (100, 100, 300, 0));
        // All in parallel: as long as one.
        assert_eq!(meter.metrics().elapsed, 7 * HOUR);
    }
}

#[test]
fn a_full_line_takes_nothing_more() {
    for seed in 0..20 {
        let meter = Meter::new();
        let many = Flow::from_range(0..6u64).stages(1).observe(&meter);
        let tried = many.attempt(fails).retry(Retry::every(HOUR).times(1).window(2));
        assert_eq!(tried.on(Executor::simulation(seed)).skip_errors().count().unwrap(), 0);
        // Two by two.
        assert_eq!(meter.metrics().elapsed, 3 * HOUR);
    }
}

#[test]
fn others_go_on_while_one_waits() {
    for seed in 0..20 {
        let first = AtomicBool::new(true);
        let (meter, seen) = (Meter::new(), Mutex::new(Vec::new()));
        let tries = |x: &u64| {
            seen.lock().unwrap().push((*x, meter.metrics().elapsed));
            if *x == 0 && first.swap(false, Ordering::SeqCst) { Err("once") } else { Ok(*x) }
        };
        let flow = Flow::from_range(0..50u64).stages(1).observe(&meter).attempt(tries);
        let tried = flow.retry(hours()).ok_or_fail().on(Executor::simulation(seed));
        // In order: its place is kept, and the others are tried meanwhile.
        assert_eq!(tried.collect::<Vec<_>>().unwrap(), (0..50).collect::<Vec<_>>());
        for (x, at) in seen.into_inner().unwrap().into_iter().skip(1) {
            assert_eq!(at, if x == 0 { HOUR } else { Duration::ZERO }, "{x}");
        }
    }
}

#[test]
fn in_any_order_nobody_stands_behind_one_that_waits() {
    for seed in 0..20 {
        let meter = Meter::new();
        let out = Mutex::new(Vec::new());
        let flow = Flow::from_range(0..50u64).stages(1).observe(&meter);
        let tried = flow.attempt(|x| if x % 10 == 3 { Err("never") } else { Ok(*x) });
        let tried = tried.retry(Retry::every(HOUR).times(2)).in_any_order();
        let tried = tried.on(Executor::simulation(seed));
        tried.for_each(|x| out.lock().unwrap().push((x.is_ok(), meter.metrics().elapsed))).unwrap();
        let out = out.into_inner().unwrap();
        assert_eq!(out.len(), 50);
        for (ok, at) in out {
            assert_eq!(at, if ok { Duration::ZERO } else { 2 * HOUR });
        }
    }
}

#[test]
fn no_worker_sleeps() {
    // One worker, one event that waits for an hour, and nobody else who could do the others.
    in_time(|| {
        let done = Counter::default();
        let seeing = done.clone();
        let flow = Flow::from_iter(0..1000u64).on(Executor::threads(1));
        let tried = flow.attempt(|x| if *x == 5 { Err("waits") } else { Ok(*x) }).retry(hours());
        let tried = tried.in_any_order().to(move |_| _ = seeing.up()).start().unwrap();
        until("the others are through", || done.get() == 999);
        assert_eq!(tried.metrics().stages().iter().map(|stage| stage.held).sum::<u64>(), 1);
        tried.cancel();
        assert_eq!(tried.join().unwrap_err().kind(), ErrorKind::Cancelled);
    });
    no_thread_is_left();
}

// Bounds.

#[test]
fn memory_is_bounded_while_everything_fails() {
    in_time(|| {
        let (given, lives) = (Counter::default(), Lives::default());
        let (giving, living) = (given.clone(), lives.clone());
        let endless = Flow::from_iter((0u64..).inspect(move |_| _ = giving.up()));
        let flow = endless.stages(1).max_demand(40).on(Executor::threads(2));
        let tried = flow.map(move |x| living.number(x)).attempt(fails).retry(hours().window(10));
        let handle = tried.start().unwrap();
        // The line is full, and then what was asked for beyond waits on the edge.
        until("the line is full", || lives.left() == 10);
        until("the demand is met", || given.get() >= 40);
        for _ in 0..1000 {
            std::thread::yield_now();
        }
        assert_eq!(lives.left(), 10);
        assert!(given.get() <= 50, "{}", given.get());
        until("it is said that the line is full", || is_full(&handle, 10));
        assert!(!is_full(&handle, 11));
        handle.cancel();
        handle.join().unwrap_err();
        assert_eq!(lives.left(), 0);
    });
    no_thread_is_left();
}

#[test]
fn marks_of_claims_that_give_nothing_are_bounded() {
    for seed in 0..10 {
        let asked = Counter::default();
        let first = AtomicBool::new(true);
        let numbers = Flow::from_iter((0..100_000u64).inspect(|_| _ = asked.up())).max_demand(8);
        let few = numbers.stages(1).on(Executor::simulation(seed)).filter(|x| *x == 0);
        let before_retry = AtomicUsize::new(0);
        let tried = few.attempt(|x| {
            if first.swap(false, Ordering::SeqCst) {
                return Err("once");
            }
            before_retry.store(asked.get(), Ordering::SeqCst);
            Ok(*x)
        });
        let tried = tried.retry(hours().window(4)).ok_or_fail();
        assert_eq!(tried.collect::<Vec<_>>().unwrap(), [0]);
        // 16 marks, of claims of at most 8, and what is asked for beyond.
        let asked = before_retry.into_inner();
        assert!((1..200).contains(&asked), "{asked}");
    }
}

// Ends.

/// How runs that wait for hours are ended.
fn start_waiting(lives: &Lives) -> flow::Handle<Vec<Result<u64, DeadLetter<u64, String>>>> {
    let living = lives.clone();
    let endless = Flow::from_range(0..1u64 << 60).stages(3).on(Executor::threads(2));
    let tried = endless.attempt(move |x| {
        let _lives = living.number(*x);
        if x % 2 == 0 { Ok(*x) } else { Err(format!("{x} waits")) }
    });
    tried.retry(hours().window(4)).to(Collect::new()).start().unwrap()
}

fn is_full(handle: &flow::Handle<impl Sized>, held: u64) -> bool {
    handle.metrics().stages().iter().map(|stage| stage.held).sum::<u64>() >= held
}

#[test]
fn a_stopped_run_tries_no_more() {
    let _alone = alone();
    for _ in 0..20 {
        in_time(|| {
            let letters = Arc::new(Mutex::new(Vec::new()));
            let kept = Arc::clone(&letters);
            let endless = Flow::from_range(1..1u64 << 60).stages(3).on(Executor::threads(2));
            let tried = endless.attempt(fails).retry(hours().window(4));
            let tried = tried.errors_to(move |letter| kept.lock().unwrap().push(letter));
            let handle = tried.start().unwrap();
            until("one line is full", || is_full(&handle, 4));
            handle.stop();
            until("it ends", || handle.is_finished());
            let metrics = handle.metrics();
            let stage = metrics.stages().last().unwrap();
            // What waited came out with the attempts that were made.
            assert_eq!((stage.diverted, stage.held, stage.dropped), (stage.events_in, 0, 0));
            assert_eq!(handle.join().unwrap_err().kind(), ErrorKind::Stopped);
            let letters = letters.lock().unwrap();
            assert_eq!(letters.len() as u64, stage.diverted);
            assert!(letters.iter().all(|letter| letter.attempts == 1));
        });
        no_thread_is_left();
    }
}

#[test]
fn a_cancelled_run_drops_what_waits() {
    let _alone = alone();
    for _ in 0..20 {
        in_time(|| {
            let lives = Lives::default();
            let handle = start_waiting(&lives);
            until("one line is full", || is_full(&handle, 4));
            handle.cancel();
            assert_eq!(handle.join().unwrap_err().kind(), ErrorKind::Cancelled);
            assert_eq!(lives.left(), 0);
            drop(start_waiting(&lives));
        });
        no_thread_is_left();
    }
}

#[test]
fn a_drained_run_tries_to_the_end() {
    let _alone = alone();
    in_time(|| {
        let endless = Flow::from_range(0..1u64 << 60).stages(3).on(Executor::threads(2));
        let tried = endless.attempt(fails).retry(Retry::every(Duration::from_millis(2)).times(3));
        let handle = tried.to(Collect::<Vec<_>>::new()).start().unwrap();
        until("some wait", || is_full(&handle, 1));
        handle.drain();
        let letters = handle.join().unwrap();
        assert!(!letters.is_empty());
        for (x, letter) in letters.into_iter().enumerate() {
            let letter = letter.unwrap_err();
            assert_eq!(
                (letter.event, letter.position, letter.attempts),
                (x as u64, Some(x as u64), 4)
            );
        }
    });
    no_thread_is_left();
}

#[test]
fn nobody_waits_for_what_nobody_wants() {
    let _alone = alone();
    let ends: [fn(Executor) -> u64; 6] = [
        |on| {
            let flow = Flow::from_iter(0u64..).stages(2).on(on);
            let tried = flow.attempt(|x| if *x == 50 { fails(x) } else { Ok(*x) }).retry(hours());
            tried.take(50).count().unwrap()
        },
        |on| {
            let flow = Flow::from_iter(0u64..).stages(2).on(on);
            let tried = flow.attempt(|x| if *x == 5 { fails(x) } else { Ok(*x) }).retry(hours());
            tried.in_any_order().take_any(50).count().unwrap()
        },
        |on| {
            let flow = Flow::from_iter(0u64..).stages(2).on(on);
            let tried = flow.attempt(|x| if *x == 5 { fails(x) } else { Ok(*x) }).retry(hours());
            tried.in_any_order().partition().take_any(50).count().unwrap()
        },
        |on| {
            let flow = Flow::from_iter(0u64..).stages(2).on(on);
            let tried = flow.attempt(|x| if *x >= 50 { fails(x) } else { Ok(*x) }).retry(hours());
            tried.ordered().with_iter(|results| results.take(50).count() as u64).unwrap()
        },
        |on| {
            let flow = Flow::from_iter(0u64..).stages(2).on(on);
            let tried = flow.attempt(|x| if *x > 50 { fails(x) } else { Ok(*x) }).retry(hours());
            let until = tried.map(|x| if x == Ok(50) { Err(50u64) } else { x.map_err(|_| 0) });
            until.try_collect::<Vec<_>>().unwrap().unwrap_err()
        },
        |on| {
            let flow = Flow::from_iter(0u64..).stages(2).on(on);
            let tried = flow.attempt(|x| if x % 2 == 1 { fails(x) } else { Ok(*x) }).retry(hours());
            let end = tried.in_any_order().ok_or_fail();
            let end = end.try_map(|x| if x < 30 { Ok(x) } else { Err(x.to_string()) });
            20 + u64::from(end.run().unwrap_err().kind() == ErrorKind::Event) * 30
        },
    ];
    for (end, run) in ends.into_iter().enumerate() {
        for executor in executors() {
            let said = format!("{end} on {executor:?}");
            assert_eq!(in_time(move || run(executor)), 50, "{said}");
            no_thread_is_left();
        }
    }
}

// Short circuits.

#[test]
fn nothing_is_called_after_the_first_error() {
    for executor in executors() {
        let (called, lives) = (Counter::default(), Lives::default());
        let flow = Flow::from_iter(0u64..).stages(1).on(executor.clone()).map(|x| lives.number(x));
        let failing = flow.try_map(|x| {
            called.up();
            if x.number == 70 { Err("no") } else { Ok(x) }
        });
        assert_eq!(failing.count().unwrap_err().kind(), ErrorKind::Event);
        assert_eq!((called.get(), lives.left()), (71, 0), "{executor:?}");
    }
}

#[test]
fn try_collect_reads_little_ahead() {
    for executor in executors() {
        let asked = Counter::default();
        let flow = Flow::from_iter((0u64..).inspect(|_| _ = asked.up())).max_demand(32);
        let until = flow.stages(2).map(|x| if x < 100 { Ok(x) } else { Err(x) });
        assert_eq!(until.on(executor.clone()).try_collect::<Vec<_>>().unwrap(), Err(100));
        // What is asked for at once, and what instances have claimed.
        assert!(asked.get() <= 101 + 2 * 32 + 32, "{} on {executor:?}", asked.get());
    }
}

#[test]
fn try_collect_does_not_wait_for_a_source_that_waits() {
    for workers in [1, 2, 4] {
        in_time(move || {
            let (sender, receiver) = crossbeam_channel::unbounded();
            [0, 1, 2].into_iter().for_each(|x: u64| sender.send(x).unwrap());
            let flow = Flow::from_channel(receiver).on(Executor::threads(workers));
            // One instance waits for the source, one for an hour, and one has seen the error.
            let parts = flow.partition_with(|x, n| Some(*x as usize % n)).stages(3);
            let tried = parts.attempt(|x| if *x == 1 { fails(x) } else { Ok(*x) }).retry(hours());
            let until = tried.map_err(|_| 0).map(|x| if x == Ok(2) { Err(2) } else { x });
            assert_eq!(until.try_collect::<Vec<_>>().unwrap(), Err(2));
            drop(sender);
        });
    }
    no_thread_is_left();
}

#[test]
fn try_collect_gives_the_first_error_of_the_order() {
    for seed in 0..200 {
        let flow = Flow::from_range(0..500u64).on(Executor::simulation(seed));
        let got = flow.map(|x| if x % 50 == 49 { Err(x) } else { Ok(x) }).try_collect::<Vec<_>>();
        assert_eq!(got.unwrap(), Err(49), "seed {seed}");
    }
}

#[test]
fn a_failing_run_accounts_for_what_it_took() {
    for executor in executors() {
        for at in [0, 1, 77, 499] {
            let (meter, out) = (Meter::new(), Counter::default());
            let flow = Flow::from_vec((0..500u64).collect()).stages(1).observe(&meter);
            let failing = flow.try_map(|x| if x == at { Err("no") } else { Ok(x) });
            failing.on(executor.clone()).for_each(|_| _ = out.up()).unwrap_err();
            let stage = stage(&meter);
            assert_eq!(stage.events_in, out.get() as u64 + stage.dropped, "{at} on {executor:?}");
            assert!(stage.dropped > 0);
        }
    }
}

#[test]
fn what_is_skipped_can_be_read_while_it_runs() {
    in_time(|| {
        let flow = Flow::from_iter(0u64..).on(Executor::threads(2)).attempt(fails);
        let handle = flow.skip_errors().start().unwrap();
        until("a thousand were skipped", || handle.metrics().skipped() > 1000);
        let said = handle.metrics().to_string();
        assert!(said.contains(" skipped, 0 diverted"), "{said}");
        handle.drain();
        handle.join().unwrap();
    });
}

// Refusals and panics.

#[test]
fn a_window_of_none_is_refused() {
    let none = Retry::every(HOUR).window(0);
    let flow =
        || Flow::from_iter([1u64].into_iter().inspect(|_| panic!("it was read"))).attempt(fails);
    let refused: [Result<u64, FlowError>; 2] =
        [flow().retry(none).count(), flow().retry_if(none, |_| true).count()];
    for (refused, operator) in refused.into_iter().zip(["retry", "retry_if"]) {
        let error = refused.unwrap_err();
        assert_eq!((error.kind(), error.operator()), (ErrorKind::Option, Some(operator)));
        assert_eq!(error.location().unwrap().file(), file!());
    }
}

/// Panics at the event that is chosen for it.
fn boom(x: u64) -> u64 {
    if x == 30 { panic_any("boom") } else { x }
}

fn odd(x: u64) -> Result<u64, u64> {
    if x % 2 == 1 { Err(x) } else { Ok(x) }
}

/// Panics when it is dropped.
#[derive(Debug)]
struct Bomb(u64);

impl Drop for Bomb {
    fn drop(&mut self) {
        boom(self.0);
    }
}

#[test]
fn panics_name_their_operator() {
    let _alone = alone();
    std::panic::set_hook(Box::new(|_| ()));
    macro_rules! cases {
        ($($operator:literal: |$flow:ident| $run:expr;)+) => {
            $(for executor in executors() {
                let result = in_time(move || {
                    let $flow = Flow::from_range(0..100u64).stages(2).on(executor);
                    $run.run()
                });
                let error = result.expect_err($operator);
                assert_eq!((error.kind(), error.operator()), (ErrorKind::Panic, Some($operator)), "{error}");
                assert!(error.location().unwrap().file().ends_with("errors_are_handled.rs"));
                no_thread_is_left();
            })+
        };
    }
    let soon = || Retry::every(Duration::from_nanos(1)).times(2);
    cases! {
        "try_map": |flow| flow.try_map(|x| Ok::<_, BoxError>(boom(x)));
        "try_filter_map": |flow| flow.try_filter_map(|x| Ok::<_, BoxError>(Some(boom(x))));
        "try_flat_map": |flow| flow.try_flat_map(|x| Ok::<_, BoxError>([boom(x)]));
        "try_flat_map": |flow| flow.try_flat_map(|x| Ok::<_, BoxError>((x..=x).map(boom)));
        "attempt": |flow| flow.attempt(|x| Ok::<_, BoxError>(boom(*x)));
        "attempt": |flow| {
            let tries = Counter::default();
            let twice = move |x: &u64| if *x == 30 && tries.up() > 0 { Ok(boom(30)) } else { odd(x + 1) };
            flow.attempt(twice).retry(soon())
        };
        "attempt": |flow| flow.attempt(|x| odd(*x)).retry_if(soon(), |x| boom(*x - 1) == 0);
        "map_ok": |flow| flow.map(odd).map_ok(boom);
        "map_err": |flow| flow.map(odd).map_err(|x| boom(x - 1));
        "filter_ok": |flow| flow.map(odd).filter_ok(|x| boom(*x) == 0);
        "errors_to": |flow| flow.map(odd).errors_to(|x| _ = boom(x - 1));
        "errors_to": |flow| flow.attempt(fails).retry(soon()).errors_to(|letter| _ = boom(letter.event));
        "skip_errors": |flow| flow.map(|x| Err::<u64, _>(Bomb(x))).skip_errors();
    }
    let _ = std::panic::take_hook();
}

#[test]
fn letters_and_errors_say_what_happened() {
    let letters: Vec<_> =
        Flow::from_vec(vec!["7", "x"]).attempt(|s| s.parse::<u8>()).collect().unwrap();
    let letter = letters[1].as_ref().unwrap_err();
    assert_eq!((letter.operator(), letter.location().file()), ("attempt", file!()));
    let said = letter.to_string();
    let start = "an event failed at position 1 of the source: invalid digit found in string, in `attempt` at ";
    assert!(said.starts_with(start), "{said}");
    let flow = Flow::from_vec(vec!["x"]).attempt(|s| s.parse::<u8>()).named("parsing");
    let error = flow.ok_or_fail().run().unwrap_err();
    assert_eq!((error.operator(), error.stage()), (Some("attempt"), Some("parsing")));
    assert_eq!(error.location().unwrap().file(), file!());
    assert!(error.to_string().starts_with(start.replace('1', "0").as_str()), "{error}");
}

#[test]
fn clones_of_a_flow_try_for_themselves() {
    let flow = Flow::from_range(0..10u64).attempt(fails).retry(Retry::every(HOUR).times(1));
    let flow = flow.on(Executor::simulation(3)).in_any_order().skip_errors();
    for _ in 0..2 {
        let meter = Meter::new();
        assert_eq!(flow.clone().observe(&meter).count().unwrap(), 0);
        assert_eq!((stage(&meter).retried, meter.metrics().skipped()), (10, 10));
    }
    let plan = flow.try_flat_map(|x| Ok::<_, BoxError>([x])).explain().to_string();
    assert_eq!(plan.matches("try_flat_map").count(), 1, "{plan}");
}

/// Flows with retries are flows like others: they can be named and have their order.
#[test]
fn flows_with_retries_have_one_order() {
    fn tried(n: u64) -> Flow<impl flow::Sequenced<Item = u64>> {
        Flow::from_range(0..n).attempt(|x| Ok::<_, BoxError>(*x)).retry(hours()).ok_or_fail()
    }
    fn named<N: Node>(flow: Flow<N>) -> Flow<N> {
        flow
    }
    assert_eq!(named(tried(10)).take(2).collect::<Vec<_>>().unwrap(), [0, 1]);
}
