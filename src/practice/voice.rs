//! The stand-in's log: lines on stdout as OpenClaw stamps them.
//!
//! It keeps no file of its own.

use std::cell::Cell;
use std::io::Write;

use tokio::sync::Notify;

/// Writes lines; notices when nobody reads them any more.
#[derive(Default)]
pub(super) struct Voice {
    lost: Cell<bool>,
    news: Notify,
}

impl Voice {
    /// `2026-01-31T12:00:00.000+00:00 [subsystem] text`. A reader that is gone is noticed here, at the next line, as in the
    /// real one; Rust ignores SIGPIPE, so it comes as an error.
    pub(super) fn say(&self, subsystem: &str, text: &str) {
        let stamp = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S%.3f+00:00");
        let mut stdout = std::io::stdout().lock();
        let written = writeln!(stdout, "{stamp} [{subsystem}] {text}").and_then(|()| stdout.flush());
        if written.is_err() && !self.lost.replace(true) {
            self.news.notify_one();
        }
    }

    /// Comes when the reader of stdout is gone.
    pub(super) async fn lost(&self) {
        while !self.lost.get() {
            self.news.notified().await;
        }
    }
}

/// Writes `lines` lines of `bytes` bytes as fast as the reader takes them. Blocks, so it has a thread of its own.
pub(super) fn flood(lines: u64, bytes: usize) {
    for number in 0..lines {
        let mut line = format!("flood {number} ");
        line.extend(std::iter::repeat_n('x', bytes.saturating_sub(line.len() + 1)));
        line.truncate(bytes.saturating_sub(1));
        line.push('\n');
        if std::io::stdout().lock().write_all(line.as_bytes()).is_err() {
            return;
        }
    }
}

/// Gives stdout and stderr up for /dev/null, so that the reader of both sees their end.
pub(super) fn close() -> std::io::Result<()> {
    let null = std::fs::File::options().write(true).open("/dev/null")?;
    std::io::stdout().flush()?;
    nix::unistd::dup2_stdout(&null)?;
    nix::unistd::dup2_stderr(&null)?;
    Ok(())
}
