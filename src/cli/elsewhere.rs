//! Words that other supervisors have for what is here under another name, so that a habit finds its verb.
//!
//! Runs nothing: a pointer is a hint, and the line was wrong.

use clap::error::{ContextKind, ContextValue, ErrorKind};

/// A word of another tool, and ours.
const WORDS: [(&str, &str); 14] = [
    ("ps", "status"),
    ("ls", "status"),
    ("list", "status"),
    ("pid", "status"),
    ("top", "status"),
    ("up", "run"),
    ("tail", "logs"),
    ("kill", "stop"),
    ("shutdown", "down"),
    ("quit", "down"),
    ("update", "reload"),
    ("reread", "reload"),
    ("doctor", "check"),
    ("version", "--version"),
];

/// The same error, with our word for the one that was typed.
pub fn pointed(mut error: clap::Error) -> clap::Error {
    let typed = match (error.kind(), error.get(ContextKind::InvalidSubcommand)) {
        (ErrorKind::InvalidSubcommand, Some(ContextValue::String(typed))) => typed.clone(),
        (_, _) => return error,
    };
    if let Some((_, ours)) = WORDS.iter().find(|(word, _)| *word == typed) {
        let ours = vec![(*ours).to_owned()];
        error.insert(ContextKind::SuggestedSubcommand, ContextValue::Strings(ours));
    }
    error
}
