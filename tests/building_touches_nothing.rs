//! A flow is lazy: building, cloning, explaining and printing it reads no source and calls no closure.

use flow::{
    Aggregates, Aggregator, BoxError, Collect, Demand, Flow, Node, Part, Produced, Producer, Sink,
};
use std::hash::{Hash, Hasher};
use std::io::{self, Read};
use std::iter;
use std::sync::Arc;

/// Whoever touches it fails the test.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Untouchable;

impl Iterator for Untouchable {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        panic!("the iterator was read")
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        panic!("the iterator was asked for its length")
    }
}

impl Read for Untouchable {
    fn read(&mut self, _buffer: &mut [u8]) -> io::Result<usize> {
        panic!("the reader was read")
    }
}

impl Producer for Untouchable {
    type Item = u64;

    fn produce(&mut self, _demand: &mut Demand<'_, u64>) -> Result<Produced, BoxError> {
        panic!("the producer was asked")
    }

    fn position(&self) -> Option<u64> {
        panic!("the producer was asked for its position")
    }
}

impl Hash for Untouchable {
    fn hash<H: Hasher>(&self, _state: &mut H) {
        panic!("the event was hashed")
    }
}

impl<T> Aggregator<T> for Untouchable {
    type Acc = ();
    type Output = ();

    fn first(&self, _event: &T) {
        panic!("an accumulator was made")
    }

    fn add(&self, (): &mut (), _event: &T) {}

    fn merge(&self, (): &mut (), (): ()) {}

    fn finish(&self, (): ()) {}
}

impl<T> Sink<T> for Untouchable {
    type Part = Untouchable;
    type Output = ();

    fn prepare(&mut self) -> Result<(), BoxError> {
        panic!("the sink was prepared")
    }

    fn part(self: &Arc<Self>, _instance: usize) -> Untouchable {
        panic!("a part was made")
    }

    fn commit(self: Arc<Self>, _parts: Vec<Untouchable>) -> Result<(), BoxError> {
        panic!("the sink was committed")
    }
}

impl<T> Part<T> for Untouchable {
    fn write(&mut self, _event: T) -> Result<(), BoxError> {
        panic!("the sink was written to")
    }
}

/// Looks at a flow in every way in which a flow that is not run can be looked at.
fn look_at<N: Node>(flow: Flow<N>) {
    let plan = flow.explain();
    assert!(!plan.stages().is_empty());
    assert!(!plan.to_string().is_empty());
    assert!(!plan.mermaid().is_empty());
    assert!(!format!("{flow:?}").is_empty());
    let job = flow.boxed().to(Untouchable);
    assert_eq!(job.explain(), plan);
    assert!(!format!("{job:?}").is_empty());
}

#[test]
fn sources_are_not_read() {
    look_at(Flow::from_iter(Untouchable));
    look_at(Flow::from_iter(Untouchable).clone());
    look_at(Flow::from_iters([Untouchable, Untouchable]));
    look_at(Flow::from_lines(Untouchable));
    look_at(Flow::from_lines(Untouchable).lossy().max_line(10));
    look_at(Flow::from_reader(Untouchable));
    look_at(Flow::from_stages([Untouchable, Untouchable]));
    look_at(Flow::from_vec(vec![1, 2, 3]));
    look_at(Flow::from_slice(&[1, 2, 3]));
    look_at(Flow::from_range(0..u64::MAX));
    look_at(Flow::from_text("a\nb"));
}

#[test]
fn a_channel_keeps_its_messages() {
    let (sender, receiver) = crossbeam_channel::unbounded();
    sender.send(1u64).unwrap();
    look_at(Flow::from_channel(receiver.clone()));
    assert_eq!(receiver.len(), 1);
}

#[test]
fn files_are_looked_for_but_not_opened() {
    let path = std::env::temp_dir().join(format!("flow-laziness-{}", std::process::id()));
    std::fs::write(&path, "line\n").unwrap();
    let flow = Flow::from_files([&path]).unwrap();
    look_at(flow.clone());
    assert_eq!(flow.clone().count().unwrap(), 1);
    // A flow that had been opened would still find the lines.
    std::fs::write(&path, "line\nmore\n").unwrap();
    assert_eq!(flow.clone().count().unwrap(), 2);
    std::fs::remove_file(&path).unwrap();
    assert!(flow.count().is_err());
}

