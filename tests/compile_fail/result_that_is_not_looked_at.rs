use flow::Flow;

fn main() {
    let sum: u64 = Flow::from_range(0..10u64).sum();
    println!("{sum}");
}
