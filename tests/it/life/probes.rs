//! Probes: one round at a time, however long an answer takes, and nobody's silence is another's.

use std::path::Path;

use gateward::wire::State;
use rustix::process::Signal;

use super::{SOON, up};
use crate::cli::group::spoken;
use crate::support::processes::kill;
use crate::support::{Family, Gateward, Scratch, TestPlane, eventually};

/// A server of the plane's own, since an answer of anybody else counts for nothing. It writes a line for each connection that asks and for
/// each that ends, and says nothing once the file `mute` is there.
const SERVER: &str = r#"
use IO::Socket::INET;
my ($port, $log, $mute) = @ARGV;
$SIG{CHLD} = 'IGNORE';
my $server = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $port, Listen => 64, ReuseAddr => 1) or die $!;
open(my $lines, '>>', $log) or die $!;
while (1) {
    my $asker = $server->accept or next;
    if (fork == 0) {
        sysread($asker, my $bytes, 4096);
        syswrite($lines, "asks\n");
        syswrite($asker, "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok") unless -e $mute;
        1 while sysread($asker, $bytes, 4096);
        syswrite($lines, "ends\n");
        exit;
    }
    close $asker;
}
"#;

/// What was asked of one server.
#[derive(Clone, Copy, Debug, Default)]
struct Asked {
    times: usize,
    open: usize,
    most_open: usize,
}

fn asked(log: &Path) -> Asked {
    let mut asked = Asked::default();
    for line in std::fs::read_to_string(log).unwrap_or_default().lines() {
        if line == "asks" {
            asked.times += 1;
            asked.open += 1;
        } else {
            asked.open = asked.open.saturating_sub(1);
        }
        asked.most_open = asked.most_open.max(asked.open);
    }
    asked
}

#[test]
fn one_that_never_answers_is_asked_once_at_a_time_and_another_is_looked_at_as_ever() {
    let scratch = Scratch::new("probed");
    let plane = |name: &str| {
        let text = |path: &Path| path.to_str().expect("a name").to_owned();
        let (log, mute) = (text(&scratch.join(name)), text(&scratch.join("mute")));
        let unmade = TestPlane::plain(name, &["/bin/true"]);
        let port = unmade.base();
        drop(unmade);
        // Rescue's own file never comes.
        let mute = if name == "main" { mute } else { format!("{mute}-not") };
        // Its time-out is many intervals long: whatever piled up would be seen.
        let url = format!("http://127.0.0.1:{port}/");
        let health = format!("url = \"{url}\"\ninterval = \"200ms\"\ntimeout = \"2s\"\nfailures = 1000");
        TestPlane::plain(name, &["/usr/bin/perl", "-e", SERVER, &port.to_string(), &log, &mute])
            .table("health", &health)
    };
    let mut world = Gateward::new("probes", vec![plane("main"), plane("rescue")]);
    let of = |name: &str| asked(&scratch.join(name));
    world.up();
    for name in ["main", "rescue"] {
        world.until(name, SOON, "up", |plane| up(plane) && plane.live);
    }
    scratch.write("mute", "");
    let before = [of("main"), of("rescue")];
    eventually(SOON, "three rounds that nobody answers", || {
        if of("main").times >= before[0].times + 4 { Ok(()) } else { Err(of("main")) }
    });
    let after = [of("main"), of("rescue")];
    // The line of an end may come after that of the next round; piled up there would be ten.
    assert!(after[0].most_open <= 2, "{after:?}");
    // Three time-outs of 2 s: at an interval of 200 ms the other was asked thirty times, and on the busiest host more often.
    let others = after[1].times - before[1].times;
    assert!(others > 6, "asked {others} times meanwhile");
    assert!(after[1].most_open <= 2, "{after:?}");
    world.until("main", SOON, "no sign of life", |plane| plane.state == State::Up && !plane.live);
    assert!(world.plane("rescue").live);
}

#[test]
fn a_gateway_is_watched_by_the_definition_that_it_was_spawned_with() {
    let health = "interval = \"200ms\"\ntimeout = \"1s\"\nfailures = 1000";
    let mut world = Gateward::new("old-port", vec![TestPlane::practice("main").table("health", health)]);
    world.up();
    let first = world.until("main", SOON, "up", up);
    let socket = world.scratch().join("run/planes/main.sock");
    let mut sealed = spoken(&socket, "\"held\"")["answer"]["held"]["sealed"].take();
    let elsewhere = Family::lease();
    sealed["plane"]["port"] = elsewhere.base().into();
    let ask = serde_json::json!({"replace": {"sealed": sealed, "at_next_start": true}});
    let told = spoken(&socket, &ask.to_string());
    assert_eq!(told["answer"]["accepted"]["note"], "taken for the next start", "{told}");
    // It is looked at all the while: its silence is seen, and so is that it answers again, where it has always listened.
    kill(first.pid.expect("it runs"), Signal::STOP);
    world.until("main", SOON, "silent", |plane| !plane.live);
    kill(first.pid.expect("it runs"), Signal::CONT);
    let after = world.until("main", SOON, "answering again", up);
    assert_eq!((after.pid, after.incarnation, after.live), (first.pid, first.incarnation, true));
}
