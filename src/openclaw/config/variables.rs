//! The variables a gateway sees, in OpenClaw's order of precedence, and `${NAME}` in the values of its config.
//!
//! Highest first: the process environment, `.env` of the working folder (few names), `.env` of the state dir,
//! `gateway.env` (for OpenClaw's own state dir only), the config's own `env` section. None replaces a higher one.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::blocked;
use super::credential::{Secret, is_credential};
use super::declared::FileRole;
use super::files::{Read, Refusal, not_utf8, top};
use super::json5::{Node, Value, is_blank};
use super::origin::{Variable, VariableSource};
use super::problem::{Problem, ProblemCode};
use super::reading::Reading;
use crate::openclaw::dotenv;
use crate::plane::Place;

/// What is set, and by whom.
pub(super) struct Variables<'p> {
    process: &'p BTreeMap<String, String>,
    added: BTreeMap<String, (String, VariableSource)>,
    /// A long text that is taken a million times would make more than a machine holds.
    bytes_left: Cell<usize>,
}

/// How much text may be made of one configuration: of its values each time that one is taken, of variables, of files of secrets.
pub(super) const MOST_TAKEN: usize = 16 << 20;

/// How many variables of one value are kept with it; a person reads the first ones.
const MOST_THROUGH: usize = 16;

/// Which names a `.env` file may set.
#[derive(Clone, Copy)]
pub(super) enum Trust {
    /// Everything that is not set yet.
    Any,
    /// Only what is neither a credential nor a setting of OpenClaw's.
    WorkingFolder,
}

impl<'p> Variables<'p> {
    /// The process environment, with what `--profile` sets in it.
    pub(super) fn new(process: &'p BTreeMap<String, String>, profile: &str) -> Self {
        let mut added = BTreeMap::new();
        if !profile.eq_ignore_ascii_case("default") && !profile.is_empty() {
            added.insert("OPENCLAW_PROFILE".to_owned(), (profile.to_owned(), VariableSource::Process));
        }
        Self { process, added, bytes_left: Cell::new(MOST_TAKEN) }
    }

