use flow::Flow;

fn main() {
    let _ = Flow::from_stages([0..10u64, 10..20]);
}
