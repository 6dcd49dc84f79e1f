use flow::Flow;

fn main() {
    let offset = 1;
    for x in Flow::from_range(0..10u64).map(|x| x + &offset) {
        println!("{}", x.unwrap());
    }
}
