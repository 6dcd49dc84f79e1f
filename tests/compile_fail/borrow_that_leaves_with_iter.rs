use flow::Flow;

fn main() {
    let escaped;
    {
        let words = vec![String::from("a")];
        escaped = Flow::from_slice(&words).with_iter(|words| words.next()).unwrap();
    }
    println!("{escaped:?}");
}
