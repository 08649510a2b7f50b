//! Launches of real processes, looked at from outside and from within.

use std::fs::File;
use std::io::{PipeReader, PipeWriter, Read, Write, pipe};
use std::os::fd::AsFd;
use std::path::Path;

use super::*;
use crate::os::reap::{self, Exit};
use crate::os::testing::{BUDGET, in_process, null, readable_within};

fn shell(script: &str) -> Launch {
    Launch::new(Program::Path("/bin/sh".into()), vec!["sh".into(), "-c".into(), script.into()])
}

/// Spawns with a pipe for stdout and gives what was written, with the end.
fn output_of(prepared: &mut Prepared, keep: &[(BorrowedFd<'_>, RawFd)]) -> (String, Exit) {
    let (mut read, write) = pipe().expect("a pipe");
    let null = null();
    let stdio = Stdio { stdin: null.as_fd(), stdout: write.as_fd(), stderr: write.as_fd() };
    let child = prepared.spawn(stdio, keep).expect("a child");
    drop(write);
    let exit = end_of(&child);
    let mut text = String::new();
    read.read_to_string(&mut text).expect("its words");
    (text, exit)
}

fn end_of(child: &Child) -> Exit {
    assert!(readable_within(&child.pidfd, BUDGET), "child {} does not end", child.pid);
    let seen = reap::peek(&child.pidfd).expect("a look").expect("an end");
    assert_eq!(reap::reap(child.pid).expect("a wait"), Some(seen));
    seen
}

fn said(script: &str, change: impl FnOnce(&mut Launch)) -> String {
    let mut launch = shell(script);
    change(&mut launch);
    let (text, exit) = output_of(&mut launch.prepare().expect("prepared"), &[]);
    assert_eq!(exit.code, Some(0), "{text}");
    text.trim_end().to_owned()
}

fn refusal(launch: Launch) -> LaunchError {
    let null = null();
    let stdio = Stdio { stdin: null.as_fd(), stdout: null.as_fd(), stderr: null.as_fd() };
    launch.prepare().and_then(|mut ready| ready.spawn(stdio, &[])).expect_err("a refusal")
}

#[test]
fn the_environment_is_exactly_what_was_given() {
    let mut launch = Launch::new(Program::Path("/usr/bin/env".into()), vec!["env".into(), "-0".into()]);
    launch.environ = vec![("A".into(), "1".into()), ("B".into(), "two\nlines=".into())];
    let mut ready = launch.prepare().expect("prepared");
    assert_eq!(output_of(&mut ready, &[]).0, "A=1\0B=two\nlines=\0");
    ready.set_env("COOKIE", "x/y/1").expect("set");
    ready.set_env("A", "").expect("set");
    assert_eq!(output_of(&mut ready, &[]).0, "A=\0B=two\nlines=\0COOKIE=x/y/1\0");
    ready.set_env("COOKIE", "x/y/2").expect("set");
    assert_eq!(output_of(&mut ready, &[]).0, "A=\0B=two\nlines=\0COOKIE=x/y/2\0");
    let shown = format!("{ready:?} {:?}", shell("true"));
    assert!(!shown.contains("COOKIE=x"), "{shown}");
    assert!(matches!(ready.set_env("A=B", "c"), Err(LaunchError::BadVariable(_))));
    assert!(matches!(ready.set_env("", "c"), Err(LaunchError::BadVariable(_))));
    assert!(matches!(ready.set_env("A", "b\0c"), Err(LaunchError::BadVariable(_))));
}

#[test]
fn only_named_descriptors_are_inherited() {
    let leak = File::open("/dev/null").expect("a file");
    // SAFETY: numbers only; the copy lives as long as the process and is what must not leak.
    let leak = unsafe { libc::dup(leak.as_raw_fd()) };
    assert!(leak > 2);
    let kept = null();
    let mut ready = shell("cd /proc/self/fd; echo *").prepare().expect("prepared");
    // The shell's own expansion opens the folder, at the lowest free number.
    assert_eq!(output_of(&mut ready, &[]).0, "0 1 2 3\n");
    let keep = [(kept.as_fd(), 64), (kept.as_fd(), 5)];
    assert_eq!(output_of(&mut ready, &keep).0, "0 1 2 3 5 64\n");
}

#[test]
fn descriptors_land_at_their_numbers_even_when_sources_and_targets_cross() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str| {
        std::fs::write(folder.path().join(name), name).expect("written");
        File::open(folder.path().join(name)).expect("opened")
    };
    let (a, b) = (file("a"), file("b"));
    let (at_a, at_b) = (a.as_raw_fd(), b.as_raw_fd());
    let mut ready = shell(&format!("cat <&{at_a}; cat <&{at_b}")).prepare().expect("prepared");
    let keep = [(a.as_fd(), at_b), (b.as_fd(), at_a)];
    if at_a < 10 && at_b < 10 {
        assert_eq!(output_of(&mut ready, &keep).0, "ba");
    } else {
        let mut ready = shell(&format!("cat /proc/self/fd/{at_a} /proc/self/fd/{at_b}")).prepare().expect("prepared");
        assert_eq!(output_of(&mut ready, &keep).0, "ba");
    }
    let null = null();
    let stdio = Stdio { stdin: null.as_fd(), stdout: null.as_fd(), stderr: null.as_fd() };
    for bad in [vec![(null.as_fd(), 2)], vec![(null.as_fd(), -1)], vec![(null.as_fd(), 9), (a.as_fd(), 9)]] {
        assert!(matches!(ready.spawn(stdio, &bad), Err(LaunchError::BadNumber(_))));
    }
}

#[test]
fn the_listing_marks_every_descriptor_close_on_exec() {
    in_process(|| {
        let mut fds = Vec::new();
        for _ in 0..400 {
            // SAFETY: numbers only; the process of this test ends with them.
            fds.push(unsafe { libc::dup(0) });
        }
        // SAFETY: raw calls on this process's own table.
        child::close_listed_on_exec().expect("marked");
        for fd in fds {
            // SAFETY: numbers only.
            let flags = unsafe { libc::fcntl(fd, libc::F_GETFD) };
            assert_eq!(flags, libc::FD_CLOEXEC, "of {fd}");
        }
        // SAFETY: numbers only.
        assert_eq!(unsafe { libc::fcntl(2, libc::F_GETFD) }, 0);
    });
}

#[test]
fn it_leads_a_session_of_its_own_unless_told_otherwise() {
    let own = "read -r _ _ _ _ group session _ < /proc/$$/stat; test $$ = $group && test $$ = $session && echo own";
    assert_eq!(said(own, |_| {}), "own");
    let ours = "read -r _ _ _ _ group session _ < /proc/$$/stat; echo $session";
    // SAFETY: takes 0 for this process.
    let session = unsafe { libc::getsid(0) };
    assert_eq!(said(ours, |launch| launch.new_session = false), session.to_string());
}

#[test]
fn signals_start_afresh() {
    // Rust ignores SIGPIPE in this very process, and the test blocks two more.
    let mut set = nix::sys::signal::SigSet::empty();
    set.add(nix::sys::signal::Signal::SIGUSR1);
    set.add(nix::sys::signal::Signal::SIGTERM);
    set.thread_block().expect("blocked");
    let status = said("exec cat /proc/self/status", |_| {});
    for mask in ["SigBlk", "SigIgn", "SigCgt"] {
        assert!(status.contains(&format!("{mask}:\t0000000000000000\n")), "{mask} in {status}");
    }
    let after = nix::sys::signal::SigSet::thread_get_mask().expect("the mask");
    assert!(after.contains(nix::sys::signal::Signal::SIGTERM), "the caller's mask is put back");
    assert!(!after.contains(nix::sys::signal::Signal::SIGINT), "the caller's mask is put back");
}

#[test]
fn folder_mask_and_limits_are_as_asked() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path().canonicalize().expect("a path");
    let text = said("pwd -P; umask; ulimit -Sn; ulimit -Hn; nice; cat /proc/self/oom_score_adj", |launch| {
        launch.cwd = Some(folder.clone());
        launch.umask = Some(0o027);
        launch.open_files = Some(200);
        launch.nice = Some(7);
    });
    let adj = std::fs::read_to_string("/proc/self/oom_score_adj").expect("a number");
    assert_eq!(text, format!("{}\n0027\n200\n200\n7\n{}", folder.display(), adj.trim()));
}

