//! JSON5 with the place of every value, accepting what the `json5` package 2.2.3 accepts, which OpenClaw uses.
//!
//! Never recurses deeper than [`MOST_NESTING`], never quotes the text in an error: it may hold secrets.

mod scan;

pub(in crate::openclaw) use scan::is_blank;

use std::collections::BTreeMap;
use std::fmt;

use scan::Scanner;

/// How deep arrays and objects may lie in one another. OpenClaw has no limit of its own; its schema ends far above this.
pub const MOST_NESTING: usize = 100;

/// How many values the files of one configuration may hold together; a bound on memory, not on text.
pub const MOST_VALUES: usize = 500_000;

/// A value and where it was written.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// A scalar's own place; for an array or object that belongs to a key, the key's.
    pub at: At,
    /// The value.
    pub value: Value,
}

/// What JSON5 can say. Of two equal keys the later one counts.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `null`
    Null,
    /// `true`, `false`
    Bool(bool),
    /// Any number, `Infinity` and `NaN` too.
    Number(f64),
    /// A string.
    Text(String),
    /// `[…]`
    Array(Vec<Node>),
    /// `{…}`
    Object(BTreeMap<String, Node>),
}

/// A place within the files of one configuration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct At {
    /// Index of the file.
    pub file: u32,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// Characters to underline, at least 1.
    pub width: u32,
}

/// Why a text is not JSON5, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// Where reading stopped.
    pub at: At,
    /// Why.
    pub fault: Fault,
}

/// What is wrong with a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It ends too early.
    End,
    /// A character that cannot stand here.
    Character,
    /// A line ends within a string.
    LineEnd,
    /// Arrays or objects nested deeper than [`MOST_NESTING`].
    Nesting,
    /// More values than [`MOST_VALUES`].
    Values,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::End => f.write_str("the text ends in the middle of a value"),
            Self::Character => f.write_str("this character cannot stand here"),
            Self::LineEnd => f.write_str("the line ends within a string"),
            Self::Nesting => {
                write!(f, "values are nested more than {MOST_NESTING} deep, which is more than gateward reads")
            }
            Self::Values => write!(f, "there are more than {MOST_VALUES} values, which is more than gateward reads"),
        }
    }
}

/// Reads the one value that `text` holds.
pub fn read(text: &str, file: u32) -> Result<Node, Malformed> {
    read_within(text, file, &mut { MOST_VALUES })
}

/// As [`read`], but takes the values it makes from a budget that other files share.
pub fn read_within(text: &str, file: u32, budget: &mut usize) -> Result<Node, Malformed> {
    let mut reader = Reader { scanner: Scanner::new(text, file), budget };
    reader.scanner.skip_blanks()?;
    let node = reader.value(MOST_NESTING)?;
    reader.scanner.skip_blanks()?;
    match reader.scanner.peek() {
        None => Ok(node),
        Some(_) => Err(reader.scanner.malformed(Fault::Character)),
    }
}

struct Reader<'s, 't> {
    scanner: Scanner<'t>,
    budget: &'s mut usize,
}

