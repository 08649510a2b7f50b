//! The demo's supervisor: our own program as a child, started again when it dies, as a service manager would.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::super::outcome::Failure;
use super::ground::Scene;

/// A supervisor that dies sooner cannot begin at all.
const TOO_SOON: Duration = Duration::from_secs(5);

/// So many such deaths in a row end the demo.
const TRIES: u32 = 3;

/// Lines of its output that are shown when it cannot begin.
const TAIL: usize = 15;

/// They are looked for in so many bytes at its end.
const TAIL_BYTES: u64 = 16 * 1024;

/// The child.
pub struct Supervisor {
    manifest: PathBuf,
    log: PathBuf,
    child: Child,
    since: Instant,
    failures: u32,
}

/// What a look at it found.
pub enum Alive {
    /// It runs.
    Yes,
    /// It had died, and another one runs now; what to say about it.
    Again(String),
    /// It went in peace: somebody took everything down.
    TakenDown,
}

impl Supervisor {
    /// Starts it.
    pub fn start(scene: &Scene) -> Result<Self, Failure> {
        let (manifest, log) = (scene.manifest.clone(), scene.log.clone());
        let child = spawn(&manifest, &log)?;
        Ok(Self { manifest, log, child, since: Instant::now(), failures: 0 })
    }

    /// Looks whether it runs, and starts another one if it died.
    pub fn look(&mut self) -> Result<Alive, Failure> {
        let Some(status) = self.ended()? else { return Ok(Alive::Yes) };
        if status.success() {
            return Ok(Alive::TakenDown);
        }
        self.failures = if self.since.elapsed() < TOO_SOON { self.failures + 1 } else { 0 };
        if self.failures >= TRIES {
            let message = format!("the demo's supervisor cannot run ({status}):\n{}", self.tail());
            return Err(Failure::failed(message, format!("all of its output is in {}", self.log.display())));
        }
        let old = self.child.id();
        self.child = spawn(&self.manifest, &self.log)?;
        self.since = Instant::now();
        let new = self.child.id();
        Ok(Alive::Again(format!(
            "The supervisor {old} died ({status}). The gateways live on; supervisor {new} greets them.\n\n"
        )))
    }

    /// How it ended, if it did.
    pub fn ended(&mut self) -> Result<Option<std::process::ExitStatus>, Failure> {
        self.child.try_wait().map_err(|error| Failure::failed(format!("cannot look at the supervisor: {error}"), ""))
    }

    fn tail(&self) -> String {
        let text = last_of(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(TAIL)..].join("\n")
    }
}

/// The end of a log that is appended to by every demo.
fn last_of(log: &Path) -> io::Result<String> {
    let mut file = File::open(log)?;
    let begins = file.metadata()?.len().saturating_sub(TAIL_BYTES);
    file.seek(SeekFrom::Start(begins))?;
    let mut bytes = Vec::new();
    file.take(TAIL_BYTES).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// In a process group of its own: a terminal's Ctrl-C is for the demo, which then asks the supervisor.
fn spawn(manifest: &std::path::Path, log: &std::path::Path) -> Result<Child, Failure> {
    let failed = |doing: &str, error: std::io::Error| Failure::failed(format!("cannot {doing}: {error}"), "");
    let output: File = OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(log)
        .map_err(|error| failed(&format!("open {}", log.display()), error))?;
    let errors = output.try_clone().map_err(|error| failed("share a descriptor", error))?;
    // By what we execute and not by name: the file may have been built anew meanwhile.
    Command::new("/proc/self/exe")
        .arg0("gateward")
        .arg("--manifest")
        .arg(manifest)
        .arg("run")
        // It is no service of whoever runs the demo.
        .env_remove("NOTIFY_SOCKET")
        .stdin(Stdio::null())
        .stdout(output)
        .stderr(errors)
        .process_group(0)
        .spawn()
        .map_err(|error| failed("start the supervisor", error))
}
