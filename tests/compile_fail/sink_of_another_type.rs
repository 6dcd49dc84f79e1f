use flow::Flow;

fn main() {
    let _ = Flow::from_range(0..10u64).to(|word: &str| println!("{word}"));
}