/// A closure that must not be called.
fn never<T, U>(_event: T) -> U {
    panic!("a closure was called")
}

#[test]
fn closures_of_operators_are_not_called() {
    let numbers = || Flow::from_range(0..10u64);
    look_at(numbers().map(never::<u64, u64>));
    look_at(numbers().filter(|x| never(x)));
    look_at(numbers().filter_map(never::<u64, Option<u64>>));
    look_at(numbers().inspect(|x| never(x)));
    look_at(numbers().flat_map(never::<u64, Vec<u64>>));
    look_at(numbers().map(|_| Untouchable).flatten());
    look_at(numbers().flat_map_emit(|x, _: &mut flow::Emitter<'_, u64>| never(x)));
    look_at(numbers().map_init(|| never::<_, u64>(()), |_, x| x));
    look_at(numbers().map_init(|| 0, |_, x| never::<_, u64>(x)));
    look_at(numbers().ordered());
    look_at(numbers().take(3));
    look_at(numbers().take_any(3));
    look_at(numbers().boxed());
    look_at(numbers().unique_by(|x| never::<_, u64>(x)));
    look_at(numbers().sorted_by(|x, _| never(x)));
    look_at(numbers().sorted_by_key(|x| never::<_, u64>(x)));
    look_at(numbers().k_largest_by(2, |x, _| never(x)));
}

#[test]
fn closures_of_partitions_are_not_called() {
    let numbers = || Flow::from_range(0..10u64);
    look_at(Flow::from_vec(vec![(Untouchable, 1)]).partition());
    look_at(numbers().partition_by(|x| never::<_, u64>(x)));
    look_at(numbers().partition_with(|x, _| never::<_, usize>(x)));
    let partitions = || numbers().partition();
    look_at(partitions().reduce(|| never::<_, u64>(()), |_, _| ()).emit_state());
    look_at(partitions().reduce(|| Untouchable, |_, x| never(x)).emit_items());
    look_at(partitions().reduce(|| 0, |_, _| ()).on_trigger(|acc, _| never::<_, Vec<u64>>(acc)));
    look_at(partitions().reduce(|| 0, |_, _| ()).emit_none());
    let reduction = partitions()
        .reduce_and_emit(|| never::<_, u64>(()), |_, x, _: &mut flow::Emitter<'_, u64>| never(x));
    assert!(!format!("{reduction:?}").is_empty());
    look_at(reduction.emit_state());
    let reduction = partitions().reduce(|| never::<_, u64>(()), |_, _| ());
    assert!(!format!("{reduction:?}").is_empty());
}

#[test]
fn closures_of_keyed_verbs_are_not_called() {
    let keyed = || Flow::from_range(0..10u64).key_by(|x| never::<_, u64>(x));
    assert!(!format!("{:?}", keyed().clone()).is_empty());
    look_at(keyed().count());
    look_at(keyed().sum(|x| never::<_, u64>(x)));
    look_at(keyed().aggregate(|_: Aggregates<u64>| Untouchable));
    look_at(keyed().fold(|| never::<_, u64>(()), |_, x| never(x)));
    look_at(keyed().min(|x| never::<_, u64>(x)));
    look_at(keyed().distinct(|x| never::<_, u64>(x)));
    look_at(keyed().reduce_with(|x, _| never::<_, u64>(x)));
    look_at(keyed().collect_vec());
    look_at(Flow::from_range(0..10u64).group_by(|x| never::<_, u64>(x)));
    look_at(Flow::from_vec(vec![String::new()]).key_by_ref::<str, _>(|_| never(())).count());
    let lent = Flow::from_text("a b").key_each::<str>(|line, _| never(line));
    assert!(!format!("{lent:?}").is_empty());
    look_at(lent.count());
}

#[test]
fn options_and_sinks_are_not_used() {
    let flow = Flow::from_iter(Untouchable)
        .named("source")
        .stages(3)
        .max_demand(100)
        .min_demand(10)
        .linger(std::time::Duration::ZERO)
        .on(flow::Executor::simulation(1))
        .observe(&flow::Meter::new());
    look_at(flow);
    let jobs = (
        Flow::from_iter(Untouchable).to(Untouchable),
        Flow::from_iter(iter::repeat(1)).to(Collect::<Vec<_>>::new()),
    );
    drop(jobs);
}
