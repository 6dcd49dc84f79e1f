use flow::Flow;

fn main() {
    let partitions = Flow::from_range(0..10u64).partition();
    let _ = partitions.reduce(|| 0, |sum: &mut u64, x| *sum += x).emit_items();
}
