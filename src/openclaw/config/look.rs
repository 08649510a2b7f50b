//! Typed looks into the merged tree of a config: a section, a text, a port, a path, each with its key and origin.
//!
//! A value of the wrong type is a problem and counts as unwritten; OpenClaw refuses the whole config for it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::PathBuf;

use super::files::top;
use super::folders::Folders;
use super::json5::{At, Node, Value, is_blank};
use super::origin::{Origin, Said};
use super::problem::{Problem, ProblemCode};
use super::reading::Reading;
use super::variables::Variables;
use crate::plane::Place;

/// PATH_MAX without the end of the text: no call of the system takes more.
const MOST_PATH_BYTES: usize = 4095;

/// How long a key may be without counting as text that was taken.
const SHORT_KEY: usize = 256;

/// An object of the config and the key that leads to it.
#[derive(Clone)]
pub(super) struct Section<'t> {
    pub(super) key: String,
    pub(super) at: At,
    members: Cow<'t, BTreeMap<String, Node>>,
}

impl<'t> Section<'t> {
    pub(super) fn root(node: &'t Node) -> Self {
        let members = match &node.value {
            Value::Object(members) => Cow::Borrowed(members),
            _ => Cow::Owned(BTreeMap::new()),
        };
        Self { key: String::new(), at: node.at, members }
    }

    pub(super) fn key_of(&self, name: &str) -> String {
        if self.key.is_empty() { name.to_owned() } else { format!("{}.{name}", self.key) }
    }

    pub(super) fn node(&self, name: &str) -> Option<&Node> {
        self.members.get(name).filter(|node| node.value != Value::Null)
    }

    /// The objects in the array that `name` holds.
    pub(super) fn list(&self, name: &str) -> Vec<Section<'t>> {
        let Cow::Borrowed(members) = &self.members else { return Vec::new() };
        let Some(Node { value: Value::Array(items), .. }) = members.get(name) else { return Vec::new() };
        let section = |(index, item): (usize, &'t Node)| match &item.value {
            Value::Object(members) => {
                let key = format!("{}[{index}]", self.key_of(name));
                Some(Section { key, at: item.at, members: Cow::Borrowed(members) })
            }
            _ => None,
        };
        items.iter().enumerate().filter_map(section).collect()
    }

    /// Members by name.
    pub(super) fn names_sorted(&self) -> impl Iterator<Item = (&str, &Node)> {
        self.members.iter().map(|(name, node)| (name.as_str(), node))
    }

    /// Members in the order they are written.
    pub(super) fn names(&self) -> Vec<&str> {
        let mut names: Vec<_> = self.members.iter().map(|(name, node)| (node.at, name.as_str())).collect();
        names.sort_unstable();
        names.into_iter().map(|(_, name)| name).collect()
    }
}

/// What a look needs besides the tree.
pub(super) struct Look<'l, 'p, 'f> {
    pub(super) variables: &'l Variables<'p>,
    pub(super) folders: &'l Folders,
    pub(super) reading: &'l mut Reading<'f>,
}

