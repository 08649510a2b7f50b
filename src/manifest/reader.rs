//! Walks a parsed manifest by the declared tables and collects every mistake on its way.
//!
//! Knows tables and types only; what values mean together is `resolve`'s.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeString, DeValue};

use crate::manifest::error::{Code, Mistake};
use crate::manifest::keys::{At, Key, Kind, Slot, Table, Value};
use crate::manifest::lines::Lines;
use crate::manifest::{suggest, tables};
use crate::plane::Place;

/// One entry of a TOML table.
pub type Entry<'t, 'i> = (&'t Spanned<DeString<'i>>, &'t Spanned<DeValue<'i>>);

/// The state of one walk.
#[derive(Debug)]
pub struct Reader<'a> {
    lines: &'a Lines<'a>,
    /// Bytes about which a syntax mistake has been told already.
    damage: &'a [Range<usize>],
    path: Vec<String>,
    /// What was found so far.
    pub mistakes: Vec<Mistake>,
    /// Dotted key to the place of its value; tables to their headers.
    pub places: BTreeMap<String, Place>,
    /// Dotted keys that an unknown key was told to be a slip of: they were meant to be there.
    pub meant: BTreeSet<String>,
    /// Bytes that no diagnostic may quote.
    pub secrets: Vec<Range<usize>>,
}

impl<'a> Reader<'a> {
    /// A walk over the text of `lines`, silent about values that touch `damage`.
    pub fn new(lines: &'a Lines<'a>, damage: &'a [Range<usize>]) -> Self {
        Self {
            lines,
            damage,
            path: Vec::new(),
            mistakes: Vec::new(),
            places: BTreeMap::new(),
            meant: BTreeSet::new(),
            secrets: Vec::new(),
        }
    }

    /// The place of a span.
    pub fn place(&self, span: Range<usize>) -> Place {
        self.lines.place(span)
    }

    /// The key that is being read, without its table.
    pub fn key(&self) -> &str {
        self.path.last().map_or("", String::as_str)
    }

    /// Tells a mistake about the key that is being read; `label` stands beside the carets.
    pub fn tell(&mut self, code: Code, span: Range<usize>, message: String, hint: String, label: &str) {
        let known = self.damage.iter().any(|bad| bad.start <= span.end && span.start <= bad.end);
        if !known {
            let mistake = Mistake::new(code, message, hint).at(self.lines.place(span), label);
            self.mistakes.push(mistake.about(self.path.join(".")));
        }
    }

    /// Whether what stands there goes over several lines.
    pub fn goes_on(&self, span: Range<usize>) -> bool {
        self.lines.text().get(span).is_some_and(|text| text.contains('\n'))
    }

    /// Tells that a value has the wrong type.
    pub fn wrong_type(&mut self, kind: Kind, value: &Spanned<DeValue<'_>>) {
        let (wanted, found) = (kind.called(), type_called(value.get_ref()));
        // `NAME=value` in a text is how a shell says it.
        if matches!(kind, Kind::EnvNames) && value.get_ref().as_str().is_some() {
            self.secrets.push(value.span());
        }
        let message = format!("`{}` takes {wanted}, not {found}", self.key());
        let label = format!("this is {found}");
        let hint = kind.cure(&self.path.join("."), self.key(), value.get_ref());
        self.tell(Code::WrongType, value.span(), message, hint, &label);
    }

    /// Reads what `name` holds; whatever is told meanwhile is about that key.
    pub fn within<T>(
        &mut self,
        name: &Spanned<DeString<'_>>,
        value: &Spanned<DeValue<'_>>,
        read: impl FnOnce(&mut Self) -> T,
    ) -> T {
        self.enter(name);
        // A table's own place is its name: the span of a table is its header, and of a repaired one more than that.
        let span = if value.get_ref().is_table() { name.span() } else { value.span() };
        let place = self.lines.place(span);
        self.places.insert(self.path.join("."), place);
        let out = read(self);
        self.leave();
        out
    }

    /// From here on everything is about a key below `name`, until [`Self::leave`].
    pub fn enter(&mut self, name: &Spanned<DeString<'_>>) {
        self.path.push(name.get_ref().clone().into_owned());
    }

    /// The end of [`Self::enter`].
    pub fn leave(&mut self) {
        self.path.pop();
    }

    /// Reads the value of one key.
    pub fn slot<T: Value>(&mut self, value: &Spanned<DeValue<'_>>) -> Slot<T> {
        match T::read(self, value) {
            Some(read) => Slot::Set(At { value: read, place: self.lines.place(value.span()) }),
            None => Slot::Bad,
        }
    }

    /// Reads a declared table; `None` only when there is no table at all.
    pub fn table<T: Table>(&mut self, value: &Spanned<DeValue<'_>>) -> Option<T> {
        let Some(entries) = entries(value) else {
            self.wrong_type(Kind::Table(T::KEYS), value);
            return None;
        };
        let mut table = T::default();
        for (name, value) in entries {
            match T::KEYS.iter().find(|key| key.name == name.get_ref()) {
                Some(key) => self.within(name, value, |reader| table.take(key.name, reader, value)),
                None => self.unknown(name, T::CALLED, T::KEYS),
            }
        }
        Some(table)
    }

