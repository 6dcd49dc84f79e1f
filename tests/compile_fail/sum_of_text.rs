use flow::Flow;

fn main() {
    let _: String = Flow::from_vec(vec!["a", "b"]).sum().unwrap();
}
