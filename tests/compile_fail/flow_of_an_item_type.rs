use flow::Flow;

fn double(numbers: Flow<u64>) -> Flow<u64> {
    numbers.map(|x| 2 * x)
}

fn main() {
    let _ = double(Flow::from_range(0..10u64)).count();
}
