//! Where a declared value comes from: a place in a file, a variable, or OpenClaw's own default.
//!
//! Holds names and places, never the value of a variable.

use std::fmt;

use crate::plane::Place;

/// A value, the key that says it, and where that is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said<T> {
    /// The value.
    pub value: T,
    /// The dotted config key (`browser.profiles.work.cdpPort`), or the variable (`OPENCLAW_GATEWAY_PORT`).
    pub key: String,
    /// Where it is said.
    pub origin: Origin,
}

impl<T> Said<T> {
    /// The same origin, another value.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Said<U> {
        Said { value: change(self.value), key: self.key, origin: self.origin }
    }

    /// The place to point at, where there is one.
    pub fn place(&self) -> Option<&Place> {
        self.origin.places().next()
    }
}

/// Where a value is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Written in the config or an included file.
    Written {
        /// The value.
        at: Place,
        /// The variables that were put into it through `${NAME}`.
        through: Vec<Variable>,
    },
    /// Said by a variable alone.
    Variable(Variable),
    /// Not said, but what OpenClaw takes because of what is written here: the usual port of a webhook that is on.
    Implied {
        /// What makes it so.
        by: Place,
    },
    /// Said nowhere: what OpenClaw does by itself.
    Default,
}

impl Origin {
    /// Every place worth pointing at, the value itself first.
    pub fn places(&self) -> impl Iterator<Item = &Place> {
        let (own, through) = match self {
            Self::Written { at, through } => (Some(at), through.as_slice()),
            Self::Implied { by } => (Some(by), &[][..]),
            Self::Variable(variable) => (None, std::slice::from_ref(variable)),
            Self::Default => (None, &[][..]),
        };
        own.into_iter().chain(through.iter().filter_map(|variable| match &variable.source {
            VariableSource::Written(place) => Some(place),
            VariableSource::Process => None,
        }))
    }

    /// Whether nobody said it.
    pub fn is_default(&self) -> bool {
        matches!(self, Self::Implied { .. } | Self::Default)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Written { at, through } => {
                write!(f, "{at}")?;
                through.iter().try_for_each(|variable| write!(f, " through {variable}"))
            }
            Self::Variable(variable) => write!(f, "{variable}"),
            Self::Implied { by } => write!(f, "OpenClaw's default for {by}"),
            Self::Default => write!(f, "OpenClaw's default"),
        }
    }
}

/// A variable that took part, and who set it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// Who set it.
    pub source: VariableSource,
}

impl fmt::Display for Variable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.source {
            VariableSource::Process => write!(f, "{} of the plane's environment", self.name),
            VariableSource::Written(place) => write!(f, "{} at {place}", self.name),
        }
    }
}

/// Who set a variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VariableSource {
    /// The plane's process environment: the manifest's `env`, `env_file`, `pass_env`, or gateward itself.
    Process,
    /// A line of a `.env` file, or `env.vars` of the config.
    Written(Place),
}
