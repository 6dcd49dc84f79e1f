//! Windows of whole partitions need partitions.

use flow::{Flow, Window};

fn main() {
    let windows = Flow::from_range(0..9u64).window(Window::count(2));
    drop(windows.reduce(|| 0, |sum, x| *sum += x).emit_state());
}
