use flow::Flow;
use std::rc::Rc;

fn main() {
    let offset = Rc::new(1);
    let _ = Flow::from_range(0..10u64).map(move |x| x + *offset).count();
}
