use flow::Flow;

fn main() {
    let mut kept = None;
    let _ = Flow::from_range(0..10u64).with_iter(|events| kept = Some(events));
    println!("{}", kept.is_some());
}
