//! `demo`: main and rescue on this machine, in a folder of their own, until Ctrl-C.
//!
//! It is a terminal and a manifest for the ordinary supervisor, which runs as a child: nothing here is parent of a gateway.
//! It ends only after everything that it started, and says how it knows.

mod ending;
mod ground;
mod supervisor;
mod words;

use std::io;
use std::str::FromStr;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::inside;
use super::interrupt::Interrupt;
use super::outcome::{Code, Failure, Outcome};
use super::runtime::{self, NotEnsured};
use super::status::{self, redraw, settled};
use super::target::{Scope, Target};
use super::terminal::{print, say, size_of, stdout_look};
use crate::openclaw::ports;
use crate::render::status::{Report, status};
use crate::render::text::Look;
use crate::runtime::{InstallError, PINNED};
use crate::wire::State;
use ground::{Ground, Scene};
use supervisor::{Alive, Supervisor};

/// How often the table is looked at and redrawn: ages and memory change all the time, and nobody announces them.
const GLANCE: Duration = Duration::from_millis(500);

/// How long the first supervisor may take to write down its planes.
const FIRST_WORD: Duration = Duration::from_secs(30);

/// The words of `demo`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  gateward demo
  gateward demo --practice

Installs the pinned OpenClaw with its Node through npm, once (about 850 MB, see `gateward runtime`), writes a manifest with a \
main and a rescue on free ports, starts both under a supervisor, and shows how they get on. Commands for another terminal \
are told once both are ready. Ctrl-C stops everything; a second Ctrl-C skips the grace.

The folder is $XDG_STATE_HOME/gateward/demo (~/.local/state). The gateways talk to nobody but this machine.

Exit codes: 0 ended by Ctrl-C, nothing is left running; 1 it could not be set up.")]
pub struct Args {
    /// Run the built-in stand-in instead of OpenClaw: nothing is installed
    #[arg(long)]
    practice: bool,
    /// Base ports to use, instead of free ones that are looked for
    #[arg(long, value_name = "MAIN,RESCUE")]
    ports: Option<Bases>,
}

/// The base ports of main and rescue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bases([u16; 2]);

impl FromStr for Bases {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (main, rescue) =
            text.split_once(',').ok_or("write two base ports with a comma between them: 20000,21000")?;
        let base = |text: &str| match text.trim().parse::<u16>() {
            Ok(base) if base > 0 && base <= ports::HIGHEST_BASE => Ok(base),
            Ok(_) | Err(_) => Err(format!("`{text}` is no base port: 1 to {}", ports::HIGHEST_BASE)),
        };
        let bases = [base(main)?, base(rescue)?];
        if bases[0].abs_diff(bases[1]) <= ports::SPAN {
            return Err(format!("{text} are too near: each has the {} ports above it too", ports::SPAN));
        }
        Ok(Self(bases))
    }
}

/// What the planes run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cast {
    /// The pinned OpenClaw.
    OpenClaw,
    /// The built-in stand-in.
    Practice,
}

/// Runs `demo`.
pub fn run(args: &Args, scope: &Scope) -> Outcome {
    inside::refuse("demo")?;
    if let Some(manifest) = &scope.manifest {
        let message = format!("the demo writes a manifest of its own and cannot use {}", manifest.display());
        return Err(Failure::failed(message, "leave out -m, or use `gateward run` with it"));
    }
    let ground = Ground::claim()?;
    say(&format!("The demo lives in {}\n", ground.folder().display()));
    let cast = choose(args)?;
    let scene = ground.lay(cast, args.ports)?;
    // From here on a Ctrl-C is ours to carry out.
    let interrupt =
        Interrupt::new().map_err(|error| Failure::failed(format!("cannot watch for signals: {error}"), ""))?;
    let mut supervisor = Supervisor::start(&scene)?;
    let watched = watch(&scene, &mut supervisor, &interrupt);
    // Whatever ended the watching, also that nobody reads what we print: what was started is ended.
    let ended = ending::end(&scene, &mut supervisor, &interrupt);
    watched?;
    ended?;
    Ok(Code::Done)
}

