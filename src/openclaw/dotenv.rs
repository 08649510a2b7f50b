//! `.env` files as OpenClaw 2026.9.6 reads them, through the `dotenv` package 17.
//!
//! Text in, assignments with their places out: sets no variable, expands nothing. Any text is a `.env` file; what is not
//! an assignment is passed over in silence, as OpenClaw does.

use super::config::json5::{At, is_blank};

/// The most bytes OpenClaw reads of one `.env` file; a larger one counts for nothing.
pub const MOST_BYTES: u64 = 1 << 20;

/// One assignment.
#[derive(Clone, PartialEq, Eq)]
pub struct Assignment {
    /// The variable.
    pub name: String,
    /// What it is set to. May be a secret.
    pub value: String,
    /// Where the name stands.
    pub at: At,
}

/// All assignments of `text` in the order of their first mention, each with its last value.
pub fn read(text: &str, file: u32) -> Vec<Assignment> {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let mut found: Vec<Assignment> = Vec::new();
    let mut index = std::collections::HashMap::new();
    let mut cursor = Cursor { text: &text, position: 0, file, line: 1, column: 1, counted: 0 };
    while let Some(assignment) = cursor.next() {
        if !is_portable(&assignment.name) {
            continue;
        }
        match index.get(&assignment.name) {
            Some(&at) => found[at] = assignment,
            None => {
                index.insert(assignment.name.clone(), found.len());
                found.push(assignment);
            }
        }
    }
    found
}

/// Whether OpenClaw takes `name` as a variable: letters, digits and `_`, no digit first.
pub fn is_portable(name: &str) -> bool {
    name.bytes().next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

struct Cursor<'t> {
    text: &'t str,
    position: usize,
    file: u32,
    line: u32,
    column: u32,
    counted: usize,
}

impl Cursor<'_> {
    /// The next assignment that starts at the beginning of a line.
    fn next(&mut self) -> Option<Assignment> {
        while self.position < self.text.len() {
            if let Some(assignment) = self.assignment() {
                return Some(assignment);
            }
            // Blank lines before a refused line would be refused with it: one pass, whatever the text.
            self.next_line(self.blanks(self.position));
        }
        None
    }

    fn next_line(&mut self, from: usize) {
        let rest = &self.text[from..];
        let end = rest.char_indices().find(|(_, c)| is_line_end(*c));
        self.position = end.map_or(self.text.len(), |(at, c)| from + at + c.len_utf8());
    }

    fn assignment(&mut self) -> Option<Assignment> {
        let start = self.blanks(self.position);
        let exported = self.exported(start);
        let (name_at, name_end, value_at) = exported.and_then(|at| self.name(at)).or_else(|| self.name(start))?;
        let (value, end) = self.value(value_at);
        let assignment =
            Assignment { name: self.text[name_at..name_end].to_owned(), value, at: self.place(name_at, name_end) };
        // The rest of the line can only be blank or a comment.
        self.position = end.max(name_end);
        if !self.text[..self.position].ends_with(is_line_end) {
            self.next_line(self.position);
        }
        Some(assignment)
    }

    /// What follows `export` and a blank.
    fn exported(&self, at: usize) -> Option<usize> {
        let after = at + self.text[at..].strip_prefix("export").map(|_| "export".len())?;
        let name = self.blanks(after);
        (name > after).then_some(name)
    }

    /// A name, its end, and the start of what is assigned: after `=` with blanks before it, or after `:` and one blank.
    fn name(&self, at: usize) -> Option<(usize, usize, usize)> {
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
        let end = at + self.text[at..].find(|c| !is_name(c)).unwrap_or(self.text.len() - at);
        if end == at {
            return None;
        }
        let sign = self.blanks(end);
        if self.text[sign..].starts_with('=') {
            return Some((at, end, sign + 1));
        }
        let after = self.text[end..].strip_prefix(':')?;
        let blank = after.chars().next().filter(|c| is_blank(*c))?;
        Some((at, end, end + 1 + blank.len_utf8()))
    }

    /// The value that starts at `at`, and where it ends.
    fn value(&self, at: usize) -> (String, usize) {
        let opening = self.blanks(at);
        let quote = self.text[opening..].chars().next().filter(|c| matches!(c, '\'' | '"' | '`'));
        if let Some(end) = quote.and_then(|quote| self.closing(opening, quote)) {
            return (unquoted(&self.text[opening..end]), end);
        }
        let rest = &self.text[at..];
        let end = at + rest.find(['#', '\n']).unwrap_or(rest.len());
        (unquoted(self.text[at..end].trim_matches(is_blank)), end)
    }

    /// The end of a quoted value: after the first quote that no backslash precedes or, when more than a comment follows
    /// that one, or there is none, after the last one before it that is followed by no more than a comment.
    fn closing(&self, opening: usize, quote: char) -> Option<usize> {
        let mut escaped = Vec::new();
        let mut previous = quote;
        let mut first = None;
        for (offset, c) in self.text[opening + 1..].char_indices() {
            let end = opening + 1 + offset + 1;
            if c == quote {
                if previous != '\\' {
                    first = Some(end);
                    break;
                }
                escaped.push(end);
            }
            previous = c;
        }
        first.into_iter().chain(escaped.into_iter().rev()).find(|end| self.nothing_follows(*end))
    }

    fn nothing_follows(&self, at: usize) -> bool {
        let rest = &self.text[at..];
        let after = rest.trim_start_matches(is_blank);
        after.is_empty() || after.starts_with('#') || rest[..rest.len() - after.len()].contains(is_line_end)
    }

    fn blanks(&self, at: usize) -> usize {
        let rest = &self.text[at..];
        at + (rest.len() - rest.trim_start_matches(is_blank).len())
    }

    fn place(&mut self, start: usize, end: usize) -> At {
        let passed = &self.text[self.counted..start];
        let count = |text: &str| text.chars().count() as u32;
        match passed.rfind('\n') {
            Some(last) => {
                self.line += passed.bytes().filter(|byte| *byte == b'\n').count() as u32;
                self.column = count(&passed[last + 1..]) + 1;
            }
            None => self.column += count(passed),
        }
        self.counted = start;
        At { file: self.file, line: self.line, column: self.column, width: count(&self.text[start..end]) }
    }
}

