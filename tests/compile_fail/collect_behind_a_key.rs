use flow::Flow;
use std::collections::HashMap;

fn main() {
    let _: HashMap<u64, Vec<u64>> = Flow::from_range(0..10u64).key_by(|x| x % 3).collect().unwrap();
}
