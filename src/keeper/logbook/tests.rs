//! The log from the pipe to the file, with real processes at the other end.

use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::*;

/// The longest wait for any fact.
const BUDGET: Duration = Duration::from_secs(60);

/// Files large enough that nothing is ever removed, and no stamps.
fn plain() -> LogRules {
    LogRules { max_size: 1 << 40, keep: 5, stamp: false }
}

/// A log in a folder of its own.
struct Bench {
    folder: tempfile::TempDir,
    book: Logbook,
}

impl Bench {
    fn new(rules: LogRules) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let book = Logbook::open(&folder.path().join("log"), rules);
        Self { folder, book }
    }

    fn file(&self, number: u32) -> PathBuf {
        let suffix = if number == 0 { String::new() } else { format!(".{number}") };
        self.folder.path().join(format!("log/gateway.log{suffix}"))
    }

    /// All files, the oldest first.
    fn written(&self) -> Vec<u8> {
        let mut all = Vec::new();
        let count = (0..).take_while(|number| self.file(*number).exists()).count();
        for number in (0..u32::try_from(count).expect("few")).rev() {
            let content = std::fs::read(self.file(number)).expect("a log");
            assert!(content.is_empty() || content.ends_with(b"\n"), "file {number} ends within a line");
            all.extend_from_slice(&content);
        }
        all
    }
}

/// Runs `body` as the keeper runs: one thread, local tasks.
fn keeper<T>(body: impl AsyncFnOnce() -> T) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    tokio::task::LocalSet::new().block_on(&runtime, body())
}

/// Starts a shell script whose output is captured.
fn script(book: &Logbook, script: &str) -> Child {
    let (stdout, stderr): (OwnedFd, OwnedFd) = book.attach().expect("pipes");
    let mut command = Command::new("/bin/sh");
    command.args(["-c", script]).stdin(Stdio::null()).stdout(stdout).stderr(stderr);
    command.spawn().expect("a shell")
}

/// Waits for the end of a child as the keeper does, then takes its last words.
async fn ended(book: &Logbook, mut child: Child) -> Heard {
    let waited = tokio::task::spawn_blocking(move || child.wait()).await;
    waited.expect("a thread").expect("a status");
    book.drain()
}

#[test]
fn what_is_said_is_in_the_file() {
    let bench = Bench::new(plain());
    keeper(async || {
        let child = script(&bench.book, "echo one; echo two >&2; printf 'last words'");
        assert_eq!(ended(&bench.book, child).await, Heard::All);
        let mut lines: Vec<_> = bench.book.tail().lines().map(str::to_owned).collect();
        lines.sort();
        assert_eq!(lines, ["last words", "one", "two"]);
    });
    assert_eq!(bench.book.close(BUDGET), Closed::Flushed);
    let mut lines: Vec<_> = String::from_utf8(bench.written()).expect("text").lines().map(str::to_owned).collect();
    lines.sort();
    assert_eq!(lines, ["last words", "one", "two"]);
    assert_eq!(bench.book.lost(), Lost::NONE);
}
