use flow::{Flow, Timestamp, Window};
use std::time::Duration;

fn main() {
    let events = Flow::from_vec(vec![1, 2]).timestamps(|x| Timestamp(*x), |w| w.ascending());
    let sessions = Window::session(Duration::from_secs(1));
    let _ = events.partition().window(sessions);
}
