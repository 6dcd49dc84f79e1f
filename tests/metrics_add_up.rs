//! What meters tell: on every edge what came in also came out, was dropped or is held, however the
//! run ended.

mod support;

use flow::{Executor, Flow, Meter, Metrics, Node};
use support::{Counter, executors, in_time, until};

/// Checks every edge of a run that is over.
fn assert_balanced(metrics: &Metrics) {
    assert!(!metrics.edges().is_empty());
    for edge in metrics.edges() {
        assert_eq!(edge.events_in, edge.events_out + edge.dropped + edge.held, "\n{metrics}");
    }
}

/// A flow over several edges.
fn long(executor: &Executor, meter: &Meter) -> Flow<impl Node<Item = u64> + use<>> {
    let numbers = Flow::from_iter(0..5000u64).stages(2).on(executor.clone()).observe(meter);
    let parts = numbers.partition().stages(3).max_demand(100).map(|x| x + 1);
    parts.partition_by(|x| x % 10).stages(2).max_demand(7)
}

#[test]
fn after_success_everything_came_out() {
    for executor in executors() {
        let meter = Meter::new();
        assert_eq!(long(&executor, &meter).count().unwrap(), 5000);
        let metrics = meter.metrics();
        assert_balanced(&metrics);
        assert_eq!(metrics.edges().len(), 3);
        for edge in metrics.edges() {
            assert_eq!((edge.events_in, edge.events_out), (5000, 5000));
            assert_eq!((edge.dropped, edge.held), (0, 0));
            assert!(edge.batches_in > 0 && edge.batches_in <= 5000);
        }
        let events: Vec<_> = metrics.stages().iter().map(|stage| stage.events_in).collect();
        assert_eq!(events, [5000; 4]);
        assert!(metrics.stages().iter().all(|stage| stage.runs > 0));
    }
}

#[test]
fn after_a_failure() {
    for executor in executors() {
        for at in [0, 1, 700, 4000] {
            let meter = Meter::new();
            let fails = long(&executor, &meter).map(|x| if x < at { x } else { panic!("fails") });
            fails.run().unwrap_err();
            assert_balanced(&meter.metrics());
        }
    }
}

#[test]
fn after_the_reader_has_left() {
    for executor in executors() {
        for read in [0, 1, 10, 3000] {
            let meter = Meter::new();
            long(&executor, &meter).with_iter(|events| events.take(read).count()).unwrap();
            assert_balanced(&meter.metrics());
            let meter = Meter::new();
            long(&executor, &meter).take_any(read).run().unwrap();
            let metrics = meter.metrics();
            assert_balanced(&metrics);
            // Everything has left its edges, in one way or the other.
            assert!(metrics.edges().iter().all(|edge| edge.held == 0), "\n{metrics}");
        }
    }
}

#[test]
fn after_a_started_flow_was_ended() {
    in_time(|| {
        for end in 0..3 {
            let seen = Counter::default();
            let seeing = seen.clone();
            let endless = Flow::from_iter(0u64..).partition().stages(2).max_demand(50);
            let handle = endless.inspect(move |_| _ = seeing.up()).start().unwrap();
            until("some were seen", || seen.get() > 1000);
            match end {
                0 => handle.drain(),
                1 => handle.stop(),
                _ => handle.cancel(),
            }
            until("it is over", || handle.is_finished());
            if end < 2 {
                let metrics = handle.metrics();
                assert_balanced(&metrics);
                assert!(metrics.edges().iter().all(|edge| edge.held == 0), "\n{metrics}");
            }
            let _ = handle.join();
        }
    });
}

#[test]
fn what_a_routing_drops_is_counted() {
    for executor in executors() {
        let meter = Meter::new();
        let kept = Flow::from_range(0..3000u64)
            .stages(2)
            .partition_with(|x, n| (x % 3 != 0).then_some(*x as usize % n));
        let kept = kept.stages(2).observe(&meter).on(executor);
        assert_eq!(kept.count().unwrap(), 2000);
        let metrics = meter.metrics();
        assert_balanced(&metrics);
        let edge = &metrics.edges()[0];
        assert_eq!((edge.events_in, edge.events_out, edge.dropped), (3000, 2000, 1000));
    }
}

