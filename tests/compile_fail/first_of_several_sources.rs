use flow::Flow;

fn main() {
    let _ = Flow::from_iters([0..3u64, 10..13]).first();
}
