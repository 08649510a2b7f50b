//! The name of a plane. Knows no plane.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The name of a plane: `[a-z][a-z0-9-]{0,31}`, unique in its manifest.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PlaneName(String);

impl PlaneName {
    /// Takes any text; gives the name, or a sentence fragment that says which rule it breaks.
    pub fn new(text: &str) -> Result<Self, BadName> {
        let mut chars = text.chars();
        let first_fits = chars.next().is_some_and(|c| c.is_ascii_lowercase());
        let rest_fits = chars.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
        if first_fits && rest_fits && text.len() <= 32 {
            Ok(Self(text.to_owned()))
        } else {
            Err(BadName(text.to_owned()))
        }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PlaneName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl TryFrom<String> for PlaneName {
    type Error = BadName;
    fn try_from(text: String) -> Result<Self, BadName> {
        Self::new(&text)
    }
}

impl From<PlaneName> for String {
    fn from(name: PlaneName) -> Self {
        name.0
    }
}

/// Text that is not a [`PlaneName`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadName(
    /// The text that was given.
    pub String,
);

impl fmt::Display for BadName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` is not a plane name: a lower-case letter, then up to 31 lower-case letters, digits or `-`",
            self.0.escape_debug()
        )
    }
}

impl std::error::Error for BadName {}
