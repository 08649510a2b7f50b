//! `completions`: what a shell needs to complete our words, plane names among them, as they are at that moment.
//!
//! The completing itself never prints a mistake: a broken manifest completes to nothing.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use clap::CommandFactory;
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate};
use clap_complete::env::{Bash, CompleteEnv, Elvish, EnvCompleter, Fish, Powershell, Zsh};

use super::args::Words;
use super::outcome::{self, Failure, Outcome};
use super::target::{Scope, Target};
use super::terminal::print;
use crate::collision::codes::Code;
use crate::runtime::Runtimes;

/// The variable with which the shell's script asks us for candidates.
const VARIABLE: &str = "GATEWARD_COMPLETE";

/// The words of `completions`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  gateward completions bash > /etc/bash_completion.d/gateward
  gateward completions zsh > ~/.zfunc/_gateward
  gateward completions fish > ~/.config/fish/completions/gateward.fish

Exit codes: 0 printed; 2 no such shell.")]
pub struct Args {
    /// Which shell
    shell: Shell,
}

/// The shells that are known.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Shell {
    Bash,
    Elvish,
    Fish,
    Powershell,
    Zsh,
}

/// Runs `completions`.
pub fn run(args: &Args) -> Outcome {
    let shell: &dyn EnvCompleter = match args.shell {
        Shell::Bash => &Bash,
        Shell::Elvish => &Elvish,
        Shell::Fish => &Fish,
        Shell::Powershell => &Powershell,
        Shell::Zsh => &Zsh,
    };
    let mut script = Vec::new();
    shell.write_registration(VARIABLE, "gateward", "gateward", "gateward", &mut script).map_err(Failure::Output)?;
    print(&String::from_utf8_lossy(&script))?;
    Ok(outcome::Code::Done)
}

/// Answers a shell that asks for candidates, and ends the process; returns when none asks.
pub fn answer_shell() {
    if std::env::var_os(VARIABLE).is_some() {
        CompleteEnv::with_factory(Words::command).var(VARIABLE).complete();
    }
}

/// Completes to names of planes, and `all`.
pub fn planes() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| fitting(typed, names().into_iter().chain(["all".to_owned()])))
}

/// Completes to names of planes, for verbs on one.
pub fn plane() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| fitting(typed, names()))
}

/// Completes to codes of findings.
pub fn codes() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| fitting(typed, Code::all().map(|row| row.word.to_owned())))
}

/// Completes to the releases that are installed.
pub fn releases() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| {
        let found = std::fs::read_dir(Runtimes::of_host().root()).into_iter().flatten().flatten();
        let names = found.filter_map(|entry| entry.file_name().into_string().ok());
        fitting(typed, names.filter(|name| name.starts_with(|c: char| c.is_ascii_digit())))
    })
}

fn names() -> Vec<String> {
    let target = Target::quietly(&Scope { manifest: manifest_on_the_line() });
    target.map_or_else(
        |_| Vec::new(),
        |target| target.applied.planes.iter().map(|plane| plane.name.to_string()).collect(),
    )
}

fn fitting(typed: &OsStr, words: impl IntoIterator<Item = String>) -> Vec<CompletionCandidate> {
    let Some(typed) = typed.to_str() else { return Vec::new() };
    words.into_iter().filter(|word| word.starts_with(typed)).map(CompletionCandidate::new).collect()
}

/// The manifest that the line being completed names.
fn manifest_on_the_line() -> Option<PathBuf> {
    named_in(&std::env::args_os().collect::<Vec<_>>())
}

fn named_in(words: &[OsString]) -> Option<PathBuf> {
    let named = |(at, word): (usize, &OsString)| {
        if word == "-m" || word == "--manifest" {
            return words.get(at + 1).map(PathBuf::from);
        }
        let bytes = word.as_bytes();
        let joined = bytes.strip_prefix(b"--manifest=").or_else(|| bytes.strip_prefix(b"-m="));
        let joined = joined.or_else(|| bytes.strip_prefix(b"-m"))?;
        Some(PathBuf::from(OsStr::from_bytes(joined)))
    };
    words.iter().enumerate().rev().find_map(named)
}
