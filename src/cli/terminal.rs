//! Where words go: data to stdout, talk to stderr; whether it is a terminal, how wide, and in colour.
//!
//! What the command line prints goes through here; a stream of lines and what is redrawn in place are written where they are made.

use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use anstream::{AutoStream, ColorChoice};
use serde::Serialize;

use super::outcome::Failure;
use crate::render::text::Look;

/// Whether anything went to stdout: a program that reads JSON there gets one document, of what was done or of what failed.
static PRINTED: AtomicBool = AtomicBool::new(false);

/// Whether data was printed already.
pub fn has_printed() -> bool {
    PRINTED.load(Ordering::Relaxed)
}

/// To be said by whoever writes to stdout past [`print`], before the first byte.
pub fn will_print() {
    PRINTED.store(true, Ordering::Relaxed);
}

/// How what goes to stdout may look.
pub fn stdout_look() -> Look {
    let stdout = io::stdout();
    Look { width: columns(&stdout), colour: AutoStream::choice(&stdout) != ColorChoice::Never }
}

/// How what goes to stderr may look.
pub fn stderr_look() -> Look {
    let stderr = io::stderr();
    Look { width: columns(&stderr), colour: AutoStream::choice(&stderr) != ColorChoice::Never }
}

/// Columns and rows of a terminal; nothing on a pipe or in a file.
pub fn size_of(stream: &(impl IsTerminal + std::os::fd::AsFd)) -> Option<(usize, usize)> {
    // One that understands nothing but lines is written to like a pipe.
    if !stream.is_terminal() || std::env::var_os("TERM").is_some_and(|term| term == "dumb") {
        return None;
    }
    let size = rustix::termios::tcgetwinsize(stream).ok()?;
    // A terminal that was told no size is taken for the usual one.
    Some(if size.ws_col == 0 { (80, 24) } else { (size.ws_col.into(), size.ws_row.into()) })
}

fn columns(stream: &(impl IsTerminal + std::os::fd::AsFd)) -> Option<usize> {
    size_of(stream).map(|(columns, _)| columns)
}

/// Prints data, styled already as [`stdout_look`] says.
pub fn print(text: &str) -> Result<(), Failure> {
    will_print();
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).map_err(Failure::Output)
}

/// Prints one JSON document and a line feed; over several lines on a terminal.
pub fn print_json(value: &impl Serialize) -> Result<(), Failure> {
    let text =
        if io::stdout().is_terminal() { serde_json::to_string_pretty(value) } else { serde_json::to_string(value) };
    let text = text.map_err(|error| Failure::Output(error.into()))?;
    print(&(text + "\n"))
}

/// Says something to the one who looks on; styles are stripped where they are not wanted. A closed stderr is no failure.
pub fn say(text: &str) {
    let _ = anstream::stderr().lock().write_all(text.as_bytes());
}
