//! `$include`: one tree out of a config and the files it pulls in, by OpenClaw's rules of place, order and merging.
//!
//! Bounded whatever the files say: nesting, depth, number and bytes of includes. A refused include is a problem and an
//! empty object, so that the rest is still read.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::declared::FileRole;
use super::files::{MOST_INCLUDE_BYTES, Read, not_utf8};
use super::json5::{self, At, Node, Value};
use super::problem::{Problem, ProblemCode};
use super::reading::{OURS, Reading};
use crate::plane::shell::own_copy;
use crate::plane::spelled_out;

const KEY: &str = "$include";

/// Includes within includes, as OpenClaw counts them.
const MOST_DEPTH: usize = 10;

/// OpenClaw has no bound here, and would read files that include one another tenfold until it is killed.
const MOST_INCLUDES: usize = 1000;
const MOST_TOTAL_BYTES: usize = 8 << 20;

/// Keys that would reach into a JavaScript object itself; OpenClaw drops them where it merges.
const DROPPED: [&str; 3] = ["__proto__", "constructor", "prototype"];

/// The folders from which a config may include.
pub(super) struct Roots {
    spelled: Vec<PathBuf>,
    real: Vec<PathBuf>,
}

impl Roots {
    /// The folder of the config, and every folder that OPENCLAW_INCLUDE_ROOTS allows.
    pub(super) fn new(config: &Path, allowed: Vec<PathBuf>, reading: &mut Reading<'_>) -> Self {
        let own = config.parent().map(Path::to_path_buf).unwrap_or_default();
        let spelled: Vec<PathBuf> = std::iter::once(own).chain(allowed).collect();
        let real = spelled.iter().map(|root| real_folder(root, reading)).collect();
        Self { spelled, real }
    }
}

fn real_folder(folder: &Path, reading: &mut Reading<'_>) -> PathBuf {
    match (reading.files)(folder, 0) {
        Read::Refused { real: Some(real), .. } | Read::Text { real, .. } | Read::Lossy { real, .. } => real,
        Read::Refused { real: None, .. } | Read::Missing => folder.to_path_buf(),
    }
}

/// The tree of `node`, which was read from `config`, with every include in its place.
pub(super) fn resolve(node: Node, config: &Path, roots: &Roots, reading: &mut Reading<'_>) -> Node {
    let mut includer =
        Includer { roots, reading, chain: vec![config.to_path_buf()], loaded: 0, bytes: 0, is_full: false };
    includer.node(node)
}

struct Includer<'r, 'f> {
    roots: &'r Roots,
    reading: &'r mut Reading<'f>,
    is_full: bool,
    /// From the config down to the file that is being read.
    chain: Vec<PathBuf>,
    loaded: usize,
    bytes: usize,
}