#[test]
fn the_oom_preference_is_the_childs_alone() {
    in_process(|| {
        let ours = oom::score().expect("a score");
        let mut launch =
            Launch::new(Program::Path("/bin/cat".into()), vec!["cat".into(), "/proc/self/oom_score_adj".into()]);
        launch.oom_score_adj = Some(ours + 21);
        let (text, _) = output_of(&mut launch.prepare().expect("prepared"), &[]);
        assert_eq!(text.trim(), (ours + 21).to_string());
        assert_eq!(oom::score().expect("a score"), ours);

        let mut launch = shell("cat /proc/self/oom_score_adj");
        launch.oom_score_adj = Some(1001);
        let null = null();
        let stdio = Stdio { stdin: null.as_fd(), stdout: null.as_fd(), stderr: null.as_fd() };
        let child = launch.prepare().expect("prepared").spawn(stdio, &[]).expect("a child all the same");
        end_of(&child);
        let told: Vec<String> = child.shortfalls.iter().map(ToString::to_string).collect();
        assert_eq!(told, ["oom_score_adj = 1001 could not be had: Invalid argument (os error 22)"]);
    });
}

#[test]
fn a_limit_that_cannot_be_had_is_reported_and_the_program_runs() {
    in_process(|| {
        let mut launch = shell("ulimit -Sn; ulimit -Hn");
        launch.open_files = Some(u64::MAX - 1);
        let (mut read, write) = pipe().expect("a pipe");
        let null = null();
        let stdio = Stdio { stdin: null.as_fd(), stdout: write.as_fd(), stderr: write.as_fd() };
        let child = launch.prepare().expect("prepared").spawn(stdio, &[]).expect("a child");
        drop(write);
        end_of(&child);
        let mut text = String::new();
        read.read_to_string(&mut text).expect("its words");
        let hard = rustix::process::getrlimit(rustix::process::Resource::Nofile).maximum.expect("a hard limit");
        assert_eq!(text, format!("{hard}\n{hard}\n"));
        let told: Vec<String> = child.shortfalls.iter().map(ToString::to_string).collect();
        assert!(told[0].starts_with("open_files = 18446744073709551614 could not be had: "), "{told:?}");
    });
}

