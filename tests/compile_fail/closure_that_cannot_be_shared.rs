use flow::Flow;

fn main() {
    let mut seen = Vec::new();
    let _ = Flow::from_range(0..10u64).for_each(|x| seen.push(x));
}
