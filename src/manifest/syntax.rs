//! Text into a TOML tree, with every syntax mistake told once and in words that say what to do.
//!
//! Knows nothing of gateward's keys. A value that is never closed swallows all that follows; it is cut off at its own
//! line, so that one missing bracket does not hide, or invent, mistakes in every line below.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue, Error};

use crate::manifest::error::{Code, MOST_TOLD, Mistake};
use crate::manifest::lines::Lines;
use crate::manifest::reader::shown_key;
use crate::manifest::wording::{in_words, written_twice};

/// How often a value that is never closed is cut off before the rest is read as it stands.
const MOST_CUTS: usize = 8;

/// A text that the TOML reader can make the most of, and what was wrong with it.
#[derive(Debug, Default)]
pub struct Mended {
    /// As long as the original, byte for byte; only values that were never closed are blanked out.
    pub text: String,
    /// What is wrong, in no order.
    pub mistakes: Vec<Mistake>,
    /// Bytes about which nothing more is to be told.
    pub damage: Vec<Range<usize>>,
}

/// Finds what is wrong with the text, and cuts off what is never closed.
pub fn mend(lines: &Lines<'_>) -> Mended {
    let mut mended = Mended { text: lines.text().to_owned(), ..Mended::default() };
    if let Some(mistake) = other_language(lines) {
        let whole = 0..mended.text.len();
        return Mended { text: String::new(), mistakes: vec![mistake], damage: vec![whole] };
    }
    for _ in 0..MOST_CUTS {
        let (root, errors) = DeTable::parse_recoverable(&mended.text);
        let keyless = keyless(lines, &errors);
        if !keyless.is_empty() {
            drop(root);
            for number in keyless {
                let line = lines.range(number);
                mended.mistakes.push(no_assignment(lines, number));
                mended.text.replace_range(line.clone(), &" ".repeat(line.len()));
                mended.damage.push(line);
            }
        } else if let Some(runaway) = runaway(lines, &mended.text, &root, &errors) {
            drop(root);
            mended.mistakes.push(runaway.mistake(lines));
            blank(&mut mended.text, runaway.span.start, runaway.cut);
            mended.damage.push(runaway.span.start..runaway.cut);
        } else {
            break;
        }
    }
    let (_, errors) = DeTable::parse_recoverable(&mended.text);
    tell(lines, &errors, &mut mended.mistakes, &mut mended.damage);
    mended
}

/// A file that is a manifest in another language.
fn other_language(lines: &Lines<'_>) -> Option<Mistake> {
    let text = lines.text().trim_start();
    let language = match text.as_bytes() {
        [b'{', ..] => "JSON",
        [b'-', b'-', b'-', ..] => "YAML",
        [b'<', ..] => "XML",
        _ => return None,
    };
    let message = format!("`{}` is {language} as it seems, and a manifest is TOML", lines.file().display());
    let hint = "begin with `supervisor.example.toml`, or let `gateward init` write a manifest";
    // Without a place: all of it may stand on the one line that would be quoted.
    Some(Mistake::new(Code::Syntax, message, hint))
}

/// Lines that do not say `key = value`. The reader skips the line below each as well, so they are taken out first.
fn keyless(lines: &Lines<'_>, errors: &[Error]) -> Vec<usize> {
    let starts = errors.iter().take(20 * MOST_TOLD).filter(|error| error.message().starts_with("key with no value"));
    let mut numbers: Vec<usize> = starts.filter_map(|error| Some(lines.number(error.span()?.start))).collect();
    numbers.dedup();
    numbers.truncate(MOST_TOLD);
    numbers.retain(|number| !lines.range(*number).is_empty());
    numbers
}

