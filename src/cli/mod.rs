//! The verbs: arguments in, one outcome out. Nobody imports this module but `main`.

use std::process::ExitCode;

/// Runs the program with the process's own arguments; gives the exit code of `interface` (0 … 7).
pub fn run() -> ExitCode {
    ExitCode::SUCCESS
}
