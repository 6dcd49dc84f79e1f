//! What holds where one flow becomes several and several become one: all branches are run or none,
//! the slowest sets the pace, one that wants no more holds up nobody, and nothing is left behind.

mod support;

use flow::{BoxError, Collect, ErrorKind, Executor, Flow, Ignore, Part, Sink};
use std::sync::Arc;
use support::{Counter, Lives, alone, executors, in_time, no_thread_is_left};

type Events = Collect<Vec<u64>>;

#[test]
fn a_branch_without_a_run_is_refused_with_both_lines() {
    let touched = Counter::default();
    let source = || {
        let touched = touched.clone();
        Flow::from_iter((0..10u64).inspect(move |_| _ = touched.up()))
    };

    let (first, _second) = source().split_by(|x| *x < 3);
    let split = line!() - 1;
    let error = first.collect::<Vec<_>>().unwrap_err();
    let collect = line!() - 1;
    assert_eq!((error.kind(), error.operator()), (ErrorKind::Option, Some("collect")));
    assert_eq!(error.location().unwrap().line(), collect);
    let text = error.to_string();
    assert!(text.contains(&format!("`split_by` at {}:{split}:", file!())), "{text}");

    // Nor one after the other.
    let [a, b, c] = source().broadcast();
    let error = flow::run((a.to(Ignore), c.to(Ignore))).unwrap_err();
    assert_eq!((error.kind(), error.operator()), (ErrorKind::Option, Some("to")));
    assert_eq!(b.with_iter(|_| ()).unwrap_err().operator(), Some("with_iter"));
    let (a, _) = source().split_by(|x| *x < 3);
    let refused = a.into_iter().next().unwrap().unwrap_err();
    assert_eq!(refused.operator(), Some("into_iter"));
    assert_eq!(touched.get(), 0);
}

