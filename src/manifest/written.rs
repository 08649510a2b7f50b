//! The manifest as the operator wrote it: every key that is there, with its place, and every mistake in it.
//!
//! Holds no default and no path that is more than its text; what follows from it all is `resolve`'s.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use crate::manifest::error::{Code, Mistake};
use crate::manifest::keys::{At, Scope, Table};
use crate::manifest::lines::Lines;
use crate::manifest::masking::masked;
use crate::manifest::reader::{Entry, Reader, entries, shown_key};
use crate::manifest::syntax::Mended;
use crate::manifest::tables::{PlaneTable, RuntimeTable, SupervisorTable, TOP, plane_key};
use crate::manifest::{suggest, syntax, words};
use crate::plane::{Place, PlaneName};

/// A manifest as written.
#[derive(Clone, Debug)]
pub struct Written {
    /// The file, absolute.
    pub file: PathBuf,
    /// `[supervisor]`.
    pub supervisor: SupervisorTable,
    /// `[defaults]`.
    pub defaults: PlaneTable,
    /// `[runtimes.NAME]`, in the order of the file.
    pub runtimes: Vec<(At<String>, RuntimeTable)>,
    /// `[planes.NAME]`, in the order of the file, but those whose name is none.
    pub planes: Vec<(At<PlaneName>, PlaneTable)>,
    /// Dotted key to the place of its value; tables to the names in their headers.
    pub places: BTreeMap<String, Place>,
    /// Keys that are not there, and that an unknown key was told to be a slip of.
    pub slips: BTreeSet<String>,
    /// What is wrong so far.
    pub mistakes: Vec<Mistake>,
    /// Whether all of it could be read; where not, nothing may rest on something being absent.
    pub grasp: Grasp,
    /// The text with the values of environment variables made unreadable: what diagnostics may quote.
    pub quotable: String,
}

/// How much of the text could be read; less and less.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grasp {
    /// Every line, every table and every plane's name.
    Whole,
    /// All but the names of some planes.
    Misnamed,
    /// Something is missing from what was read.
    Partial,
}

impl Written {
    /// Whether this key was meant to be there, by the name of another that is not known: then its absence is told already.
    pub fn meant(&self, key: &str) -> bool {
        self.slips.contains(key)
    }
}

/// Reads a manifest; never fails, and collects what is wrong.
pub fn parse(file: &Path, text: &str) -> Written {
    let lines = Lines::new(file, text);
    let (root, errors) = DeTable::parse_recoverable(text);
    let mended = if errors.is_empty() { Mended::default() } else { syntax::mend(&lines) };
    let root = if errors.is_empty() { root } else { DeTable::parse_recoverable(&mended.text).0 };
    let root = Spanned::new(root.span(), DeValue::Table(root.into_inner()));
    let mut walk = Walk {
        reader: Reader::new(&lines, &mended.damage),
        supervisor: SupervisorTable::default(),
        defaults: PlaneTable::default(),
        runtimes: Vec::new(),
        planes: Vec::new(),
        grasp: if mended.mistakes.is_empty() { Grasp::Whole } else { Grasp::Partial },
    };
    for entry in entries(&root).unwrap_or_default() {
        walk.top(entry);
    }
    let Walk { reader, supervisor, defaults, runtimes, planes, grasp } = walk;
    let Reader { mistakes, places, meant: slips, secrets, .. } = reader;
    let quotable = masked(&lines, &secrets, &mended.damage);
    let mistakes = mended.mistakes.into_iter().chain(mistakes).collect();
    Written { file: file.to_owned(), supervisor, defaults, runtimes, planes, places, slips, mistakes, grasp, quotable }
}

/// One pass over the top of the tree.
struct Walk<'a> {
    reader: Reader<'a>,
    supervisor: SupervisorTable,
    defaults: PlaneTable,
    runtimes: Vec<(At<String>, RuntimeTable)>,
    planes: Vec<(At<PlaneName>, PlaneTable)>,
    grasp: Grasp,
}

