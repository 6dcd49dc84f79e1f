//! Where a session of a whole partition ends would depend on how many there are, by the clock, too.

use flow::{Flow, Window};
use std::time::Duration;

fn main() {
    let parts = Flow::from_range(0..9u64).partition();
    let session = Window::session(Duration::from_secs(1));
    let _ = parts.window(Window::by_clock(session));
}
