//! Path arithmetic: where locks, sockets, logs and journals are.
//!
//! Names only: nothing here touches a disk.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::plane::{PlaneName, Supervisor};

/// The name of the current file of a gateway's captured output.
pub const GATEWAY_LOG: &str = "gateway.log";

/// The daemon's socket.
pub fn daemon_socket(run_dir: &Path) -> PathBuf {
    run_dir.join("gateward.sock")
}

/// The folder of keepers' sockets.
pub fn keeper_sockets(run_dir: &Path) -> PathBuf {
    run_dir.join("planes")
}

/// One keeper's socket.
pub fn keeper_socket(run_dir: &Path, plane: &PlaneName) -> PathBuf {
    keeper_sockets(run_dir).join(format!("{plane}.sock"))
}

/// One keeper's own log, while the state dir does not take it.
pub fn spare_keeper_log(run_dir: &Path, plane: &PlaneName) -> PathBuf {
    keeper_sockets(run_dir).join(format!("{plane}.log"))
}

/// The daemon's own log, while the state dir does not take it.
pub fn spare_daemon_log(run_dir: &Path) -> PathBuf {
    run_dir.join("gateward.log")
}

/// What the operator wanted of a plane, with the boot it was wanted in.
pub fn want(run_dir: &Path, plane: &PlaneName) -> PathBuf {
    run_dir.join("wants").join(plane.as_str())
}

/// Whether a plane is to be up or down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// `up`.
    Up,
    /// `down`.
    Down,
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Up => "up",
            Self::Down => "down",
        })
    }
}

/// What a file of [`want`] says, where it was written in the present boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Which.
    pub word: Word,
    /// When it was said, in nanoseconds since the boot: no wall clock that is set moves that. 0 where an older release wrote it.
    pub at: u64,
}

/// The text of such a file.
pub fn want_text(wanted: Wanted, boot: &str) -> String {
    format!("{} {boot} {}\n", wanted.word, wanted.at)
}

/// What such a file's `text` says: `up BOOT AT`, or `up BOOT` by an older release.
pub fn wanted(text: &str, boot: &str) -> Option<Wanted> {
    let mut words = text.split_ascii_whitespace();
    let word = match words.next()? {
        "up" => Word::Up,
        "down" => Word::Down,
        _ => return None,
    };
    words.next().filter(|written| *written == boot)?;
    let at = words.next().map_or(Some(0), |at| at.parse().ok())?;
    Some(Wanted { word, at })
}

/// What was said last: a place that took no writing for a while still says what was wanted before. The first goes before the
/// second where neither is the later.
pub fn last_wanted<'a>(texts: impl IntoIterator<Item = &'a str>, boot: &str) -> Option<Wanted> {
    let said = texts.into_iter().filter_map(|text| wanted(text, boot));
    said.reduce(|first, second| if second.at > first.at { second } else { first })
}

/// The last incarnation's number, while the state dir does not take it.
pub fn incarnation(run_dir: &Path, plane: &PlaneName) -> PathBuf {
    run_dir.join("incarnations").join(plane.as_str())
}

/// Held by the one daemon of this state dir.
pub fn daemon_lock(state_dir: &Path) -> PathBuf {
    state_dir.join("gateward.lock")
}

/// Held by the one daemon whose sockets are in this run dir. The lock that counts beyond a logout is [`daemon_lock`].
pub fn sockets_lock(run_dir: &Path) -> PathBuf {
    run_dir.join("gateward.lock")
}

/// The daemon's own log.
pub fn daemon_log(state_dir: &Path) -> PathBuf {
    state_dir.join("gateward.log")
}

/// What happened to the supervisor itself, one JSON object a line; rotated to `.1`.
pub fn daemon_journal(state_dir: &Path) -> PathBuf {
    state_dir.join("journal.jsonl")
}

/// The random id of this supervisor, made once, under its state dir; the same under its run dir.
pub fn supervisor_id(folder: &Path) -> PathBuf {
    folder.join("id")
}

/// What was last applied: the order of planes, no secret; read when the manifest cannot be.
pub fn applied(state_dir: &Path) -> PathBuf {
    state_dir.join("applied.json")
}

/// The same beside the sockets, for one who knows only the run dir: a shell inside a plane.
pub fn breadcrumb(run_dir: &Path) -> PathBuf {
    run_dir.join("applied.json")
}

/// The same where it is found by the manifest's path alone, under the state dir of a supervisor that sets none: the folders
/// that a manifest names cannot be read from one that is no longer TOML.
pub fn signpost(default_state_dir: &Path, manifest: &Path) -> PathBuf {
    let digest = Sha256::digest(manifest.as_os_str().as_encoded_bytes());
    let name: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    signposts(default_state_dir).join(format!("{name}.json"))
}

