//! What this library costs as work grows: `cargo run --release -p compare --bin growth`.

use std::process::ExitCode;

fn main() -> ExitCode {
    compare::growth()
}
