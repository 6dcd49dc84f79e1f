use flow::Flow;

fn main() {
    let mut numbers = vec![1, 2];
    numbers.extend(Flow::from_range(0..10u64));
}