/// The folder of all [`signpost`]s.
pub fn signposts(default_state_dir: &Path) -> PathBuf {
    default_state_dir.join("manifests")
}

/// What the files [`applied`], [`breadcrumb`] and [`signpost`] hold; written by the daemon whenever it has applied a manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Applied {
    /// The manifest, absolute.
    pub manifest: PathBuf,
    /// Where its sockets are.
    pub run_dir: PathBuf,
    /// Where its locks, logs and journals are.
    pub state_dir: PathBuf,
    /// Whose members may steer.
    #[serde(default)]
    pub socket_group: Option<String>,
    /// Its planes, in manifest order.
    pub planes: Vec<AppliedPlane>,
}

/// One plane of [`Applied`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppliedPlane {
    /// Its name.
    pub name: PlaneName,
    /// `main`, `rescue`, `staging`, `other`.
    #[serde(default)]
    pub role: String,
    /// Base port.
    #[serde(default)]
    pub port: Option<u16>,
}

/// The state dir of a plain plane that names none: apart from what gateward itself keeps for it.
pub fn plain_state(state_dir: &Path, plane: &PlaneName) -> PathBuf {
    state_dir.join("plain").join(plane.as_str())
}

/// Everything that gateward keeps for one plane.
#[derive(Clone, Debug)]
pub struct PlaneDir(PathBuf);

impl PlaneDir {
    /// The folder of `plane` under this supervisor.
    pub fn new(supervisor: &Supervisor, plane: &PlaneName) -> Self {
        Self::under(&supervisor.state_dir, plane)
    }

    /// The folder of `plane` under a state dir.
    pub fn under(state_dir: &Path, plane: &PlaneName) -> Self {
        Self(Self::all(state_dir).join(plane.as_str()))
    }

    /// Where a state dir has the folders of all its planes.
    pub fn all(state_dir: &Path) -> PathBuf {
        state_dir.join("planes")
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.0
    }

    /// Held by the one keeper; close-on-exec.
    pub fn keeper_lock(&self) -> PathBuf {
        self.0.join("keeper.lock")
    }

    /// Inherited by the gateway; held means occupied.
    pub fn plane_lock(&self) -> PathBuf {
        self.0.join("plane.lock")
    }

    /// The same as [`want`], for a run dir that is full or gone; the boot stands in it, as a state dir outlives boots.
    pub fn want(&self) -> PathBuf {
        self.0.join("want")
    }

    /// The last incarnation's number.
    pub fn incarnation(&self) -> PathBuf {
        self.0.join("incarnation")
    }

    /// What the keeper at work has done so far; there as long as it works, and left behind by one that dies.
    pub fn tenure(&self) -> PathBuf {
        self.0.join("tenure.json")
    }

    /// The keeper's own log.
    pub fn keeper_log(&self) -> PathBuf {
        self.0.join("keeper.log")
    }

    /// Folder of the gateway's captured output.
    pub fn logs(&self) -> PathBuf {
        self.0.join("log")
    }

    /// The current file of the gateway's captured output; rotated ones end in `.1` (newest) and up.
    pub fn log(&self) -> PathBuf {
        self.logs().join(GATEWAY_LOG)
    }

    /// What happened to the plane, one JSON object a line; rotated to `.1`.
    pub fn journal(&self) -> PathBuf {
        self.0.join("journal.jsonl")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_said_last_counts_wherever_it_stands() {
        let at = |word, at| want_text(Wanted { word, at }, "b");
        fn last(texts: [&str; 2]) -> Option<Word> {
            last_wanted(texts, "b").map(|wanted| wanted.word)
        }
        assert_eq!(last([&at(Word::Up, 7), &at(Word::Down, 8)]), Some(Word::Down));
        assert_eq!(last([&at(Word::Down, 8), &at(Word::Up, 7)]), Some(Word::Down));
        assert_eq!(last(["up b\n", &at(Word::Down, 1)]), Some(Word::Down), "an older release said no time");
        assert_eq!(last(["up b   \n", "down b\n"]), Some(Word::Up), "of two that say none, the run dir's");
        assert_eq!(
            last([&at(Word::Up, 9).replace(" b ", " another "), &at(Word::Down, 1)]),
            Some(Word::Down),
            "of another boot"
        );
        assert_eq!(last(["", "down b"]), Some(Word::Down));
        assert_eq!(last(["perhaps b 9", "down b x"]), None);
    }
}
