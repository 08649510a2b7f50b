//! Whether an installed release works: runs its `node` and its `openclaw` once, each for its version. Starts no gateway.

use std::fmt;
use std::io;
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;

use tokio::process::Command;

use super::bin_of;

/// The oldest Node that OpenClaw runs on.
const OLDEST_NODE: (u32, u32) = (24, 16);

/// How long one of them may take to say its version; a cold disk on a small host takes seconds.
const PATIENCE: Duration = Duration::from_secs(120);

/// Why a release that npm reported as installed is none.
#[derive(Debug)]
pub enum Unfit {
    /// It could not be run.
    NotRun {
        /// `node` or `openclaw`.
        program: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// It ran and failed.
    Failed {
        /// `node` or `openclaw`.
        program: &'static str,
        /// What it said.
        said: String,
    },
    /// It did not answer in time.
    Silent {
        /// `node` or `openclaw`.
        program: &'static str,
    },
    /// Node is too old, or its version cannot be read.
    Node {
        /// What it said.
        said: String,
    },
    /// OpenClaw is another release than the one asked for.
    OpenClaw {
        /// What it said.
        said: String,
    },
    /// OpenClaw's own set-up after installation did not finish.
    Unfinished,
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotRun { program, .. } => write!(f, "the installed `{program}` cannot be run"),
            Self::Failed { program, said } => write!(f, "the installed `{program}` fails: {said}"),
            Self::Silent { program } => {
                write!(f, "the installed `{program}` did not say its version within {} s", PATIENCE.as_secs())
            }
            Self::Node { said } => {
                let (major, minor) = OLDEST_NODE;
                write!(f, "the installed node says `{said}`; OpenClaw needs {major}.{minor} or a later {major}")
            }
            Self::OpenClaw { said } => write!(f, "the installed openclaw says `{said}`, which is another release"),
            Self::Unfinished => f.write_str("the installed openclaw could not finish its own set-up"),
        }
    }
}

impl std::error::Error for Unfit {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::NotRun { source, .. } => Some(source),
            Self::Failed { .. }
            | Self::Silent { .. }
            | Self::Node { .. }
            | Self::OpenClaw { .. }
            | Self::Unfinished => None,
        }
    }
}

/// Proves the release in `root`; gives Node's version.
///
/// Running `openclaw` is more than a question: npm was told to run no package's scripts, and OpenClaw's launcher then
/// finishes its package by itself, once, at its first start. It must happen here, while nobody else uses the folder.
pub async fn prove(root: &Path, version: &str) -> Result<String, Unfit> {
    let said = ask(root, "node").await?;
    let node = node_version(&said).ok_or(Unfit::Node { said })?;
    let said = ask(root, "openclaw").await?;
    if !said.split_whitespace().any(|word| word.trim_start_matches('v') == version) {
        return Err(Unfit::OpenClaw { said });
    }
    if root.join("node_modules/openclaw/.openclaw-lifecycle-pending").exists() {
        return Err(Unfit::Unfinished);
    }
    Ok(node)
}

/// Runs `program --version` with a home of its own, so that nothing of the user's is read or written.
async fn ask(root: &Path, program: &'static str) -> Result<String, Unfit> {
    let failed = |source| Unfit::NotRun { program, source };
    let bin = bin_of(root);
    let home = root.join(".home");
    std::fs::create_dir_all(&home).map_err(failed)?;
    let run = Command::new(bin.join(program))
        .arg("--version")
        .env_clear()
        .env("PATH", format!("{}:/usr/local/bin:/usr/bin:/bin", bin.display()))
        .env("HOME", &home)
        .env("TMPDIR", &home)
        .env("LANG", "C.UTF-8")
        .current_dir(root)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let outcome = tokio::time::timeout(PATIENCE, run).await;
    std::fs::remove_dir_all(&home).map_err(failed)?;
    let output = outcome.map_err(|_| Unfit::Silent { program })?.map_err(failed)?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    } else {
        Err(Unfit::Failed { program, said: last_words(&output) })
    }
}

fn last_words(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let tail = lines[lines.len().saturating_sub(3)..].join(" / ");
    format!("{} ({tail})", output.status)
}

/// `24.21.0` out of `v24.21.0`, when it is one that OpenClaw takes.
fn node_version(said: &str) -> Option<String> {
    let version = said.strip_prefix('v')?;
    let mut parts = version.split('.').map(|part| part.parse::<u32>().ok());
    let (major, minor) = (parts.next()??, parts.next()??);
    (major == OLDEST_NODE.0 && minor >= OLDEST_NODE.1).then(|| version.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_node_that_openclaw_takes_is_taken() {
        assert_eq!(node_version("v24.21.0").as_deref(), Some("24.21.0"));
        assert_eq!(node_version("v24.16.0").as_deref(), Some("24.16.0"));
        for said in ["v24.15.9", "v20.20.2", "v25.0.0", "24.21.0", "v24", "", "vx.y.z"] {
            assert_eq!(node_version(said), None, "{said}");
        }
    }
}
