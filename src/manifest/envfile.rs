//! `env_file`: lines of `KEY=VALUE`, and who may see them.
//!
//! Never tells a value, nor quotes a line: they are secrets.

use std::collections::HashSet;
use std::path::Path;

use crate::manifest::error::{Code, Mistake};
use crate::manifest::given::{EnvFile, NoText};
use crate::manifest::keys::At;
use crate::manifest::values::LONGEST_TEXT;
use crate::manifest::words::is_env_name;
use crate::plane::Place;
use crate::plane::shell::word;

/// A variable with the place of its line.
pub type Variable = (At<String>, String);

/// Reads the lines of an `env_file` that the manifest names at `named`; `owners` are the user ids that may own it.
///
/// A line is `KEY=VALUE`, `export KEY=VALUE`, blank, or a comment after `#`. Blanks around the value go, then one pair of
/// quotes around all of it; nothing in it is expanded.
pub fn read(path: &Path, file: &EnvFile, owners: &[u32], named: &Place) -> Result<Vec<Variable>, Vec<Mistake>> {
    let shown = path.display();
    let text = match &file.text {
        Ok(text) => text,
        Err(NoText { what, hint }) => {
            let message = format!("the `env_file` `{shown}` {what}");
            return Err(vec![Mistake::new(Code::EnvFile, message, hint).at(named.clone(), "named here")]);
        }
    };
    let mut mistakes = open_to_others(path, file, owners, named);
    let mut variables: Vec<Variable> = Vec::new();
    let mut known: HashSet<&str> = HashSet::new();
    for (line, number) in text.lines().zip(1..) {
        let place = Place { file: path.to_owned(), line: number, column: 1, width: 1 };
        match variable(line) {
            Line::Nothing => {}
            Line::Variable(name, _) if !known.insert(name) => {
                let message = format!("`{name}` is set twice in this `env_file`");
                mistakes.push(
                    Mistake::new(Code::EnvFile, message, "keep the line that is meant")
                        .at(place, "")
                        .also(Some(named.clone()), "the file is named here"),
                );
            }
            Line::Variable(name, value) => variables.push((At { value: name.to_owned(), place }, value.to_owned())),
            Line::Wrong(message) => mistakes.push(
                Mistake::new(Code::EnvFile, message, "write `KEY=VALUE`, one to a line; a comment begins with `#`")
                    .at(place, "")
                    .also(Some(named.clone()), "the file is named here"),
            ),
        }
    }
    if mistakes.is_empty() { Ok(variables) } else { Err(mistakes) }
}

fn open_to_others(path: &Path, file: &EnvFile, owners: &[u32], named: &Place) -> Vec<Mistake> {
    let shown = path.display();
    let mut mistakes = Vec::new();
    if file.mode & 0o077 != 0 {
        let message =
            format!("the `env_file` `{shown}` is open to others than its owner (mode {:04o})", file.mode & 0o7777);
        mistakes.push(Mistake::new(Code::EnvFileOpen, message, format!("run `chmod 600 {}`", word(path))));
    }
    if !owners.contains(&file.uid) {
        let message = format!("the `env_file` `{shown}` belongs to user id {}, who could change it", file.uid);
        let hint = "give it to the supervisor's user, or to the plane's, with `chown`";
        mistakes.push(Mistake::new(Code::EnvFileOpen, message, hint));
    }
    mistakes.into_iter().map(|mistake| mistake.at(named.clone(), "named here")).collect()
}

/// What one line is.
enum Line<'a> {
    Nothing,
    Variable(&'a str, &'a str),
    Wrong(String),
}

