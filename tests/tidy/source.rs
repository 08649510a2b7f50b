//! The tree as text: files, code without comments and strings, and the paths that it names. Judges nothing.

use std::fs;
use std::path::{Path, PathBuf};

/// One Rust file.
pub struct Source {
    /// Relative to the top of the tree, with `/`.
    pub path: String,
    /// As it is.
    pub text: String,
    /// The same lines, without what stands in comments and strings.
    pub code: String,
}

impl Source {
    /// The top-level module that it belongs to; for files of `src` only.
    pub fn module(&self) -> String {
        let inside = self.path.trim_start_matches("src/");
        inside.split('/').next().unwrap_or(inside).trim_end_matches(".rs").to_owned()
    }

    /// Whether the whole file is compiled for tests only, by its name.
    pub fn is_test_file(&self) -> bool {
        let name = self.path.rsplit('/').next().unwrap_or(&self.path);
        name.starts_with("test") || self.path.contains("/tests/")
    }

    /// The code without the file's own module of tests, line for line; nothing of a file of tests.
    pub fn production(&self) -> String {
        if self.is_test_file() {
            return String::new();
        }
        let begin = self.code.find("#[cfg(test)]\nmod tests {").unwrap_or(self.code.len());
        let (before, tests) = self.code.split_at(begin);
        let mut depth = 0;
        let end = tests.find(|c| {
            depth += i32::from(c == '{') - i32::from(c == '}');
            c == '}' && depth == 0
        });
        let (tests, after) = tests.split_at(end.unwrap_or(tests.len()));
        before.to_owned() + &"\n".repeat(tests.matches('\n').count()) + after
    }

    /// Every path that production code names, with its line; `use` groups are spelled out.
    pub fn paths(&self) -> Vec<(usize, String)> {
        paths(&self.production())
    }

    /// The same for all of its code.
    pub fn all_paths(&self) -> Vec<(usize, String)> {
        paths(&self.code)
    }
}

/// All Rust files below a folder of the tree, sorted; none when the folder is not there.
pub fn sources(folder: &str) -> Vec<Source> {
    files()
        .into_iter()
        .filter(|(path, _)| path.starts_with(&format!("{folder}/")) && path.ends_with(".rs"))
        .map(|(path, text)| Source { path, code: code_of(&text), text })
        .collect()
}

/// All text files of the tree but what is built or downloaded, sorted.
pub fn files() -> Vec<(String, String)> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    let mut folders = vec![top.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of the tree").flatten() {
            let path = entry.path();
            let name = entry.file_name();
            let skipped = ["target", ".git", "node_modules", "corpus"].iter().any(|skip| name == *skip);
            let kind = entry.file_type().expect("its kind");
            if kind.is_dir() && !skipped {
                folders.push(path);
            } else if kind.is_file() && !skipped {
                let Ok(text) = fs::read_to_string(&path) else { continue };
                found.push((relative(&path, top), text));
            }
        }
    }
    found.sort();
    found
}

fn relative(path: &Path, top: &Path) -> String {
    let inside: PathBuf = path.strip_prefix(top).expect("a path of the tree").to_owned();
    inside.display().to_string()
}

/// Blanks comments, strings and characters; every line stays where it is.
pub fn code_of(text: &str) -> String {
    let bytes: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < bytes.len() {
        let end = match (bytes[at], bytes.get(at + 1)) {
            ('/', Some('/')) => line_end(&bytes, at),
            ('/', Some('*')) => block_end(&bytes, at),
            ('"', _) => string_end(&bytes, at),
            ('r', Some('"' | '#')) if !at.checked_sub(1).is_some_and(|before| is_word(bytes[before])) => {
                raw_end(&bytes, at)
            }
            ('\'', _) => character_end(&bytes, at),
            _ => at,
        };
        if end == at {
            out.push(bytes[at]);
            at += 1;
        } else {
            out.extend(bytes[at..end].iter().filter(|c| **c == '\n'));
            out.push(' ');
            at = end;
        }
    }
    out
}

fn line_end(text: &[char], at: usize) -> usize {
    text[at..].iter().position(|c| *c == '\n').map_or(text.len(), |more| at + more)
}

fn block_end(text: &[char], at: usize) -> usize {
    (at + 2..text.len()).find(|end| text[end - 1] == '*' && text[*end] == '/').map_or(text.len(), |end| end + 1)
}

fn string_end(text: &[char], at: usize) -> usize {
    let mut end = at + 1;
    while end < text.len() && text[end] != '"' {
        end += if text[end] == '\\' { 2 } else { 1 };
    }
    (end + 1).min(text.len())
}

/// The end of `r"…"` or `r#"…"#`; `at` itself for an identifier such as `r#type`.
fn raw_end(text: &[char], at: usize) -> usize {
    let hashes = text[at + 1..].iter().take_while(|c| **c == '#').count();
    if text.get(at + 1 + hashes) != Some(&'"') {
        return at;
    }
    let closes = |end: usize| text[end] == '"' && text[end + 1..].iter().take_while(|c| **c == '#').count() >= hashes;
    (at + 2 + hashes..text.len()).find(|end| closes(*end)).map_or(text.len(), |end| end + 1 + hashes)
}

/// The end of `'x'` or `'\n'`; `at` itself for a lifetime.
fn character_end(text: &[char], at: usize) -> usize {
    if text.get(at + 1) == Some(&'\\') {
        return (at + 3..text.len()).find(|end| text[*end] == '\'').map_or(text.len(), |end| end + 1);
    }
    if text.get(at + 2) == Some(&'\'') { at + 3 } else { at }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Every `a::b::c`, with its line; a group `a::{b, c::d}` gives `a::b` and `a::c::d`.
fn paths(code: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut above: Vec<String> = Vec::new();
    let mut path = String::new();
    for (line, code) in code.lines().enumerate() {
        let text: Vec<char> = code.chars().collect();
        let mut at = 0;
        while at < text.len() {
            let begin = at;
            while at < text.len() && is_word(text[at]) {
                at += 1;
            }
            if at > begin {
                path.extend(&text[begin..at]);
            } else if text[at..].starts_with(&[':', ':']) {
                path.push_str("::");
                at += 2;
            } else {
                let is_group = text[at] == '{' && (path.ends_with("::") || !above.is_empty());
                if is_group {
                    above.push(std::mem::take(&mut path));
                } else if !path.is_empty() {
                    found.push((line + 1, above.concat() + &std::mem::take(&mut path)));
                }
                if text[at] == '}' {
                    above.pop();
                }
                at += 1;
            }
        }
        if !path.is_empty() && !path.ends_with("::") {
            found.push((line + 1, above.concat() + &std::mem::take(&mut path)));
        }
    }
    found
}

#[test]
fn comments_strings_and_characters_are_no_code() {
    let code = code_of("a // b\n\"c \\\" d\" 'e' '\\'' f<'g> r#\"h\n\"#; /* i */ j r#type");
    let words: Vec<String> = paths(&code).into_iter().map(|(_, path)| path).collect();
    assert_eq!(words, ["a", "f", "g", "j", "r", "type"]);
}

#[test]
fn groups_are_spelled_out_with_their_lines() {
    let code = "use crate::{\n    plane::{Plane, Role},\n    wire,\n};\nfn f() { std::fs::read(x) }";
    let found = paths(code);
    for wanted in [(2, "crate::plane::Plane"), (2, "crate::plane::Role"), (3, "crate::wire"), (5, "std::fs::read")] {
        assert!(found.contains(&(wanted.0, wanted.1.to_owned())), "{wanted:?} in {found:?}");
    }
}
