//! The supervisor as a unit of systemd, under a real `systemd --user`: what stop, restart, reload, crash, hang and upgrade do.

mod manager;
mod system;

use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::process::Command;

use gateward::wire::PlaneStatus;
use rustix::process::Signal;

use crate::support::{Gateward, TestPlane, copy_of_our_binary, eventually, processes, said, say};
use manager::{Manager, PROMPT};

/// A world whose binary is a copy, so that it can be replaced.
struct Installed {
    // Dropped first: it takes everything with it.
    systemd: Manager,
    world: Gateward,
    program: PathBuf,
}

impl Installed {
    fn begin(test: &str, planes: Vec<TestPlane>) -> Option<Self> {
        let world = Gateward::new(test, planes);
        let program = world.scratch().folder("bin").join("gateward");
        copy_of_our_binary(&program);
        let systemd = Manager::begin(&world)?;
        Some(Self { systemd, world, program })
    }

    /// The installed binary with these words, in systemd's world.
    fn run(&self, arguments: &[&str]) -> crate::support::Said {
        let mut command = self.systemd.command(&self.program, &["--manifest"]);
        said(command.arg(self.world.manifest()).args(arguments).output().expect("nsenter"))
    }

    /// Settings over those of the unit.
    fn drop_in(&self, lines: &str) {
        let inside = "xdg/config/systemd/user/gateward.service.d/test.conf";
        self.world.scratch().write(inside, &format!("[Service]\n{lines}\n"));
        self.systemd.systemctl(&["daemon-reload"]).code(0);
    }

    fn both(&self) -> [PlaneStatus; 2] {
        [self.world.until_ready("main"), self.world.until_ready("rescue")]
    }

    /// Waits for a supervisor other than this one; gives it.
    fn another(&self, before: i32) -> i32 {
        eventually(PROMPT, "another supervisor", || {
            let now = self.systemd.main_pid();
            let answers = self.world.status().supervisor["pid"] == now;
            if now != 0 && now != before && answers {
                Ok(now)
            } else {
                Err((now, self.systemd.property("ActiveState")))
            }
        })
    }
}

/// That these are the same gateways under the same keepers.
#[track_caller]
fn same(before: &[PlaneStatus; 2], now: &[PlaneStatus; 2]) {
    let who = |plane: &PlaneStatus| (plane.name.clone(), plane.incarnation, plane.pid, plane.keeper_pid);
    assert_eq!(before.each_ref().map(who), now.each_ref().map(who));
}

#[test]
fn restart_crash_hang_and_upgrade_replace_the_supervisor_alone() {
    let planes = vec![TestPlane::practice("main"), TestPlane::practice("rescue")];
    let Some(installed) = Installed::begin("svc-restart", planes) else { return };
    let systemd = &installed.systemd;
    let told = installed.run(&["service", "install", "--user", "--now"]).code(0);
    assert!(told.out.contains("gateward.service") && told.out.contains("started"), "{told:?}");
    assert!(told.err.contains("only the supervisor is replaced; gateways live on"), "{told:?}");
    assert_eq!(systemd.property("ActiveState"), "active");
    assert_eq!(systemd.property("UnitFileState"), "enabled");
    let first = installed.both();
    eventually(PROMPT, "the status line", || match systemd.property("StatusText") {
        text if text == "2 of 2 planes up" => Ok(()),
        text => Err(text),
    });

    // restart
    let pid = systemd.main_pid();
    systemd.systemctl(&["restart", "gateward"]).code(0);
    let pid = installed.another(pid);
    same(&first, &installed.both());

    // A crash, and a SIGTERM that is not systemd's.
    processes::kill(pid, Signal::KILL);
    let pid = installed.another(pid);
    same(&first, &installed.both());
    processes::kill(pid, Signal::TERM);
    let pid = installed.another(pid);
    same(&first, &installed.both());

    // An upgrade: the file is replaced, the old program runs until the restart.
    let next = installed.program.with_extension("next");
    copy_of_our_binary(&next);
    std::fs::rename(&next, &installed.program).expect("replaced");
    let inode = |path: &str| std::fs::metadata(path).map(|meta| meta.ino()).ok();
    let new = std::fs::metadata(&installed.program).expect("a file").ino();
    assert_ne!(inode(&format!("/proc/{pid}/exe")), Some(new));
    systemd.systemctl(&["restart", "gateward"]).code(0);
    let pid = installed.another(pid);
    assert_eq!(inode(&format!("/proc/{pid}/exe")), Some(new));
    same(&first, &installed.both());

    // The same without systemd's help: the supervisor becomes the program on disk, as the process that it is.
    copy_of_our_binary(&next);
    std::fs::rename(&next, &installed.program).expect("replaced");
    installed.run(&["reload", "--exec"]).code(0);
    assert_eq!(installed.systemd.main_pid(), pid);
    assert_eq!(inode(&format!("/proc/{pid}/exe")), inode(&installed.program.display().to_string()));
    same(&first, &installed.both());
    assert_eq!(systemd.property("ActiveState"), "active");

    // A supervisor that hangs: keep-alives come while its loop turns, and stop with it.
    installed.drop_in("WatchdogSec=10s");
    systemd.systemctl(&["restart", "gateward"]).code(0);
    let pid = installed.another(pid);
    let seen = systemd.property("WatchdogTimestampMonotonic");
    eventually(PROMPT, "a further keep-alive", || systemd.property("WatchdogTimestampMonotonic") != seen);
    processes::kill(pid, Signal::STOP);
    installed.another(pid);
    same(&first, &installed.both());
    assert_eq!(systemd.property("ActiveState"), "active");
}

