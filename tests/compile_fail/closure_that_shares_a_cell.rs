use flow::Flow;
use std::cell::Cell;

fn main() {
    let seen = Cell::new(0);
    let _ = Flow::from_range(0..10u64).for_each(|x| seen.set(seen.get() + x));
}
