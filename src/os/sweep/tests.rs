//! Sweeps among real processes. Each test has a cookie of its own, since all of them see the whole host.

use std::process::{Child, Command, Stdio};

use super::*;
use crate::os::reap;
use crate::os::testing::{BUDGET, eventually, in_process};

/// Ends what a failed test would leave behind, and takes the end of a child.
struct Guard(Child);

impl Drop for Guard {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A shell in a session of its own that bears `cookie`; what it starts lives for a minute at most.
fn bearer(cookie: &str, script: &str) -> Guard {
    let mut command = Command::new("/usr/bin/setsid");
    command.args(["/bin/sh", "-c", script]).env_clear().env("PATH", "/usr/bin:/bin").env("SWEEP_COOKIE", cookie);
    Guard(command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().expect("a shell"))
}

fn cookie(test: &str) -> (String, Vec<u8>) {
    let cookie = format!("{test}-{}/main/", std::process::id());
    let prefix = format!("SWEEP_COOKIE={cookie}").into_bytes();
    (format!("{cookie}7"), prefix)
}

fn names(all: &[Leftover]) -> Vec<(&str, Why)> {
    let mut names: Vec<_> = all.iter().map(|one| (one.comm.as_str(), one.why)).collect();
    names.sort_by_key(|(name, why)| (name.to_string(), format!("{why:?}")));
    names
}

fn soon() -> Instant {
    Instant::now() + BUDGET
}

#[test]
fn setsid_double_fork_and_scrubbed_environments_are_found_and_ended() {
    let (cookie, prefix) = cookie("tree");
    // Scrubbed below a bearer; scrubbed and in a session of its own; double-forked with the cookie, in a session of its own.
    let script = "env -i sleep 61 & env -i setsid sleep 62 & (setsid sleep 63 &) ; wait";
    let shell = bearer(&cookie, script);
    eventually("all are there", || {
        find(&prefix).expect("a look").iter().filter(|one| one.comm == "sleep").count() == 3
    });
    let found = find(&prefix).expect("a look");
    let sleeps: Vec<Why> = found.iter().filter(|one| one.comm == "sleep").map(|one| one.why).collect();
    assert!(sleeps.contains(&Why::Bearer) && sleeps.contains(&Why::Descendant), "{found:?}");
    let swept = end(&prefix, soon()).expect("a sweep");
    assert_eq!(swept.survivors, []);
    assert!(swept.ended.len() >= 4, "{swept:?}");
    for one in &swept.ended {
        assert!(Pidfd::open_if(one.pid, one.start).expect("a look").is_none_or(|handle| handle.ended()), "{one}");
    }
    assert_eq!(find(&prefix).expect("a look"), []);
    drop(shell);
}

#[test]
fn one_bearer_of_any_plane_is_enough_to_say_that_somebody_is_there() {
    let (cookie, _) = cookie("anybody");
    let (supervisor, _) = cookie.split_once('/').expect("a supervisor's part");
    let all = format!("SWEEP_COOKIE={supervisor}/").into_bytes();
    let ends = || eventually("nobody is there", || is_borne_by_nobody(&all).expect("a look"));
    ends();
    let shell = bearer(&cookie, "sleep 61");
    eventually("the bearer is seen", || !is_borne_by_nobody(&all).expect("a look"));
    drop(shell);
    drop(end(&all, soon()).expect("a sweep"));
    ends();
    assert!(is_borne_by_nobody(b"SWEEP_COOKIE=").is_err(), "no beginning of a cookie");
}

#[test]
fn orphans_of_a_dead_leader_are_found_by_group_and_session() {
    let (cookie, prefix) = cookie("orphans");
    // What a killed gateway leaves: a browser that bears the cookie, and a helper of its group that overwrote it.
    let script = "sleep 61 & env -i sleep 62 & read -r line";
    let mut command = Command::new("/usr/bin/setsid");
    command.args(["/bin/sh", "-c", script]).env_clear().env("PATH", "/usr/bin:/bin").env("SWEEP_COOKIE", &cookie);
    let mut leader = Guard(command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().expect("a shell"));
    let sleeps = || find(&prefix).expect("a look").iter().filter(|one| one.comm == "sleep").count();
    eventually("both are there", || sleeps() == 2);
    leader.0.kill().expect("killed");
    leader.0.wait().expect("reaped");
    assert_eq!(names(&find(&prefix).expect("a look")), [("sleep", Why::Bearer), ("sleep", Why::Group)]);
    let swept = end(&prefix, soon()).expect("a sweep");
    assert_eq!((swept.ended.len(), swept.survivors.len()), (2, 0));
}

#[test]
fn another_cookie_survives_even_in_the_midst() {
    let (cookie, prefix) = cookie("foreign");
    let script = format!("SWEEP_COOKIE=foreign-{}/other/1 sleep 61 & exec sleep 62", std::process::id());
    let shell = bearer(&cookie, &script);
    let other = format!("SWEEP_COOKIE=foreign-{}/other/", std::process::id()).into_bytes();
    eventually("the other is there", || names(&find(&other).expect("a look")) == [("sleep", Why::Bearer)]);
    let stranger = find(&other).expect("a look").remove(0);
    eventually("the bearer is there", || names(&find(&prefix).expect("a look")) == [("sleep", Why::Bearer)]);
    let swept = end(&prefix, soon()).expect("a sweep");
    assert_eq!((swept.ended.len(), swept.survivors.len()), (1, 0));
    let alive = Pidfd::open_if(stranger.pid, stranger.start).expect("a look").expect("still the same");
    assert!(!alive.ended() && process::stat(stranger.pid).expect("facts").state != b'T', "neither killed nor stopped");
    assert_eq!(end(&other, soon()).expect("a sweep").ended.len(), 1);
    drop(shell);
}

#[test]
fn a_tree_that_forks_while_it_is_read_loses_nobody() {
    let (cookie, prefix) = cookie("forks");
    // Each child is scrubbed and leaves the session: once its parent is gone, nothing tells that it belonged.
    // The time names this run: others may be testing the same on this machine.
    let time = format!("60.{:09}", std::process::id());
    let script = format!("i=0; while test $i -lt 600; do env -i setsid sleep {time}$i & i=$((i+1)); done; wait");
    let shell = bearer(&cookie, &script);
    eventually("it forks", || find(&prefix).expect("a look").len() > 5);
    let swept = end(&prefix, soon()).expect("a sweep");
    assert_eq!(swept.survivors, []);
    let ours = |args: &[String]| matches!(args, [name, found] if name == "sleep" && found.starts_with(&time));
    let mut lost = process::all().expect("a list");
    lost.retain(|&pid| process::cmdline(pid).is_ok_and(|args| ours(&args)));
    lost.retain(|&pid| process::stat(pid).is_ok_and(|stat| !stat.ended()));
    assert_eq!(lost.len(), 0, "lost to init");
    drop(shell);
}

#[test]
fn ourselves_and_our_ancestors_are_never_found() {
    let (cookie, prefix) = cookie("self");
    // The test binary runs itself as a bearer, below a shell that is one too; there it looks for its own cookie.
    let binary = std::env::current_exe().expect("this binary");
    let status = Command::new("/bin/sh")
        .args(["-c", "\"$0\" --exact os::sweep::tests::a_bearer_that_sweeps_itself; code=$?; exit $code"])
        .arg(binary)
        .env("SWEEP_COOKIE", cookie)
        .env("SWEEP_ITSELF", String::from_utf8(prefix).expect("text"))
        .stdout(Stdio::null())
        .status()
        .expect("ran");
    assert!(status.success(), "{status}");
}

#[test]
fn a_bearer_that_sweeps_itself() {
    // Only says something below `ourselves_and_our_ancestors_are_never_found`.
    let Some(prefix) = std::env::var_os("SWEEP_ITSELF") else { return };
    let swept = end(prefix.as_encoded_bytes(), soon()).expect("a sweep");
    assert_eq!(swept, Swept::default());
}

#[test]
fn what_is_no_cookie_is_refused() {
    for prefix in [&b""[..], b"=", b"NAME", b"NAME=", b"=value"] {
        assert_eq!(find(prefix).expect_err("refused").kind(), io::ErrorKind::InvalidInput);
    }
}

#[test]
fn a_stopped_process_of_an_expired_sweep_is_reported() {
    let (cookie, prefix) = cookie("late");
    let shell = bearer(&cookie, "exec sleep 61");
    eventually("it is there", || names(&find(&prefix).expect("a look")) == [("sleep", Why::Bearer)]);
    let swept = end(&prefix, Instant::now()).expect("a sweep");
    assert_eq!(swept.ended.len() + swept.survivors.len(), 1, "{swept:?}");
    assert_eq!(end(&prefix, soon()).expect("a sweep").survivors, []);
    drop(shell);
}

#[test]
fn a_subreaper_ends_everything_below_it_but_the_spared() {
    in_process(|| {
        reap::become_subreaper().expect("a subreaper");
        let spawn = |script: &str| {
            let mut command = Command::new("/bin/sh");
            command.args(["-c", script]).env_clear().env("PATH", "/usr/bin:/bin").stdin(Stdio::null());
            command.spawn().expect("a shell").id().cast_signed()
        };
        let spared = spawn("sleep 63 & wait");
        let plane = spawn("env -i setsid sleep 61 & (setsid env -i sleep 62 &) ; wait");
        let sleeps = |all: &[Leftover]| all.iter().filter(|one| one.comm == "sleep").count();
        eventually("all are there", || sleeps(&children_left(&[]).expect("a look")) == 3);
        assert_eq!(sleeps(&children_left(&[spared]).expect("a look")), 2);
        eventually("the spared has its child", || tree(spared).expect("a look").len() == 1);
        assert!(children_left(&[]).expect("a look").iter().any(|one| one.pid == plane));
        eventually("the plane is empty", || {
            kill_children(&[spared]).expect("killed");
            reap::reap_all_but(None).expect("reaped");
            reap::children().expect("a list") == [spared]
        });
        assert_eq!(tree(spared).expect("a look").len(), 1);
        eventually("nothing is left", || {
            kill_children(&[]).expect("killed");
            reap::reap_all_but(None).expect("reaped");
            reap::childless().expect("a look")
        });
    });
}

#[test]
fn a_bearer_that_executes_over_and_over_is_always_found() {
    let (cookie, prefix) = cookie("exec");
    let folder = tempfile::tempdir().expect("a folder");
    let script = folder.path().join("again");
    std::fs::write(&script, "exec /bin/sh \"$0\"\n").expect("written");
    let shell = bearer(&cookie, &format!("exec /bin/sh {}", script.display()));
    eventually("it is there", || find(&prefix).expect("a look").len() == 1);
    // Between two programs its environment is neither the old nor the new one.
    let missed = (0..150).filter(|_| find(&prefix).expect("a look").len() != 1).count();
    assert_eq!(missed, 0, "of 150 looks");
    let swept = end(&prefix, soon()).expect("a sweep");
    assert_eq!((swept.ended.len(), swept.survivors.len()), (1, 0));
    drop(shell);
}