#[test]
fn a_stop_drains_every_plane_for_as_long_as_it_takes_and_a_reload_touches_what_changed() {
    let main = TestPlane::practice("main").env("PRACTICE_DRAIN_MS", "15000");
    let planes = vec![main, TestPlane::practice("rescue").env("WORD", "one")];
    let Some(mut installed) = Installed::begin("svc-stop", planes) else { return };
    // Beside a supervisor that somebody runs by hand it is not started.
    installed.world.up();
    let refused = installed.run(&["service", "install", "--user", "--now"]).code(1);
    let by_hand = format!("(pid {})", installed.world.daemon_pid());
    assert!(refused.err.contains("runs already") && refused.err.contains(&by_hand), "{refused:?}");
    installed.world.run(&["down", "--now"]).code(0);
    installed.world.ended();

    let (systemd, world) = (&installed.systemd, &installed.world);
    let unit = "xdg/config/systemd/user/gateward.service";
    let foreign = world.scratch().write(unit, "[Service]\nExecStart=/bin/true\n");
    let refused = installed.run(&["service", "install", "--user"]).code(1);
    assert!(refused.err.contains("was not written by `gateward service install`"), "{refused:?}");
    std::fs::remove_file(foreign).expect("our own file");
    installed.run(&["service", "install", "--user"]).code(0);
    // Less than main's drain takes: only the supervisor's asking for more time saves it.
    installed.drop_in("TimeoutStopSec=8s");
    systemd.systemctl(&["start", "gateward"]).code(0);
    let [main, rescue] = installed.both();

    let good = std::fs::read_to_string(world.manifest()).expect("the manifest");
    world.scratch().write("supervisor.toml", &good.replace("WORD = \"one\"", "WORD = \"two\""));
    systemd.systemctl(&["reload", "gateward"]).code(0);
    let touched = world.until("rescue", PROMPT, "its next incarnation", |plane| {
        plane.ready && plane.incarnation == rescue.incarnation + 1
    });
    assert_eq!(world.plane("main").pid, main.pid);
    let edited = std::fs::read_to_string(world.manifest()).expect("the manifest");
    world.scratch().write("supervisor.toml", "[planes.main]\nport = 0\n");
    let refused = systemd.systemctl(&["reload", "gateward"]);
    assert_ne!(refused.code, 0, "{refused:?}");
    assert_eq!(systemd.property("ActiveState"), "active");
    world.scratch().write("supervisor.toml", &edited);
    assert_eq!((world.plane("main").pid, world.plane("rescue").pid), (main.pid, touched.pid));

    let refused = installed.run(&["service", "uninstall", "--user"]).code(1);
    assert!(refused.err.contains("is active") && refused.err.contains("--now"), "{refused:?}");

    let begun = std::time::Instant::now();
    systemd.systemctl(&["stop", "gateward"]).code(0);
    assert!(begun.elapsed().as_secs() >= 15, "main was not let finish: {:?}", begun.elapsed());
    assert_eq!((systemd.property("ActiveState"), systemd.property("Result")), ("inactive".into(), "success".into()));
    for (name, before) in [("main", &main), ("rescue", &rescue)] {
        let journal = world.scratch().join(&format!("state/planes/{name}/journal.jsonl"));
        let text = std::fs::read_to_string(journal).expect("a journal");
        let last = text.lines().rfind(|line| line.contains("\"exited\"")).unwrap_or_default().to_owned();
        assert!(last.contains("exit code 0"), "{name} was not let end by itself: {last}\n{text}");
        let pid = before.keeper_pid.expect("a keeper");
        eventually(PROMPT, "the keeper's end", || !processes::is_alive(pid));
    }
    world.run(&["status"]).code(5);

    // `gateward down` is meant: nothing starts the supervisor again.
    systemd.systemctl(&["start", "gateward"]).code(0);
    installed.both();
    world.run(&["down"]).code(0);
    eventually(PROMPT, "an end for good", || {
        let seen = (systemd.property("ActiveState"), systemd.property("SubState"), systemd.property("Job"));
        if seen == ("inactive".into(), "dead".into(), String::new()) { Ok(()) } else { Err(seen) }
    });
    let told = installed.run(&["service", "uninstall", "--user"]).code(0);
    assert!(told.out.contains("removed"), "{told:?}");
    assert!(!world.scratch().join(unit).exists());
    let refused = installed.run(&["service", "uninstall", "--user"]).code(1);
    assert!(refused.err.contains("there is no unit of ours"), "{refused:?}");
}

