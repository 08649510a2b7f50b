//! Our own binary as an operator runs it, in a world of the test's own; leaves no process behind, and fails if it would.

use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use gateward::wire::{PlaneStatus, State};
use rustix::process::Signal;

use super::manifest::{self, TestPlane};
use super::{Scratch, eventually, processes, runtimes, say};

/// How long a verb may take that waits for nothing.
const PROMPT: Duration = Duration::from_secs(30);

/// How long a real gateway may take from spawn to ready on two busy cores.
pub const BOOT: Duration = Duration::from_secs(180);

/// One supervisor with its planes and its folder.
pub struct Gateward {
    scratch: Scratch,
    planes: Vec<TestPlane>,
    manifest: PathBuf,
    program: PathBuf,
    daemon: Option<Child>,
    dirt: Vec<(String, String)>,
    account: Option<(u32, u32)>,
}

/// What a run of the binary said.
#[derive(Debug)]
pub struct Said {
    /// The exit code; -1 when a signal ended it.
    pub code: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Said {
    /// The same, when the code is this one; else a panic that shows all of it.
    #[track_caller]
    pub fn code(self, code: i32) -> Self {
        assert!(
            self.code == code,
            "exit code {} and not {code}\n-- out\n{}\n-- err\n{}",
            self.code,
            self.out,
            self.err
        );
        self
    }

    /// The output as JSON.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("no JSON ({error}): {self:#?}"))
    }
}

/// The part of `status --json` that tests ask.
#[derive(Debug, serde::Deserialize)]
pub struct Status {
    /// The daemon.
    pub supervisor: serde_json::Value,
    /// The planes, in manifest order.
    pub planes: Vec<PlaneStatus>,
}

impl Gateward {
    /// A supervisor for the test of that name, not yet running.
    pub fn new(test: &str, planes: Vec<TestPlane>) -> Self {
        Self::with_supervisor(test, "", planes)
    }

    /// The same with further lines in `[supervisor]`.
    pub fn with_supervisor(test: &str, lines: &str, planes: Vec<TestPlane>) -> Self {
        let scratch = Scratch::new(test);
        for folder in ["home", "xdg/config", "xdg/data", "xdg/state", "xdg/run"] {
            scratch.folder(folder);
        }
        let manifest = manifest::write(&scratch, lines, &planes);
        let program = PathBuf::from(env!("CARGO_BIN_EXE_gateward"));
        Self { scratch, planes, manifest, program, daemon: None, dirt: Vec::new(), account: None }
    }

    /// Installs `program` in the world's own folder, in one step as a package does; every run from now on uses it.
    pub fn install(&mut self, program: &Path) {
        let place = self.scratch.folder("bin").join("gateward");
        let fresh = self.scratch.join("bin/.fresh");
        processes::copy_program(program, &fresh);
        std::fs::rename(&fresh, &place).expect("in place");
        self.program = place;
    }