fn no_assignment(lines: &Lines<'_>, number: usize) -> Mistake {
    let range = lines.range(number);
    let line = lines.text().get(range.clone()).unwrap_or("");
    let key = line.trim_start();
    let start = range.start + line.len() - key.len();
    let word = key.len() - key.trim_start_matches(|c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.')).len();
    let name = shown_key(&key[..word]);
    let rest = key[word..].trim_start();
    let (message, hint) = if rest.starts_with(':') && word > 0 {
        ("this line has `:` where `=` belongs", format!("write `{name} = …`"))
    } else if rest.contains('=') && word > 0 {
        ("a key is one word", "join its parts with `_`, or begin a comment with `#`".to_owned())
    } else {
        ("this line is not `key = value`", "write `key = value`, or begin a comment with `#`".to_owned())
    };
    Mistake::new(Code::Syntax, message, hint).at(lines.place(start..start + word.max(1)), "")
}

/// A value whose end is missing.
struct Runaway {
    /// From its first byte to where the reader gave up.
    span: Range<usize>,
    /// Where it is cut off instead.
    cut: usize,
    what: &'static str,
    close: &'static str,
}

impl Runaway {
    fn mistake(&self, lines: &Lines<'_>) -> Mistake {
        let last = lines.number(self.cut.saturating_sub(1).max(self.span.start)) + 1;
        let message = format!("this {} is never closed", self.what);
        let hint = format!("close it with `{}`, on line {last} as it seems", self.close);
        let opens = self.span.start..self.span.start + self.close.len();
        Mistake::new(Code::Syntax, message, hint).at(lines.place(opens), "opened here")
    }
}

/// The first value that swallowed lines which were not its own.
fn runaway(lines: &Lines<'_>, text: &str, root: &Spanned<DeTable<'_>>, errors: &[Error]) -> Option<Runaway> {
    let says = |error: &Error, words: &[&str]| words.iter().any(|word| error.message().contains(word));
    let errors = errors.iter().take(MOST_TOLD);
    // The end of what is never closed is reported where the reader gave up, which may lie behind the value it kept.
    errors.clone().find(|error| {
        says(error, &["unclosed array", "unclosed inline table", "`=` in array", "invalid multi-line"])
    })?;
    let within = [
        "unclosed array",
        "unclosed inline",
        " in array",
        "invalid multi-line",
        "missing comma",
        "inline table element",
    ];
    let mut spans: Vec<_> = errors.filter(|error| says(error, &within)).filter_map(Error::span).collect();
    spans.sort_by_key(|span| span.start);
    spans.into_iter().find_map(|span| cut_off(lines, text, holder(text, root.get_ref(), span.start)?))
}

/// Where a list, a table or a string of several lines most likely ended; `None` for any other value.
fn cut_off(lines: &Lines<'_>, text: &str, span: Range<usize>) -> Option<Runaway> {
    let first = lines.number(span.start);
    let opened = text.get(span.clone())?;
    let end_of_line = |number: usize| lines.range(number).end.min(span.end);
    let (what, close) = match opened.as_bytes() {
        [b'[', ..] => ("list", "]"),
        [b'{', ..] => ("table", "}"),
        [b'"', b'"', b'"', ..] => ("string", "\"\"\""),
        [b'\'', b'\'', b'\'', ..] => ("string", "'''"),
        _ => return None,
    };
    let cut = if what == "string" {
        end_of_line(first)
    } else {
        let open_end = text.get(lines.range(first)).is_some_and(|line| line.trim_end().ends_with(['[', '{', ',']));
        let last = lines.number(span.end.saturating_sub(1));
        let begins_anew = (first + 1..=last).find(|number| {
            let line = text.get(lines.range(*number)).unwrap_or("").trim_start();
            is_header(line) || (what == "list" || !open_end) && is_assignment(line)
        });
        begins_anew.map_or(span.end, |number| end_of_line(number - 1).max(end_of_line(first)))
    };
    (cut > span.start).then_some(Runaway { span, cut, what, close })
}

/// The bytes of the outermost value that holds `offset`.
fn holder(text: &str, table: &DeTable<'_>, offset: usize) -> Option<Range<usize>> {
    table.iter().find_map(|(name, value)| {
        let span = value.span();
        let written_inline = span.start > name.span().start && text.as_bytes().get(span.start) == Some(&b'{');
        match value.get_ref() {
            DeValue::Table(inner) if !written_inline => holder(text, inner, offset),
            _ => (span.start <= offset && offset <= span.end).then_some(span),
        }
    })
}

pub(crate) fn is_header(line: &str) -> bool {
    let name = line.trim_start_matches('[').split(']').next().unwrap_or("");
    let bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | ' ');
    line.starts_with('[')
        && !name.is_empty()
        && name.chars().all(bare)
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
}

fn is_assignment(line: &str) -> bool {
    line.split_once('=').is_some_and(|(name, _)| {
        let name = name.trim_end();
        !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
    })
}

/// Puts a number in place of a value, with as many bytes and as many lines.
fn blank(text: &mut String, start: usize, end: usize) {
    let blanked: String = text[start..end]
        .bytes()
        .enumerate()
        .map(|(index, byte)| {
            if index == 0 {
                '0'
            } else if byte == b'\n' {
                '\n'
            } else {
                ' '
            }
        })
        .collect();
    text.replace_range(start..end, &blanked);
}

/// One mistake a line for whatever the reader still stumbles over.
fn tell(lines: &Lines<'_>, errors: &[Error], mistakes: &mut Vec<Mistake>, damage: &mut Vec<Range<usize>>) {
    // A line with one slip often gives several errors; the leftmost is the slip.
    let mut first_of_line = std::collections::BTreeMap::new();
    for error in errors {
        let span = error.span().unwrap_or(0..0);
        let known = damage.iter().any(|bad| bad.start <= span.end && span.start <= bad.end);
        let duplicate = error.message().starts_with("duplicate key");
        damage.extend((!duplicate).then(|| span.clone()));
        if !known {
            let kept = first_of_line.entry((lines.number(span.start), duplicate)).or_insert((error, span.clone()));
            if span.start < kept.1.start {
                *kept = (error, span);
            }
        }
        if first_of_line.len() > MOST_TOLD || damage.len() > 20 * MOST_TOLD {
            break;
        }
    }
    for ((_, duplicate), (error, span)) in first_of_line {
        mistakes.push(if duplicate { written_twice(lines, span) } else { in_words(lines, error, span) });
    }
}
