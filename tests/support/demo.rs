//! `gateward demo` as a child with its words in files, on families of the test's own; leaves nothing behind.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::Signal;

use super::{Family, Said, Scratch, Status, eventually, processes, runtimes, said, say, wait};

/// Who lives in a demo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pids {
    /// The daemon.
    pub supervisor: i32,
    /// Main's gateway.
    pub main: i32,
    /// Rescue's gateway.
    pub rescue: i32,
}

/// A demo in a folder of its own.
pub struct Demo {
    scratch: Scratch,
    families: [Family; 2],
    child: Option<Child>,
}

impl Demo {
    /// Everything but the demo itself.
    pub fn prepared(test: &str) -> Self {
        Self { scratch: Scratch::new(test), families: [Family::lease(), Family::lease()], child: None }
    }

    /// Starts one with these arguments.
    #[track_caller]
    pub fn start(test: &str, arguments: &[&str]) -> Self {
        Self::start_with(test, arguments, |_| ())
    }

    /// The same, with something changed about it first.
    #[track_caller]
    pub fn start_with(test: &str, arguments: &[&str], change: impl FnOnce(&mut Command)) -> Self {
        let mut demo = Self::prepared(test);
        let mut command = demo.command(arguments);
        change(&mut command);
        demo.spawn(command);
        demo
    }

    /// Starts another one in the same folder.
    #[track_caller]
    pub fn again(&mut self, arguments: &[&str]) {
        let command = self.command(arguments);
        self.spawn(command);
    }

    #[track_caller]
    fn spawn(&mut self, mut command: Command) {
        let file = |name: &str| File::create(self.scratch.join(name)).expect("a file in the scratch folder");
        let child = command.stdout(file("demo.out")).stderr(file("demo.err")).process_group(0).spawn();
        self.child = Some(child.expect("our binary runs"));
    }

    /// `gateward demo` with these arguments and the test's own ports.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.gateward();
        command.arg("demo");
        if !arguments.contains(&"--ports") {
            command.arg("--ports").arg(format!("{},{}", self.families[0].base(), self.families[1].base()));
        }
        command.args(arguments);
        command
    }

    fn gateward(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gateward"));
        command
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("HOME", self.scratch.path())
            .env("XDG_STATE_HOME", self.scratch.join("state"))
            .env("GATEWARD_RUNTIMES_DIR", runtimes().root())
            .env("LANG", "C.UTF-8")
            .current_dir(self.scratch.path())
            .stdin(Stdio::null());
        command
    }

    /// A verb of ours on the demo's manifest, as from another terminal.
    #[track_caller]
    pub fn run(&self, arguments: &[&str]) -> Said {
        let manifest = self.scratch.join("state/gateward/demo/supervisor.toml");
        said(self.gateward().arg("-m").arg(manifest).args(arguments).output().expect("our binary runs"))
    }

    /// The folder.
    pub fn scratch(&self) -> &Scratch {
        &self.scratch
    }

    /// The demo's own number.
    #[track_caller]
    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("a demo was started").id()
    }

    /// All that it said to stderr.
    pub fn err(&self) -> String {
        fs::read_to_string(self.scratch.join("demo.err")).unwrap_or_default()
    }

    /// Everything that lives in its folder now, itself included.
    pub fn living(&self) -> Vec<i32> {
        processes::bearing(self.scratch.path())
    }

    /// Waits until it says that both are ready; gives their pids.
    #[track_caller]
    pub fn until_ready(&mut self, budget: Duration) -> Pids {
        let mut child = self.child.take().expect("a demo was started");
        eventually(budget, "the demo to say that both are ready", || {
            if let Some(status) = child.try_wait().expect("our child") {
                panic!("the demo ended with {status}:\n{}", self.err());
            }
            if self.err().contains("Both are ready") { Ok(()) } else { Err(self.err()) }
        });
        self.child = Some(child);
        self.until(budget, "both ready", |_| true)
    }

    /// Waits until both are ready and their pids fit.
    #[track_caller]
    pub fn until(&self, budget: Duration, what: &str, fits: impl Fn(&Pids) -> bool) -> Pids {
        eventually(budget, what, || {
            let said = self.run(&["status", "--json"]);
            let pids = serde_json::from_str(&said.out).ok().and_then(|status| pids(&status));
            pids.filter(|pids| fits(pids)).ok_or_else(|| Box::new(said))
        })
    }

    /// Sends it a signal, and proves that it ends well, says so, and leaves nothing.
    #[track_caller]
    pub fn end(&mut self, signal: Signal, budget: Duration) {
        let mut child = self.child.take().expect("a demo was started");
        processes::kill(child.id().cast_signed(), signal);
        let status = eventually(budget, "the end of the demo", || {
            child.try_wait().expect("our child").ok_or_else(|| self.err())
        });
        assert!(status.success(), "{status}: {}", self.err());
        assert!(self.err().contains("nothing is left running"), "{}", self.err());
        let left: Vec<String> = self.living().into_iter().map(processes::describe).collect();
        assert!(left.is_empty(), "it said that nothing is left, but: {left:#?}");
        for family in &self.families {
            assert_eq!(family.busy(), Vec::<u16>::new(), "ports are still taken");
        }
    }

    /// Ends the demo's own process, as a closed window's SIGKILL would.
    #[track_caller]
    pub fn kill(&mut self) {
        let mut child = self.child.take().expect("a demo was started");
        child.kill().expect("our child");
        child.wait().expect("reaped");
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        if std::thread::panicking() {
            say(&format!("---- what the demo said\n{}", self.err()));
            let log = self.scratch.join("state/gateward/demo/supervisor.log");
            say(&format!("---- the end of {}\n{}", log.display(), super::tail(&log, 40)));
        }
        if let Some(mut child) = self.child.take() {
            processes::kill(child.id().cast_signed(), Signal::INT);
            if !wait::within(Duration::from_secs(20), || child.try_wait().ok().flatten().is_some()) {
                let _ = child.kill();
                let _ = child.wait();
            }
        }
        processes::end_bearing(self.scratch.path());
    }
}

fn pids(status: &Status) -> Option<Pids> {
    let supervisor = i32::try_from(status.supervisor["pid"].as_i64()?).ok()?;
    let ready = |name: &str| {
        let plane = status.planes.iter().find(|plane| plane.name.as_str() == name && plane.ready)?;
        plane.pid
    };
    Some(Pids { supervisor, main: ready("main")?, rescue: ready("rescue")? })
}
