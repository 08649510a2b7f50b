//! The life of a plane on the stand-in: every fault that is slow or rare on the real gateway.
//!
//! Each test has a world of its own and waits for facts.

mod bounded;
mod departing;
mod ends;
mod helpers;
mod host;
mod keepers;
mod later;
mod meanings;
mod odd;
mod owners;
mod probes;
mod invalid;
mod starts;
mod stops;
mod stuck;
mod survival;
mod survivors;
mod unheard;
mod unix;
mod wiped;

use std::time::Duration;

use gateward::wire::{PlaneStatus, State};

use crate::support::{Gateward, TestPlane};

/// A stand-in boots in a tenth of a second; a busy machine stretches that.
const SOON: Duration = Duration::from_secs(30);

/// A practice plane that respawns quickly and is asked often.
fn quick(name: &str) -> TestPlane {
    TestPlane::practice(name)
        .table("restart", "min_delay = \"50ms\"\nmax_delay = \"200ms\"\nstable = \"0s\"")
        .table("health", "interval = \"200ms\"\ntimeout = \"400ms\"")
}

fn up(plane: &PlaneStatus) -> bool {
    plane.state == State::Up && plane.ready
}

/// The journal of a plane, one object a line.
fn journal(world: &Gateward, plane: &str) -> Vec<serde_json::Value> {
    let path = world.scratch().join(&format!("state/planes/{plane}/journal.jsonl"));
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).expect("whole lines of JSON")).collect()
}

/// Whether the journal has an entry of this kind whose words contain these.
fn told(world: &Gateward, plane: &str, event: &str, words: &str) -> bool {
    journal(world, plane).iter().any(|entry| entry["event"] == event && entry.to_string().contains(words))
}
