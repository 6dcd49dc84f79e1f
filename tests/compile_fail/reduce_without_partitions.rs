use flow::Flow;

fn main() {
    let _ = Flow::from_range(0..10u64).reduce(|| 0, |sum: &mut u64, x| *sum += x);
}
