//! What only a terminal shows: `status --watch` redrawn in place, in colour, in eighty columns; and a shell that completes.

use std::io::Read;
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::pty::{Winsize, openpty};
use rustix::process::Signal;

use super::quiet;
use crate::support::{Gateward, TestPlane, eventually, processes, said};

const SOON: Duration = Duration::from_secs(60);

#[test]
fn status_watch_redraws_in_place_in_colour_and_in_eighty_columns() {
    let long = TestPlane::practice("a-plane-with-a-rather-long-name");
    let broken = TestPlane::plain("broken", &["/bin/sh", "-c", "exit 9"]).table("restart", "policy = \"never\"");
    let mut gateward = Gateward::new("terminal-watch", vec![TestPlane::practice("main"), long, broken]);
    gateward.up();
    gateward.until_ready("main");
    gateward.until_ready("a-plane-with-a-rather-long-name");
    gateward.until("broken", SOON, "parked", |plane| plane.state == gateward::wire::State::Parked);

    let size = Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };
    let pty = openpty(Some(&size), None).expect("a terminal");
    // Whoever runs the tests in the background has Ctrl-C ignored, and so would every program of theirs.
    let watch = gateward.command(&["status", "--watch"]);
    let mut command = Command::new("/usr/bin/env");
    command.env_clear().arg("--default-signal=INT").arg(watch.get_program()).args(watch.get_args());
    command.envs(watch.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.env("TERM", "xterm-256color").stdout(Stdio::from(pty.slave)).stderr(Stdio::null());
    let mut child = command.spawn().expect("our binary runs");
    drop(command);
    let text = frames(pty.master, 3);
    processes::kill(child.id().cast_signed(), Signal::INT);
    assert_eq!(child.wait().expect("our child").code(), None, "Ctrl-C ends it as it ends any program");

    // Three planes, the heads, a blank line and one reason, at the least: each later frame begins that far up.
    let mut frames = text.split("\u{1b}[J");
    let first = frames.next().expect("a frame");
    let lines = first.lines().filter(|line| line.contains("\u{1b}[K")).count();
    assert!(lines >= 6, "{first:?}");
    assert!(frames.next().expect("another frame").trim_start().starts_with(&format!("\u{1b}[{lines}A")), "{text:?}");
    assert!(first.contains("\u{1b}[32mup") && first.contains("\u{1b}[31mparked"), "colour by state: {first:?}");
    let plain = anstream::adapter::strip_str(first).to_string();
    assert!(plain.lines().all(|line| line.trim_end().chars().count() <= 80), "{plain}");
    let order: Vec<usize> =
        ["main ", "a-plane", "broken "].iter().map(|name| plain.find(name).expect("a row")).collect();
    assert!(order.is_sorted(), "manifest order: {plain}");
    assert!(plain.contains("exit code 9") || plain.contains("exited"), "the reason in words: {plain}");
}

/// What a terminal shows until it was redrawn so often.
fn frames(master: OwnedFd, count: usize) -> String {
    let (sender, chunks) = std::sync::mpsc::channel();
    let mut master = std::fs::File::from(master);
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(length @ 1..) = master.read(&mut buffer) {
            if sender.send(buffer[..length].to_vec()).is_err() {
                return;
            }
        }
    });
    let mut seen = Vec::new();
    while String::from_utf8_lossy(&seen).matches("\u{1b}[J").count() < count {
        seen.extend(chunks.recv_timeout(SOON).expect("a further frame"));
    }
    String::from_utf8_lossy(&seen).into_owned()
}

#[test]
fn bash_completes_verbs_and_the_planes_of_the_moment() {
    let mut gateward = Gateward::new("terminal-bash", vec![quiet("main"), quiet("rescue")]);
    let bin = gateward.scratch().folder("bin");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_gateward"), bin.join("gateward")).expect("a link");
    let complete = |gateward: &Gateward, line: &str| -> Vec<String> {
        // What bash does at a press of Tab: the registered function is called with the words so far.
        let script = "
            eval \"$(gateward completions bash)\"
            read -ra COMP_WORDS <<<\"$LINE\"
            [[ $LINE != *' ' ]] || COMP_WORDS+=('')
            COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) COMP_LINE=$LINE COMP_POINT=${#LINE} COMP_TYPE=9
            spec=$(complete -p gateward)
            function=${spec##*-F }
            ${function%% *} gateward \"${COMP_WORDS[COMP_CWORD]}\" \"${COMP_WORDS[COMP_CWORD-1]}\"
            printf '%s\\n' \"${COMPREPLY[@]}\"";
        let ours = gateward.command(&[]);
        let mut bash = Command::new("/bin/bash");
        bash.args(["--norc", "-c", script])
            .env_clear()
            .envs(ours.get_envs().filter_map(|(name, value)| Some((name, value?))));
        bash.env("PATH", format!("{}:/usr/bin:/bin", bin.display())).env("LINE", line);
        let said = said(bash.current_dir(gateward.scratch().path()).output().expect("bash")).code(0);
        said.out.lines().map(|word| word.trim().to_owned()).filter(|word| !word.is_empty()).collect()
    };
    assert_eq!(complete(&gateward, "gateward veri"), ["verify"]);
    assert_eq!(complete(&gateward, "gateward restart re"), ["rescue"]);
    assert_eq!(complete(&gateward, "gateward service inst"), ["install"]);
    let every = complete(&gateward, "gateward verify ");
    assert!(every.starts_with(&["main".into(), "rescue".into(), "all".into()]), "{every:?}");
    // The next press of Tab knows the manifest as it is by then.
    gateward.rewrite(vec![quiet("main"), quiet("staging")]);
    assert_eq!(complete(&gateward, "gateward logs st"), ["staging"]);
    assert_eq!(complete(&gateward, "gateward logs re"), Vec::<String>::new());
    eventually(SOON, "nothing left running", || gateward.living().is_empty());
}
