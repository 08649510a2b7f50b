//! `man`: the manual pages, made from the same words as `--help`.

use std::path::PathBuf;

use clap::CommandFactory;

use super::args::Words;
use super::outcome::{Code, Failure, Outcome};
use super::terminal::print;

/// The words of `man`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  gateward man | man -l -
  gateward man --dir /usr/share/man/man1

Exit codes: 0 printed or written; 1 the folder cannot be written to.")]
pub struct Args {
    /// Write every page into this folder instead of printing the first
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    dir: Option<PathBuf>,
}

/// Runs `man`.
pub fn run(args: &Args) -> Outcome {
    let words = Words::command().disable_help_subcommand(true);
    let Some(folder) = &args.dir else {
        let mut page = Vec::new();
        clap_mangen::Man::new(words).render(&mut page).map_err(Failure::Output)?;
        print(&String::from_utf8_lossy(&page))?;
        return Ok(Code::Done);
    };
    clap_mangen::generate_to(words, folder).map_err(|error| {
        let hint = "name a folder that is there and that you may write to; without `--dir` the first page is printed";
        Failure::failed(format!("cannot write manual pages into {}: {error}", folder.display()), hint)
    })?;
    Ok(Code::Done)
}
