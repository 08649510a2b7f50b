//! The log from the pipe to the file, with real processes at the other end. Here is what these tests share.
//!
//! A fault of the disk is a real one: a full or read-only file system, a pipe that nobody reads.

mod disk;
mod files;
mod said;

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::{Closed, Heard, Logbook, Lost};
use crate::plane::LogRules;

/// The longest wait for any fact; a busy machine needs seconds for the largest floods.
const BUDGET: Duration = Duration::from_secs(120);

/// Tells a test that it runs in the surroundings that it asked for.
const APART: &str = "GATEWARD_TEST_APART";

/// One file that is never full, and no stamps.
fn endless() -> LogRules {
    LogRules { max_size: 1 << 40, keep: 5, stamp: false }
}

/// Files of `max_size` bytes, as many as it takes.
fn rotated(max_size: u64) -> LogRules {
    LogRules { max_size, keep: 10_000, stamp: false }
}

/// A log in a folder of its own.
struct Place {
    folder: tempfile::TempDir,
    book: Logbook,
}

impl Place {
    fn new(rules: LogRules) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let book = Logbook::open(&folder.path().join("log"), rules);
        Self { folder, book }
    }

    /// The log's folder.
    fn logs(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    /// File `number`; 0 is the current one.
    fn file(&self, number: usize) -> PathBuf {
        let suffix = if number == 0 { String::new() } else { format!(".{number}") };
        self.logs().join(format!("gateway.log{suffix}"))
    }

    /// The sizes of all files, the current one first.
    fn sizes(&self) -> Vec<u64> {
        let found = (0..).map(|number| std::fs::metadata(self.file(number)));
        found.take_while(Result::is_ok).flatten().map(|found| found.len()).collect()
    }

    /// All that is in the files, the oldest first.
    fn all(&self) -> impl Read {
        let files = (0..self.sizes().len()).rev().map(|number| File::open(self.file(number)).expect("a log"));
        files.fold(Box::new(std::io::empty()) as Box<dyn Read>, |before, file| Box::new(before.chain(file)))
    }

    /// The same as text; every file ends with a whole line.
    fn text(&self) -> String {
        for number in 0..self.sizes().len() {
            let content = std::fs::read(self.file(number)).expect("a log");
            assert!(content.last().is_none_or(|last| *last == b'\n'), "file {number} ends within a line");
        }
        let mut text = String::new();
        self.all().read_to_string(&mut text).expect("text");
        text
    }

    /// Runs a script to its end, and has all that it said written.
    fn hear(&self, script: &str) {
        keeper(async || {
            let child = speak(&self.book, script);
            heard_out(&self.book, child).await;
        });
        assert_eq!(self.book.close(BUDGET), Closed::Flushed);
    }
}

/// Runs `body` as the keeper runs: one thread, local tasks.
fn keeper<T>(body: impl AsyncFnOnce() -> T) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    tokio::task::LocalSet::new().block_on(&runtime, body())
}

/// Starts a shell script whose output is captured.
fn speak(book: &Logbook, script: &str) -> Child {
    let (stdout, stderr) = book.attach().expect("pipes");
    let mut command = Command::new("/bin/sh");
    command.args(["-c", script]).stdin(Stdio::null()).stdout(stdout).stderr(stderr);
    command.spawn().expect("a shell")
}

/// Waits for the end of a child, then takes its last words, as the keeper does.
async fn ended(book: &Logbook, mut child: Child) -> Heard {
    let waited = tokio::task::spawn_blocking(move || child.wait()).await;
    assert!(waited.expect("a thread").expect("a status").success());
    book.drain()
}

/// Waits until a child has ended and all who could write are gone. That may be a moment later: what another test starts has our
/// pipes from its fork to its exec.
async fn heard_out(book: &Logbook, child: Child) {
    if ended(book, child).await == Heard::SoFar {
        eventually("the end of its streams", || book.drain() == Heard::All).await;
    }
}

/// Waits for a fact that nobody announces.
async fn eventually(what: &str, mut fact: impl FnMut() -> bool) {
    let until = Instant::now() + BUDGET;
    while !fact() {
        assert!(Instant::now() < until, "not within the budget: {what}");
        tokio::task::yield_now().await;
    }
}

/// What a script says, to be compared with.
fn output(place: &Place, script: &str) -> File {
    let path = place.folder.path().join("expected");
    let file = File::create(&path).expect("a file");
    let said = Command::new("/bin/sh").args(["-c", script]).stdout(file).status();
    assert!(said.expect("a shell").success());
    File::open(path).expect("what it said")
}

/// Asserts that two streams have the same bytes.
fn assert_same(expected: impl Read, found: impl Read) {
    let (mut expected, mut found) = (BufReader::new(expected), BufReader::new(found));
    let mut at = 0;
    loop {
        let (left, right) = (expected.fill_buf().expect("readable"), found.fill_buf().expect("readable"));
        let both = left.len().min(right.len());
        if both == 0 {
            assert_eq!((left.len(), right.len()), (0, 0), "one of them ends at byte {at}");
            return;
        }
        assert!(left[..both] == right[..both], "they differ in the {both} bytes from byte {at}");
        at += both;
        expected.consume(both);
        found.consume(both);
    }
}

/// Whether this test runs in the surroundings that `wrapper` makes; if not, it is run there, in a process of its own.
fn is_apart(test: &str, wrapper: &[&str]) -> bool {
    if std::env::var_os(APART).is_some() {
        return true;
    }
    let program = std::env::current_exe().expect("this program");
    let mut command = Command::new(wrapper[0]);
    command.args(&wrapper[1..]).arg(program).args(["--exact", "--nocapture", test]).env(APART, "yes");
    let done = command.output().expect("a wrapper");
    let (said, complained) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success() && said.contains("1 passed"), "{said}{complained}");
    false
}
