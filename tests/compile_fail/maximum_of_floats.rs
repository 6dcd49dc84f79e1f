use flow::Flow;

fn main() {
    let _ = Flow::from_vec(vec![0.5, 1.5]).max();
}