    /// Tells that a table has no such key, and what may have been meant.
    fn unknown(&mut self, name: &Spanned<DeString<'_>>, called: &str, keys: &[Key]) {
        let word: &str = name.get_ref();
        let hint = if let Some(home) = self.other_home(word) {
            home
        } else if let Some(near) = suggest::nearest(word, keys.iter().map(|key| key.name)) {
            self.meant.insert(format!("{}.{near}", self.path.join(".")));
            format!("did you mean `{near}`?")
        } else if let Some(ours) = suggest::known_elsewhere(word) {
            format!("that is `{ours}` of a plane here")
        } else if let [only] = keys {
            format!("the only key here is `{}`", only.name)
        } else if keys.len() <= 8 {
            format!("the keys here are {}", quoted_list(keys.iter().map(|key| key.name)))
        } else {
            "`docs/manifest.md` lists every key, and so does `gateward schema`".to_owned()
        };
        let shown = shown_key(word);
        let table = self.path.join(".");
        let message = format!("unknown key `{shown}` in `[{}]`", shown_key(&table));
        self.path.push(word.to_owned());
        self.tell(Code::UnknownKey, name.span(), message, hint, &format!("{called} has no such key"));
        self.path.pop();
    }

    /// The table in which a key of exactly this name would be right.
    fn other_home(&self, word: &str) -> Option<String> {
        let in_plane = matches!(self.path.as_slice(), [top, _] if top == "planes") || self.path == ["defaults"];
        let below = self.path.len() > 1 && !in_plane;
        if in_plane {
            let dotted = tables::dotted_home(word)?;
            return Some(format!("write it as `{dotted}`"));
        }
        if self.path == ["supervisor"] || below && self.path.first().is_some_and(|top| top != "runtimes") {
            return tables::plane_key(word)
                .map(|_| format!("`{word}` is a key of a plane: it belongs in `[planes.NAME]`"));
        }
        None
    }
}

/// The entries of a table in the order in which they are written; `None` when it is none.
pub fn entries<'t, 'i>(value: &'t Spanned<DeValue<'i>>) -> Option<Vec<Entry<'t, 'i>>> {
    let mut entries: Vec<_> = value.get_ref().as_table()?.iter().collect();
    entries.sort_by_key(|(name, _)| name.span().start);
    Some(entries)
}

/// A key as it may stand in a sentence: of bearable length, without anything that is not to be seen.
pub fn shown_key(key: &str) -> String {
    let mut shown: String = key.chars().take(60).flat_map(char::escape_debug).collect();
    if key.chars().nth(60).is_some() {
        shown.push('…');
    }
    shown
}

/// `a`, `b` and `c`, each in backticks.
pub fn quoted_list<'w>(words: impl IntoIterator<Item = &'w str>) -> String {
    let words: Vec<String> = words.into_iter().map(|word| format!("`{word}`")).collect();
    match words.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
        None => String::new(),
    }
}

/// What a value is, with its article.
fn type_called(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a float",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// The key that takes this word.
fn knowing<'k>(keys: &'k [Key], word: &str) -> Option<&'k Key> {
    keys.iter().find(|key| matches!(key.kind, Kind::Word(words) if words.contains(&word)))
}

impl Kind {
    /// What is taken, with its article.
    pub fn called(self) -> String {
        match self {
            Self::Line | Self::Profile | Self::Runtime | Self::Version => "a string".to_owned(),
            Self::Path => "a path (a string)".to_owned(),
            Self::Url => "an address (a string)".to_owned(),
            Self::Word(words) => format!("one of {}", quoted_list(words.iter().copied())).replace(" and ", " or "),
            Self::Flag => "`true` or `false`".to_owned(),
            Self::Port => "a port".to_owned(),
            Self::Count { .. } => "an integer".to_owned(),
            Self::Duration { .. } => "a duration (a string)".to_owned(),
            Self::Size { .. } => "a size (a string)".to_owned(),
            Self::Umask => "an octal mask (a string)".to_owned(),
            Self::Command | Self::Arguments | Self::Lines => "a list of strings".to_owned(),
            Self::PlaneNames => "a list of plane names".to_owned(),
            Self::EnvNames => "a list of names".to_owned(),
            Self::Env => "a table of strings".to_owned(),
            Self::Table(_) => "a table".to_owned(),
        }
    }