#[test]
fn an_account_is_taken_on_whole_and_leaves_the_caller_as_it_was() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("not root: an account cannot be taken on here, and this test says nothing");
        return;
    }
    in_process(|| {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o700)).expect("closed");
        let mut launch = shell("id -u; id -g; id -G; grep -E '^(Uid|Gid|CapEff)' /proc/self/status");
        launch.account = Some(Ids { uid: 65534, gid: 65533, groups: vec![65533, 4321] });
        let (text, _) = output_of(&mut launch.prepare().expect("prepared"), &[]);
        let uids = "Uid:\t65534\t65534\t65534\t65534\nGid:\t65533\t65533\t65533\t65533";
        assert_eq!(text, format!("65534\n65533\n65533 4321\n{uids}\nCapEff:\t0000000000000000\n"));
        // SAFETY: reads one flag.
        assert_eq!(unsafe { libc::prctl(libc::PR_GET_DUMPABLE, 0, 0, 0, 0) }, 1);
        assert!(rustix::process::geteuid().is_root());

        // A folder of root's alone is entered as the account, so it is refused.
        let mut launch = shell("pwd");
        launch.account = Some(Ids { uid: 65534, gid: 65534, groups: vec![] });
        launch.cwd = Some(folder.path().to_owned());
        let error = refusal(launch);
        assert!(matches!(error, LaunchError::Step { step: Step::Cwd, .. }), "{error}");
        assert_eq!(error.errno(), Some(libc::EACCES));
    });
}

#[test]
fn errors_name_their_step_and_path_and_leave_nothing() {
    in_process(|| {
        let folder = tempfile::tempdir().expect("a folder");
        let script = folder.path().join("script");
        let mut plain = Launch::new(Program::Path("/no/such/program".into()), vec!["x".into()]);
        assert_eq!(
            refusal(plain).to_string(),
            "cannot execute `/no/such/program`: No such file or directory (os error 2)"
        );

        std::fs::write(&script, "#!/no/such/interpreter\n").expect("written");
        executable(&script);
        plain = Launch::new(Program::Path(script.clone()), vec!["x".into()]);
        let text = refusal(plain).to_string();
        assert!(text.ends_with("(the file is there: the interpreter or loader that it names is not)"), "{text}");

        let mut lost = shell("true");
        lost.cwd = Some("/no/such/folder".into());
        let error = refusal(lost);
        assert_eq!(
            error.to_string(),
            "cannot enter the working folder `/no/such/folder`: No such file or directory (os error 2)"
        );
        assert_eq!(error.errno(), Some(libc::ENOENT));

        let relative = Launch::new(Program::Path("sh".into()), vec!["sh".into()]);
        assert_eq!(refusal(relative).to_string(), "the program `sh` is not an absolute path");
        let nameless = Launch::new(Program::Path("/bin/sh".into()), vec![]);
        assert!(matches!(refusal(nameless), LaunchError::NoArguments));
        assert!(reap::childless().expect("a look"), "a failed child remains");
    });
}

fn executable(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).expect("made executable");
}

