//! Arguments in, exit code out; everything else is `cli`'s.

use std::process::ExitCode;

fn main() -> ExitCode {
    gateward::cli::run()
}
