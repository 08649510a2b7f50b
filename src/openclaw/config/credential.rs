//! Secrets that a configuration holds: compared by keyed fingerprint, shown by nothing.
//!
//! No `Display`, no `Serialize`, a `Debug` without the value: a secret, or a digest of one, must not reach a terminal, a
//! log, the wire or a disk.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::json5::is_blank;

/// What an account logs in with, or how a gateway is asked for entrance.
#[derive(Clone, PartialEq, Eq)]
pub enum Credential {
    /// The secret itself is known here.
    Known(Secret),
    /// A reference that only OpenClaw resolves: a program, its own store, a file that cannot be read from here.
    Reference {
        /// Kind of source: `file`, `exec`, `env`, `store`.
        source: String,
        /// The provider's name.
        provider: String,
        /// What the provider is asked for.
        id: String,
        /// All that decides about the answer, so that two planes that ask the same of the same are seen.
        question: Secret,
    },
    /// It names a variable that nothing sets, so OpenClaw has no credential here.
    Missing {
        /// The variable.
        variable: String,
    },
}

impl Credential {
    /// Equal for two planes that hold the same secret, or that ask the same of the same provider. `None` for one that is
    /// missing.
    pub fn fingerprint(&self, key: &[u8; 32]) -> Option<Fingerprint> {
        match self {
            // What was no text is not what was meant, and alike with whatever else was none.
            Self::Known(secret) if secret.0.contains(char::REPLACEMENT_CHARACTER) => None,
            Self::Known(secret) => Some(secret.fingerprint(key)),
            Self::Reference { question, .. } => Some(question.fingerprint(key)),
            Self::Missing { .. } => None,
        }
    }
}

impl Credential {
    /// The same, but equal only for planes that also have the same `names`: a password alone names no account.
    pub(super) fn together_with(self, names: &[String]) -> Self {
        let join = |secret: Secret| Secret(format!("{}\0{}", names.join("\0"), secret.0));
        match self {
            Self::Known(secret) => Self::Known(join(secret)),
            Self::Reference { source, provider, id, question } => {
                Self::Reference { source, provider, id, question: join(question) }
            }
            missing @ Self::Missing { .. } => missing,
        }
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(_) => f.write_str("Known(…)"),
            Self::Reference { source, provider, id, .. } => write!(f, "Reference({source}:{provider}:{id})"),
            Self::Missing { variable } => write!(f, "Missing({variable})"),
        }
    }
}

/// Whether a name, of a variable or of a key, is one that credentials have.
pub fn is_credential(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    ["TOKEN", "KEY", "SECRET", "PASSWORD"].iter().any(|end| name.ends_with(end))
}

/// What comes after a word that is taken off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Blank {
    /// A blank, or it is no such word.
    Follows,
    /// Anything.
    MayFollow,
}

/// A secret text.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes the text over.
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The text that a JSON pointer finds, when this is a JSON text that has one there.
    pub(super) fn pointed_at(&self, pointer: &str) -> Option<Self> {
        let json: serde_json::Value = serde_json::from_str(&self.0).ok()?;
        json.pointer(pointer).and_then(serde_json::Value::as_str).map(|text| Self(text.to_owned()))
    }

    /// The same without a word at its beginning, in whatever case.
    pub(super) fn without(self, word: &str, blank: Blank) -> Self {
        let rest =
            self.0.get(..word.len()).filter(|start| start.eq_ignore_ascii_case(word)).map(|_| &self.0[word.len()..]);
        let bare = rest.filter(|rest| blank == Blank::MayFollow || rest.starts_with(is_blank));
        match bare.map(|rest| rest.trim_start_matches(is_blank)).filter(|rest| !rest.is_empty()) {
            Some(bare) => Self(bare.to_owned()),
            None => self,
        }
    }

    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What is to be hidden wherever it stands; `None` for a secret of a few characters, which could be any word.
    pub fn telling(&self) -> Option<&str> {
        const LEAST: usize = 6;
        // What is compared together with names ends in the secret itself.
        let secret = self.0.rsplit('\0').next().unwrap_or_default();
        (secret.chars().count() >= LEAST).then_some(secret)
    }

    /// Equal for equal secrets under one key. The key is random for each run and stays in memory, so a fingerprint says
    /// nothing to anybody else.
    pub fn fingerprint(&self, key: &[u8; 32]) -> Fingerprint {
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key).expect("HMAC takes a key of any length");
        mac.update(self.0.as_bytes());
        Fingerprint(mac.finalize().into_bytes().into())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Stands for a secret in comparisons within one run.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint([u8; 32]);

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fingerprint(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::{Credential, Secret};

    #[test]
    fn equal_secrets_have_equal_fingerprints_under_one_key_only() {
        let secret = |text: &str| Secret::new(text.to_owned());
        assert_eq!(secret("a").fingerprint(&[1; 32]), secret("a").fingerprint(&[1; 32]));
        assert_ne!(secret("a").fingerprint(&[1; 32]), secret("b").fingerprint(&[1; 32]));
        assert_ne!(secret("a").fingerprint(&[1; 32]), secret("a").fingerprint(&[2; 32]));
    }

    #[test]
    fn debug_shows_neither_secret_nor_digest() {
        let secret = Secret::new("hunter2".to_owned());
        let shown = format!("{:?} {:?} {:?}", secret.fingerprint(&[0; 32]), secret, Credential::Known(secret.clone()));
        assert_eq!(shown, "Fingerprint(…) Secret(…) Known(…)");
    }
}