/// Installs the pinned release, or says why the stand-in plays instead.
fn choose(args: &Args) -> Result<Cast, Failure> {
    if args.practice {
        say("The planes run the built-in stand-in, as asked: a small program with OpenClaw's manners.\n");
        return Ok(Cast::Practice);
    }
    match runtime::ensure(PINNED) {
        Ok(installed) => {
            let node = &installed.record.node;
            say(&format!("OpenClaw {PINNED} with Node {node}, from {}\n", installed.root.display()));
            Ok(Cast::OpenClaw)
        }
        Err(NotEnsured::Install(InstallError::NoNpm { .. })) => {
            say(&format!(
                "There is no npm on PATH, so OpenClaw {PINNED} cannot be installed: the planes run the built-in stand-in,\n\
                 a small program with OpenClaw's manners. With Node.js and npm installed the demo runs the real one.\n"
            ));
            Ok(Cast::Practice)
        }
        Err(error) => {
            let mut failure = Failure::from(error);
            if let Failure::Failed(told) = &mut failure {
                told.hint.push_str("; `gateward demo --practice` needs no OpenClaw");
            }
            Err(failure)
        }
    }
}

/// Shows the planes until somebody asks for the end, or the end has come by itself.
fn watch(scene: &Scene, supervisor: &mut Supervisor, interrupt: &Interrupt) -> Result<(), Failure> {
    let scope = Scope { manifest: Some(scene.manifest.clone()) };
    let begun = Instant::now();
    let mut screen = Screen::default();
    let mut told = false;
    loop {
        match supervisor.look()? {
            Alive::Yes => {}
            Alive::Again(news) => screen.talk(&news),
            Alive::TakenDown => {
                screen.talk("The supervisor was taken down by another command.\n");
                return Ok(());
            }
        }
        match look(&scope) {
            Ok(report) => {
                screen.show(&report)?;
                let is_ready = report.planes.iter().all(|plane| plane.state == State::Up && plane.ready);
                if is_ready && !told {
                    screen.talk(&words::commands(scene, &report));
                    told = true;
                }
            }
            // Nobody answers yet.
            Err(Failure::NobodyAnswers(_)) if begun.elapsed() < FIRST_WORD || told => {}
            Err(failure) => return Err(failure),
        }
        if wait(interrupt, GLANCE)? {
            return Ok(());
        }
    }
}

/// How the planes are.
fn look(scope: &Scope) -> Result<Report, Failure> {
    // Quietly: a warning would be said again at every look.
    let target = Target::quietly(scope)?;
    let seen = status::look(&target, &target.select(&[])?)?;
    seen.answered.or_fail(&target)?;
    Ok(seen.report)
}

/// Waits at most that long for somebody to ask for the end; whether it was asked, once each time.
fn wait(interrupt: &Interrupt, budget: Duration) -> Result<bool, Failure> {
    let failed = |error| Failure::failed(format!("cannot wait: {error}"), "");
    let came = interrupt.wait(budget).map_err(failed)?;
    if came {
        interrupt.forget().map_err(failed)?;
    }
    Ok(came)
}

/// The table: redrawn in place on a terminal, a new one after each change elsewhere.
#[derive(Default)]
struct Screen {
    drawn: usize,
    said: String,
}

impl Screen {
    fn show(&mut self, report: &Report) -> Result<(), Failure> {
        if let Some((_, rows)) = size_of(&io::stdout()) {
            self.drawn = redraw(&status(report, Timestamp::now(), stdout_look()), self.drawn, rows)?;
            return Ok(());
        }
        let text = status(&settled(report.clone()), Timestamp::UNIX_EPOCH, Look::PLAIN);
        if text != self.said {
            print(&format!("{text}\n"))?;
            self.said = text;
        }
        Ok(())
    }

    /// Says something; the table goes on below it.
    fn talk(&mut self, text: &str) {
        if self.drawn > 0 {
            say("\n");
        }
        self.drawn = 0;
        say(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_base_ports_are_two_families() {
        assert_eq!("20000,21000".parse(), Ok(Bases([20000, 21000])));
        for bad in ["20000", "20000,20100", "0,21000", "20000,65500", "20000,x", ""] {
            assert!(bad.parse::<Bases>().is_err(), "{bad}");
        }
    }
}
