//! Windows of event time need events that have times.

use flow::{Flow, Window};
use std::time::Duration;

fn main() {
    let parts = Flow::from_range(0..9u64).partition();
    let windows = parts.window(Window::fixed(Duration::from_secs(1)));
    drop(windows.reduce(|| 0, |sum, x| *sum += x).emit_state());
}
