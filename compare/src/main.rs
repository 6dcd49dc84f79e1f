//! Every workload, for every contestant; see the library of this package.

use std::process::ExitCode;

fn main() -> ExitCode {
    compare::compare()
}
