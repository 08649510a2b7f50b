//! How fast captured output reaches the disk, beside `cat > file`, which is the floor: `cargo bench --bench logbook -- [MIB [FOLDER]]`.
//!
//! Alternating rounds, medians. Times are compared within one run only.

#![allow(clippy::disallowed_methods, reason = "a benchmark starts programs and reads the clock")]

use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use gateward::keeper::logbook::{Closed, Logbook};
use gateward::plane::LogRules;
use nix::sys::resource::{UsageWho, getrusage};

/// How many times each is measured.
const ROUNDS: usize = 5;

/// Tells this program that it is the one that speaks: how many MiB, and in writes of how many lines.
const SPEAK: &str = "GATEWARD_BENCH_SPEAK";

/// What is measured.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// `cat > file`.
    Cat,
    /// A logbook without stamps.
    Plain,
    /// A logbook with stamps.
    Stamped,
}

/// One measurement.
struct Sample {
    seconds: f64,
    /// Processor time of the reading side.
    busy: f64,
    /// The longest that the speaker was held up by one write, in milliseconds.
    held: f64,
}

fn main() {
    if let Ok(order) = std::env::var(SPEAK) {
        return speak(&order);
    }
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    let mib: usize = words.first().map_or(256, |word| word.parse().expect("a number of MiB"));
    let folder = words.get(1).map_or_else(std::env::temp_dir, Into::into);
    for (title, lines) in [("640 lines a write", 640), ("one line a write", 1)] {
        let mib = if lines == 1 { mib / 8 } else { mib };
        let mut samples: [Vec<Sample>; 3] = Default::default();
        for _ in 0..ROUNDS {
            for (way, samples) in [Way::Cat, Way::Plain, Way::Stamped].into_iter().zip(&mut samples) {
                let place = tempfile::tempdir_in(&folder).expect("a folder");
                samples.push(measure(way, mib, lines, place.path()));
            }
        }
        println!("{mib} MiB of lines of 100 bytes, {title}, median of {ROUNDS}, in {}", folder.display());
        let floor = median(&samples[0], |sample| sample.seconds);
        for (name, samples) in ["cat > file", "plain", "stamped"].iter().zip(&samples) {
            let seconds = median(samples, |sample| sample.seconds);
            println!(
                "  {name:<10} {:6.0} MB/s  {:4.0} % of cat  {:5.2} CPU s/GiB  speaker held up {:5.1} ms at most",
                (mib << 20) as f64 / 1e6 / seconds,
                100.0 * floor / seconds,
                median(samples, |sample| sample.busy) * 1024.0 / mib as f64,
                median(samples, |sample| sample.held),
            );
        }
    }
}

/// Writes lines to stdout, then the longest time that one write took to stderr.
fn speak(order: &str) {
    let (mib, lines) = order.split_once(' ').expect("two numbers");
    let (mib, lines): (usize, usize) = (mib.parse().expect("a number"), lines.parse().expect("a number"));
    let mut text = [b'x'; 100];
    text[99] = b'\n';
    let text = text.repeat(lines);
    let mut stdout =
        std::fs::File::from(std::os::fd::AsFd::as_fd(&std::io::stdout()).try_clone_to_owned().expect("stdout"));
    let mut longest = Duration::ZERO;
    for _ in 0..(mib << 20) / text.len() {
        let since = Instant::now();
        stdout.write_all(&text).expect("written");
        longest = longest.max(since.elapsed());
    }
    eprintln!("{}", longest.as_secs_f64() * 1e3);
}

fn measure(way: Way, mib: usize, lines: usize, folder: &Path) -> Sample {
    match way {
        Way::Cat => cat(mib, lines, folder),
        Way::Plain | Way::Stamped => book(way == Way::Stamped, mib, lines, folder),
    }
}

fn cat(mib: usize, lines: usize, folder: &Path) -> Sample {
    let file = std::fs::File::create(folder.join("log")).expect("a file");
    let (told, tell) = std::io::pipe().expect("a pipe");
    let (read, write) = std::io::pipe().expect("a pipe");
    let since = Instant::now();
    let mut cat = Command::new("cat").stdin(read).stdout(file).spawn().expect("cat");
    let mut speaker = speaker(mib, lines, write.into(), tell.into());
    speaker.wait().expect("the speaker's end");
    let before = busy(UsageWho::RUSAGE_CHILDREN);
    cat.wait().expect("the end of cat");
    let seconds = since.elapsed().as_secs_f64();
    Sample { seconds, busy: busy(UsageWho::RUSAGE_CHILDREN) - before, held: said(told) }
}

fn book(stamp: bool, mib: usize, lines: usize, folder: &Path) -> Sample {
    let rules = LogRules { max_size: 32 << 20, keep: 10_000, stamp };
    let (told, tell) = std::io::pipe().expect("a pipe");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let local = tokio::task::LocalSet::new();
    let before = busy(UsageWho::RUSAGE_SELF);
    let since = Instant::now();
    local.block_on(&runtime, async {
        let book = Logbook::open(folder, rules);
        let (stdout, stderr) = book.attach().expect("pipes");
        drop(stderr);
        let mut speaker = speaker(mib, lines, stdout, tell.into());
        let (ended, end) = tokio::sync::oneshot::channel();
        std::thread::spawn(move || ended.send(speaker.wait()));
        end.await.expect("a thread").expect("the speaker's end");
        assert_eq!(book.close(Duration::from_secs(60)), Closed::Flushed);
        assert_eq!(book.lost().lines, 0, "lines were lost");
    });
    let seconds = since.elapsed().as_secs_f64();
    Sample { seconds, busy: busy(UsageWho::RUSAGE_SELF) - before, held: said(told) }
}

fn speaker(mib: usize, lines: usize, stdout: OwnedFd, stderr: OwnedFd) -> Child {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.env(SPEAK, format!("{mib} {lines}")).stdin(Stdio::null()).stdout(stdout).stderr(stderr);
    command.spawn().expect("a speaker")
}

fn said(mut told: std::io::PipeReader) -> f64 {
    let mut text = String::new();
    told.read_to_string(&mut text).expect("its word");
    text.trim().parse().expect("a number")
}

/// Processor seconds used so far.
fn busy(who: UsageWho) -> f64 {
    let usage = getrusage(who).expect("usage");
    [usage.user_time(), usage.system_time()].iter().map(|time| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6).sum()
}

fn median(samples: &[Sample], value: impl Fn(&Sample) -> f64) -> f64 {
    let mut values: Vec<f64> = samples.iter().map(value).collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