    /// The value, if it is set at all.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        let added = self.added.get(name).map(|(value, _)| value);
        added.or_else(|| self.process.get(name)).map(String::as_str)
    }

    /// The values of all variables that are credentials by their names. One that is a path only leads to a credential.
    pub(super) fn secrets(&self) -> Vec<Secret> {
        let added = self.added.iter().map(|(name, (value, _))| (name, value));
        let named = self.process.iter().chain(added).filter(|(name, _)| is_credential(name));
        named.filter(|(_, value)| !value.starts_with('/')).map(|(_, value)| Secret::new(value.clone())).collect()
    }

    /// The value and who set it, if it is more than blanks.
    pub(super) fn get(&self, name: &str) -> Option<(&str, Variable)> {
        let value = self.text(name).filter(|value| !value.trim_matches(is_blank).is_empty())?;
        Some((value, self.variable(name)))
    }

    fn variable(&self, name: &str) -> Variable {
        let source = self.added.get(name).map_or(VariableSource::Process, |(_, source)| source.clone());
        Variable { name: name.to_owned(), source }
    }

    /// Takes in one `.env` file; a missing one is none.
    pub(super) fn add_file(&mut self, path: PathBuf, trust: Trust, reading: &mut Reading<'_>) {
        let answer = (reading.files)(&path, dotenv::MOST_BYTES);
        let text = match answer {
            // OpenClaw takes it as it comes: what is no UTF-8 spoils the value that it stands in and nothing else.
            Read::Text { text, .. } => text,
            Read::Lossy { text, good, .. } => {
                let problem = not_utf8(&path, good, top(&path));
                reading.problem(Problem { code: ProblemCode::EnvEncoding, ..problem });
                text
            }
            Read::Missing => return reading.saw(&path, FileRole::Environment, false),
            Read::Refused { why, real } => {
                reading.saw(&path, FileRole::Environment, false);
                let mut problem = why.clone().problem(&path, dotenv::MOST_BYTES, top(&path));
                let shown = path.display();
                problem.message = match why {
                    // It is not opened either.
                    Refusal::Special => format!("{shown} is no regular file"),
                    Refusal::Denied if real.is_none() => {
                        format!("whether there is a {shown} cannot be told: permission denied")
                    }
                    _ => problem.message,
                };
                problem.hint = "OpenClaw passes over it: mend it, or take it away".to_owned();
                return reading.problem(Problem { code: ProblemCode::EnvUnreadable, ..problem });
            }
        };
        reading.saw(&path, FileRole::Environment, true);
        let file = reading.names.add(&path);
        for assignment in dotenv::read(&text, file) {
            let barred = match trust {
                Trust::Any => false,
                Trust::WorkingFolder => blocked::in_working_folder(&assignment.name),
            };
            if !barred && self.text(&assignment.name).is_none() {
                let place = reading.names.place(assignment.at);
                self.added.insert(assignment.name, (assignment.value, VariableSource::Written(place)));
            }
        }
    }

    /// Takes in the config's `env` section: `env.vars`, then every other text in `env` itself.
    pub(super) fn add_config(&mut self, env: &Node, reading: &Reading<'_>) {
        let Value::Object(env) = &env.value else { return };
        let mut entries: BTreeMap<&str, (&str, Place)> = BTreeMap::new();
        let vars = env.get("vars").and_then(|vars| match &vars.value {
            Value::Object(vars) => Some(vars),
            _ => None,
        });
        let direct = env.iter().filter(|(name, _)| !matches!(name.as_str(), "vars" | "shellEnv"));
        for (name, node) in vars.into_iter().flatten().chain(direct) {
            let Value::Text(value) = &node.value else { continue };
            let name = name.trim_matches(is_blank);
            let blank = value.trim_matches(is_blank).is_empty();
            if !blank && dotenv::is_portable(name) && !blocked::in_config(name) && references(value).next().is_none() {
                entries.insert(name, (value, reading.names.place(node.at)));
            }
        }
        for (name, (value, place)) in entries {
            if self.get(name).is_none() {
                self.added.insert(name.to_owned(), (value.to_owned(), VariableSource::Written(place)));
            }
        }
    }

    /// `text` with every `${NAME}` replaced, and the variables that took part. One that is unset or empty stays as it is.
    /// Nothing when too much was taken already.
    pub(super) fn substitute(&self, text: &str) -> (String, Vec<Variable>) {
        let mut through = Vec::new();
        if !self.may_take(text.len()) {
            return (String::new(), through);
        }
        let mut out = String::with_capacity(text.len());
        let mut copied = 0;
        for reference in references_and_escapes(text) {
            out.push_str(&text[copied..reference.start]);
            copied = reference.end;
            match self
                .text(reference.name)
                .filter(|value| !reference.escaped && !value.is_empty() && self.may_take(value.len()))
            {
                Some(value) => {
                    out.push_str(value);
                    if through.len() < MOST_THROUGH {
                        through.push(self.variable(reference.name));
                    }
                }
                None => {
                    out.push_str("${");
                    out.push_str(reference.name);
                    out.push('}');
                }
            }
        }
        out.push_str(&text[copied..]);
        (out, through)
    }

    /// Whether that many bytes more may be taken. Every copy of what a config, a variable or a file says asks first: each can be
    /// long, and taken once for every account or agent.
    pub(super) fn may_take(&self, bytes: usize) -> bool {
        let left = self.bytes_left.get().checked_sub(bytes);
        self.bytes_left.set(left.unwrap_or_default());
        left.is_some()
    }

    /// Whether something was left out because too much was taken.
    pub(super) fn is_outgrown(&self) -> bool {
        self.bytes_left.get() == 0
    }

    /// A problem for every `${NAME}` below `node` that nothing sets.
    pub(super) fn warn_of_missing(&self, node: &Node, reading: &mut Reading<'_>) {
        if reading.has_enough() {
            return;
        }
        match &node.value {
            Value::Text(text) => {
                let missing = references(text).filter(|name| self.text(name).is_none_or(str::is_empty));
                for name in missing.collect::<BTreeSet<_>>() {
                    let at = reading.names.place(node.at);
                    reading.problem(Problem {
                        code: ProblemCode::ConfigVariable,
                        message: format!("${{{name}}} is not set, so it stays in the value as written"),
                        hint: format!(
                            "set {name} for this plane, or write `$${{{name}}}` where the text itself is meant"
                        ),
                        at,
                    });
                }
            }
            Value::Array(items) => items.iter().for_each(|item| self.warn_of_missing(item, reading)),
            Value::Object(members) => members.values().for_each(|member| self.warn_of_missing(member, reading)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}

/// The names of all `${NAME}` that are not escaped by another `$`.
fn references(text: &str) -> impl Iterator<Item = &str> {
    references_and_escapes(text).filter(|reference| !reference.escaped).map(|reference| reference.name)
}

struct Reference<'t> {
    name: &'t str,
    start: usize,
    end: usize,
    escaped: bool,
}

/// From left to right. A name ends where its characters end, so that this takes one pass over any text.
fn references_and_escapes(text: &str) -> impl Iterator<Item = Reference<'_>> {
    let mut position = 0;
    std::iter::from_fn(move || {
        loop {
            let start = position + text[position..].find('$')?;
            let (escaped, name_at) = match &text.as_bytes()[start + 1..] {
                [b'$', b'{', ..] => (true, start + 3),
                [b'{', ..] => (false, start + 2),
                _ => {
                    position = start + 1;
                    continue;
                }
            };
            let rest = &text[name_at..];
            let length = rest.bytes().take_while(|byte| matches!(byte, b'A'..=b'Z' | b'0'..=b'9' | b'_')).count();
            let name = &rest[..length];
            let named = !name.is_empty() && !name.starts_with(|first: char| first.is_ascii_digit());
            if named && rest[length..].starts_with('}') {
                position = name_at + length + 1;
                return Some(Reference { name, start, end: position, escaped });
            }
            position = start + 1;
        }
    })
}

#[cfg(test)]
mod tests {
    use super::Variables;
    use std::collections::BTreeMap;

    #[test]
    fn references_are_replaced_as_openclaw_replaces_them() {
        let process =
            [("A", "1"), ("_B2", "two"), ("EMPTY", "")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        let process = BTreeMap::from(process);
        let variables = Variables::new(&process, "default");
        let cases = [
            ("${A}-${_B2}", "1-two"),
            ("$${A} $$${A} $A", "${A} $${A} $A"),
            ("${EMPTY}${NONE}", "${EMPTY}${NONE}"),
            ("${a} ${1A} ${A ${A", "${a} ${1A} ${A ${A"),
            ("${A${A}}", "${A1}"),
        ];
        for (text, expected) in cases {
            assert_eq!(variables.substitute(text).0, expected, "{text}");
        }
        assert_eq!(variables.substitute("${A}${_B2}").1.len(), 2);
    }
}
