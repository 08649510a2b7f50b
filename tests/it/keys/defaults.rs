//! `[defaults]`: what several planes share reaches each real child, and what a plane writes itself wins, key by key.

use super::{SOON, field, proc, sleeper, up};
use crate::support::Gateward;

#[test]
fn what_is_shared_reaches_every_child_and_its_own_word_wins() {
    let defaults = "[defaults]\numask = \"0037\"\nenv = { TZ = \"UTC\", WORD = \"shared\" }\n\
                    limits = { open_files = 321, nice = 3 }\nrestart.policy = \"never\"\n";
    let main = sleeper("main").env("WORD", "own").table("limits", "nice = 5");
    let rescue = sleeper("rescue").key("umask", "\"0077\"");
    let mut world = Gateward::with_supervisor("defaults", defaults, vec![main, rescue]);
    world.up();
    let pids = ["main", "rescue"].map(|name| world.until(name, SOON, "up", up).pid.expect("it runs"));
    let variable = |pid: i32, name: &str| {
        let found = proc(pid, "environ").split('\0').find_map(|entry| Some(entry.strip_prefix(name)?.to_owned()));
        found.unwrap_or_default()
    };
    let open_files = |pid: i32| {
        let limits = proc(pid, "limits");
        let line = limits.lines().find(|line| line.starts_with("Max open files")).expect("a line");
        line.split_whitespace().nth(3).map(str::to_owned)
    };
    // The nineteenth field, counted behind the name.
    let nice = |pid: i32| {
        let stat = proc(pid, "stat");
        let (_, fields) = stat.rsplit_once(')').expect("a name");
        fields.split_whitespace().nth(16).map(str::to_owned)
    };
    let told = pids.map(|pid| {
        let words = [variable(pid, "TZ="), variable(pid, "WORD="), field(pid, "Umask")];
        (words, open_files(pid), nice(pid))
    });
    let expected = |words: [&str; 3], niceness: &str| {
        (words.map(str::to_owned), Some("321".to_owned()), Some(niceness.to_owned()))
    };
    assert_eq!(told, [expected(["UTC", "own", "0037"], "5"), expected(["UTC", "shared", "0077"], "3")]);
}
