//! An option that cannot be is refused with the operator's name and the caller's line when the flow is
//! run, before any source is touched.

use flow::{Collect, ErrorKind, Executor, Flow, FlowError, Node};
use std::time::Duration;

/// A source that fails the test when it is read.
fn untouched() -> Flow<impl Node<Item = u64>> {
    Flow::from_iter(std::iter::from_fn(|| -> Option<u64> { panic!("the source was touched") }))
}

/// Checks that the run of a flow was refused because of `operator`, called on `line`.
#[track_caller]
fn assert_refused<R>(result: Result<R, FlowError>, operator: &str, line: u32) {
    let Err(error) = result else { panic!("was not refused") };
    assert_eq!(error.kind(), ErrorKind::Option, "{error}");
    assert_eq!(error.operator(), Some(operator), "{error}");
    let at = error.location().expect("a place is named");
    assert_eq!((at.file(), at.line()), (file!(), line), "{error}");
    assert!(error.to_string().contains(operator), "{error}");
}

#[test]
fn no_instances() {
    assert_refused(untouched().stages(0).run(), "stages", line!());
    assert_refused(untouched().partition().stages(0).count(), "stages", line!());
    assert_refused(untouched().key_by(|x| *x).count().stages(0).count(), "stages", line!());
}

#[test]
fn no_demand() {
    assert_refused(untouched().max_demand(0).run(), "max_demand", line!());
    assert_refused(untouched().partition().max_demand(0).run(), "max_demand", line!());
}

#[test]
fn a_min_demand_that_is_not_below_the_max_demand() {
    assert_refused(untouched().max_demand(10).min_demand(10).run(), "min_demand", line!());
    assert_refused(untouched().max_demand(10).min_demand(11).run(), "min_demand", line!());
    assert_refused(untouched().max_demand(1).min_demand(1).run(), "min_demand", line!());
    assert_refused(untouched().min_demand(1_000_000).run(), "min_demand", line!());
}

#[test]
fn a_max_demand_that_is_not_above_the_min_demand() {
    assert_refused(untouched().min_demand(10).max_demand(10).run(), "max_demand", line!());
    assert_refused(untouched().min_demand(10).max_demand(3).run(), "max_demand", line!());
}

#[test]
fn steps_and_chunks_of_nothing() {
    assert_refused(in_order().step_by(0).run(), "step_by", line!());
    assert_refused(in_order().chunks(0).run(), "chunks", line!());
    fn in_order() -> Flow<impl flow::Sequenced<Item = u64>> {
        Flow::from_iter(std::iter::from_fn(|| -> Option<u64> { panic!("was touched") }))
    }
}

#[test]
fn nothing_in_flight() {
    assert_refused(ordered().in_flight(0).run(), "in_flight", line!());
    fn ordered() -> Flow<impl Node<Item = u64>> {
        Flow::from_iter(std::iter::from_fn(|| -> Option<u64> { panic!("was touched") })).ordered()
    }
}

#[test]
fn no_workers() {
    assert_refused(untouched().on(Executor::threads(0)).run(), "on", line!());
}

#[test]
fn lines_without_bytes() {
    let reader = std::io::repeat(b'x');
    assert_refused(Flow::from_lines(reader).max_line(0).run(), "max_line", line!());
}

#[test]
fn in_a_stage_in_the_middle() {
    let result = untouched()
        .stages(2)
        .partition()
        .stages(0)
        .reduce(|| 0, |sum, x| *sum += x)
        .emit_state()
        .partition()
        .stages(3)
        .collect::<Vec<u64>>();
    assert_refused(result, "stages", line!() - 6);
}

#[test]
fn the_first_of_several_is_told() {
    let max_demand_first = untouched().max_demand(0).stages(0).run();
    assert_refused(max_demand_first, "max_demand", line!() - 1);
    let stages_first = untouched().stages(0).max_demand(0).run();
    assert_refused(stages_first, "stages", line!() - 1);
}