impl Includer<'_, '_> {
    fn node(&mut self, node: Node) -> Node {
        let value = match node.value {
            Value::Array(items) => Value::Array(items.into_iter().map(|item| self.node(item)).collect()),
            Value::Object(mut members) => match members.remove(KEY) {
                Some(include) => return self.object_with_include(include, members, node.at),
                None => Value::Object(members.into_iter().map(|(key, member)| (key, self.node(member))).collect()),
            },
            scalar @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_)) => scalar,
        };
        Node { at: node.at, value }
    }

    fn object_with_include(&mut self, include: Node, siblings: BTreeMap<String, Node>, at: At) -> Node {
        let included = self.included(include, at);
        if siblings.is_empty() {
            return included;
        }
        let siblings = siblings.into_iter().map(|(key, member)| (key, self.node(member))).collect();
        let own = Node { at, value: Value::Object(siblings) };
        if !matches!(included.value, Value::Object(_)) {
            self.problem(
                at,
                "keys beside `$include` need an included object, and the file holds something else".to_owned(),
            );
            return own;
        }
        merged(included, own)
    }

    fn included(&mut self, include: Node, at: At) -> Node {
        let empty = Node { at, value: Value::Object(BTreeMap::new()) };
        match include.value {
            Value::Text(path) => self.file(&path, include.at).unwrap_or(empty),
            Value::Array(items) => items.into_iter().fold(empty, |whole, item| match item.value {
                Value::Text(path) => match self.file(&path, item.at) {
                    Some(node) => merged(whole, node),
                    None => whole,
                },
                _ => {
                    self.problem(item.at, "`$include` takes file names only".to_owned());
                    whole
                }
            }),
            _ => {
                self.problem(include.at, "`$include` takes a file name or a list of file names".to_owned());
                empty
            }
        }
    }

    fn file(&mut self, written: &str, at: At) -> Option<Node> {
        let path = self.path(written, at)?;
        if self.chain.contains(&path) {
            self.problem(at, format!("{} is included from within itself", path.display()));
            return None;
        }
        if self.chain.len() > MOST_DEPTH {
            self.problem(at, format!("includes lie more than {MOST_DEPTH} deep in one another"));
            return None;
        }
        if self.loaded >= MOST_INCLUDES || self.bytes > MOST_TOTAL_BYTES {
            // Told once: a file that includes itself by way of ten others is one mistake.
            if std::mem::replace(&mut self.is_full, true) {
                return None;
            }
            let message = format!(
                "more than {MOST_INCLUDES} includes, or {} MiB of them: gateward reads no more",
                MOST_TOTAL_BYTES >> 20
            );
            self.say(ProblemCode::ConfigTooLarge, at, message, format!("use fewer: {OURS}"));
            return None;
        }
        self.loaded += 1;
        let text = self.text(&path, at)?;
        self.bytes += text.len();
        let file = self.reading.names.add(&path);
        let node = match json5::read_within(&text, file, &mut self.reading.values_left) {
            Ok(node) => node,
            Err(malformed) => {
                self.reading.malformed(malformed);
                return None;
            }
        };
        self.chain.push(path);
        let node = self.node(node);
        self.chain.pop();
        Some(node)
    }

    /// The file that `written` means in the file being read, if it lies where includes may lie.
    fn path(&mut self, written: &str, at: At) -> Option<PathBuf> {
        if written.contains('\0') || written.len() >= 4096 {
            self.problem(at, "this is no file name: it holds a zero byte or has more than 4095 characters".to_owned());
            return None;
        }
        let folder = self.chain.last().and_then(|file| file.parent()).unwrap_or(Path::new("/"));
        let path = spelled_out(&folder.join(written));
        if self.roots.spelled.iter().any(|root| path.starts_with(root)) {
            return Some(path);
        }
        let hint = "move it there, or name its folder in OPENCLAW_INCLUDE_ROOTS under `env`";
        self.outside(&path, at, "", hint.to_owned());
        None
    }

    fn text(&mut self, path: &Path, at: At) -> Option<String> {
        let place = self.reading.names.place(at);
        let answer = (self.reading.files)(path, MOST_INCLUDE_BYTES);
        self.reading.saw(path, FileRole::Include, matches!(answer, Read::Text { .. }));
        let real = match &answer {
            Read::Text { real, .. } | Read::Lossy { real, .. } => Some(real),
            Read::Refused { real, .. } => real.as_ref(),
            Read::Missing => None,
        };
        if let Some(real) = real.filter(|real| !self.roots.real.iter().any(|root| real.starts_with(root))) {
            let through = format!(", which is {} behind a link,", real.display());
            let folder = path.parent().map(|folder| real_folder(folder, self.reading)).unwrap_or_default();
            let is_below_link = path.file_name().is_some_and(|name| folder.join(name) == *real);
            let own = if is_below_link {
                "put a folder in place of the link on the way to it".to_owned()
            } else {
                format!("put a copy in place of the link ({})", own_copy(path))
            };
            let hint = format!("{own}, or name the real folder in OPENCLAW_INCLUDE_ROOTS under `env`");
            self.outside(path, at, &through, hint);
            return None;
        }
        match answer {
            Read::Text { text, links: 0 | 1, .. } => return Some(text),
            Read::Text { links, .. } => {
                let message =
                    format!("{} has {links} names (hard links), and OpenClaw includes no such file", path.display());
                let hint = format!("make it a file of its own: {}", own_copy(path));
                self.say(ProblemCode::ConfigInclude, at, message, hint);
            }
            Read::Missing => self.problem(at, format!("{} is not there", path.display())),
            Read::Lossy { good, .. } => self.reading.problem(not_utf8(path, good, place)),
            Read::Refused { why, .. } => self.reading.problem(why.problem(path, MOST_INCLUDE_BYTES, place)),
        }
        None
    }

    fn outside(&mut self, path: &Path, at: At, through: &str, hint: String) {
        let message =
            format!("{}{through} lies outside the config's folder and OPENCLAW_INCLUDE_ROOTS", path.display());
        self.say(ProblemCode::ConfigInclude, at, message, hint);
    }

    fn problem(&mut self, at: At, message: String) {
        let hint = "mend the `$include`: OpenClaw refuses the whole config for it".to_owned();
        self.say(ProblemCode::ConfigInclude, at, message, hint);
    }

    fn say(&mut self, code: ProblemCode, at: At, message: String, hint: String) {
        self.reading.problem(Problem { code, message, hint, at: self.reading.names.place(at) });
    }
}

/// Objects merge, arrays are joined, and of anything else the later one counts.
fn merged(base: Node, over: Node) -> Node {
    let value = match (base.value, over.value) {
        (Value::Array(mut items), Value::Array(more)) => {
            items.extend(more);
            Value::Array(items)
        }
        (Value::Object(mut members), Value::Object(more)) => {
            for (key, node) in more {
                let node = match members.remove(&key) {
                    Some(base) => merged(base, node),
                    None => node,
                };
                members.insert(key, node);
            }
            for key in DROPPED {
                members.remove(key);
            }
            Value::Object(members)
        }
        (_, over) => over,
    };
    Node { at: over.at, value }
}