#[test]
fn an_installation_says_what_the_unit_lacks_and_what_its_verbs_do() {
    let main = TestPlane::practice("main").key("pass_env", "[\"KEY_OF_THE_SHELL\", \"PATH\"]");
    let proxy = TestPlane::plain("proxy", &["caddy-of-nobody", "run"]);
    let Some(installed) = Installed::begin("svc-notes", vec![main, proxy]) else { return };
    let told = installed.run(&["service", "install", "--user"]).code(0);
    let root = installed.world.scratch().path().display().to_string();
    let path = installed.systemd.systemctl(&["show-environment"]).code(0).out;
    let path = path.lines().find_map(|line| line.strip_prefix("PATH=")).expect("a PATH").to_owned();
    let settled = |text: &str| text.replace(&path, "[PATH]").replace(&root, "[ROOT]");
    // Whether the account of this test lingers is the host's affair.
    let (notes, account) = told.err.split_once("\nThis account ").expect("a word on lingering");
    assert!(account.starts_with("lingers: ") || account.contains("`loginctl enable-linger` lets it"), "{account}");
    insta::assert_snapshot!("notes", format!("{}-- stderr\n{}", settled(&told.out), settled(notes)));
    let printed = installed.run(&["service", "print", "--user"]).code(0).out;
    let written = std::fs::read_to_string(installed.world.scratch().join("xdg/config/systemd/user/gateward.service"));
    assert!(written.expect("the unit").ends_with(&printed), "what is printed is what is written");
    installed.run(&["service", "uninstall", "--user"]).code(0);
}

#[test]
fn a_unit_is_not_given_another_manifest_while_its_planes_live_and_a_stop_after_a_crash_stops_them() {
    let held = TestPlane::practice("held").key("autostart", "false");
    let Some(installed) = Installed::begin("svc-other", vec![TestPlane::practice("main"), held]) else { return };
    let (systemd, world) = (&installed.systemd, &installed.world);
    let unit = world.scratch().join("xdg/config/systemd/user/gateward.service");
    let with = |manifest: &std::path::Path, words: &[&str]| {
        let mut command = systemd.command(&installed.program, &["--manifest"]);
        said(command.arg(manifest).args(words).output().expect("nsenter"))
    };
    // What does not hold is no service, and nothing is written for it.
    let gone = world.scratch().join("gone.toml");
    let broken = world.scratch().write("broken.toml", "[planes.main]\nport = 0\n");
    for (manifest, what) in [(&gone, "gone.toml` does not exist"), (&broken, "broken.toml:2:")] {
        let refused = with(manifest, &["service", "install", "--user", "--now"]).code(6);
        assert!(refused.err.contains(what) && !unit.exists(), "{refused:?}");
    }
    installed.run(&["service", "install", "--user", "--now"]).code(0);
    let main = world.until_ready("main");
    // A plane that never said anything counts too.
    eventually(PROMPT, "the status line", || match systemd.property("StatusText") {
        text if text == "1 of 2 planes up" => Ok(()),
        text => Err(text),
    });
    let again = installed.run(&["service", "install", "--user", "--now"]).code(0);
    assert!(again.err.contains("it was running already") && !again.out.contains("started\n"), "{again:?}");

    let other =
        world.scratch().write("other.toml", "[planes.lone]\ncontract = \"plain\"\ncommand = [\"/bin/sleep\", \"9\"]\n");
    let written = std::fs::read_to_string(&unit).expect("the unit");
    for words in [&["service", "install", "--user"][..], &["service", "install", "--user", "--now"]] {
        let refused = with(&other, words).code(1);
        assert!(refused.err.contains("is active by another manifest"), "{refused:?}");
        assert!(refused.err.contains("`systemctl --user stop gateward.service` ends them first"), "{refused:?}");
    }
    assert_eq!(std::fs::read_to_string(&unit).expect("the unit"), written);

    // A supervisor that crashes again and again is stopped in whatever moment that comes: mostly no ExecStop= is run then.
    installed.drop_in("ExecStart=\nExecStart=/bin/sh -c 'kill -KILL $$$$'\nRestartSec=60s");
    processes::kill(systemd.main_pid(), Signal::KILL);
    eventually(PROMPT, "the pause before the next try", || match systemd.property("SubState") {
        state if state == "auto-restart" => Ok(()),
        state => Err(state),
    });
    // In that pause systemd runs nothing of a unit: what lives on is told of, and the unit is kept until it is ended.
    systemd.systemctl(&["stop", "gateward"]).code(0);
    assert!(processes::is_alive(main.pid.expect("it was up")));
    std::fs::remove_file(world.scratch().join("xdg/config/systemd/user/gateward.service.d/test.conf")).expect("ours");
    systemd.systemctl(&["daemon-reload"]).code(0);
    let refused = installed.run(&["service", "uninstall", "--user", "--now"]).code(1);
    assert!(refused.err.contains("main") && refused.err.contains("live on without it"), "{refused:?}");
    assert!(refused.err.contains(&format!("`gateward -m {} down`", world.manifest().display())), "{refused:?}");
    let refused = with(&other, &["service", "install", "--user"]).code(1);
    assert!(refused.err.contains("still live by the manifest that gateward.service has now"), "{refused:?}");
    assert!(unit.exists() && processes::is_alive(main.pid.expect("it was up")));

    // While it starts, a stop is heard: what the crash left living is stopped by its keepers.
    installed.drop_in("ExecStart=\nExecStart=/bin/sleep 1000000");
    systemd.systemctl(&["start", "--no-block", "gateward"]).code(0);
    eventually(PROMPT, "a start", || systemd.property("ActiveState") == "activating" && systemd.main_pid() != 0);
    systemd.systemctl(&["stop", "gateward"]).code(0);
    assert!(!processes::is_alive(main.pid.expect("it was up")));
    let told = installed.run(&["service", "uninstall", "--user"]).code(0);
    assert!(told.out.contains("removed"), "{told:?}");
    with(&other, &["service", "install", "--user"]).code(0);
    with(&other, &["service", "uninstall", "--user"]).code(0);
}

