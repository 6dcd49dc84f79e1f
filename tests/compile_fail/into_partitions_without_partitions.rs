use flow::Flow;

fn main() {
    let _ = Flow::from_range(0..10u64).map(|x| x + 1).into_partitions();
}