#[test]
fn by_every_terminal() {
    let refused = || untouched().stages(0);
    let line = line!() - 1;
    assert_refused(refused().run(), "stages", line);
    assert_refused(refused().count(), "stages", line);
    assert_refused(refused().sum::<u64>(), "stages", line);
    assert_refused(refused().min(), "stages", line);
    assert_refused(refused().max(), "stages", line);
    assert_refused(refused().collect::<Vec<_>>(), "stages", line);
    assert_refused(refused().for_each(|_| ()), "stages", line);
    assert_refused(refused().to(Collect::<Vec<_>>::new()).run(), "stages", line);
    assert_refused(refused().partition().into_partitions(), "stages", line);
    assert_refused(refused().with_iter(|_| panic!("is not read")), "stages", line);
    assert_refused(refused().start(), "stages", line);
    let fine = || untouched().to(Collect::<Vec<_>>::new());
    assert_refused(flow::run((fine(), refused().to(|_| ()))), "stages", line);
    assert_refused(flow::run((refused().to(|_| ()), fine())), "stages", line);
    let mut events = refused().into_iter();
    assert_refused(events.next().unwrap(), "stages", line);
    assert!(events.next().is_none());
}

#[test]
fn a_refused_flow_can_still_be_looked_at() {
    let flow = untouched().stages(0);
    assert_eq!(flow.explain().stages().len(), 2);
    assert!(!format!("{flow:?}").is_empty());
}

#[test]
fn smallest_and_largest_options_are_taken() {
    let numbers = || Flow::from_range(0..100u64);
    assert_eq!(numbers().stages(1).partition().stages(1).count().unwrap(), 100);
    assert_eq!(numbers().stages(200).partition().stages(100).count().unwrap(), 100);
    assert_eq!(numbers().partition().max_demand(1).min_demand(0).count().unwrap(), 100);
    assert_eq!(numbers().partition().max_demand(2).min_demand(1).count().unwrap(), 100);
    assert_eq!(numbers().partition().max_demand(usize::MAX).count().unwrap(), 100);
    let most = numbers().partition().max_demand(usize::MAX).min_demand(usize::MAX - 1);
    assert_eq!(most.count().unwrap(), 100);
    assert_eq!(numbers().ordered().in_flight(1).count().unwrap(), 100);
    assert_eq!(numbers().ordered().in_flight(usize::MAX).count().unwrap(), 100);
    assert_eq!(numbers().partition().linger(Duration::ZERO).count().unwrap(), 100);
    assert_eq!(numbers().partition().linger(Duration::MAX).count().unwrap(), 100);
    assert_eq!(numbers().on(Executor::threads(1)).count().unwrap(), 100);
    assert_eq!(numbers().on(Executor::threads(64)).count().unwrap(), 100);
    assert_eq!(Flow::from_lines(&b"a\nb\n"[..]).max_line(1).count().unwrap(), 2);
    assert_eq!(Flow::from_lines(&b"a\nb\n"[..]).max_line(usize::MAX).count().unwrap(), 2);
}

/// What can be in the end is taken, in whichever order it was said.
#[test]
fn the_order_of_options_does_not_matter() {
    let numbers = || Flow::from_range(0..100u64).partition();
    assert_eq!(numbers().max_demand(10_000).min_demand(5000).count().unwrap(), 100);
    assert_eq!(numbers().min_demand(5000).max_demand(10_000).count().unwrap(), 100);
}

#[test]
fn the_last_of_several_values_counts() {
    let plan = Flow::from_range(0..10u64).stages(2).stages(3).partition().stages(7).max_demand(9);
    let plan = plan.max_demand(5).min_demand(2).named("first").named("second").explain();
    assert_eq!((plan.stages()[0].instances, plan.stages()[1].instances), (3, 7));
    assert_eq!((plan.edges()[0].max_demand, plan.edges()[0].min_demand), (5, 2));
    assert_eq!(plan.stages()[1].name.as_deref(), Some("second"));
}
