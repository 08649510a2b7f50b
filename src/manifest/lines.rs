//! Byte offsets into line and column.
//!
//! Quotes nothing and keeps no text but the one it was given.

use std::ops::Range;
use std::path::Path;

use crate::plane::Place;

/// A text with the starts of its lines.
#[derive(Debug)]
pub struct Lines<'a> {
    file: &'a Path,
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    /// The lines of `text`, which is `file`'s.
    pub fn new(file: &'a Path, text: &'a str) -> Self {
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        Self { file, text, starts: std::iter::once(0).chain(breaks).collect() }
    }

    /// The file.
    pub fn file(&self) -> &'a Path {
        self.file
    }

    /// The whole text.
    pub fn text(&self) -> &'a str {
        self.text
    }

    /// The line, from 0, that holds this offset.
    pub fn number(&self, offset: usize) -> usize {
        self.starts.partition_point(|start| *start <= offset).saturating_sub(1)
    }

    /// The bytes of a line, from 0, without its end.
    pub fn range(&self, number: usize) -> Range<usize> {
        let Some(&start) = self.starts.get(number) else {
            return self.text.len()..self.text.len();
        };
        let end = self.starts.get(number + 1).map_or(self.text.len(), |next| next - 1);
        let line = &self.text[start..end];
        start..start + line.strip_suffix('\r').unwrap_or(line).len()
    }

    /// How many lines there are.
    pub fn count(&self) -> usize {
        self.starts.len()
    }

    /// The place of a span; as wide as the span is on its first line, and at least 1.
    pub fn place(&self, span: Range<usize>) -> Place {
        let start = self.boundary(span.start);
        let end = self.boundary(span.end).max(start);
        let number = self.number(start);
        let line = self.range(number);
        let column = self.text[line.start..start.max(line.start)].chars().count();
        let width = self.text[start..end.min(line.end).max(start)].chars().count();
        Place {
            file: self.file.to_owned(),
            line: number as u32 + 1,
            column: column as u32 + 1,
            width: width.max(1) as u32,
        }
    }

    /// The nearest start of a character at or before `offset`.
    fn boundary(&self, offset: usize) -> usize {
        let mut at = offset.min(self.text.len());
        while !self.text.is_char_boundary(at) {
            at -= 1;
        }
        at
    }
}

#[cfg(test)]
mod tests {
    use std::ops::Range;
    use std::path::Path;

    use super::Lines;

    fn at(text: &str, span: Range<usize>) -> (u32, u32, u32) {
        let place = Lines::new(Path::new("/m"), text).place(span);
        (place.line, place.column, place.width)
    }

    #[test]
    fn columns_count_characters() {
        assert_eq!(at("a = 1\nä = \"ö\"\n", 11..15), (2, 5, 3));
        assert_eq!(at("", 0..0), (1, 1, 1));
        assert_eq!(at("ab", 2..2), (1, 3, 1));
        assert_eq!(at("ab\n", 3..3), (2, 1, 1));
        assert_eq!(at("a\r\nb", 0..99), (1, 1, 1));
        assert_eq!(at("ä", 1..2), (1, 1, 1));
    }
}
