use flow::Flow;
use std::rc::Rc;

fn main() {
    let _ = Flow::from_range(0..10u64).map(Rc::new).count();
}
