use flow::Flow;

fn main() {
    let partitions = Flow::from_range(0..10u64).partition();
    let sums = partitions.reduce(|| 0, |sum: &mut u64, x| *sum += x);
    let _ = sums.on_trigger(|sum, _| *sum);
}
