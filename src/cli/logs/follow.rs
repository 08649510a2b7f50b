//! Goes on with what is appended to logs, through rotations, until Ctrl-C or a closed stdout.
//!
//! Woken by the kernel where it watches the folders; looks by itself where it cannot.

use std::collections::BTreeMap;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::inotify::{self, CreateFlags, WatchFlags};

use super::merge::Merge;
use super::print::Printer;
use super::source::Turned;
use crate::cli::interrupt::Interrupt;
use crate::cli::outcome::Failure;
use crate::cli::terminal::say;

/// How often a folder is looked at that the kernel does not watch: not there yet, on a file system without inotify, or past
/// the limit of watches.
const LOOK: Timespec = Timespec { tv_sec: 0, tv_nsec: 500_000_000 };

/// From one word on lost files to the next.
const BETWEEN_LOSSES: Duration = Duration::from_secs(3);

/// So long the rest of a line may be under way that was read while it was written.
const MOMENT: Timespec = Timespec { tv_sec: 0, tv_nsec: 300_000_000 };

/// Prints what comes.
pub fn follow(merge: &mut Merge, printer: &mut Printer) -> Result<(), Failure> {
    let failed = |error: io::Error| Failure::failed(format!("cannot follow: {error}"), "");
    let interrupt = Interrupt::new().map_err(failed)?;
    let mut watch = Watch::new(merge);
    // How much there was of lines without an end when we last came to wait.
    let mut begun = 0;
    let mut losses = Losses::default();
    loop {
        let mut printed = 0_u32;
        while let Some((at, line)) = merge.next().map_err(failed)? {
            printer.line(at, &line)?;
            printed = printed.wrapping_add(1);
            // A flood may leave no moment to wait in.
            if printed.is_multiple_of(1024) && interrupt.wait(Duration::ZERO).map_err(failed)? {
                return Ok(());
            }
        }
        let mut turned = false;
        for source in merge.sources_mut() {
            let before = source.waits();
            match source.turn().map_err(failed)? {
                Turned::Fully => {}
                Turned::WithLoss(files) => losses.add(&source.owner, files),
                Turned::PerhapsWithLoss => say(&format!(
                    "{}: its file was rotated away while it was read; lines may be missing here\n",
                    source.owner
                )),
            }
            turned |= source.waits() > before;
        }
        losses.say_due();
        if turned {
            continue;
        }
        if begun > 0 && begun == merge.rest_size() {
            // It pauses: a question, say, that waits for its answer.
            for (at, line) in merge.begun() {
                printer.line(at, &line)?;
            }
        }
        begun = if printer.shows_parts() { merge.rest_size() } else { 0 };
        printer.flush()?;
        let longest = if begun > 0 { Some(MOMENT) } else { losses.is_untold().then_some(LOOK) };
        if watch.wait(merge, &interrupt, longest).map_err(failed)? == Woken::ToEnd {
            return Ok(());
        }
    }
}

/// Files that were gone before they were read: a flood removes some at every look, and its whole is what matters.
#[derive(Default)]
struct Losses {
    untold: BTreeMap<String, u64>,
    told: Option<Instant>,
}

impl Losses {
    fn add(&mut self, owner: &str, files: u64) {
        *self.untold.entry(owner.to_owned()).or_default() += files;
    }

    fn is_untold(&self) -> bool {
        !self.untold.is_empty()
    }

    fn say_due(&mut self) {
        if self.is_untold() && self.told.is_none_or(|told| told.elapsed() >= BETWEEN_LOSSES) {
            self.told = Some(Instant::now());
            for (owner, files) in std::mem::take(&mut self.untold) {
                say(&lost(&owner, files));
            }
        }
    }
}

impl Drop for Losses {
    fn drop(&mut self) {
        self.told = None;
        self.say_due();
    }
}

fn lost(owner: &str, files: u64) -> String {
    let files = if files == 1 { "1 file of its log was".to_owned() } else { format!("{files} files of its log were") };
    format!("{owner}: {files} removed before it could be read (log.keep, log.max_size); lines are missing here\n")
}

/// So many files, and what they were.
pub fn files_were(count: u64) -> String {
    if count == 1 { "1 file was".to_owned() } else { format!("{count} files were") }
}

#[derive(PartialEq, Eq)]
enum Woken {
    ToRead,
    ToEnd,
}

/// The kernel's eyes on the folders.
struct Watch {
    inotify: Option<OwnedFd>,
    /// Which sources' folders are watched.
    watched: Vec<bool>,
}

impl Watch {
    fn new(merge: &Merge) -> Self {
        let inotify = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK).ok();
        let mut watch = Self { inotify, watched: vec![false; merge.sources().len()] };
        watch.add(merge);
        watch
    }

    /// Watches what is not watched yet; gives whether there is something new to look at.
    fn add(&mut self, merge: &Merge) -> bool {
        let Some(inotify) = &self.inotify else { return false };
        let flags = WatchFlags::MODIFY | WatchFlags::CREATE | WatchFlags::MOVED_TO | WatchFlags::ONLYDIR;
        let mut new = false;
        for (source, watched) in merge.sources().iter().zip(&mut self.watched) {
            if !*watched && inotify::add_watch(inotify, source.folder(), flags).is_ok() {
                *watched = true;
                new = true;
            }
        }
        new
    }

    fn wait(&mut self, merge: &Merge, interrupt: &Interrupt, longest: Option<Timespec>) -> io::Result<Woken> {
        // What came before the watch began would wake nobody.
        if self.add(merge) {
            return Ok(Woken::ToRead);
        }
        let stdout = io::stdout();
        let mut fds = vec![
            PollFd::new(interrupt, PollFlags::IN),
            // Asked for nothing, a pipe still tells that its reader has gone.
            PollFd::from_borrowed_fd(stdout.as_fd(), PollFlags::empty()),
        ];
        if let Some(inotify) = &self.inotify {
            fds.push(PollFd::new(inotify, PollFlags::IN));
        }
        let budget = longest.or_else(|| self.watched.iter().any(|watched| !watched).then_some(LOOK));
        match poll(&mut fds, budget.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let ends = !fds[0].revents().is_empty() || fds[1].revents().intersects(PollFlags::ERR | PollFlags::HUP);
        self.drain();
        Ok(if ends { Woken::ToEnd } else { Woken::ToRead })
    }

    /// Reads away what the kernel told: that something happened is all we want to know.
    fn drain(&self) {
        let Some(inotify) = &self.inotify else { return };
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut events = inotify::Reader::new(inotify, &mut buffer);
        while events.next().is_ok() {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_of_a_burst_are_told_once_and_summed() {
        let mut losses = Losses::default();
        losses.add("main", 1);
        losses.say_due();
        assert!(!losses.is_untold(), "the first at once");
        for _ in 0..3 {
            losses.add("main", 2);
            losses.say_due();
        }
        assert_eq!(losses.untold, BTreeMap::from([("main".to_owned(), 6)]));
        let words = "removed before it could be read (log.keep, log.max_size); lines are missing here\n";
        assert_eq!(lost("main", 1), format!("main: 1 file of its log was {words}"));
        assert_eq!(lost("main", 6), format!("main: 6 files of its log were {words}"));
    }
}