impl Look<'_, '_, '_> {
    /// The key of `name`; nothing when too much was taken already. Short ones are as many as there are values; a long one may
    /// stand before each of them.
    pub(super) fn key(&self, within: &Section<'_>, name: &str) -> Option<String> {
        let length = within.key.len() + name.len();
        self.variables.may_take(length.saturating_sub(SHORT_KEY)).then(|| within.key_of(name))
    }

    /// The object that `name` holds.
    pub(super) fn section<'t>(&mut self, within: &Section<'t>, name: &str) -> Option<Section<'t>> {
        let node = match &within.members {
            Cow::Borrowed(members) => members.get(name).filter(|node| node.value != Value::Null)?,
            Cow::Owned(_) => return None,
        };
        let key = self.key(within, name)?;
        match &node.value {
            Value::Object(members) => Some(Section { key, at: node.at, members: Cow::Borrowed(members) }),
            _ => {
                self.wrong_type(node.at, &key, "an object");
                None
            }
        }
    }

    /// The object at the end of `path`.
    pub(super) fn at<'t>(&mut self, within: &Section<'t>, path: &[&str]) -> Option<Section<'t>> {
        path.iter().try_fold(within.clone(), |section, name| self.section(&section, name))
    }

    /// A text with its variables replaced; nothing for one of blanks only.
    pub(super) fn text(&mut self, within: &Section<'_>, name: &str) -> Option<Said<String>> {
        let text = self.text_untrimmed(within, name)?;
        let text = text.map(|value| value.trim_matches(is_blank).to_owned());
        (!text.value.is_empty()).then_some(text)
    }

    pub(super) fn text_untrimmed(&mut self, within: &Section<'_>, name: &str) -> Option<Said<String>> {
        let node = within.node(name)?;
        let key = self.key(within, name)?;
        match &node.value {
            Value::Text(text) => {
                let (value, through) = self.variables.substitute(text);
                Some(Said { value, key, origin: Origin::Written { at: self.place(node.at), through } })
            }
            _ => {
                self.wrong_type(node.at, &key, "a text");
                None
            }
        }
    }

    /// A path, absolute as OpenClaw makes it.
    pub(super) fn path(&mut self, within: &Section<'_>, name: &str) -> Option<Said<PathBuf>> {
        let text = self.text(within, name)?;
        self.keep_homely(&text);
        self.resolved(text, Folders::resolve)
    }

    /// The path that `resolve` makes of a text; a problem where the system takes none of that length.
    pub(super) fn resolved(
        &mut self,
        text: Said<String>,
        resolve: impl FnOnce(&Folders, &str) -> PathBuf,
    ) -> Option<Said<PathBuf>> {
        if self.variables.is_outgrown() {
            return None;
        }
        let path = text.map(|text| resolve(self.folders, &text));
        self.bounded(path)
    }

    /// The same for one that is put together already.
    pub(super) fn bounded(&mut self, path: Said<PathBuf>) -> Option<Said<PathBuf>> {
        let length = path.value.as_os_str().len();
        if !self.variables.may_take(length) {
            return None;
        }
        if length <= MOST_PATH_BYTES {
            return Some(path);
        }
        let config = self.reading.sources.first().map(|file| top(&file.path));
        if let Some(at) = path.place().cloned().or(config) {
            self.reading.problem(Problem {
                code: ProblemCode::ConfigType,
                message: format!(
                    "`{}` makes a path of {length} bytes, and the system takes at most {MOST_PATH_BYTES}",
                    path.key
                ),
                hint: "name a shorter path: the gateway can keep nothing there".to_owned(),
                at,
            });
        }
        None
    }

    /// Remembers a path that is written with `~`, where HOME decides what that is.
    pub(super) fn keep_homely(&mut self, path: &Said<String>) {
        if self.variables.is_outgrown() || self.reading.homely_keys.contains(&path.key) {
            return;
        }
        if let Some(whole) = self.folders.whole(&path.value)
            && self.variables.may_take(whole.len())
            && whole.len() <= MOST_PATH_BYTES
        {
            self.reading.homely_keys.insert(path.key.clone());
            let Said { key, origin, .. } = path;
            self.reading.homely.push(Said { value: whole, key: key.clone(), origin: origin.clone() });
        }
    }

    /// A port; 0, where it may be written, asks for any port and claims none.
    pub(super) fn port(&mut self, within: &Section<'_>, name: &str, zero: Zero) -> Option<Said<u16>> {
        let node = within.node(name)?;
        let key = self.key(within, name)?;
        let number = match node.value {
            Value::Number(number) if number.fract() == 0.0 && (0.0..=65535.0).contains(&number) => Some(number as u16),
            _ => None,
        };
        match (number, zero) {
            (Some(0), Zero::AnyPort) => None,
            (None | Some(0), Zero::AnyPort | Zero::Refused) => {
                self.wrong_type(node.at, &key, "a whole number from 1 to 65535");
                None
            }
            (Some(value), Zero::AnyPort | Zero::Refused) => {
                Some(Said { value, key, origin: Origin::Written { at: self.place(node.at), through: Vec::new() } })
            }
        }
    }

    /// `true` or `false`.
    pub(super) fn flag(&mut self, within: &Section<'_>, name: &str) -> Option<bool> {
        let node = within.node(name)?;
        match node.value {
            Value::Bool(flag) => Some(flag),
            _ => {
                let key = self.key(within, name)?;
                self.wrong_type(node.at, &key, "true or false");
                None
            }
        }
    }

    /// What a variable says, if it says more than blanks.
    pub(super) fn variable(&self, name: &str) -> Option<Said<String>> {
        let (value, variable) = self.variables.get(name).filter(|(value, _)| self.variables.may_take(value.len()))?;
        let value = value.trim_matches(is_blank).to_owned();
        Some(Said { value, key: name.to_owned(), origin: Origin::Variable(variable) })
    }

    pub(super) fn place(&self, at: At) -> Place {
        self.reading.names.place(at)
    }

    pub(super) fn wrong_type(&mut self, at: At, key: &str, wanted: &str) {
        let at = self.place(at);
        self.reading.problem(Problem {
            code: ProblemCode::ConfigType,
            message: format!("`{key}` has to be {wanted}"),
            hint: "OpenClaw refuses the whole config for it: mend it, or take it out".to_owned(),
            at,
        });
    }
}

/// Whether a port key takes 0.
#[derive(Clone, Copy)]
pub(super) enum Zero {
    /// Yes: the system chooses.
    AnyPort,
    /// No.
    Refused,
}
