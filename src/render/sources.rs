//! Texts that diagnostics may quote, and how anything from outside is made safe to show.
//!
//! Holds what it is given: it opens no file, and a file that it was not given is simply not quoted.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::plane::Place;
use crate::plane::shell::steers;

/// Files by absolute path, and the folder from which their names are shown.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    files: BTreeMap<PathBuf, Text>,
    base: Option<PathBuf>,
}

#[derive(Clone, Debug)]
struct Text {
    /// Every character that could steer a terminal is replaced, one for one, so that columns still fit.
    shown: String,
    /// Byte ranges of the lines in `shown`, without their ends.
    lines: Vec<Range<usize>>,
}

/// A stretch of whole lines, and the bytes in it that places point at.
pub(crate) struct Excerpt<'a> {
    pub(crate) text: &'a str,
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
        let shown: String = text.chars().map(|c| if c == '\n' || c == '\t' { c } else { tame(c) }).collect();
        let mut lines = Vec::new();
        let mut start = 0;
        for line in shown.split('\n') {
            // A carriage return before the line feed was tamed into its picture; it is no part of the line.
            let body = line.strip_suffix('␍').unwrap_or(line);
            lines.push(start..start + body.len());
            start += line.len() + 1;
        }
        self.files.insert(file.to_owned(), Text { shown, lines });
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
    pub(crate) fn excerpt(&self, places: &[&Place]) -> Option<Excerpt<'_>> {
        let text = self.files.get(&places.first()?.file)?;
        let first = places.iter().map(|place| place.line).min()?.checked_sub(1)? as usize;
        let last = places.iter().map(|place| place.line).max()? as usize - 1;
        let (start, end) = (text.lines.get(first)?.start, text.lines.get(last)?.end);
        let mut spans = Vec::new();
        for place in places {
            let span = text.span(place)?;
            spans.push(span.start - start..span.end - start);
        }
        Some(Excerpt { text: &text.shown[start..end], first_line: first + 1, spans })
    }
}

impl Text {
    /// The bytes of `shown` that `place` underlines; never beyond the end of its line.
    fn span(&self, place: &Place) -> Option<Range<usize>> {
        let range = self.lines.get((place.line as usize).checked_sub(1)?)?;
        let line = &self.shown[range.clone()];
        let at = |column: usize| line.char_indices().nth(column).map_or(line.len(), |(byte, _)| byte);
        let column = (place.column as usize).saturating_sub(1);
        let start = at(column);
        let end = at(column + place.width.max(1) as usize);
        Some(range.start + start..range.start + end)
    }
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
