//! `events`: the journals of planes and supervisor, one JSON object a line, merged by time.
//!
//! Read from the files themselves; asks nobody.

use jiff::Timestamp;

use super::args::PLANES;
use super::logs::{Shape, Source, Stamp, show};
use super::outcome::Outcome;
use super::since::since;
use super::target::{Scope, Target};
use super::terminal::say;
use crate::rundir;

/// The words of `events`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  gateward events                    everything that is kept, of every plane and the supervisor
  gateward events main --since 1h
  gateward events -f | jq -c 'select(.event == \"exited\") | {at, plane, saw}'

Each line has at, plane, incarnation, event, saw, decided, follows; fields are only ever added.

Exit codes: 0 shown; 1 the files cannot be read; 4 no such plane; 6 the manifest cannot be read and was never applied.")]
pub struct Args {
    #[arg(value_name = "PLANE", help = PLANES, add = super::completions::planes())]
    planes: Vec<String>,
    /// Go on with new events until Ctrl-C
    #[arg(short, long)]
    follow: bool,
    /// Only the last so many
    #[arg(short = 'n', long, value_name = "N")]
    lines: Option<u64>,
    /// Only events since then: so long ago (10m, 2h, 1d), or a time in UTC
    #[arg(long, value_name = "T")]
    since: Option<String>,
    /// They always are JSON
    #[arg(long, hide = true)]
    pub(super) json: bool,
}

/// Runs `events`.
pub fn run(args: &Args, scope: &Scope) -> Outcome {
    let target = Target::find(scope)?;
    let since = args.since.as_deref().map(|text| since(text, Timestamp::now())).transpose()?;
    let mut journals: Vec<_> = target
        .select(&args.planes)?
        .into_iter()
        .map(|plane| (plane.name.to_string(), target.folder(&plane.name).journal()))
        .collect();
    if args.planes.is_empty() || args.planes.iter().any(|word| word == "all") {
        journals.push(("supervisor".to_owned(), rundir::daemon_journal(&target.applied.state_dir)));
    }
    let wound = args.lines.filter(|_| since.is_none());
    let open = |(owner, path): (String, std::path::PathBuf)| Source::open(owner, &path, Stamp::Journal, wound);
    let sources = journals
        .into_iter()
        .map(open)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| target.unreadable("a journal", &error))?;
    if !args.follow && !sources.iter().any(Source::has_any) {
        say("nothing has happened yet: no journal is there\n");
    }
    show(sources, args.lines, since, Shape::Bare, args.follow)
}
