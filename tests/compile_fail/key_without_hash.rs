use flow::Flow;

#[derive(PartialEq, Eq)]
struct City(u64);

fn main() {
    let _ = Flow::from_range(0..10u64).key_by(|x| City(x % 3));
}
