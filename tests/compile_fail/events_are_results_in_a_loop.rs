use flow::Flow;

fn main() {
    let mut sum = 0;
    for x in Flow::from_range(0..10u64) {
        sum += x;
    }
    println!("{sum}");
}
