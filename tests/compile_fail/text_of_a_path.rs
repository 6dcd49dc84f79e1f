use flow::Flow;
use std::path::Path;

fn main() {
    let _ = Flow::from_text(Path::new("words.txt"));
}
