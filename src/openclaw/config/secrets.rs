//! Secrets as a config may give them: in place, through a variable, from a file, by reference to a provider.
//!
//! Reads files of secrets through the caller as any other file; runs no provider. Quotes no secret anywhere.

use std::path::Path;

use super::credential::{Credential, Secret};
use super::declared::FileRole;
use super::files::{MOST_SECRET_BYTES, Read};
use super::folders::Folders;
use super::json5::{Node, Value, is_blank};
use super::look::{Look, Section};
use super::origin::{Origin, Said, Variable};

/// The secret that `name` holds within a section.
pub(super) fn secret(
    look: &mut Look<'_, '_, '_>,
    root: &Section<'_>,
    within: &Section<'_>,
    name: &str,
) -> Option<Said<Credential>> {
    let node = within.node(name)?;
    let key = look.key(within, name)?;
    let at = look.place(node.at);
    let (value, through) = match &node.value {
        Value::Text(text) => written(look, text)?,
        Value::Object(_) => {
            let reference = look.section(within, name)?;
            match referenced(look, root, &reference) {
                Some(found) => found,
                // Google's service accounts may be written as the object itself; their key tells them apart.
                None => match look.text(&reference, "private_key") {
                    Some(private) => (Credential::Known(Secret::new(private.value)), Vec::new()),
                    None => (Credential::Known(Secret::new(canonical(look, node))), Vec::new()),
                },
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => {
            look.wrong_type(node.at, &key, "a text or a secret reference");
            return None;
        }
    };
    Some(Said { value, key, origin: Origin::Written { at, through } })
}

/// The secret in the file that `name` names.
pub(super) fn secret_in_file(
    look: &mut Look<'_, '_, '_>,
    within: &Section<'_>,
    name: &str,
) -> Option<Said<Credential>> {
    let path = look.path(within, name)?;
    let value = content(look, &path.value).map(Credential::Known);
    let value = value.unwrap_or_else(|| unread_file("file", &path.value, ""));
    Some(path.map(|_| value))
}

/// The secret that one of OpenClaw's own variables holds.
pub(super) fn from_variable(look: &Look<'_, '_, '_>, name: &str) -> Option<Said<Credential>> {
    look.variable(name).map(|said| said.map(|text| Credential::Known(Secret::new(text))))
}

/// The secret in the file that one of OpenClaw's own variables names.
pub(super) fn from_file_variable(look: &mut Look<'_, '_, '_>, name: &str) -> Option<Said<Credential>> {
    let path = look.variable(name)?;
    let path = look.resolved(path, Folders::resolve)?;
    let value = content(look, &path.value).map(Credential::Known);
    let value = value.unwrap_or_else(|| unread_file("file", &path.value, ""));
    Some(path.map(|_| value))
}

/// A text: `$NAME`, or anything with `${NAME}` in it, or the secret itself.
fn written(look: &Look<'_, '_, '_>, text: &str) -> Option<(Credential, Vec<Variable>)> {
    let trimmed = text.trim_matches(is_blank);
    if let Some(name) = trimmed.strip_prefix('$').filter(|name| is_secret_name(name)) {
        return Some(in_environment(look, name));
    }
    let whole = trimmed.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')).filter(|name| is_secret_name(name));
    if let Some(name) = whole {
        return Some(in_environment(look, name));
    }
    let (value, through) = look.variables.substitute(trimmed);
    let value = value.trim_matches(is_blank);
    (!value.is_empty()).then(|| (Credential::Known(Secret::new(value.to_owned())), through))
}

fn in_environment(look: &Look<'_, '_, '_>, name: &str) -> (Credential, Vec<Variable>) {
    match look.variables.get(name).filter(|(value, _)| look.variables.may_take(value.len())) {
        Some((value, variable)) => {
            (Credential::Known(Secret::new(value.trim_matches(is_blank).to_owned())), vec![variable])
        }
        None => (Credential::Missing { variable: name.to_owned() }, Vec::new()),
    }
}

/// `{source, provider, id}`; nothing when the object is none.
fn referenced(
    look: &mut Look<'_, '_, '_>,
    root: &Section<'_>,
    reference: &Section<'_>,
) -> Option<(Credential, Vec<Variable>)> {
    reference.node("source")?;
    reference.node("id")?;
    let source = look.text(reference, "source")?.value;
    let id = look.text(reference, "id")?.value;
    let provider = look.text(reference, "provider").map_or_else(|| "default".to_owned(), |provider| provider.value);
    let definition = look.at(root, &["secrets", "providers"]).and_then(|all| look.section(&all, &provider));
    match (source.as_str(), &definition) {
        ("env", _) => return Some(in_environment(look, &id)),
        ("file", Some(file)) => {
            if let Some(path) = look.path(file, "path") {
                let single = look.text(file, "mode").is_some_and(|mode| mode.value == "singleValue");
                let text = content(look, &path.value);
                let found = if single { text } else { text.and_then(|text| text.pointed_at(&id)) };
                let credential =
                    found.map(Credential::Known).unwrap_or_else(|| unread_file(&provider, &path.value, &id));
                return Some((credential, Vec::new()));
            }
        }
        _ => {}
    }
    let mut question = format!("{source}\0{id}\0");
    match root.node("secrets").filter(|_| source == "exec") {
        // Names and numbers cost nothing elsewhere; here they are taken once for each reference.
        Some(_) if look.variables.is_outgrown() => {}
        Some(_) => {
            let whole = definition.map(|section| section.canonical(look)).unwrap_or_default();
            look.variables.may_take(whole.len());
            question.push_str(&whole);
        }
        // A store is the state dir's own.
        None => question.push_str(&look.folders.state_dir.to_string_lossy()),
    }
    Some((Credential::Reference { source, provider, id, question: Secret::new(question) }, Vec::new()))
}

fn unread_file(provider: &str, path: &Path, id: &str) -> Credential {
    let question = Secret::new(format!("file\0{id}\0{}", path.display()));
    let (source, provider) = ("file".to_owned(), provider.to_owned());
    Credential::Reference { source, provider, id: id.to_owned(), question }
}

fn content(look: &mut Look<'_, '_, '_>, path: &Path) -> Option<Secret> {
    if look.variables.is_outgrown() {
        return None;
    }
    let answer = (look.reading.files)(path, MOST_SECRET_BYTES);
    look.reading.saw(path, FileRole::Secret, matches!(answer, Read::Text { .. } | Read::Lossy { .. }));
    match answer {
        Read::Text { text, .. } | Read::Lossy { text, .. } if look.variables.may_take(text.len()) => {
            let secret = Secret::new(text.trim_matches(is_blank).to_owned());
            (!secret.is_empty()).then_some(secret)
        }
        Read::Text { .. } | Read::Lossy { .. } | Read::Missing | Read::Refused { .. } => None,
    }
}

/// The names that OpenClaw takes as secret references.
fn is_secret_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_uppercase())
        && name.len() <= 128
        && name.bytes().all(|byte| matches!(byte, b'A'..=b'Z' | b'0'..=b'9' | b'_'))
}

/// One text for a value, the same however its keys are ordered.
fn canonical(look: &Look<'_, '_, '_>, node: &Node) -> String {
    match &node.value {
        Value::Null => "null".to_owned(),
        Value::Bool(flag) => flag.to_string(),
        Value::Number(number) => number.to_string(),
        Value::Text(text) => format!("{:?}", look.variables.substitute(text).0),
        Value::Array(items) => items.iter().map(|item| canonical(look, item) + ",").collect(),
        Value::Object(members) => {
            members.iter().map(|(name, member)| format!("{name:?}:{},", canonical(look, member))).collect()
        }
    }
}

impl Section<'_> {
    fn canonical(&self, look: &Look<'_, '_, '_>) -> String {
        self.names_sorted().map(|(name, node)| format!("{name:?}:{},", canonical(look, node))).collect()
    }
}
