//! What SIGKILL does not end: processes of another account below a keeper that may not signal them.
//!
//! Only root can make such a test: the keeper runs as another account, and a program with root's setuid bit below it.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};

use gateward::os::process;
use gateward::wire::State;
use rustix::process::Signal;

use super::{SOON, journal, told, up};
use crate::support::processes::{bearing, copy_program, is_alive, kill, listeners, tree};
use crate::support::{Gateward, TestPlane, eventually, say};

const LISTEN: &str = "use IO::Socket::INET; my $s = IO::Socket::INET->new(Listen => 5, ReuseAddr => 1, \
                      LocalAddr => '127.0.0.1', LocalPort => $ARGV[0]) or die; sleep 1000000";

/// A plane that starts `words` as root in a session of their own, and then only waits.
fn escaped(name: &str, become_root: &Path, words: &str) -> TestPlane {
    let root = become_root.display();
    let script = format!("setsid {root} --reuid=0 --regid=0 --clear-groups {words} & exec sleep 1000000");
    TestPlane::plain(name, &["/bin/sh", "-c", &script])
        .table("restart", "min_delay = \"50ms\"\nmax_delay = \"200ms\"\nstable = \"0s\"")
}

#[test]
fn what_may_not_be_signalled_is_reported_by_name_and_holds_back_only_what_it_has() {
    if !rustix::process::geteuid().is_root() {
        return say("skipped: only root can make processes that a keeper may not signal");
    }
    let tools = crate::support::Scratch::new("become-root");
    fs::set_permissions(tools.path(), fs::Permissions::from_mode(0o755)).expect("a mode");
    let become_root = tools.join("setpriv");
    copy_program(Path::new("/usr/bin/setpriv"), &become_root);
    fs::set_permissions(&become_root, fs::Permissions::from_mode(0o4755)).expect("a mode");
    fs::write(tools.join("listen.pl"), LISTEN).expect("a script");

    let idle = escaped("main", &become_root, "sleep 1000000");
    let family = crate::support::Family::lease();
    let port = family.base();
    let words = format!("perl {} {port}", tools.join("listen.pl").display());
    let holding = escaped("rescue", &become_root, &words).key("port", &port.to_string());
    let mut world = Gateward::new("survivors", vec![idle, holding]);
    let nobody = gateward::os::accounts::by_name("nobody").expect("a look").expect("an account");
    give(world.scratch().path(), nobody.uid, nobody.gid);
    world.run_as(nobody.uid, nobody.gid);
    world.up();
    let _escaped = Escaped(world.scratch().path().to_owned());
    let escaped = |name: &str, comm: &str| {
        let plane = world.until(name, SOON, "up", up);
        let escaped = eventually(SOON, &format!("root's {comm} below {name}"), || {
            tree(plane.pid.expect("it runs")).into_iter().find(|pid| {
                process::uid(*pid).is_ok_and(|uid| uid == 0) && process::stat(*pid).is_ok_and(|it| it.comm == comm)
            })
        });
        (plane, escaped)
    };
    let (main, idle) = escaped("main", "sleep");
    let (rescue, holding) = escaped("rescue", "perl");
    eventually(SOON, "a listener on rescue's port", || listeners(port, &[holding]).contains(&holding));

    // It holds nothing: it is named, and stands in nobody's way.
    kill(main.pid.expect("it runs"), Signal::KILL);
    world.until("main", SOON, "another incarnation beside it", |plane| up(plane) && plane.incarnation == 2);
    assert!(is_alive(idle));
    assert!(told(&world, "main", "survivors", &format!("sleep (pid {idle}")), "{:#?}", journal(&world, "main"));

    // It has the port: whoever needs that waits, and is told for whom.
    kill(rescue.pid.expect("it runs"), Signal::KILL);
    let waits = world.until("rescue", SOON, "waiting for it", |plane| plane.why.contains("is held by"));
    assert_eq!((waits.state, waits.incarnation), (State::Backoff, 1), "{waits:#?}");
    assert!(waits.why.contains(&format!("port {port}")), "{}", waits.why);
    kill(holding, Signal::KILL);
    world.until("rescue", SOON, "up once it has gone", |plane| up(plane) && plane.incarnation == 2);

    // What the second incarnations let escape is ended here, and has to be there for that.
    escaped("main", "sleep");
    escaped("rescue", "perl");
}

/// The world's processes of root, which no keeper of it can end.
struct Escaped(PathBuf);

impl Drop for Escaped {
    fn drop(&mut self) {
        let mut planes: Vec<i32> = bearing(&self.0);
        planes.retain(|pid| process::stat(*pid).is_ok_and(|it| ["sleep", "perl"].contains(&it.comm.as_str())));
        planes.retain(|pid| process::uid(*pid).is_ok_and(|uid| uid == 0) && is_alive(*pid));
        planes.into_iter().for_each(|pid| kill(pid, Signal::KILL));
    }
}

fn give(path: &Path, uid: u32, gid: u32) {
    chown(path, Some(uid), Some(gid)).expect("as root");
    if path.is_dir() {
        for entry in fs::read_dir(path).expect("a folder") {
            give(&entry.expect("an entry").path(), uid, gid);
        }
    }
}