#[test]
fn no_script_of_the_package_stops_or_restarts_anything() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging");
    for script in ["deb/postinst", "deb/prerm", "deb/postrm", "generate", "deb-try"] {
        let path = folder.join(script);
        let parsed = Command::new("/bin/sh").arg("-n").arg(&path).output().expect("a shell");
        assert!(parsed.status.success(), "{script}: {}", String::from_utf8_lossy(&parsed.stderr));
        let text = std::fs::read_to_string(&path).expect("a script");
        let runs = text.lines().filter(|line| !line.trim_start().starts_with(['#', 'e']));
        for line in runs.filter(|_| script.starts_with("deb/")) {
            for verb in ["stop", "restart", "kill", "start"] {
                assert!(
                    !line.contains(&format!("systemctl {verb}")) && !line.contains(&format!("gateward {verb}")),
                    "{line}"
                );
            }
        }
    }
}

#[test]
fn without_a_manager_nothing_is_written() {
    let world = Gateward::new("svc-none", vec![TestPlane::practice("main")]);
    for verb in ["install", "uninstall"] {
        // On a host that systemd runs, its user manager is not to be found from this test's world.
        let said = world.run(&["service", verb, "--user"]).code(1);
        assert!(said.err.contains("systemd") || said.err.contains("reaches no manager"), "{said:?}");
        assert!(said.out.is_empty() && said.err.contains("hint:"), "{said:?}");
    }
    assert!(!world.scratch().join("xdg/config/systemd").exists());
}

#[test]
fn both_units_satisfy_systemd() {
    let world = Gateward::new("svc-verify", vec![TestPlane::practice("main")]);
    let analyze = PathBuf::from("/usr/bin/systemd-analyze");
    if !analyze.exists() {
        say("SKIPPED: systemd-analyze is not installed, so nobody has verified the units");
        return;
    }
    for kind in ["--system", "--user"] {
        let text = world.run(&["service", "print", kind]).code(0).out;
        let manifest = world.manifest().display().to_string();
        assert!(text.contains(&format!("--manifest {manifest} run")), "{text}");
        let json = world.run(&["service", "print", kind, "--json"]).code(0).json();
        assert_eq!(json["unit"], text);
        let unit = world.scratch().write(&format!("units{kind}/gateward.service"), &text);
        let mut command = Command::new(&analyze);
        // Its manual page is there only where the package is installed.
        command
            .arg(kind)
            .args(["--man=no", "verify"])
            .arg(&unit)
            .env("XDG_RUNTIME_DIR", world.scratch().join("xdg/run"));
        let said = said(command.output().expect("systemd-analyze")).code(0);
        // Known since systemd 254; one that does not know it skips it, as the unit says.
        let complaints: Vec<&str> = said.err.lines().filter(|line| !line.contains("'DelegateSubgroup'")).collect();
        assert_eq!((said.out.as_str(), complaints), ("", Vec::new()), "{kind}");
    }
}
