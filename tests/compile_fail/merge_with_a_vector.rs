use flow::Flow;

fn main() {
    let _ = Flow::from_range(0..10u64).merge(vec![10, 11]);
}
