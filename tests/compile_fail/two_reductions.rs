use flow::Flow;

fn main() {
    let partitions = Flow::from_range(0..10u64).partition();
    let _ = partitions.reduce(|| 0, |sum, x| *sum += x).reduce(|| 0, |sum, x| *sum += x);
}
