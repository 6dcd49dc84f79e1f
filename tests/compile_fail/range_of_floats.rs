use flow::Flow;

fn main() {
    let _ = Flow::from_range(0.0..1.0);
}
