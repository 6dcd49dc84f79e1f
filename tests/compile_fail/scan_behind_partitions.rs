use flow::Flow;

fn main() {
    let _ = Flow::from_range(0..10u64).partition().scan(|| 0, |sum, x| Some(*sum + x));
}
