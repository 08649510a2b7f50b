//! The built-in stand-in gateway, for demos and drills. Never used where a real gateway was asked for.
//!
//! It takes the arguments and the environment of `openclaw`, owns its state dir, serves the three probes, drains, hands
//! over and exits as `docs/openclaw.md` says of the real one, and breaks in the ways that `PRACTICE_*` variables ask for. It
//! speaks to no model and no channel, opens nothing but loopback ports, and kills nobody. `docs/practice.md` tells all of it.
//!
//! | file | is |
//! |---|---|
//! | `words` | what was asked on the command line |
//! | `world` | what environment and files say |
//! | `faults` | how it shall break |
//! | `gateway` | one life, from boot to exit |
//! | `probes`, `server` | what it answers, and how |
//! | `ownership` | that one process at most lives on a state dir |
//! | `handoff` | the note that an exit leaves for its supervisor |
//! | `asides` | the commands that ask about a gateway or steer one |

#![allow(clippy::disallowed_methods, reason = "a program of its own, which only shares our binary")]

mod asides;
mod faults;
mod gateway;
mod handoff;
mod ownership;
mod probes;
mod server;
mod straggler;
mod voice;
mod words;
mod world;

use std::process::ExitCode;

use words::Ask;
use world::World;

/// Its release, as `--version` and the probes tell it: never one of OpenClaw's.
const VERSION: &str = concat!("practice-", env!("CARGO_PKG_VERSION"));

/// Runs the stand-in with the arguments that `openclaw` would get, without the program's name.
pub fn main(args: Vec<String>) -> ExitCode {
    // As Node does at its start: a hangup ends it whatever its parent had ignored.
    crate::os::signals::restore(&[libc::SIGHUP, libc::SIGINT, libc::SIGTERM, libc::SIGUSR2]);
    let words = match words::read(args) {
        Ok(words) => words,
        Err(complaint) => return failed(&complaint),
    };
    if let Ask::Straggler { life, port } = words.ask {
        return straggler::live(life, port);
    }
    let world = match World::read(words.profile) {
        Ok(world) => world,
        Err(complaint) => return failed(&complaint),
    };
    match words.ask {
        Ask::Run { port } => gateway::run(world, port),
        Ask::Version => asides::version(),
        Ask::Validate => asides::validate(&world),
        Ask::Agents => asides::agents(&world),
        Ask::Capabilities => handoff::capabilities(),
        Ask::Consume { pid } => handoff::consume(&world.state_dir, &pid),
        Ask::Restart => asides::restart(&world),
        Ask::Health => asides::health(&world),
        Ask::Doctor => asides::doctor(&world),
        Ask::Straggler { .. } => ExitCode::SUCCESS,
    }
}

fn failed(complaint: &str) -> ExitCode {
    eprintln!("error: {complaint}");
    ExitCode::FAILURE
}
