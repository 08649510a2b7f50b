//! What an installation tells of itself, and how a person sees it: a bar on a terminal, plain lines elsewhere. Decides nothing.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use indicatif::{HumanBytes, ProgressBar, ProgressStyle};

/// About what one release writes to disk; it only scales the bar, the numbers beside it are counted.
const USUAL_BYTES: u64 = 800 << 20;

/// The parts of an installation, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// npm fetches Node.
    Node,
    /// npm fetches OpenClaw and what it depends on.
    OpenClaw,
    /// Both are run once and asked for their versions.
    Verify,
    /// It is written out to disk and moved into place.
    Seal,
}

impl Phase {
    const COUNT: usize = 4;

    fn number(self) -> usize {
        match self {
            Self::Node => 1,
            Self::OpenClaw => 2,
            Self::Verify => 3,
            Self::Seal => 4,
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Node => "fetching Node through npm",
            Self::OpenClaw => "fetching OpenClaw through npm",
            Self::Verify => "running both once",
            Self::Seal => "writing to disk and moving into place",
        }
    }
}

/// One thing to tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// Another installer is at work in this folder; we wait for it.
    Waiting,
    /// A phase began.
    Began(Phase),
    /// npm has done so much of the present phase.
    Grew {
        /// Packages it has fetched.
        packages: usize,
        /// Bytes it has written.
        bytes: u64,
    },
    /// npm could not reach its registry and tries again.
    Retrying(String),
    /// It is whole and in place.
    Done,
}

/// Shows [`News`] on standard error.
pub struct Bar {
    version: String,
    shown: Shown,
    written: u64,
    phase_bytes: u64,
}

enum Shown {
    Terminal(ProgressBar),
    Lines,
}

impl Bar {
    /// For the installation of `version`.
    pub fn new(version: &str) -> Self {
        let shown = if std::io::stderr().is_terminal() { Shown::Terminal(terminal_bar()) } else { Shown::Lines };
        Self { version: version.to_owned(), shown, written: 0, phase_bytes: 0 }
    }

    /// Shows one more thing.
    pub fn tell(&mut self, news: &News) {
        match &self.shown {
            Shown::Terminal(bar) => {
                let bar = bar.clone();
                self.draw(&bar, news);
            }
            Shown::Lines => self.line(news),
        }
    }

    fn draw(&mut self, bar: &ProgressBar, news: &News) {
        match news {
            News::Waiting => bar.set_message("another installation is running here; waiting for it"),
            News::Began(phase) => {
                self.written += std::mem::take(&mut self.phase_bytes);
                bar.set_prefix(format!("{}/{} OpenClaw {}", phase.number(), Phase::COUNT, self.version));
                bar.set_message(phase.words());
            }
            News::Grew { packages, bytes } => {
                self.phase_bytes = self.phase_bytes.max(*bytes);
                let total = self.written + self.phase_bytes;
                // Never full before it is done: the length is only what a release usually takes.
                bar.set_position(total.min(USUAL_BYTES / 100 * 97));
                bar.set_message(format!("{} written, {packages} packages fetched", HumanBytes(total)));
            }
            News::Retrying(why) => bar.set_message(format!("npm tries again: {why}")),
            News::Done => {
                bar.set_position(USUAL_BYTES);
                bar.finish_and_clear();
            }
        }
    }

    fn line(&self, news: &News) {
        let version = &self.version;
        let text = match news {
            News::Waiting => format!("OpenClaw {version}: another installation is running here; waiting for it"),
            News::Began(phase) => {
                format!("OpenClaw {version}: {}/{} {}", phase.number(), Phase::COUNT, phase.words())
            }
            News::Retrying(why) => format!("OpenClaw {version}: npm tries again: {why}"),
            News::Grew { .. } => return,
            News::Done => format!("OpenClaw {version}: installed"),
        };
        // A reader that went away is no reason to end an installation.
        let _ = writeln!(std::io::stderr(), "{text}");
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        if let Shown::Terminal(bar) = &self.shown {
            bar.finish_and_clear();
        }
    }
}

fn terminal_bar() -> ProgressBar {
    let bar = ProgressBar::new(USUAL_BYTES);
    let style = ProgressStyle::with_template("{prefix:.bold} {bar:16.cyan/dim} {elapsed:>4}  {wide_msg}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.enable_steady_tick(Duration::from_millis(250));
    bar
}