impl Reader<'_, '_> {
    fn value(&mut self, nesting: usize) -> Result<Node, Malformed> {
        *self.budget = self.budget.checked_sub(1).ok_or_else(|| self.scanner.malformed(Fault::Values))?;
        let start = self.scanner.mark();
        let value = match self.scanner.peek() {
            Some('{' | '[') if nesting == 0 => return Err(self.scanner.malformed(Fault::Nesting)),
            Some('{') => Value::Object(self.object(nesting - 1)?),
            Some('[') => Value::Array(self.array(nesting - 1)?),
            Some('"' | '\'') => Value::Text(self.scanner.string()?),
            Some('n') => self.scanner.word("null").map(|()| Value::Null)?,
            Some('t') => self.scanner.word("true").map(|()| Value::Bool(true))?,
            Some('f') => self.scanner.word("false").map(|()| Value::Bool(false))?,
            Some(_) => Value::Number(self.scanner.number()?),
            None => return Err(self.scanner.malformed(Fault::End)),
        };
        let at = match value {
            Value::Array(_) | Value::Object(_) => start,
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) => self.scanner.since(start),
        };
        Ok(Node { at, value })
    }

    fn object(&mut self, nesting: usize) -> Result<BTreeMap<String, Node>, Malformed> {
        let mut members = BTreeMap::new();
        self.scanner.bump();
        loop {
            self.scanner.skip_blanks()?;
            if self.scanner.take('}') {
                return Ok(members);
            }
            let start = self.scanner.mark();
            let key = self.scanner.key()?;
            let key_at = self.scanner.since(start);
            self.scanner.skip_blanks()?;
            self.scanner.expect(':')?;
            self.scanner.skip_blanks()?;
            let mut node = self.value(nesting)?;
            if matches!(node.value, Value::Array(_) | Value::Object(_)) {
                node.at = key_at;
            }
            members.insert(key, node);
            self.scanner.skip_blanks()?;
            if !self.scanner.take(',') {
                self.scanner.expect('}')?;
                return Ok(members);
            }
        }
    }

    fn array(&mut self, nesting: usize) -> Result<Vec<Node>, Malformed> {
        let mut items = Vec::new();
        self.scanner.bump();
        loop {
            self.scanner.skip_blanks()?;
            if self.scanner.take(']') {
                return Ok(items);
            }
            items.push(self.value(nesting)?);
            self.scanner.skip_blanks()?;
            if !self.scanner.take(',') {
                self.scanner.expect(']')?;
                return Ok(items);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Fault, MOST_NESTING, Value, read};
    use proptest::prelude::*;

    fn text(source: &str) -> Option<String> {
        match read(source, 0).ok()?.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    fn number(source: &str) -> Option<f64> {
        match read(source, 0).ok()?.value {
            Value::Number(number) => Some(number),
            _ => None,
        }
    }

    #[test]
    fn every_form_of_number_is_read() {
        let forms = [
            ("0", 0.0),
            ("-0.5e-1", -0.05),
            (".5", 0.5),
            ("5.", 5.0),
            ("+7", 7.0),
            ("0xFf", 255.0),
            ("-0x10", -16.0),
            ("1E3", 1000.0),
            ("Infinity", f64::INFINITY),
            ("-Infinity", f64::NEG_INFINITY),
            ("0xFFFFFFFFFFFFFFFFFFFF", 1_208_925_819_614_629_174_706_175.0),
        ];
        for (source, expected) in forms {
            assert_eq!(number(source), Some(expected), "{source}");
        }
        assert!(number("NaN").unwrap().is_nan());
        for wrong in ["01", "1e", ".", "0x", "+", "1_000", "--1", "1.e+", "Inf", "- 1"] {
            assert!(read(wrong, 0).is_err(), "{wrong}");
        }
    }

    #[test]
    fn every_form_of_string_is_read() {
        assert_eq!(text(r#"'it"s'"#).unwrap(), "it\"s");
        assert_eq!(text(r#""\b\f\n\r\t\v\0\x41\u0042\'\"\q""#).unwrap(), "\u{8}\u{c}\n\r\t\u{b}\0AB'\"q");
        assert_eq!(text("'a\\\nb\\\r\nc\\\u{2028}d'").unwrap(), "abcd");
        assert_eq!(text("'\u{2028}'").unwrap(), "\u{2028}");
        assert_eq!(text(r"'\uD83D\uDE00 \uD83D'").unwrap(), "😀 \u{FFFD}");
        for wrong in ["'a\nb'", "'", r"'\1'", r"'\01'", r"'\x4'", r"'\u004'"] {
            assert!(read(wrong, 0).is_err(), "{wrong}");
        }
    }

    #[test]
    fn blanks_comments_keys_and_trailing_commas_are_read() {
        let source = "\u{FEFF}// head\n{ a:1, 'b':[1,2,], /* in */ $_c\\u0041\u{a0}: {}, ünï: null, }\u{3000}/**/ //";
        let Value::Object(members) = read(source, 0).unwrap().value else { panic!("an object") };
        assert_eq!(members.keys().map(String::as_str).collect::<Vec<_>>(), ["$_cA", "a", "b", "ünï"]);
        for wrong in
            ["", "//", "{a}", "{a:1 b:2}", "[1 2]", "{,}", "[,]", "{} {}", "/* open", "{1:2}", "{a:1,,}", "{a b:1}"]
        {
            assert!(read(wrong, 0).is_err(), "{wrong}");
        }
    }

    #[test]
    fn places_count_characters_and_lines() {
        let Value::Object(members) = read("{\n  'ä': 'öö', b: {\n} }", 7).unwrap().value else {
            panic!("an object")
        };
        let at = members["ä"].at;
        assert_eq!((at.file, at.line, at.column, at.width), (7, 2, 8, 4));
        let at = members["b"].at;
        assert_eq!((at.line, at.column, at.width), (2, 14, 1));
        let fault = read("{\n a: ?}", 0).unwrap_err();
        assert_eq!((fault.at.line, fault.at.column, fault.fault), (2, 5, Fault::Character));
    }

    #[test]
    fn nesting_is_bounded() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(read(&nested(MOST_NESTING), 0).is_ok());
        assert_eq!(read(&nested(MOST_NESTING + 1), 0).unwrap_err().fault, Fault::Nesting);
        assert_eq!(read(&"[".repeat(1 << 20), 0).unwrap_err().fault, Fault::Nesting);
    }

    #[test]
    fn values_are_counted() {
        let list = format!("[{}]", "0,".repeat(super::MOST_VALUES));
        assert_eq!(read(&list, 0).unwrap_err().fault, Fault::Values);
    }

    proptest! {
        #[test]
        fn arbitrary_text_never_panics(source in "\\PC{0,60}|[\\[\\]{}:,'\"/*\\\\xu0-9a-f\n .+-]{0,80}") {
            let _ = read(&source, 0);
        }

        #[test]
        fn what_json_says_is_read_as_json_says_it(source in json()) {
            let read = read(&source.to_string(), 0).unwrap();
            prop_assert_eq!(plain(&read.value), source);
        }
    }

    fn json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i32>().prop_map(|number| f64::from(number).into()),
            any::<String>().prop_map(Into::into),
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
                proptest::collection::btree_map(any::<String>(), inner, 0..6)
                    .prop_map(|members| members.into_iter().collect::<serde_json::Map<_, _>>().into()),
            ]
        })
    }

    fn plain(value: &Value) -> serde_json::Value {
        match value {
            Value::Null => serde_json::Value::Null,
            Value::Bool(bool) => (*bool).into(),
            Value::Number(number) => (*number).into(),
            Value::Text(text) => text.clone().into(),
            Value::Array(items) => items.iter().map(|item| plain(&item.value)).collect(),
            Value::Object(members) => members
                .iter()
                .map(|(key, node)| (key.clone(), plain(&node.value)))
                .collect::<serde_json::Map<_, _>>()
                .into(),
        }
    }
}