fn variable(line: &str) -> Line<'_> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return Line::Nothing;
    }
    let line = line.strip_prefix("export ").unwrap_or(line);
    let Some((name, value)) = line.split_once('=') else {
        return Line::Wrong("a line of this `env_file` has no `=`".to_owned());
    };
    let (name, value) = (name.trim(), value.trim());
    if !is_env_name(name) {
        // What is not a name may be a piece of a secret that spans lines.
        return Line::Wrong("what stands before `=` in this `env_file` is not the name of a variable".to_owned());
    }
    if value.contains('\0') {
        return Line::Wrong(format!("the value of `{name}` in this `env_file` holds a NUL character"));
    }
    let begins = value.chars().next().filter(|c| matches!(c, '"' | '\''));
    if begins.is_some_and(|quote| value.len() == 1 || !value.ends_with(quote)) {
        // A value of a systemd or dotenv file may have a comment behind it, or go on in the next line.
        return Line::Wrong(format!(
            "the value of `{name}` in this `env_file` begins with a quote and does not end with it"
        ));
    }
    let quoted = |quote: char| value.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
    let value = quoted('"').or_else(|| quoted('\'')).unwrap_or(value);
    let length = name.len() + 1 + value.len();
    if length > LONGEST_TEXT {
        return Line::Wrong(format!(
            "`{name}` in this `env_file` is {length} bytes long with its name, and the kernel takes {LONGEST_TEXT} at most"
        ));
    }
    Line::Variable(name, value)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::read;
    use crate::manifest::given::EnvFile;
    use crate::plane::Place;

    fn file(text: &str, mode: u32) -> EnvFile {
        EnvFile { text: Ok(text.to_owned()), mode, uid: 7 }
    }

    fn named() -> Place {
        Place { file: "/m.toml".into(), line: 3, column: 12, width: 4 }
    }

    #[test]
    fn lines_comments_exports_and_quotes() {
        let text = "# c\n\nA=1\n export B = \" x # y \" \r\nC='it''s'\nD=\nE=a=b\n";
        let read = read(Path::new("/e"), &file(text, 0o100600), &[7], &named()).unwrap();
        let pairs: Vec<_> = read.iter().map(|(name, value)| (name.value.as_str(), value.as_str())).collect();
        assert_eq!(pairs, [("A", "1"), ("B", " x # y "), ("C", "it''s"), ("D", ""), ("E", "a=b")]);
        assert_eq!(read[1].0.place.line, 4);
    }

    #[test]
    fn a_quote_that_is_not_the_last_of_its_line_is_no_value() {
        for value in ["\"x", "\"x\" # c", "'x\"", "\"", "'"] {
            let text = format!("A=1\nB={value}\n");
            let mistakes = read(Path::new("/e"), &file(&text, 0o100600), &[7], &named()).expect_err(value);
            assert!(mistakes[0].message.contains("`B`") && mistakes.len() == 1, "{value}: {mistakes:?}");
        }
        assert!(read(Path::new("/e"), &file("A=x\"\nB=\"\"\nC=it's\n", 0o100600), &[7], &named()).is_ok());
    }

    #[test]
    fn a_value_that_no_program_can_be_given_is_told_by_its_name() {
        let read = |length: usize| {
            let text = format!("KEY={}\n", "v".repeat(length));
            read(Path::new("/e"), &file(&text, 0o100600), &[7], &named())
                .map_err(|mistakes| mistakes[0].message.clone())
        };
        assert_eq!(read(131_067).map(|variables| variables.len()), Ok(1));
        let told = "`KEY` in this `env_file` is 131072 bytes long with its name, and the kernel takes 131071 at most";
        assert_eq!(read(131_068), Err(told.to_owned()));
    }

    #[test]
    fn every_fault_is_told_and_no_secret_with_it() {
        let text = "sk-SECRET-LINE\nA=SECRET\nA=SECRET2\n1B=SECRET\nC=SEC\0RET\n";
        let mistakes = read(Path::new("/e"), &file(text, 0o640), &[0], &named()).unwrap_err();
        assert_eq!(mistakes.len(), 6);
        let told = format!("{mistakes:?}");
        assert!(!told.contains("SEC"), "{told}");
        assert!(told.contains("mode 0640") && told.contains("user id 7"));
    }
}
