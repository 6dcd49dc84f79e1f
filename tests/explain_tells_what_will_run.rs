//! The plan: as text, as a picture and as data, and that what runs is what was planned.

use flow::{Executor, Flow, Meter, Node};

#[test]
fn operators_are_named_with_their_places() {
    let flow = Flow::from_range(0..10u64)
        .map(|x| x + 1)
        .filter(|x| x % 2 == 0)
        .partition_by(|x| x % 3)
        .stages(3)
        .reduce(|| 0, |sum, x| *sum += x)
        .emit_state();
    let line = line!() - 6;
    let plan = flow.explain();
    let stages = plan.stages();
    let operators = [
        (0, "from_range", line - 1),
        (0, "map", line),
        (0, "filter", line + 1),
        (0, "partition_by", line + 2),
        (1, "reduce", line + 4),
    ];
    let told = stages.iter().enumerate().flat_map(|(stage, at)| {
        at.operators.iter().map(move |(operator, place)| (stage, *operator, place.as_str()))
    });
    for ((stage, operator, place), want) in told.zip(operators) {
        assert_eq!((stage, operator), (want.0, want.1));
        assert!(place.starts_with(&format!("{}:{}:", file!(), want.2)), "{operator} at {place}");
    }
    assert_eq!(stages.iter().map(|stage| stage.operators.len()).sum::<usize>(), operators.len());
}

#[test]
fn a_reduction_as_text_and_as_a_picture() {
    let plan = Flow::from_range(0..10u64)
        .stages(2)
        .named("numbers")
        .map(|x| x + 1)
        .partition_by(|x| x % 3)
        .stages(3)
        .max_demand(100)
        .min_demand(80)
        .reduce(|| 0, |sum, x| *sum += x)
        .emit_state()
        .explain();
    let text = "\
1. numbers: from_range → map → partition_by  × 2
  ↓ by key from 1: demand 100/80, batches of 20
2. reduce  × 3
";
    let picture = r#"flowchart LR
    s0["numbers<br/>from_range → map → partition_by<br/>× 2"]
    s1["reduce<br/>× 3"]
    s0 -->|"by key, ≤ 100"| s1
"#;
    assert_eq!(plan.to_string(), text);
    assert_eq!(plan.mermaid(), picture);
}

#[test]
fn a_count_of_words_as_text_and_as_a_picture() {
    let plan = Flow::from_lines(&b""[..])
        .stages(2)
        .key_each::<str>(|line, keys| line.split(' ').for_each(|word| keys.add(word)))
        .count()
        .stages(4)
        .map(|(word, _)| word)
        .explain();
    let text = "\
1. from_lines  × 1
  ↓ claimed from 1: demand 8/4, batches of 4
2. key_each  × 2
  ↓ by key, pre-aggregated from 2: demand 4096/2048, batches of 1024
3. count → map  × 4
";
    let picture = r#"flowchart LR
    s0["from_lines<br/>× 1"]
    s1["key_each<br/>× 2"]
    s2["count → map<br/>× 4"]
    s0 -->|"claimed, ≤ 8"| s1
    s1 -->|"by key, pre-aggregated, ≤ 4096"| s2
"#;
    assert_eq!(plan.to_string(), text);
    assert_eq!(plan.mermaid(), picture);
}

#[test]
fn an_order_as_text_and_as_a_picture() {
    let plan = Flow::from_iter(0..3u64)
        .stages(3)
        .map(|x| x)
        .ordered()
        .in_flight(16)
        .named("tail")
        .inspect(|_| ())
        .explain();
    let text = "\
1. from_iter  × 1
  ↓ claimed from 1: demand 4096/2048, batches of 1024
2. map  × 3
  ↓ in order from 2: demand 16/0, batches of 16
3. tail: ordered → inspect  × 1
";
    let picture = r#"flowchart LR
    s0["from_iter<br/>× 1"]
    s1["map<br/>× 3"]
    s2["tail<br/>ordered → inspect<br/>× 1"]
    s0 -->|"claimed, ≤ 4096"| s1
    s1 -->|"in order, ≤ 16"| s2
"#;
    assert_eq!(plan.to_string(), text);
    assert_eq!(plan.mermaid(), picture);
}

#[test]
fn an_operator_is_told_once() {
    let plan = Flow::from_range(0..10u64).stages(2).map(|x| x).take(3).explain();
    let operators: Vec<_> =
        plan.stages().iter().flat_map(|stage| &stage.operators).map(|at| at.0).collect();
    assert_eq!(operators, ["from_range", "map", "take"]);
}

