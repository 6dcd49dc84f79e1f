use flow::Flow;

fn main() {
    let lines = vec![String::from("a b")];
    let _ = Flow::from_vec(lines).flat_map(|line| line.split(' '));
}
