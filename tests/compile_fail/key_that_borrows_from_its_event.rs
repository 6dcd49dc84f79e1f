use flow::Flow;

fn main() {
    let names = vec![String::from("a")];
    let _ = Flow::from_vec(names).key_by(|name| name.as_str()).count().count();
}
