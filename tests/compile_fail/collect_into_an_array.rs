use flow::Flow;

fn main() {
    let _: [u64; 10] = Flow::from_range(0..10u64).collect().unwrap();
}
