use flow::Flow;
use std::collections::HashMap;

fn main() {
    let _: HashMap<u64, u64> = Flow::from_range(0..10u64).collect().unwrap();
}