#[test]
fn nothing_to_merge_is_refused() {
    let none = Flow::merge_all(Vec::<flow::BoxFlow<'_, u64>>::new());
    let error = none.run().unwrap_err();
    assert_eq!((error.kind(), error.operator()), (ErrorKind::Option, Some("merge_all")));
    let _none: [_; 0] = Flow::from_range(0..10u64).broadcast();
}

#[test]
fn the_slowest_branch_sets_the_pace() {
    for executor in executors() {
        in_time(move || {
            let (given, slow) = (Counter::default(), Counter::default());
            let counted = given.clone();
            let source = Flow::from_iter((0u64..20_000).inspect(move |_| _ = counted.up()));
            let [fast, held] = source.max_demand(64).on(executor).broadcast();
            let (ahead, seen) = (given.clone(), slow.clone());
            // One instance each, with a demand of its own.
            let held = held.stages(1).max_demand(100).to(move |x: u64| {
                let behind = ahead.get() - seen.up();
                // Its own demand, the source's, and what stands between: a claim each.
                assert!(behind <= 100 + 64 + 64 + 1024, "{behind} ahead at {x}");
            });
            flow::run((fast.stages(1).max_demand(10_000).to(Ignore), held)).unwrap();
            assert_eq!(slow.get(), 20_000);
        });
    }
}

#[test]
fn a_branch_that_has_enough_holds_up_nobody() {
    let _alone = alone();
    for executor in executors() {
        in_time(move || {
            let (odd, even) = Flow::from_range(0..5000u64).on(executor).split_by(|x| x % 2 == 1);
            let (odd, even) = (odd.take_any(3).to(Events::new()), even.to(Events::new()));
            let (odd, even) = flow::run((odd, even)).unwrap();
            assert_eq!((odd.len(), even.len()), (3, 2500));
        });
        no_thread_is_left();
    }
}

#[test]
fn when_all_have_enough_an_endless_source_ends() {
    let _alone = alone();
    for executor in executors() {
        in_time(move || {
            let [a, b] = Flow::from_iter(0u64..).on(executor).broadcast();
            let (a, b) = (a.take_any(10).to(Events::new()), b.take_any(3000).to(Events::new()));
            let (a, b) = flow::run((a, b)).unwrap();
            assert_eq!((a.len(), b.len()), (10, 3000));
        });
        no_thread_is_left();
    }
}

#[test]
fn a_merge_of_endless_sources_ends_when_it_is_enough() {
    let _alone = alone();
    for executor in executors() {
        in_time(move || {
            let merged = Flow::from_iter(0u64..).merge(Flow::from_iter((0u64..).map(|x| x + 1)));
            let some = merged.map(|x| 2 * x).take_any(3000).on(executor);
            assert_eq!(some.count().unwrap(), 3000);
        });
        no_thread_is_left();
    }
}

#[test]
fn panics_name_the_operator() {
    #[derive(Debug)]
    struct Dear(u64);
    impl Clone for Dear {
        fn clone(&self) -> Self {
            assert_ne!(self.0, 300, "no clone");
            Dear(self.0)
        }
    }
    for executor in executors() {
        let numbers = || Flow::from_range(0..500u64).on(executor.clone());
        let (a, b) = numbers().split_by(|x| *x == 300 && panic!("no split"));
        let error = flow::run((a.to(Ignore), b.to(Ignore))).unwrap_err();
        assert_eq!((error.kind(), error.operator()), (ErrorKind::Panic, Some("split_by")));

        let [a, b] = numbers().map(Dear).broadcast();
        let error = flow::run((a.to(Ignore), b.to(Ignore))).unwrap_err();
        assert_eq!((error.kind(), error.operator()), (ErrorKind::Panic, Some("broadcast")));

        let parts = numbers().partition().reduce(|| 0, |sum, x| *sum += x);
        let merged = parts.merge_partitions(|| 0, |_: &mut u64, _: u64| panic!("no merge"));
        let error = merged.run().unwrap_err();
        assert_eq!((error.kind(), error.operator()), (ErrorKind::Panic, Some("merge_partitions")));
    }
}

#[test]
fn a_failing_branch_ends_the_other_and_everything_is_dropped() {
    let _alone = alone();
    for executor in executors() {
        let lives = Lives::default();
        let born = lives.clone();
        in_time(move || {
            let numbers = Flow::from_iter((0u64..).map(move |x| born.number(x))).on(executor);
            let (odd, even) = numbers.split_by(|x| x.number % 2 == 1);
            let failing = even.inspect(|x| assert_ne!(x.number, 1000)).to(Collect::<Vec<_>>::new());
            let error = flow::run((odd.to(Ignore), failing)).unwrap_err();
            assert_eq!((error.kind(), error.operator()), (ErrorKind::Panic, Some("inspect")));
        });
        assert_eq!(lives.left(), 0);
        no_thread_is_left();
    }
}

/// Knows the numbers of its parts.
struct Parts;

impl Sink<u64> for Parts {
    type Part = Numbered;
    type Output = Vec<usize>;

    fn part(self: &Arc<Self>, instance: usize) -> Numbered {
        Numbered(instance)
    }

    fn commit(self: Arc<Self>, parts: Vec<Numbered>) -> Result<Vec<usize>, BoxError> {
        Ok(parts.iter().map(|part| part.0).collect())
    }
}

struct Numbered(usize);

impl Part<u64> for Numbered {
    fn write(&mut self, _event: u64) -> Result<(), BoxError> {
        Ok(())
    }
}

#[test]
fn instances_of_merged_flows_have_numbers_of_their_own() {
    for executor in executors() {
        let flows = (0..3).map(|_| Flow::from_iter(0..1000u64).stages(2));
        let parts = Flow::merge_all(flows).on(executor).to(Parts).run().unwrap();
        assert!(parts.len() >= 3 && parts.is_sorted_by(|a, b| a < b), "{parts:?}");
    }
}

#[test]
fn the_plan_shows_them() {
    let on = |flow: Flow<_>| flow.on(Executor::threads(2));
    let (odd, even) = on(Flow::from_range(0..10u64)).split_by(|x| x % 2 == 1);
    let merged = odd.map(|x| x + 1).merge(even.stages(1)).partition().stages(3);
    let plan = merged.explain();
    let stages: Vec<(Vec<&str>, usize)> = plan
        .stages()
        .iter()
        .map(|stage| (stage.operators.iter().map(|(name, _)| *name).collect(), stage.instances))
        .collect();
    let source = (vec!["from_range", "split_by"], 2);
    let (first, second) = (vec!["map", "merge", "partition"], vec!["merge", "partition"]);
    assert_eq!(stages, [source, (second, 1), (first, 2), (vec![], 3)], "{plan}");
    assert_eq!((plan.edges().len(), plan.tasks()), (4, 8));
}

#[test]
fn whatever_the_schedule_all_events_arrive() {
    for seed in 0..1000u64 {
        let many = seed % 97;
        let [all, some] = Flow::from_range(0..many).on(Executor::simulation(seed)).broadcast();
        let (odd, even) = all.max_demand(1 + seed as usize % 5).split_by(|x| x % 2 == 1);
        let again = odd.map(|x| x + 1).rebalance().stages(2).merge(even.partition()).map(|x| x);
        let wanted = many.min(seed % 7);
        let some = some.take_any(wanted as usize).to(Events::new());
        let (mut all, some) = flow::run((again.to(Events::new()), some)).unwrap();
        all.sort_unstable();
        let mut want: Vec<u64> = (0..many).map(|x| x + x % 2).collect();
        want.sort_unstable();
        assert_eq!((all, some.len() as u64), (want, wanted), "seed {seed}");
    }
}
