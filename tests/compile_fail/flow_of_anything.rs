use flow::Flow;

fn size<N>(flow: Flow<N>) -> u64 {
    flow.count().unwrap()
}

fn main() {
    size(Flow::from_range(0..10u64));
}
