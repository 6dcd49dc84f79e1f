use flow::Flow;

fn main() {
    let _ = Flow::from_range(0..10u64).key_by(|x| x % 3).map(|x| x + 1).count();
}
