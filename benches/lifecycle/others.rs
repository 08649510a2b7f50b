//! The general supervisors that are found on PATH. To add one: how it is told of its children, and its words for status, stop and end.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::world::{Peer, Running, World, children};

/// One peer by its words.
struct Other {
    name: &'static str,
    programs: &'static [&'static str],
    /// Writes what it is told, and gives the command that runs it.
    prepare: fn(&World, usize) -> Vec<String>,
    status: fn(&Path, usize) -> Vec<String>,
    stop: fn(&Path, usize) -> Vec<String>,
    end: fn(&Path) -> Vec<String>,
}

/// Those that are here.
pub fn found() -> Vec<Box<dyn Peer>> {
    let here = |program: &&str| {
        std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())
            .any(|folder| folder.join(program).is_file())
    };
    let all = [runit(), s6(), supervisord(), dinit()];
    let found = all.into_iter().filter(|other| other.programs.iter().all(&here));
    found.map(|other| Box::new(other) as Box<dyn Peer>).collect()
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// Folders of services, each with an executable `run`.
fn services(world: &World, count: usize) -> PathBuf {
    // They write beside what they are told: state that is installed under /run.
    let root = world.path("sv");
    std::os::unix::fs::symlink(world.run(), &root).expect("a link");
    for n in 0..count {
        let folder = root.join(format!("p{n}"));
        fs::create_dir_all(&folder).expect("a folder");
        let run = folder.join("run");
        fs::write(&run, format!("#!/bin/sh\nexec {}\n", world.child().join(" "))).expect("a script");
        fs::set_permissions(&run, PermissionsExt::from_mode(0o755)).expect("executable");
    }
    root
}

fn each(root: &Path, count: usize) -> impl Iterator<Item = String> {
    let root = root.join("sv");
    (0..count).map(move |n| root.join(format!("p{n}")).display().to_string())
}

fn runit() -> Other {
    Other {
        name: "runit",
        programs: &["runsvdir", "sv"],
        prepare: |world, count| vec!["runsvdir".into(), "-P".into(), services(world, count).display().to_string()],
        status: |root, count| words(&["sv", "status"]).into_iter().chain(each(root, count)).collect(),
        stop: |root, count| words(&["sv", "-w", "60", "stop"]).into_iter().chain(each(root, count)).collect(),
        end: |root| {
            words(&["sh", "-c", "sv exit \"$0\"/sv/p*"]).into_iter().chain([root.display().to_string()]).collect()
        },
    }
}

fn s6() -> Other {
    Other {
        name: "s6",
        programs: &["s6-svscan", "s6-svc", "s6-svstat"],
        prepare: |world, count| vec!["s6-svscan".into(), services(world, count).display().to_string()],
        status: |root, _| {
            words(&["sh", "-c", "for one in \"$0\"/sv/p*; do s6-svstat \"$one\"; done", &root.display().to_string()])
        },
        stop: |root, _| {
            words(&[
                "sh",
                "-c",
                "for one in \"$0\"/sv/p*; do s6-svc -wD -d \"$one\" & done; wait",
                &root.display().to_string(),
            ])
        },
        end: |root| vec!["s6-svscanctl".into(), "-t".into(), root.join("sv").display().to_string()],
    }
}

fn supervisord() -> Other {
    Other {
        name: "supervisord",
        programs: &["supervisord", "supervisorctl"],
        prepare: |world, count| {
            let root = world.path("");
            let at = |name: &str| root.join(name).display().to_string();
            let mut text = format!(
                "[supervisord]\nnodaemon=true\nlogfile={}\npidfile={}\nchildlogdir={}\n[unix_http_server]\nfile={}\n\
                 [rpcinterface:supervisor]\nsupervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface\n\
                 [supervisorctl]\nserverurl=unix://{}\n",
                at("log"),
                at("pid"),
                at(""),
                at("ctl"),
                at("ctl")
            );
            for n in 0..count {
                let _ = writeln!(
                    text,
                    "[program:p{n}]\ncommand={}\nautorestart=true\nstartsecs=0\nstartretries=1000",
                    world.child().join(" ")
                );
            }
            fs::write(root.join("conf"), text).expect("a config");
            vec!["supervisord".into(), "-c".into(), at("conf")]
        },
        status: |root, _| {
            vec!["supervisorctl".into(), "-c".into(), root.join("conf").display().to_string(), "status".into()]
        },
        stop: |root, _| {
            vec![
                "supervisorctl".into(),
                "-c".into(),
                root.join("conf").display().to_string(),
                "stop".into(),
                "all".into(),
            ]
        },
        end: |root| {
            vec!["supervisorctl".into(), "-c".into(), root.join("conf").display().to_string(), "shutdown".into()]
        },
    }
}

fn dinit() -> Other {
    Other {
        name: "dinit",
        programs: &["dinit", "dinitctl"],
        prepare: |world, count| {
            let root = world.path("dinit.d");
            fs::create_dir_all(&root).expect("a folder");
            let mut boot = String::from("type = internal\n");
            for n in 0..count {
                let text = format!(
                    "type = process\ncommand = {}\nrestart = true\nrestart-delay = 0\nrestart-limit-count = 0\n",
                    world.child().join(" ")
                );
                fs::write(root.join(format!("p{n}")), text).expect("a service");
                let _ = writeln!(boot, "waits-for = p{n}");
            }
            fs::write(root.join("boot"), boot).expect("a service");
            let at = |name: &str| world.path(name).display().to_string();
            words(&["dinit", "-u", "-d", &root.display().to_string(), "-p", &at("dinit.sock"), "-q"])
        },
        status: |root, _| words(&["dinitctl", "-p", &root.join("dinit.sock").display().to_string(), "list"]),
        stop: |root, _| words(&["dinitctl", "-p", &root.join("dinit.sock").display().to_string(), "shutdown"]),
        end: |_| words(&["true"]),
    }
}

struct Kept {
    root: PathBuf,
    count: usize,
    child: Child,
    status: fn(&Path, usize) -> Vec<String>,
    stop: fn(&Path, usize) -> Vec<String>,
    end: fn(&Path) -> Vec<String>,
}

impl Peer for Other {
    fn name(&self) -> String {
        self.name.into()
    }

    fn start(&mut self, world: &World, count: usize) -> Box<dyn Running> {
        let words = (self.prepare)(world, count);
        let mut command = quiet(&words);
        Box::new(Kept {
            root: world.path(""),
            count,
            child: command.spawn().expect("it runs"),
            status: self.status,
            stop: self.stop,
            end: self.end,
        })
    }
}

fn quiet(words: &[String]) -> Command {
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

impl Running for Kept {
    fn processes(&self) -> Vec<i32> {
        let top = self.child.id().cast_signed();
        let own = |pid: &i32| {
            let words = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            !words.split(|byte| *byte == 0).any(|word| word == b"--child")
        };
        let mut all: Vec<i32> = children(top).into_iter().filter(own).collect();
        all.push(top);
        all
    }

    fn status(&mut self) -> Option<Duration> {
        let begun = Instant::now();
        quiet(&(self.status)(&self.root, self.count)).status().expect("it runs");
        Some(begun.elapsed())
    }

    fn stop(&mut self) {
        quiet(&(self.stop)(&self.root, self.count)).status().expect("it runs");
    }

    fn end(&mut self) {
        quiet(&(self.end)(&self.root)).status().expect("it runs");
        let begun = Instant::now();
        while self.child.try_wait().expect("our child").is_none() {
            if begun.elapsed() > Duration::from_secs(2) {
                let _ = self.child.kill();
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}