impl Walk<'_> {
    fn top(&mut self, (name, value): Entry<'_, '_>) {
        let word: &str = name.get_ref();
        let before = self.reader.mistakes.len();
        match word {
            "supervisor" => {
                self.supervisor = self.reader.within(name, value, |reader| reader.table(value)).unwrap_or_default();
            }
            "defaults" => self.defaults(name, value),
            "runtimes" => self.each(name, value, Self::runtime),
            "planes" => self.each(name, value, Self::plane),
            _ => {
                self.grasp = Grasp::Partial;
                self.unknown(name, value);
            }
        }
        let no_table = value.get_ref().as_table().is_none() && self.reader.mistakes.len() > before;
        if no_table {
            self.grasp = Grasp::Partial;
        }
    }

    fn defaults(&mut self, name: &Spanned<DeString<'_>>, value: &Spanned<DeValue<'_>>) {
        self.defaults = self.reader.within(name, value, |reader| {
            for (key, _) in entries(value).unwrap_or_default() {
                let identity = plane_key(key.get_ref()).is_some_and(|known| known.scope == Scope::Identity);
                if identity {
                    let message = format!("`{}` cannot have a default: no two planes may share it", key.get_ref());
                    let hint = format!("write `{}` in each `[planes.NAME]`", key.get_ref());
                    reader.tell(Code::IdentityDefault, key.span(), message, hint, "belongs to one plane alone");
                }
            }
            reader.table(value).unwrap_or_default()
        });
    }

    /// Reads a table of named tables.
    fn each(&mut self, name: &Spanned<DeString<'_>>, value: &Spanned<DeValue<'_>>, one: fn(&mut Self, Entry<'_, '_>)) {
        let word: &str = name.get_ref();
        let Some(entries) = entries(value) else {
            self.reader.within(name, value, |reader| {
                let message = format!("`{word}` is a table of tables");
                let hint = format!("begin each with a header `[{word}.NAME]`, in single brackets");
                reader.tell(Code::WrongType, name.span(), message, hint, "");
            });
            return;
        };
        // The name is pushed by hand, as `one` needs more than the reader.
        self.reader.enter(name);
        for entry in entries {
            one(self, entry);
        }
        self.reader.leave();
    }

    fn plane(&mut self, (name, value): Entry<'_, '_>) {
        let word: &str = name.get_ref();
        let known = plane_key(word).filter(|_| value.get_ref().as_table().is_none());
        if let Some(key) = known {
            let message = format!("`{}` stands in `[planes]` itself, outside of any plane", key.name);
            let hint = format!("put it below a header `[planes.NAME]`, or write `planes.NAME.{} = …`", key.name);
            self.reader.tell(Code::UnknownKey, name.span(), message, hint, "of which plane?");
            return;
        }
        let called = words::plane_name(&mut self.reader, word, name.span());
        if called.is_none() && self.grasp == Grasp::Whole {
            self.grasp = Grasp::Misnamed;
        }
        let place = self.reader.place(name.span());
        let table = self.reader.within(name, value, |reader| reader.table::<PlaneTable>(value));
        // A plane with a bad name is read all the same, for the mistakes in it.
        if let Some(called) = called {
            self.planes.push((At { value: called, place }, table.unwrap_or_default()));
        }
    }

    fn runtime(&mut self, (name, value): Entry<'_, '_>) {
        let word: &str = name.get_ref();
        let reserved = matches!(word, "path" | "practice");
        if reserved || PlaneName::new(word).is_err() {
            let message = format!("`{}` cannot name a runtime", shown_key(word));
            let hint = "write a lower-case letter, then up to 31 lower-case letters, digits or `-`";
            let label = if reserved { "a built-in word of `runtime`" } else { "" };
            self.reader.tell(Code::BadValue, name.span(), message, hint.to_owned(), label);
        }
        let place = self.reader.place(name.span());
        let table = self.reader.within(name, value, |reader| {
            let table = reader.table::<RuntimeTable>(value)?;
            if !table.version.is_written() && !reader.meant.contains(&format!("runtimes.{word}.version")) {
                let hint = "write the exact release, such as `version = \"2026.9.6\"`".to_owned();
                let message = format!("the runtime `{}` has no `version`", shown_key(word));
                reader.tell(Code::MissingVersion, name.span(), message, hint, "");
            }
            Some(table)
        });
        self.runtimes.push((At { value: word.to_owned(), place }, table.unwrap_or_default()));
    }

    fn unknown(&mut self, name: &Spanned<DeString<'_>>, value: &Spanned<DeValue<'_>>) {
        let word: &str = name.get_ref();
        let tops = TOP.iter().map(|(top, _)| *top);
        let hint = if let Some(near) = suggest::nearest(word, tops) {
            format!("did you mean `{near}`?")
        } else if SupervisorTable::KEYS.iter().any(|key| key.name == word) && word != "state_dir" {
            format!("`{word}` belongs in `[supervisor]`")
        } else if plane_key(word).is_some() {
            format!("`{word}` is a key of a plane: it belongs in `[planes.NAME]`")
        } else if value.get_ref().is_table() {
            format!("if it is a plane, write `[planes.{}]`", shown_key(word))
        } else {
            "the tables of a manifest are `[supervisor]`, `[defaults]`, `[runtimes.NAME]` and `[planes.NAME]`"
                .to_owned()
        };
        let what = if value.get_ref().is_table() { "table" } else { "key" };
        let message = format!("unknown {what} `{}`", shown_key(word));
        self.reader.tell(Code::UnknownKey, name.span(), message, hint, "");
    }
}
