//! What `on_trigger` of windows gives has items.

use flow::{Flow, Trigger, Window};

fn main() {
    let parts = Flow::from_range(0..9u64).partition();
    let windows = parts.window(Window::global()).trigger(Trigger::every(2));
    drop(windows.reduce(|| 0, |sum, x| *sum += x).on_trigger(|sum, _| *sum));
}
