use flow::Flow;

fn main() {
    let mut numbers = Flow::from_range(0..10u64);
    println!("{:?}", numbers.next());
}
