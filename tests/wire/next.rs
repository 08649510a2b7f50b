//! The same program, built to speak as a later release might; run by the tests of this folder alone.

use std::process::ExitCode;

fn main() -> ExitCode {
    gateward::cli::run()
}
