use flow::Flow;

fn main() {
    let partitions = Flow::from_range(0..10u64).partition();
    let _: Vec<u64> = partitions.reduce(|| 0, |sum, x| *sum += x).collect().unwrap();
}
