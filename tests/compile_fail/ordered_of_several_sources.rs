use flow::Flow;

fn main() {
    let _ = Flow::from_iters([0..10u64, 5..15]).ordered();
}
