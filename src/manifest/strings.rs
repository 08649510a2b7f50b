//! Which texts of a manifest may be secrets although they are no environment: arguments, and what stands at a key that is
//! unknown.
//!
//! Goes by the lines alone, as `masking` does: what is quoted is often what could not be read.

use std::ops::Range;

use crate::manifest::keys::{Kind, Table};
use crate::manifest::lines::Lines;
use crate::manifest::masking::{quoted, segments};
use crate::manifest::syntax::is_header;
use crate::manifest::tables::{PlaneTable, RuntimeTable, SupervisorTable};

/// What the values of a key hold.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Holds {
    /// What a known key takes.
    Plain,
    /// A program and its arguments, before the first flag.
    Program,
    /// Arguments: flags are shown, what they are given is not.
    Arguments,
    /// Nothing: it stands where no value can.
    Stray,
    /// Nobody knows.
    Anything,
}

/// Everything to be hidden, line by line.
pub(super) fn hidden(lines: &Lines<'_>) -> Vec<Range<usize>> {
    let mut hidden = Vec::new();
    let mut holds = Holds::Plain;
    for number in 0..lines.count() {
        let range = lines.range(number);
        let line = lines.text().get(range.clone()).unwrap_or("");
        if is_header(line.trim_start()) {
            holds = Holds::Plain;
            continue;
        }
        let value = match assigned(line) {
            Some((key, at)) => {
                holds = held_by(key, &line[at..]);
                at
            }
            None => {
                holds = unassigned(line, holds);
                0
            }
        };
        let value = range.start + value..range.end;
        match holds {
            Holds::Plain => {}
            Holds::Stray => hidden.push(value),
            Holds::Anything => anything(lines.text(), value, &mut hidden),
            Holds::Program | Holds::Arguments => holds = words(lines.text(), value, holds, &mut hidden),
        }
    }
    hidden
}

/// The key of a line that assigns one, and where the value begins. In a line that goes on with a list, a `=` stands within
/// quotes.
fn assigned(line: &str) -> Option<(&str, usize)> {
    let (key, _) = line.split_once('=')?;
    let quotes = key.chars().filter(|c| matches!(c, '"' | '\'')).count();
    let is_key = quotes % 2 == 0 && !key.trim().is_empty() && !key.trim_start().starts_with(['#', ',', '[', '{', '-']);
    is_key.then_some((key, key.len() + 1))
}

/// What a line holds that assigns nothing: it goes on with a list, or it was meant to say something else.
fn unassigned(line: &str, before: Holds) -> Holds {
    let said = line.trim();
    let begins = |signs: &[char]| said.is_empty() || said.starts_with(signs);
    match before {
        Holds::Plain | Holds::Stray if begins(&['"', '\'', '[', ']', ',', '{', '}', '#', ';']) => before,
        Holds::Plain | Holds::Stray => {
            let word = said.split(|c: char| c == ':' || c.is_whitespace()).next().unwrap_or_default();
            if known(word).is_some() { Holds::Plain } else { Holds::Stray }
        }
        Holds::Program | Holds::Arguments | Holds::Anything => before,
    }
}

fn held_by(key: &str, value: &str) -> Holds {
    let name = segments(key).last().unwrap_or_default();
    match known(name) {
        Some("args") => Holds::Arguments,
        Some("command") => Holds::Program,
        Some(_) if !value.trim_start().starts_with('{') || is_plain_table(value) => Holds::Plain,
        Some(_) | None => Holds::Anything,
    }
}

/// The key that this is. What was meant to be one is not known: at a slip of `cwd` a password may stand.
fn known(name: &str) -> Option<&'static str> {
    let within = PlaneTable::KEYS.iter().filter_map(|key| match key.kind {
        Kind::Table(inner) => Some(inner),
        _ => None,
    });
    let keys = [PlaneTable::KEYS, SupervisorTable::KEYS, RuntimeTable::KEYS].into_iter().chain(within);
    let mut names = keys.flatten().map(|key| key.name);
    names.find(|known| *known == name)
}

/// Whether an inline table has known keys alone, and none that takes words.
fn is_plain_table(value: &str) -> bool {
    let pairs = value.trim().trim_start_matches('{').split(',');
    let mut keys = pairs.filter_map(|pair| pair.split_once('=').map(|(key, _)| key.trim()));
    keys.all(|key| known(key).is_some_and(|known| !matches!(known, "args" | "command" | "env" | "url")))
}

/// Everything but a number or a flag.
fn anything(text: &str, value: Range<usize>, hidden: &mut Vec<Range<usize>>) {
    let said = text[value.clone()].split('#').next().unwrap_or_default().trim();
    let is_plain = matches!(said, "" | "true" | "false") || said.parse::<f64>().is_ok();
    if is_plain {
        return;
    }
    let strings = quoted(&text[value.clone()], value.start);
    if strings.is_empty() || !said.starts_with(['"', '\'', '[', '{']) {
        hidden.push(value);
    } else {
        hidden.extend(strings);
    }
}

/// The words that are no flags, what follows the `=` of one, and whatever stands outside of quotes.
fn words(text: &str, value: Range<usize>, mut holds: Holds, hidden: &mut Vec<Range<usize>>) -> Holds {
    let mut bare = value.start;
    for word in quoted(&text[value.clone()], value.start) {
        outside(text, bare..word.start, hidden);
        bare = word.end;
        let said = &text[word.clone()];
        let is_flag = said.starts_with('-');
        if is_flag {
            holds = Holds::Arguments;
        }
        // A flag may have its value behind `=`, or right behind its letter; a whole command line may stand in one string.
        let letter =
            if is_flag && !said.starts_with("--") { said.char_indices().nth(2).map(|(at, _)| at) } else { None };
        let ends = [said.find('=').map(|at| at + 1), said.find(char::is_whitespace), letter];
        match ends.into_iter().flatten().min() {
            _ if holds == Holds::Arguments && !is_flag => hidden.push(word),
            Some(at) => hidden.push(word.start + at..word.end),
            None => {}
        }
    }
    outside(text, bare..value.end, hidden);
    holds
}

fn outside(text: &str, span: Range<usize>, hidden: &mut Vec<Range<usize>>) {
    if text[span.clone()].contains(char::is_alphanumeric) {
        hidden.push(span);
    }
}