#[test]
fn what_is_dropped_by_a_filter_is_seen_between_stages() {
    let meter = Meter::new();
    let half = Flow::from_range(0..1000u64).filter(|x| x % 2 == 0).partition().observe(&meter);
    assert_eq!(half.count().unwrap(), 500);
    let metrics = meter.metrics();
    assert_eq!((metrics.stages()[0].events_in, metrics.stages()[1].events_in), (1000, 500));
}

#[test]
fn stages_have_their_names_or_their_numbers() {
    let meter = Meter::new();
    let named = Flow::from_range(0..10u64).named("numbers").partition().reduce(|| 0, |_, _| ());
    named.emit_state().partition().named("last").observe(&meter).run().unwrap();
    let metrics = meter.metrics();
    let names: Vec<_> = metrics.stages().iter().map(|stage| stage.name.as_str()).collect();
    assert_eq!(names, ["numbers", "2: reduce", "last"]);
    let text = metrics.to_string();
    assert!(["numbers", "2: reduce", "last"].iter().all(|name| text.contains(name)), "{text}");
}

/// Edges of the plan and edges of the metrics are the same ones, in the same order.
#[test]
fn edges_are_those_of_the_plan() {
    fn check<N: Node>(flow: Flow<N>) {
        let meter = Meter::new();
        let plan = flow.explain();
        flow.observe(&meter).run().unwrap();
        let metrics = meter.metrics();
        assert_eq!(metrics.edges().len(), plan.edges().len(), "\n{plan}\n{metrics}");
        assert_eq!(metrics.stages().len(), plan.stages().len(), "\n{plan}\n{metrics}");
        assert!(metrics.edges().iter().all(|edge| edge.events_in == 100), "\n{plan}\n{metrics}");
    }
    check(Flow::from_iter(0..100u64));
    check(Flow::from_range(0..100u64).partition());
    check(Flow::from_vec((0..100u64).collect()).partition());
    check(Flow::from_range(0..100u64).ordered());
    check(Flow::from_iter(0..100u64).ordered().partition());
}

/// What consumers have asked for and not been sent.
#[test]
fn credit_is_what_may_still_be_sent() {
    let meter = Meter::new();
    let few = Flow::from_range(0..3u64).stages(1).partition().stages(1).max_demand(100);
    few.observe(&meter).run().unwrap();
    assert_eq!(meter.metrics().edges()[0].credit, 97);
}

#[test]
fn a_meter_is_empty_before_the_run_and_shows_the_last_one() {
    let meter = Meter::new();
    assert_eq!(meter.metrics(), Metrics::default());
    let numbers = |n| Flow::from_range(0..n).partition().observe(&meter).count().unwrap();
    assert_eq!((numbers(10u64), numbers(20)), (10, 20));
    assert_eq!(meter.metrics().edges()[0].events_in, 20);
}

#[test]
fn bytes_and_workers_are_told() {
    let text = "line\n".repeat(10_000);
    for workers in [1, 2] {
        let meter = Meter::new();
        let lines =
            Flow::from_lines(text.as_bytes()).on(Executor::threads(workers)).observe(&meter);
        assert_eq!(lines.count().unwrap(), 10_000);
        let metrics = meter.metrics();
        assert_eq!((metrics.bytes_read, metrics.bytes_total), (50_000, None));
        assert!((1..=workers).contains(&metrics.workers));
        assert!(metrics.elapsed > std::time::Duration::ZERO);
    }
    let path = std::env::temp_dir().join(format!("flow-metrics-{}", std::process::id()));
    std::fs::write(&path, &text).unwrap();
    let meter = Meter::new();
    assert_eq!(Flow::from_files([&path]).unwrap().observe(&meter).count().unwrap(), 10_000);
    let metrics = meter.metrics();
    assert_eq!((metrics.bytes_read, metrics.bytes_total), (50_000, Some(50_000)));
    std::fs::remove_file(&path).unwrap();
}

#[test]
fn a_meter_is_read_while_the_flow_runs() {
    for executor in executors() {
        let meter = Meter::new();
        let watched = meter.clone();
        let numbers = Flow::from_range(0..2000u64).stages(2).partition().stages(2).observe(&meter);
        let numbers = numbers.on(executor).inspect(move |_| {
            let metrics = watched.metrics();
            let edge = &metrics.edges()[0];
            assert!(edge.events_out > 0 && edge.events_in <= 2000, "\n{metrics}");
        });
        numbers.run().unwrap();
        assert_balanced(&meter.metrics());
    }
}
