use flow::Flow;

fn main() {
    let (small, large) = Flow::from_range(0..10u64).split_by(|x| *x < 3);
    let _ = flow::run((small, large));
}
