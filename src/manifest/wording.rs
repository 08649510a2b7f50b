//! What the TOML reader stumbles over, in words that say what to do.
//!
//! Quotes no value: it may be a secret. Names alone are repeated.

use std::ops::Range;

use toml::de::Error;

use crate::manifest::error::{Code, Mistake};
use crate::manifest::lines::Lines;
use crate::manifest::reader::shown_key;

/// A key or a header that stands there a second time.
pub(crate) fn written_twice(lines: &Lines<'_>, span: Range<usize>) -> Mistake {
    let here = lines.number(span.start);
    let line = lines.text().get(lines.range(here)).unwrap_or("");
    let is_table = line.trim_start().starts_with('[');
    let name = shown_key(if is_table { header(line) } else { lines.text().get(span.clone()).unwrap_or("") });
    let earlier = (0..here).rev().take_while(|number| {
        let other = lines.text().get(lines.range(*number)).unwrap_or("").trim_start();
        is_table || !other.starts_with('[')
    });
    let same = |number: &usize| {
        let other = lines.text().get(lines.range(*number)).unwrap_or("");
        if is_table {
            other.trim_start().starts_with('[') && plain(header(other)) == plain(header(line))
        } else {
            assigned(other).is_some_and(|key| Some(plain(key)) == assigned(line).map(plain))
        }
    };
    let first = earlier.filter(same).last().map(|number| {
        let range = lines.range(number);
        let text = lines.text().get(range.clone()).unwrap_or("");
        let indent = text.len() - text.trim_start().len();
        let name = if is_table { text.trim() } else { assigned(text).unwrap_or("").trim() };
        lines.place(range.start + indent..range.start + indent + name.len())
    });
    let what = if is_table { "table" } else { "key" };
    let shown = if is_table { format!("[{name}]") } else { name };
    let message = format!("the {what} `{shown}` is written twice");
    let hint = if is_table { "put all its keys below one header" } else { "keep the one that is meant" };
    Mistake::new(Code::DuplicateKey, message, hint)
        .at(lines.place(span), "again here")
        .also(first, "first written here")
}

/// What stands between the brackets of a header.
pub(crate) fn header(line: &str) -> &str {
    line.trim().trim_start_matches('[').split(']').next().unwrap_or("").trim()
}

/// What stands before the `=`.
fn assigned(line: &str) -> Option<&str> {
    line.split_once('=').map(|(name, _)| name).filter(|name| !name.trim_start().starts_with(['#', '[']))
}

/// A key path without what may be written differently.
fn plain(path: &str) -> String {
    path.chars().filter(|c| !c.is_whitespace() && !matches!(c, '"' | '\'')).collect()
}

/// The reader's own words, turned into ours where ours say more. Quotes no value: it may be a secret.
pub(crate) fn in_words(lines: &Lines<'_>, error: &Error, span: Range<usize>) -> Mistake {
    let found = lines.text().get(span.clone()).unwrap_or("");
    let message = error.message();
    let is = |start: &str| message.starts_with(start);
    let is_word = found.starts_with(|c: char| c.is_ascii_alphabetic());
    let lower = found.to_ascii_lowercase();
    let (message, hint, label): (&str, &str, &str) = if matches!(lower.as_str(), "yes" | "no" | "on" | "off") {
        ("this is no value", "write `true` or `false`; or, if the word itself is meant, put it in quotes", "")
    } else if is("string values must be quoted") && found.is_empty() {
        ("a value is missing", "after `=` comes a string in quotes, a number, `true`, `false`, a list or a table", "")
    } else if is("string values must be quoted") {
        ("this is a string without quotes", "write it as `\"…\"`", "quotes are missing")
    } else if is("invalid boolean") {
        match lower.as_str() {
            "true" | "tru" | "ture" | "t" => ("this is no value", "did you mean `true`?", ""),
            "false" | "fals" | "flase" | "f" => ("this is no value", "did you mean `false`?", ""),
            _ => ("this is a string without quotes", "write it as `\"…\"`", "quotes are missing"),
        }
    } else if is("invalid") && is_word {
        ("this is a string without quotes", "write it as `\"…\"`", "quotes are missing")
    } else if is("missing escaped value") {
        (
            "no character is written with this escape",
            "write `\\\\` for a backslash, or put the string in single quotes",
            "",
        )
    } else if message.contains("printable characters") {
        (
            "this character cannot be seen",
            "take it out; in a string in double quotes it is written as `\\u0000` with its number",
            "",
        )
    } else if is("invalid key-value pair") || is("key with no value") {
        ("this line is not `key = value`", "write `key = value`, or begin a comment with `#`", "")
    } else if is("invalid unquoted key") {
        ("a key holds letters, digits, `_` and `-` alone", "write another key, or put this one in quotes", "")
    } else if is("unexpected key or value") {
        (
            "there is more on this line than one `key = value`",
            "begin a new line, or quote the whole value",
            "from here on",
        )
    } else if is("unquoted keys cannot be empty") {
        ("a name is missing", "write a key before `=`, and a name between `[` and `]`", "")
    } else if is("unclosed table") {
        ("this table header is never closed", "end it with `]`; the keys below it could not be read", "`]` is missing")
    } else if is("invalid basic string") && found.is_empty() || is("invalid literal string") {
        ("this string is never closed", "end it on the same line with the quote it began with", "the quote is missing")
    } else if is("unexpected leading zero") {
        ("a number cannot begin with `0`", "take the zero away; a file mode mask is a string: `\"0077\"`", "")
    } else if is("cannot extend value") {
        ("this key holds a finished value already, and cannot be a table as well", "keep one of the two", "")
    } else if is("missing comma") {
        ("a comma is missing", "put `,` between two elements", "before this")
    } else {
        return Mistake::new(Code::Syntax, message, "compare the line with `supervisor.example.toml`")
            .at(lines.place(span), "");
    };
    Mistake::new(Code::Syntax, message, hint).at(lines.place(span), label)
}