/// A stage that has nothing to do but to hand events on has the same name in text and picture.
#[test]
fn a_stage_without_operators_has_a_name() {
    let plan = Flow::from_range(0..10u64).stages(2).partition().stages(3).explain();
    let line = plan.to_string().lines().last().unwrap().to_owned();
    let name = line.trim_start_matches("2. ").trim_end_matches(" × 3").trim();
    assert!(!name.is_empty());
    assert!(plan.mermaid().contains(&format!("s1[\"{name}<br/>× 3\"]")), "{}", plan.mermaid());
}

#[test]
fn data_says_the_same() {
    let flow = Flow::from_iters([0..5u64, 0..7]).stages(3).partition().stages(4).max_demand(10);
    let plan = flow.key_by(|x| *x).count().stages(5).explain();
    assert_eq!(plan.stages().iter().map(|stage| stage.instances).collect::<Vec<_>>(), [2, 3, 4, 5]);
    assert_eq!(plan.tasks(), 2 + 3 + 4 + 5);
    let ends: Vec<_> =
        plan.edges().iter().map(|edge| (edge.from, edge.to, edge.max_demand)).collect();
    assert_eq!(ends, [(0, 1, 4096), (1, 2, 10), (2, 3, 4096)]);
    assert_eq!(plan, plan.clone());
}

#[test]
fn a_job_and_a_debug_form_tell_the_same() {
    let flow = Flow::from_range(0..10u64).stages(2).map(|x| x);
    let text = flow.explain().to_string();
    assert!(format!("{flow:?}").contains(&text));
    let job = flow.to(|_| ());
    assert_eq!(job.explain().to_string(), text);
    assert!(format!("{job:?}").contains(&text));
}

/// Runs a flow whose instances are set; gives whether as many ran as its plan says. Never are there
/// more, and only a source may have fewer.
fn all_ran<N: Node>(flow: Flow<N>) -> bool {
    let meter = Meter::new();
    let plan = flow.explain();
    flow.observe(&meter).run().unwrap();
    let metrics = meter.metrics();
    let ran: Vec<_> = metrics.stages().iter().map(|stage| stage.instances).collect();
    let planned: Vec<_> = plan.stages().iter().map(|stage| stage.instances).collect();
    assert_eq!(ran.len(), planned.len());
    assert!(ran.iter().zip(&planned).all(|(ran, planned)| ran <= planned), "\n{plan}\n{metrics}");
    assert_eq!(ran[ran.len() - 1..], planned[planned.len() - 1..], "\n{plan}\n{metrics}");
    ran.iter().sum::<usize>() == plan.tasks()
}

/// Whether as many instances ran as planned, for several flows.
fn all_ran_of_all(executor: Executor, size: u64) -> Vec<bool> {
    let on = || executor.clone();
    let counted = Flow::from_range(0..size).stages(2).key_by(|x| x % 100).count().stages(3);
    let ordered = Flow::from_range(0..size).stages(3).map(|x| x).ordered();
    let lines = "line\n".repeat(size as usize);
    vec![
        all_ran(Flow::from_range(0..size).stages(3).partition().stages(1).on(on())),
        all_ran(Flow::from_vec((0..size).collect()).stages(2).partition().stages(1).on(on())),
        all_ran(Flow::from_iter(0..size).stages(3).partition().stages(1).on(on())),
        all_ran(Flow::from_iters([0..size, 0..size]).stages(4).partition().stages(1).on(on())),
        all_ran(Flow::from_range(0..size).stages(2).partition().stages(5).on(on())),
        all_ran(counted.partition_by(|(key, _)| *key).stages(4).on(on())),
        all_ran(ordered.partition().stages(2).on(on())),
        all_ran(Flow::from_range(0..size).stages(2).boxed().partition().stages(2).boxed().on(on())),
        all_ran(Flow::from_lines(lines.as_bytes()).stages(1).partition().stages(2).on(on())),
    ]
}

#[test]
fn as_many_instances_run_as_were_planned_in_some_schedule_and_never_more() {
    let schedules = (0..20).map(|seed| all_ran_of_all(Executor::simulation(seed), 5000));
    let in_one =
        schedules.reduce(|one, other| one.iter().zip(other).map(|(a, b)| *a || b).collect());
    assert_eq!(in_one.unwrap(), [true; 9]);
}

#[test]
fn as_many_instances_run_as_were_planned_where_there_is_work_for_them() {
    assert_eq!(all_ran_of_all(Executor::threads(2), 1_000_000), [true; 9]);
}

#[test]
fn instances_that_are_not_set_are_one_per_worker_at_the_source_and_per_core_behind() {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let plan = Flow::from_range(0..10u64).on(Executor::threads(7)).partition().explain();
    let instances: Vec<_> = plan.stages().iter().map(|stage| stage.instances).collect();
    assert_eq!(instances, [7, cores]);
}
