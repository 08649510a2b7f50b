//! `man`: the manual pages, made from the same words as `--help`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

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
        print(&sections(&String::from_utf8_lossy(&page)))?;
        return Ok(Code::Done);
    };
    clap_mangen::generate_to(words.clone(), folder).and_then(|()| mend(&words, "gateward", folder)).map_err(
        |error| {
            let hint =
                "name a folder that is there and that you may write to; without `--dir` the first page is printed";
            Failure::failed(format!("cannot write manual pages into {}: {error}", folder.display()), hint)
        },
    )?;
    Ok(Code::Done)
}

/// Gives the pages that were written the sections that a reader of manuals looks for.
fn mend(words: &clap::Command, name: &str, folder: &Path) -> io::Result<()> {
    let page = folder.join(format!("{name}.1"));
    // Hidden words have no page.
    if let Ok(text) = fs::read_to_string(&page) {
        fs::write(&page, sections(&text))?;
    }
    words.get_subcommands().try_for_each(|verb| mend(verb, &format!("{name}-{}", verb.get_name()), folder))
}

/// What clap knows as one text after the help is examples, then how it ends; and where a page says all of that, its files.
fn sections(page: &str) -> String {
    let page = page.replace(".SH EXTRA\nExamples:\n", ".SH EXAMPLES\n").replace(".SH EXTRA\n", ".SH MANIFEST\n");
    let page = page
        .replace("\nExit codes: ", "\n.SH EXIT STATUS\n")
        .replace("\nThe exit code is", "\n.SH EXIT STATUS\nThe exit code is");
    let page = page.replace(" <\\fICMD\\fR> ", " \\-\\- \\fICMD\\fR... ");
    match page.contains(".TH gateward 1") {
        true => page.replace(".SH VERSION\n", &format!("{ENVIRONMENT}.SH VERSION\n")),
        false => page,
    }
}

/// What the first page says besides.
const ENVIRONMENT: &str = "\
.SH ENVIRONMENT
.TP
GATEWARD_MANIFEST
The manifest, where \\-m names none; every plane has it.
.TP
GATEWARD_RUN_DIR
Inside a plane: where its supervisor answers.
.TP
GATEWARD_RUNTIMES_DIR
Where OpenClaw releases are kept.
.TP
XDG_CONFIG_HOME, XDG_STATE_HOME, XDG_RUNTIME_DIR, XDG_DATA_HOME
Where manifest, state dir, run dir and OpenClaw releases are when nothing is written.
.TP
NO_COLOR
No colour, also on a terminal.
.SH FILES
.TP
supervisor.toml
The manifest.
.TP
~/.local/state/gateward, as root /var/lib/gateward
Locks, logs, journals; in manifests, where each manifest's supervisor is.
.TP
$XDG_RUNTIME_DIR/gateward, as root /run/gateward
Sockets.
";
