//! Texts that diagnostics may quote, and how anything from outside is made safe to show.
//!
//! Holds what it is given: it opens no file, and a file that it was not given is simply not quoted.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::plane::Place;
use crate::plane::hidden::{MARK, starred_line};
use crate::plane::shell::steers;

/// Files by absolute path, and the folder from which their names are shown.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    files: BTreeMap<PathBuf, Text>,
    base: Option<PathBuf>,
}

#[derive(Clone, Debug)]
struct Text {
    /// Every character that could steer a terminal is replaced, one for one, so that columns still fit; what is hidden is
    /// marked, and becomes stars when it is quoted.
    tame: String,
    /// Byte ranges of the lines in `tame`, without their ends.
    lines: Vec<Range<usize>>,
}

/// A stretch of whole lines, and the bytes in it that places point at.
pub(crate) struct Excerpt {
    pub(crate) text: String,
    pub(crate) first_line: usize,
    /// One for each place that was asked for, in the same order.
    pub(crate) spans: Vec<Range<usize>>,
}

impl Sources {
    /// Nothing to quote yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// One file to quote from, say the manifest.
    pub fn one(file: &Path, text: &str) -> Self {
        let mut sources = Self::new();
        sources.insert(file, text);
        sources
    }

    /// Adds a file, by the path that places name it by.
    pub fn insert(&mut self, file: &Path, text: &str) {
        let tame: String = text.chars().map(|c| if matches!(c, '\n' | '\t' | MARK) { c } else { tame(c) }).collect();
        let mut lines = Vec::new();
        let mut start = 0;
        for line in tame.split('\n') {
            // A carriage return before the line feed was tamed into its picture; it is no part of the line.
            let body = line.strip_suffix('␍').unwrap_or(line);
            lines.push(start..start + body.len());
            start += line.len() + 1;
        }
        self.files.insert(file.to_owned(), Text { tame, lines });
    }

    /// Files below `folder` are then shown by their path from there, others by their whole path.
    pub fn shown_from(mut self, folder: &Path) -> Self {
        self.base = Some(folder.to_owned());
        self
    }

    /// How a file is called in a diagnostic.
    pub fn name(&self, file: &Path) -> String {
        let near = self.base.as_deref().and_then(|base| file.strip_prefix(base).ok());
        let shown = near.filter(|path| !path.as_os_str().is_empty()).unwrap_or(file);
        tamed(&shown.to_string_lossy()).into_owned()
    }

    /// The lines that hold all of `places`, which must be of one file; `None` when that text is not here or has no such line.
    pub(crate) fn excerpt(&self, places: &[&Place]) -> Option<Excerpt> {
        let file = self.files.get(&places.first()?.file)?;
        let first = places.iter().map(|place| place.line).min()?.checked_sub(1)? as usize;
        let last = places.iter().map(|place| place.line).max()? as usize - 1;
        let (mut text, mut spans) = (String::new(), vec![0..0; places.len()]);
        for number in first..=last {
            let line = &file.tame[file.lines.get(number)?.clone()];
            let here: Vec<usize> = (0..places.len()).filter(|at| places[*at].line as usize == number + 1).collect();
            let columns: Vec<Range<usize>> = here.iter().map(|at| columns(places[*at])).collect();
            let (shown, found) = starred_line(line, &columns);
            if number > first {
                text.push('\n');
            }
            for (at, span) in here.into_iter().zip(found) {
                spans[at] = text.len() + span.start..text.len() + span.end;
            }
            text.push_str(&shown);
        }
        Some(Excerpt { text, first_line: first + 1, spans })
    }
}

/// The characters of its line that a place is, from 0.
fn columns(place: &Place) -> Range<usize> {
    let start = (place.column as usize).saturating_sub(1);
    start..start + place.width.max(1) as usize
}

/// `text` with everything in it that could steer a terminal or reorder a line made visible instead.
pub fn tamed(text: &str) -> Cow<'_, str> {
    if text.chars().all(|c| tame(c) == c) { Cow::Borrowed(text) } else { text.chars().map(tame).collect() }
}

/// Whether a terminal would obey it rather than show it.
pub fn is_wild(c: char) -> bool {
    tame(c) != c
}

/// One character, or the one shown in its stead.
fn tame(c: char) -> char {
    match c {
        // U+2400 … U+2421 are pictures of exactly these.
        '\u{0}'..='\u{1f}' => char::from_u32(0x2400 + c as u32).unwrap_or('�'),
        '\u{7f}' => '␡',
        c if steers(c) => '�',
        _ => c,
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::{Sources, tamed};
    use crate::plane::Place;

    fn place(line: u32, column: u32, width: u32) -> Place {
        Place { file: PathBuf::from("/m.toml"), line, column, width }
    }

    #[test]
    fn an_excerpt_spans_characters_not_bytes() {
        let sources = Sources::one(Path::new("/m.toml"), "a\r\nä = \"ö\"\r\nb\n");
        let excerpt = sources.excerpt(&[&place(2, 5, 3)]).unwrap();
        assert_eq!(excerpt.text, "ä = \"ö\"");
        assert_eq!(&excerpt.text[excerpt.spans[0].clone()], "\"ö\"");
        assert_eq!(excerpt.first_line, 2);
    }

    #[test]
    fn a_place_outside_its_file_is_not_quoted() {
        let sources = Sources::one(Path::new("/m.toml"), "a\n");
        assert!(sources.excerpt(&[&place(9, 1, 1)]).is_none());
        assert!(sources.excerpt(&[&place(0, 1, 1)]).is_none());
        let beyond = sources.excerpt(&[&place(1, 500, 500)]).unwrap();
        assert_eq!((beyond.spans[0].start, beyond.spans[0].end), (1, 1));
    }

    #[test]
    fn nothing_that_steers_a_terminal_survives() {
        for code in (0..0x20).chain(0x7f..0xa0).chain([0x202e, 0x2066, 0x200f, 0xfeff]) {
            let c = char::from_u32(code).unwrap();
            let shown = tamed(&c.to_string()).into_owned();
            assert!(!shown.chars().any(char::is_control) && !shown.contains(c), "{code:#x}");
        }
        assert_eq!(tamed("plain ü 文"), "plain ü 文");
    }
}
