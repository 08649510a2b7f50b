//! Values that are single words: of a fixed few, a plane's name, a variable's name.
//!
//! Spelling only; whether a plane of that name exists is `resolve`'s.

use std::ops::Range;

use toml::Spanned;
use toml::de::DeValue;

use crate::manifest::error::Code;
use crate::manifest::keys::{Kind, Value};
use crate::manifest::reader::{Reader, quoted_list, shown_key};
use crate::manifest::suggest;
use crate::plane::{Contract, PlaneName, Policy, Role};

/// An enum that the manifest writes as one of a few words.
pub trait Worded: Copy + 'static {
    /// The words, in the order of the documentation.
    const WORDS: &'static [&'static str];
    /// Their meanings, in the same order.
    const MEANINGS: &'static [Self];
}

impl Worded for Role {
    const WORDS: &'static [&'static str] = &["main", "rescue", "staging", "other"];
    const MEANINGS: &'static [Self] = &[Self::Main, Self::Rescue, Self::Staging, Self::Other];
}

impl Worded for Contract {
    const WORDS: &'static [&'static str] = &["openclaw", "plain"];
    const MEANINGS: &'static [Self] = &[Self::Openclaw, Self::Plain];
}

impl Worded for Policy {
    const WORDS: &'static [&'static str] = &["always", "on-failure", "never"];
    const MEANINGS: &'static [Self] = &[Self::Always, Self::OnFailure, Self::Never];
}

/// One of a few words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word<T>(
    /// Its meaning.
    pub T,
);

impl<T: Worded> Value for Word<T> {
    const KIND: Kind = Kind::Word(T::WORDS);

    fn read(reader: &mut Reader<'_>, value: &Spanned<DeValue<'_>>) -> Option<Self> {
        let Some(text) = value.get_ref().as_str() else {
            reader.wrong_type(Self::KIND, value);
            return None;
        };
        let known = T::WORDS.iter().position(|word| *word == text).and_then(|index| T::MEANINGS.get(index));
        if known.is_none() {
            let words = quoted_list(T::WORDS.iter().copied()).replace(" and ", " or ");
            let hint = match suggest::nearest(text, T::WORDS.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("write {words}"),
            };
            let message = format!("`{}` is not a word that `{}` knows", shown_key(text), reader.key());
            reader.tell(Code::BadValue, value.span(), message, hint, &format!("one of {words}"));
        }
        known.map(|meaning| Self(*meaning))
    }
}

/// Reads a plane's name, or tells which rule it breaks and which name would not.
pub fn plane_name(reader: &mut Reader<'_>, text: &str, span: Range<usize>) -> Option<PlaneName> {
    let read = PlaneName::new(text).ok().filter(|name| name.as_str() != "all");
    if read.is_none() {
        let (message, label) = if text == "all" {
            ("`all` cannot name a plane".to_owned(), "stands for every plane in commands")
        } else {
            (format!("`{}` is not a plane name", shown_key(text)), "not a plane name")
        };
        let fitted: String =
            text.to_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        let fitted: String = fitted.trim_matches('-').chars().take(32).collect();
        let rule = "a lower-case letter, then up to 31 lower-case letters, digits or `-`";
        let hint = match PlaneName::new(&fitted) {
            Ok(name) if text != "all" => format!("write `{name}`: {rule}"),
            Ok(_) | Err(_) => format!("choose a name after its role: {rule}"),
        };
        reader.tell(Code::BadPlaneName, span, message, hint, label);
    }
    read
}

/// Whether the environment can hold a variable of this name; tells why not.
pub fn env_name(reader: &mut Reader<'_>, text: &str, span: Range<usize>) -> Option<String> {
    let fits = is_env_name(text);
    if !fits {
        // What follows a `=` may be a secret.
        let (name, hint) = match text.split_once('=') {
            Some((name, _)) => {
                reader.secrets.push(span.clone());
                (format!("{}=…", shown_key(name)), "write the name alone; values belong in `env`".to_owned())
            }
            None if text.is_empty() => {
                let hint = "write the name, or take the quotes out".to_owned();
                reader.tell(Code::BadEnvName, span, "an environment variable has a name".to_owned(), hint, "empty");
                return None;
            }
            None => {
                // What is not shown here must not stand in the quoted line either.
                if !looks_like_a_name(text) {
                    reader.secrets.push(span.clone());
                }
                (shown_name(text), "write letters, digits and `_`, not beginning with a digit".to_owned())
            }
        };
        let message = format!("`{name}` is not the name of an environment variable");
        reader.tell(Code::BadEnvName, span, message, hint, "not a name");
    }
    fits.then(|| text.to_owned())
}

/// What is no name may be a token that was pasted in the wrong place: of one that does not look like a slip, the beginning alone.
fn shown_name(text: &str) -> String {
    if looks_like_a_name(text) {
        return shown_key(text);
    }
    let beginning: String = text.chars().take(3).collect();
    format!("{}…", shown_key(&beginning))
}

/// Whether it is short enough, and plain enough, for a slip.
fn looks_like_a_name(text: &str) -> bool {
    text.len() <= 16 && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'))
}

/// Letters, digits and `_`, not beginning with a digit.
pub fn is_env_name(text: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.chars().all(word) && text.starts_with(|c: char| !c.is_ascii_digit())
}
