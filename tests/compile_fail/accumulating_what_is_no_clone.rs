//! A window that goes on after it has fired, and keeps its state, gives a copy of it.

use flow::{Flow, Trigger, Window};

struct Sum(u64);

fn main() {
    let parts = Flow::from_range(0..9u64).partition();
    let windows = parts.window(Window::global()).trigger(Trigger::every(2)).accumulating();
    let _ = windows.reduce(|| Sum(0), |sum, x| sum.0 += x);
}