    /// What to write instead of a value of another type.
    fn cure(self, path: &str, key: &str, value: &DeValue<'_>) -> String {
        let number = match value {
            DeValue::Integer(integer) => Some(integer.as_str()),
            DeValue::Float(float) => Some(float.as_str()),
            _ => None,
        };
        let word = value.as_str().filter(|word| word.chars().count() <= 40 && !word.chars().any(char::is_control));
        match (self, number, word) {
            (Self::Duration { .. }, Some(n), _) if is_whole(n) => {
                format!("write `{key} = \"{n}s\"` if seconds are meant")
            }
            (Self::Size { .. }, Some(n), _) if is_whole(n) => {
                format!("write `{key} = \"{n}MiB\"` if mebibytes are meant")
            }
            (Self::Umask, Some(n), _) => umask_cure(key, n),
            (Self::Port | Self::Count { .. }, _, Some(w)) if w.parse::<i64>().is_ok() => {
                format!("write `{key} = {w}`, without quotes")
            }
            (Self::Flag, _, Some(w)) => match w.to_ascii_lowercase().as_str() {
                "true" | "yes" | "on" | "1" => format!("write `{key} = true`, without quotes"),
                "false" | "no" | "off" | "0" => format!("write `{key} = false`, without quotes"),
                _ => format!("write `{key} = true` or `{key} = false`"),
            },
            (Self::Flag, _, _) => format!("write `{key} = true` or `{key} = false`"),
            // Never with the words themselves: they may be secrets.
            (Self::Command, _, Some(_)) => {
                format!("write `{key} = [\"…\", \"…\"]`, one string a word: no shell takes it apart")
            }
            (Self::Arguments, _, Some(_)) => format!("write `{key} = [\"…\", \"…\"]`, one string a word"),
            (Self::Lines | Self::PlaneNames, _, Some(w)) => format!("write `{key} = [{w:?}]`"),
            (Self::Line, Some(n), _) if key == "user" => {
                format!("write the account's name, or its number in quotes: `user = \"{n}\"`")
            }
            (Self::Line | Self::Path | Self::Profile | Self::Runtime | Self::Version, Some(n), _) => {
                format!("write `{key} = \"{n}\"`, in quotes")
            }
            (Self::Table(keys), _, Some(w)) if knowing(keys, w).is_some() => {
                let inner = knowing(keys, w).map_or("", |key| key.name);
                format!("write `{key}.{inner} = \"{w}\"`")
            }
            (Self::Table(_) | Self::Env, _, _) => {
                let path = shown_key(path);
                format!("write `{key} = {{ … }}` on one line, or a header `[{path}]` and its keys below")
            }
            (kind, _, _) => format!("write, say, `{key} = {}`", kind.example()),
        }
    }

    /// A value of this kind, as TOML, for hints and docs.
    pub fn example(self) -> String {
        match self {
            Self::Line => "\"…\"".to_owned(),
            Self::Path => "\"~/somewhere\"".to_owned(),
            Self::Word(words) => format!("\"{}\"", words.first().unwrap_or(&"")),
            Self::Flag => "true".to_owned(),
            Self::Port => "18789".to_owned(),
            Self::Count { min, .. } => min.max(1).to_string(),
            Self::Duration { .. } => "\"5s\"".to_owned(),
            Self::Size { .. } => "\"64MiB\"".to_owned(),
            Self::Umask => "\"0077\"".to_owned(),
            Self::Command => "[\"/usr/bin/program\", \"argument\"]".to_owned(),
            Self::Arguments => "[\"--verbose\"]".to_owned(),
            Self::Lines => "[\"openclaw\"]".to_owned(),
            Self::PlaneNames => "[\"rescue\"]".to_owned(),
            Self::EnvNames => "[\"ANTHROPIC_API_KEY\"]".to_owned(),
            Self::Env => "{ TZ = \"UTC\" }".to_owned(),
            Self::Profile => "\"main\"".to_owned(),
            Self::Runtime => "\"stable\"".to_owned(),
            Self::Version => "\"2026.9.6\"".to_owned(),
            Self::Url => "\"http://127.0.0.1:8080/health\"".to_owned(),
            Self::Table(_) => "{ … }".to_owned(),
        }
    }
}
/// Who wrote eights or nines counted in tens; whoever wrote neither meant octal.
/// Whether a number can have a unit behind it.
fn is_whole(number: &str) -> bool {
    number.bytes().all(|digit| digit.is_ascii_digit())
}

fn umask_cure(key: &str, number: &str) -> String {
    let most = 0o777;
    match (u32::from_str_radix(number, 8), number.parse::<u32>()) {
        (Ok(mask), _) if mask <= most => format!("write `{key} = \"{mask:04o}\"`, in octal"),
        (Err(_), Ok(mask)) if mask <= most => format!("write `{key} = \"{mask:04o}\"`, which is {number} in octal"),
        _ => format!("write, say, `{key} = {}`, in octal", Kind::Umask.example()),
    }
}

#[cfg(test)]
mod tests {
    use super::umask_cure;

    #[test]
    fn what_is_to_be_written_instead_of_a_number_is_taken() {
        for (number, mask) in
            [("18", "\"0022\""), ("22", "\"0022\""), ("77", "\"0077\""), ("999", "\"0077\""), ("-1", "\"0077\"")]
        {
            let told = umask_cure("umask", number);
            assert!(told.contains(&format!("`umask = {mask}`")), "{number}: {told}");
        }
    }
}