#[test]
fn a_descriptor_runs_though_its_file_is_gone() {
    let folder = tempfile::tempdir().expect("a folder");
    let copy = folder.path().join("env");
    std::fs::copy("/usr/bin/env", &copy).expect("copied");
    executable(&copy);
    let fd: OwnedFd =
        rustix::fs::open(&copy, rustix::fs::OFlags::PATH | rustix::fs::OFlags::CLOEXEC, rustix::fs::Mode::empty())
            .expect("opened");
    std::fs::remove_file(&copy).expect("removed");
    let mut launch = Launch::new(Program::Descriptor(fd), vec!["env".into()]);
    launch.environ = vec![("K".into(), "v".into())];
    let mut ready = launch.prepare().expect("prepared");
    let kept = null();
    for _ in 0..2 {
        // The kept number is that of the program's own descriptor, which must not be overwritten before it is executed.
        let number = match &ready.program {
            Ready::Descriptor(fd) => fd.as_raw_fd(),
            Ready::Path(_) => unreachable!("launched by descriptor"),
        };
        assert_eq!(output_of(&mut ready, &[(kept.as_fd(), number)]).0, "K=v\n");
    }
}

#[test]
fn two_hundred_spawns_leave_no_descriptor_and_no_child() {
    in_process(|| {
        let mut ready =
            Launch::new(Program::Path("/bin/true".into()), vec!["true".into()]).prepare().expect("prepared");
        let null = null();
        let stdio = Stdio { stdin: null.as_fd(), stdout: null.as_fd(), stderr: null.as_fd() };
        let open = || std::fs::read_dir("/proc/self/fd").expect("a listing").count();
        let before = open();
        for _ in 0..200 {
            let child = ready.spawn(stdio, &[(null.as_fd(), 64)]).expect("a child");
            assert_eq!(end_of(&child).code, Some(0));
        }
        assert_eq!(open(), before);
        assert!(reap::childless().expect("a look"));
    });
}

/// Forks a parent that spawns `sleep` with the death signal, tells its pid, and waits; gives both pids.
fn parent_with_child(mut ready: Prepared) -> (i32, i32) {
    let (mut told, mut tell): (PipeReader, PipeWriter) = pipe().expect("a pipe");
    let null = null();
    // SAFETY: the child runs only what follows and never returns into the harness.
    let parent = unsafe { libc::fork() };
    if parent == 0 {
        // SAFETY: sets one flag: a failed test must not leave this process behind.
        unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL, 0, 0, 0) };
        let stdio = Stdio { stdin: null.as_fd(), stdout: null.as_fd(), stderr: null.as_fd() };
        let pid = ready.spawn(stdio, &[]).map_or(0, |child| child.pid);
        let _ = tell.write_all(&pid.to_ne_bytes());
        loop {
            // SAFETY: waits for a signal.
            unsafe { libc::pause() };
        }
    }
    let mut pid = [0; 4];
    told.read_exact(&mut pid).expect("the child's pid");
    (parent, i32::from_ne_bytes(pid))
}

fn tied_sleep() -> Launch {
    let mut launch = Launch::new(Program::Path("/bin/sleep".into()), vec!["sleep".into(), "300".into()]);
    launch.parent_death = true;
    launch
}

#[test]
fn a_child_dies_with_its_parent_also_under_another_account() {
    let mut launches = vec![tied_sleep()];
    if rustix::process::geteuid().is_root() {
        let mut other = tied_sleep();
        other.account = Some(Ids { uid: 65534, gid: 65534, groups: vec![] });
        launches.push(other);
    }
    for launch in launches {
        let ready = launch.prepare().expect("prepared");
        in_process(move || {
            reap::become_subreaper().expect("a subreaper");
            let (parent, child) = parent_with_child(ready);
            assert!(child > 0, "the helper could not spawn");
            let pidfd = crate::os::testing::pidfd(child);
            assert!(!readable_within(&pidfd, std::time::Duration::ZERO), "alive while its parent is");
            // SAFETY: `parent` is our own unreaped child.
            assert_eq!(unsafe { libc::kill(parent, libc::SIGKILL) }, 0);
            assert!(readable_within(&pidfd, BUDGET), "the child outlives its parent");
            assert_eq!(reap::peek(&pidfd).expect("ours by adoption").and_then(|exit| exit.signal), Some(libc::SIGKILL));
        });
    }
}

#[test]
fn a_tied_child_is_refused_off_the_main_thread() {
    // The harness runs tests on threads of their own.
    let error = refusal(tied_sleep());
    assert!(matches!(error, LaunchError::NotMainThread), "{error}");
}
