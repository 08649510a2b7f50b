//! `logs`: the captured output of planes, merged by time when several; read from the files themselves.
//!
//! Asks neither keeper nor daemon, so that it works with both dead.

mod counted;
mod follow;
mod last;
mod merge;
mod pieces;
mod print;
mod source;
mod times;

use jiff::Timestamp;

pub use follow::follow;
pub use merge::Merge;
pub use print::{Printer, Shape};
pub use source::{End, Source};
pub use times::Stamp;

use self::follow::files_were;
use self::last::Last;
use self::source::Line;
use super::args::PLANES;
use super::outcome::{Code, Failure, Outcome};
use super::since::since;
use super::target::{Scope, Target};
use super::terminal::say;

/// The words of `logs`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  gateward logs main               the last 100 lines
  gateward logs -f                 every plane, merged by time, until Ctrl-C
  gateward logs main --since 10m   what came in the last ten minutes
  gateward logs main --since 2h -n 20    the last twenty of those
  gateward logs -n all rescue      everything that is kept
  gateward logs --json | jq -r .line

The lines are read from gateward's own files, so this works with keeper and supervisor dead. Lines that say no time
(log.stamp = false) are as late as their file was last written: --since shows whole files of them, -n counts them by plane.

Exit codes: 0 shown; 1 the files cannot be read; 4 no such plane; 6 the manifest cannot be read and was never applied.")]
pub struct Args {
    #[arg(value_name = "PLANE", help = PLANES, add = super::completions::planes())]
    planes: Vec<String>,
    /// Go on with new lines until Ctrl-C, through rotations and restarts
    #[arg(short, long)]
    follow: bool,
    /// How many of the last lines to show first; `all` for everything that is kept [default: 100, with --since all]
    #[arg(short = 'n', long, value_name = "N")]
    lines: Option<Count>,
    /// Only lines since then: so long ago (10m, 2h, 1d), or a time in UTC
    #[arg(long, value_name = "T")]
    since: Option<String>,
    /// Print one JSON object a line: at, plane, line, and unfinished where the line goes on or has no end yet
    #[arg(long)]
    pub(in crate::cli) json: bool,
}

/// How many lines.
#[derive(Clone, Copy, Debug)]
enum Count {
    Last(u64),
    All,
}

impl std::str::FromStr for Count {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "all" { Ok(Self::All) } else { text.parse().map(Self::Last).map_err(|_| "write a number, or `all`") }
    }
}

/// Runs `logs`.
pub fn run(args: &Args, scope: &Scope) -> Outcome {
    let target = Target::find(scope)?;
    let planes = target.select(&args.planes)?;
    let since = args.since.as_deref().map(|text| since(text, Timestamp::now())).transpose()?;
    let count = match (args.lines, since) {
        (Some(Count::Last(count)), _) => Some(count),
        (Some(Count::All), _) | (None, Some(_)) => None,
        (None, None) => Some(100),
    };
    // Which lines are the last since then is not known before they are read.
    let wound = count.filter(|_| since.is_none());
    let mut sources = Vec::new();
    for plane in &planes {
        let path = target.folder(&plane.name).log();
        let source = Source::open(plane.name.to_string(), &path, Stamp::FirstWord, wound)
            .map_err(|error| target.unreadable("a log", &error))?;
        if !source.has_any() && !args.follow {
            say(&format!("{}: no output has been captured yet ({})\n", plane.name, path.display()));
        }
        sources.push(source);
    }
    say_gone(&sources, since)?;
    say_untimed(&sources, since.is_some())?;
    let shape = if args.json { Shape::Json } else { Shape::Text };
    show(sources, count, since, shape, args.follow)
}

/// Says of which logs more was asked for than is kept.
fn say_gone(sources: &[Source], since: Option<Timestamp>) -> Result<(), Failure> {
    for source in sources {
        match source.gone(since).map_err(|error| unreadable(&error))? {
            0 => {}
            files => say(&format!(
                "{}: older lines are gone: {} rotated away (log.keep, log.max_size)\n",
                source.owner,
                files_were(files)
            )),
        }
    }
    Ok(())
}

/// Says of which logs the times are not known, where that changes what is shown.
fn say_untimed(sources: &[Source], since: bool) -> Result<(), Failure> {
    for source in sources {
        if !source.has_untimed().map_err(|error| unreadable(&error))? {
            continue;
        }
        let so = match (since, sources.len() > 1) {
            (true, _) => "files of it that were written since then are shown whole, with older lines too",
            (false, true) => "they stand where their file was last written, each plane's last ones together",
            (false, false) => continue,
        };
        say(&format!("{}: lines without a time are in its log (log.stamp = false): {so}\n", source.owner));
    }
    Ok(())
}

/// Shows what is there, then, if wanted, what comes. Who reads no further, as `head` does, has what it wanted.
pub fn show(
    sources: Vec<Source>,
    count: Option<u64>,
    since: Option<Timestamp>,
    shape: Shape,
    follows: bool,
) -> Outcome {
    match show_to_the_end(sources, count, since, shape, follows) {
        Err(Failure::Output(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(Code::Done),
        other => other,
    }
}

fn show_to_the_end(
    sources: Vec<Source>,
    count: Option<u64>,
    since: Option<Timestamp>,
    shape: Shape,
    follows: bool,
) -> Outcome {
    let names: Vec<_> = sources.iter().map(|source| source.owner.clone()).collect();
    let mut last = count.map(|count| Last::new(count, sources.len()));
    let mut printer = Printer::new(names, shape);
    let mut merge = Merge::new(sources);
    let early = |line: &Line| since.is_some_and(|since| line.when.latest() < since);
    let mut show = |at: usize, line: Line| match &mut last {
        Some(last) => {
            last.push(at, line);
            Ok(())
        }
        None => printer.line(at, &line),
    };
    while let Some((at, line)) = merge.next().map_err(|error| unreadable(&error))? {
        if !early(&line) {
            show(at, line)?;
        }
    }
    let open = if follows { Vec::new() } else { merge.rest() };
    let unfinished: Vec<_> = open.iter().map(|(at, _)| *at).collect();
    for (at, line) in open.into_iter().filter(|(_, line)| !early(line)) {
        show(at, line)?;
    }
    for (at, line) in last.into_iter().flat_map(Last::into_lines) {
        printer.line(at, &line)?;
    }
    if follows {
        printer.flush()?;
        follow(&mut merge, &mut printer)?;
        for (at, line) in merge.rest() {
            printer.line(at, &line)?;
        }
    }
    printer.end()?;
    for (owner, foreign) in printer.left_out() {
        let lines = if foreign == 1 { "1 line".to_owned() } else { format!("{foreign} lines") };
        say(&format!("{owner}: {lines} of its journal left out: no events\n"));
    }
    for at in unfinished.into_iter().filter(|_| shape == Shape::Text && count != Some(0)) {
        say(&format!("{}: its last line has no end yet\n", merge.sources()[at].owner));
    }
    Ok(Code::Done)
}

fn unreadable(error: &std::io::Error) -> Failure {
    Failure::failed(format!("a log cannot be read: {error}"), "see to the disk")
}
