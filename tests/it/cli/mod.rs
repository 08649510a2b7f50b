//! The verbs as an operator types them: what they do, what they say, and how they end. One module a subject.

mod anothers;
mod drain;
mod every;
pub(crate) mod group;
mod honest;
mod inside;
mod logs;
mod settled;
mod shown;
mod steering;
mod terminal;
mod transcript;
mod wrong;

use crate::support::TestPlane;

/// A plane that runs until it is told to go, and then goes at once.
fn quiet(name: &str) -> TestPlane {
    TestPlane::plain(name, &["/bin/sleep", "1000000"])
}

/// A plane that takes its time to go, and says a line when it is told to.
fn slow(name: &str) -> TestPlane {
    let script = "trap 'echo going; sleep 3 & wait $!; exit 0' TERM; echo here; while :; do sleep 600 & wait $!; done";
    TestPlane::plain(name, &["/bin/sh", "-c", script])
}

/// A plane that says so many numbered lines, then stays.
fn talker(name: &str, lines: u32) -> TestPlane {
    let script = format!("i=0; while [ $i -lt {lines} ]; do echo line $i; i=$((i+1)); done; exec sleep 1000000");
    TestPlane::plain(name, &["/bin/sh", "-c", &script])
}
