//! A run of the binary as text to compare: exit code, both outputs, with all that differs from run to run replaced.

use crate::support::{Gateward, Said};

/// The run with these arguments.
pub fn transcript(gateward: &Gateward, arguments: &[&str]) -> String {
    told(gateward, arguments, &gateward.run(arguments))
}

/// As [`transcript`], without what is said on the way: which steps are seen of something quick is chance.
pub fn outcome(gateward: &Gateward, arguments: &[&str]) -> String {
    let said = gateward.run(arguments);
    told(gateward, arguments, &Said { err: "(the way there)\n".to_owned(), ..said })
}

/// A run that was made already.
pub fn told(gateward: &Gateward, arguments: &[&str], said: &Said) -> String {
    let Said { code, out, err } = said;
    let root = gateward.scratch().path().display().to_string();
    let text = format!(
        "$ gateward {}\n-- exit code {code}\n-- stdout\n{out}-- stderr\n{err}",
        arguments.join(" ").escape_debug()
    );
    settle(&text.replace(&root, "[ROOT]"))
}

/// Numbers of processes, times and sizes as words.
fn settle(text: &str) -> String {
    let mut out = String::new();
    for word in split(text) {
        if is_time(word) {
            out.push_str("[TIME]");
        } else {
            out.push_str(word);
        }
    }
    replace_after(&replace_after(&out, "pid ", "[PID]"), "by process ", "[PID]")
}

/// The text in pieces, each either a run of what a time is made of, or the rest.
fn split(text: &str) -> impl Iterator<Item = &str> {
    let timely = |c: char| c.is_ascii_digit() || matches!(c, '-' | ':' | '.' | 'T' | 'Z');
    let mut rest = text;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let end = rest.find(|c| timely(c) != timely(first)).unwrap_or(rest.len());
        let (piece, later) = rest.split_at(end);
        rest = later;
        Some(piece)
    })
}

fn is_time(word: &str) -> bool {
    word.len() >= 20 && word.as_bytes()[10] == b'T' && word.ends_with('Z')
}

fn replace_after(text: &str, mark: &str, with: &str) -> String {
    let mut parts = text.split(mark);
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let digits = part.len() - part.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        out.push_str(mark);
        out.push_str(if digits > 0 { with } else { "" });
        out.push_str(&part[digits..]);
    }
    out
}
