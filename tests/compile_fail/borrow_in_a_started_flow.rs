use flow::Flow;

fn main() {
    let words = vec![String::from("a")];
    let handle = Flow::from_slice(&words).start().unwrap();
    handle.join().unwrap();
}
