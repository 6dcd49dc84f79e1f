use flow::Flow;

fn main() {
    for x in Flow::from_range(0..10u64).iter() {
        println!("{x}");
    }
}
