use flow::Flow;

fn main() {
    let partitions = Flow::from_range(0..10u64).partition();
    let _ = partitions.on_trigger(|sum: &mut u64, _| Some(*sum));
}