/// What starts a new line in a JavaScript pattern; carriage returns are gone by then.
fn is_line_end(c: char) -> bool {
    matches!(c, '\n' | '\u{2028}' | '\u{2029}')
}

/// Takes one pair of equal quotes off; within double quotes `\n` and `\r` are line ends.
fn unquoted(value: &str) -> String {
    let quote = value.chars().next().filter(|c| matches!(c, '\'' | '"' | '`'));
    let inner = quote.and_then(|quote| value[1..].strip_suffix(quote)).unwrap_or(value);
    match quote {
        Some('"') => inner.replace("\\n", "\n").replace("\\r", "\r"),
        _ => inner.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::read;
    use proptest::prelude::*;

    fn pairs(text: &str) -> Vec<(String, String)> {
        read(text, 0).into_iter().map(|assignment| (assignment.name, assignment.value)).collect()
    }

    /// Each expected value is what `dotenv` 17.4.2 gives for the same text.
    #[test]
    fn odd_lines_are_read_as_dotenv_reads_them() {
        let cases: &[(&str, &[(&str, &str)])] = &[
            ("A=1\nB = two words  # note\n", &[("A", "1"), ("B", "two words")]),
            ("export A=1\nexport=2\n  export   B=3", &[("A", "1"), ("export", "2"), ("B", "3")]),
            ("A='x # y'\nB=\"l1\\nl2\"\nC=`q'\"`", &[("A", "x # y"), ("B", "l1\nl2"), ("C", "q'\"")]),
            ("A=\"two\nlines\"\nB=1", &[("A", "two\nlines"), ("B", "1")]),
            ("A=\"open\nB=1", &[("A", "\"open"), ("B", "1")]),
            ("A=\"x\" y\nB=\"x\" \"y\"", &[("A", "\"x\" y"), ("B", "x\" \"y")]),
            ("A=\nB=\n'c'\nD=", &[("A", ""), ("B", "c"), ("D", "")]),
            ("A: 1\nB:2\nC :3", &[("A", "1")]),
            ("# A=1\nnot a line\nB=2=3", &[("B", "2=3")]),
            ("A=1\nA=2", &[("A", "2")]),
            ("A='it\\'s'\nB='x\\'", &[("A", "it\\'s"), ("B", "x\\")]),
            ("A=a#b\r\nB=c\rC=d", &[("A", "a"), ("B", "c"), ("C", "d")]),
            ("\u{feff}A=1\n1A=2\nB.C=3\nD-E=4", &[("A", "1")]),
            ("A\n=1", &[("A", "1")]),
            ("A='x'\n# note\nB=1", &[("A", "x"), ("B", "1")]),
        ];
        for (text, expected) in cases {
            let expected: Vec<_> =
                expected.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            assert_eq!(pairs(text), expected, "{text:?}");
        }
    }

    #[test]
    fn names_have_places() {
        let found = read("# head\n\n  export TOKEN=x\nB=1", 3);
        let at = found[0].at;
        assert_eq!((at.file, at.line, at.column, at.width), (3, 3, 10, 5));
        assert_eq!((found[1].at.line, found[1].at.column), (4, 1));
    }

    #[test]
    fn a_long_hostile_text_takes_one_pass() {
        let blank = "\n".repeat(super::MOST_BYTES as usize);
        assert_eq!(pairs(&(blank.clone() + "#")), []);
        assert_eq!(pairs(&format!("A={blank}#")).len(), 1);
        assert_eq!(pairs(&"A='\\'x\n".repeat(100_000)).len(), 1);
    }

    proptest! {
        #[test]
        fn arbitrary_text_never_panics_and_ends(text in "[AB=:'\"`#\\\\ \n\r\u{feff}é.x-]{0,60}|\\PC{0,60}") {
            let _ = read(&text, 0);
        }
    }
}
