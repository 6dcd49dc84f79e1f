//! How long results take: `cargo run --release -p compare --bin latency`.

use std::process::ExitCode;

fn main() -> ExitCode {
    compare::latency()
}
