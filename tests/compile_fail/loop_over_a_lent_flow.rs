use flow::Flow;

fn main() {
    let numbers = Flow::from_range(0..10u64);
    for x in &numbers {
        println!("{x:?}");
    }
}
