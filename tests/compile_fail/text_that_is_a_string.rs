use flow::Flow;

fn main() {
    let text = String::from("a b");
    let _ = Flow::from_text(text);
}
