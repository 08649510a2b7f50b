//! A manifest as the supervisor that runs understands it: with the environment that it was started with, which its planes get.
//!
//! Without one, or with one that does not tell, the asker's own environment stands in for it; who rests on that says so.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use super::ask;
use crate::daemon::load::{self, Loaded};
use crate::daemon::seal;
use crate::rundir;
use crate::wire::{Answer, Ask};

/// The question is answered from memory; a supervisor that hangs holds nobody up for longer.
const BUDGET: Duration = Duration::from_secs(1);

/// The same manifest, read anew where a supervisor answers in this run dir.
pub fn read(loaded: &Loaded, run_dir: &Path) -> Loaded {
    let names: BTreeSet<String> = loaded.planes.planes.iter().flat_map(|(plane, _)| plane.passed.clone()).collect();
    let Ok(Answer::Environ(environ)) = ask::one(rundir::daemon_socket(run_dir), Ask::Environ { names }, BUDGET) else {
        return loaded.clone();
    };
    seal::speak_for(environ);
    // What holds in one environment and not in the other is told as what holds here.
    load::read(&loaded.planes.supervisor.manifest).unwrap_or_else(|_| loaded.clone())
}
