use flow::Flow;

fn main() {
    let keyed = Flow::from_range(0..10u64).key_by(|x| x % 3);
    let _ = keyed.aggregate(|a| {
        let n = a.count();
        (n, n, n, n, n, n, n, n, n)
    });
}