    /// Adds variables to the environment of every run from now on.
    pub fn dirty(mut self, variables: &[(&str, &str)]) -> Self {
        self.dirt.extend(variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        self
    }

    /// Runs everything from now on as this user and group.
    pub fn run_as(&mut self, uid: u32, gid: u32) {
        self.account = Some((uid, gid));
    }

    /// The folder.
    pub fn scratch(&self) -> &Scratch {
        &self.scratch
    }

    /// The manifest's path.
    pub fn manifest(&self) -> &Path {
        &self.manifest
    }

    /// Writes the manifest anew for these planes, in one step as an editor would.
    pub fn rewrite(&mut self, planes: Vec<TestPlane>) {
        manifest::write(&self.scratch, "", &planes);
        self.planes = planes;
    }

    /// The plane as it was written.
    #[track_caller]
    pub fn written(&self, name: &str) -> &TestPlane {
        self.planes.iter().find(|plane| plane.name() == name).expect("a plane of that name")
    }

    /// Lets anybody come as far as the run dir, whose own rights must then hold.
    pub fn open_the_way(&self) {
        use std::os::unix::fs::PermissionsExt;
        let open = |path: PathBuf, mode| {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("our own path");
        };
        for folder in ["", "main", "main/state", "main/home", "main/workspace", "home", "xdg", "xdg/config"] {
            open(self.scratch.join(folder), 0o755);
        }
        open(self.manifest.clone(), 0o644);
    }

    /// The binary with these arguments, in the test's own world: nothing of our environment reaches it.
    pub fn command(&self, arguments: &[&str]) -> Command {
        self.command_of(&self.program, arguments)
    }

    /// The same with another program than the installed one.
    pub fn command_of(&self, program: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command
            .arg("--manifest")
            .arg(&self.manifest)
            .args(arguments)
            .env_clear()
            .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
            .env("HOME", self.scratch.join("home"))
            .env("LANG", "C.UTF-8")
            .env("XDG_CONFIG_HOME", self.scratch.join("xdg/config"))
            .env("XDG_DATA_HOME", self.scratch.join("xdg/data"))
            .env("XDG_STATE_HOME", self.scratch.join("xdg/state"))
            .env("XDG_RUNTIME_DIR", self.scratch.join("xdg/run"))
            .env("GATEWARD_RUNTIMES_DIR", runtimes().root())
            .envs(self.dirt.iter().map(|(name, value)| (name, value)))
            .current_dir(self.scratch.path())
            .stdin(Stdio::null());
        if let Some((uid, gid)) = self.account {
            command.uid(uid).gid(gid);
        }
        command
    }

    /// Runs it to its end.
    #[track_caller]
    pub fn run(&self, arguments: &[&str]) -> Said {
        said(self.command(arguments).output().expect("our binary runs"))
    }

    /// Starts the daemon and waits until it answers.
    #[track_caller]
    pub fn up(&mut self) {
        self.spawn_daemon();
        self.wait_for_daemon();
    }

    /// As [`Gateward::up`], executed by another program with these words before ours, such as `unshare`.
    #[track_caller]
    pub fn up_under(&mut self, program: &str, words: &[&str]) {
        let run = self.command(&["run"]);
        let mut command = Command::new(program);
        command.args(words).arg(run.get_program()).args(run.get_args()).env_clear();
        command.envs(run.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.current_dir(self.scratch.path()).stdin(Stdio::null());
        self.spawn(command);
        self.wait_for_daemon();
    }

    /// Starts `gateward run`, in a process group of its own, out of reach of a terminal's Ctrl-C, and returns at once.
    #[track_caller]
    pub fn spawn_daemon(&mut self) {
        let command = self.command(&["run"]);
        self.spawn(command);
    }

    #[track_caller]
    fn spawn(&mut self, mut command: Command) {
        let out = File::options().create(true).append(true).open(self.scratch.join("daemon.out")).expect("a log");
        command.stdout(out.try_clone().expect("a log")).stderr(out).process_group(0);
        self.daemon = Some(command.spawn().expect("our binary runs"));
    }

    /// Waits until the daemon answers; panics as soon as it has ended instead.
    #[track_caller]
    pub fn wait_for_daemon(&mut self) {
        let mut daemon = self.daemon.take().expect("a daemon was started");
        eventually(PROMPT, "an answer of the daemon", || {
            if let Some(status) = daemon.try_wait().expect("our child") {
                panic!("`gateward run` ended with {status}:\n{}", tail(&self.scratch.join("daemon.out"), 40));
            }
            let said = self.run(&["status", "--json"]);
            let answers =
                serde_json::from_str::<Status>(&said.out).is_ok_and(|status| status.supervisor["running"] == true);
            if answers { Ok(()) } else { Err(said) }
        });
        self.daemon = Some(daemon);
    }

    /// Waits for the end of a daemon that was told to go by a verb.
    #[track_caller]
    pub fn ended(&mut self) {
        let mut daemon = self.daemon.take().expect("a daemon was started");
        eventually(PROMPT, "the end of the daemon", || daemon.try_wait().expect("our child").is_some());
    }

    /// The daemon's number.
    #[track_caller]
    pub fn daemon_pid(&self) -> i32 {
        self.daemon.as_ref().expect("a daemon was started").id().cast_signed()
    }

    /// Sends the daemon a signal and waits for its end; gives how it ended.
    #[track_caller]
    pub fn end_daemon(&mut self, signal: Signal, budget: Duration) -> std::process::ExitStatus {
        let mut daemon = self.daemon.take().expect("a daemon was started");
        processes::kill(daemon.id().cast_signed(), signal);
        eventually(budget, "the end of the daemon", || daemon.try_wait().expect("our child"))
    }

    /// `status --json`, with or without a daemon.
    #[track_caller]
    pub fn status(&self) -> Status {
        let said = self.run(&["status", "--json"]);
        serde_json::from_str(&said.out).unwrap_or_else(|error| panic!("no status ({error}): {said:#?}"))
    }

    /// One plane of it.
    #[track_caller]
    pub fn plane(&self, name: &str) -> PlaneStatus {
        let mut status = self.status();
        let at = status.planes.iter().position(|plane| plane.name.as_str() == name);
        status.planes.swap_remove(at.unwrap_or_else(|| panic!("no plane `{name}` in {status:#?}")))
    }

    /// Waits until what `status` says of a plane fits; gives it.
    #[track_caller]
    pub fn until(&self, name: &str, budget: Duration, what: &str, fits: impl Fn(&PlaneStatus) -> bool) -> PlaneStatus {
        eventually(budget, &format!("{name}: {what}"), || {
            let plane = self.plane(name);
            if fits(&plane) { Ok(plane) } else { Err(Box::new(plane)) }
        })
    }

    /// Waits until a plane is up and ready; gives its status.
    #[track_caller]
    pub fn until_ready(&self, name: &str) -> PlaneStatus {
        self.until(name, BOOT, "up and ready", |plane| plane.state == State::Up && plane.ready)
    }

    /// Everything that lives in this test's world now.
    pub fn living(&self) -> Vec<i32> {
        processes::bearing(self.scratch.path())
    }

    fn print_logs(&self) {
        let state = self.scratch.join("state");
        let mut files = vec![self.scratch.join("daemon.out"), state.join("gateward.log")];
        for plane in &self.planes {
            let folder = state.join("planes").join(plane.name());
            files.extend([folder.join("keeper.log"), folder.join("journal.jsonl"), folder.join("log/gateway.log")]);
        }
        for file in files.iter().filter(|file| file.exists()) {
            say(&format!("---- the end of {}\n{}", file.display(), tail(file, 40)));
        }
    }
}

impl Drop for Gateward {
    /// Ends everything, first by the front door; what then is left is killed, and is a failure of its own.
    fn drop(&mut self) {
        let failed = std::thread::panicking();
        if failed {
            self.print_logs();
        }
        if !self.living().is_empty() {
            // What it does not end within a minute is ended below: a test that has been judged holds up no other.
            let mut down = self.command(&["down", "--now"]);
            if let Ok(mut down) = down.stdout(Stdio::null()).stderr(Stdio::null()).spawn() {
                let ended = super::wait::within(Duration::from_secs(60), || down.try_wait().ok().flatten().is_some());
                if !ended {
                    let _ = down.kill();
                    let _ = down.wait();
                }
            }
        }
        if let Some(mut daemon) = self.daemon.take() {
            // Reaped here, or it would count as left behind.
            let ended = super::wait::within(Duration::from_secs(20), || daemon.try_wait().ok().flatten().is_some());
            if !ended {
                let _ = daemon.kill();
                let _ = daemon.wait();
            }
        }
        // A gateway's helpers may take two seconds to notice.
        let empty = super::wait::within(Duration::from_secs(10), || self.living().is_empty());
        if !empty {
            let left = processes::end_bearing(self.scratch.path());
            let text = format!("left behind after `gateward down --now`, and killed now:\n  {}", left.join("\n  "));
            if failed {
                say(&text);
            } else {
                self.print_logs();
                panic!("{text}");
            }
        }
    }
}

/// The last lines of a file.
pub fn tail(file: &Path, lines: usize) -> String {
    let text = String::from_utf8_lossy(&std::fs::read(file).unwrap_or_default()).into_owned();
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}

/// What a finished run said.
pub fn said(output: Output) -> Said {
    Said {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}
