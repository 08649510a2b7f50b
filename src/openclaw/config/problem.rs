//! What stands against the files of a configuration: a stable code, what and where, and what to do.
//!
//! Says nothing of other planes, and never quotes a file's content: it may be a secret.

use std::fmt;

use crate::plane::Place;

/// One thing wrong with a file, or with how files refer to one another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Which.
    pub code: ProblemCode,
    /// What and why, one sentence fragment.
    pub message: String,
    /// What to do about it.
    pub hint: String,
    /// Where. A file that could not be read has line 1, column 1.
    pub at: Place,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} [{}]", self.at, self.message, self.code.as_str())
    }
}

/// The kinds of [`Problem`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProblemCode {
    /// The config is not there; OpenClaw would refuse to start.
    ConfigMissing,
    /// A file is there but cannot be read: rights, a directory, a FIFO, a device, a loop of links.
    ConfigUnreadable,
    /// A file is larger than OpenClaw takes, or than is sane.
    ConfigTooLarge,
    /// A file is not UTF-8.
    ConfigEncoding,
    /// A file is not JSON5.
    ConfigSyntax,
    /// A file nests deeper than any configuration does.
    ConfigTooDeep,
    /// A value is of another type than its key takes, so that it counts for nothing.
    ConfigType,
    /// An `$include` that OpenClaw refuses: outside the roots, a loop, too deep, of the wrong type.
    ConfigInclude,
    /// `${NAME}` of a variable that nothing sets; it stays in the value as written.
    ConfigVariable,
    /// A `.env` file that is there but that OpenClaw would skip.
    EnvUnreadable,
    /// A `.env` file that is not UTF-8.
    EnvEncoding,
}

impl ProblemCode {
    /// Every code, for the list of explanations.
    pub const ALL: [Self; 11] = [
        Self::ConfigMissing,
        Self::ConfigUnreadable,
        Self::ConfigTooLarge,
        Self::ConfigEncoding,
        Self::ConfigSyntax,
        Self::ConfigTooDeep,
        Self::ConfigType,
        Self::ConfigInclude,
        Self::ConfigVariable,
        Self::EnvUnreadable,
        Self::EnvEncoding,
    ];

    /// The stable code as findings show it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ConfigMissing => "config-missing",
            Self::ConfigUnreadable => "config-unreadable",
            Self::ConfigTooLarge => "config-too-large",
            Self::ConfigEncoding => "config-encoding",
            Self::ConfigSyntax => "config-syntax",
            Self::ConfigTooDeep => "config-too-deep",
            Self::ConfigType => "config-type",
            Self::ConfigInclude => "config-include",
            Self::ConfigVariable => "config-variable",
            Self::EnvUnreadable => "env-unreadable",
            Self::EnvEncoding => "env-encoding",
        }
    }

    /// Whether something may be said there that could not be read.
    pub fn hides_what_is_said(self) -> bool {
        match self {
            Self::ConfigUnreadable
            | Self::ConfigTooLarge
            | Self::ConfigEncoding
            | Self::ConfigSyntax
            | Self::ConfigTooDeep
            | Self::ConfigInclude => true,
            Self::ConfigMissing | Self::ConfigType | Self::ConfigVariable | Self::EnvUnreadable | Self::EnvEncoding => {
                false
            }
        }
    }

    /// Whether the gateway would not start with it, or its claims cannot be known. How severe a finding of it is, the table of
    /// codes says: a config that is not there yet is to be written.
    pub fn is_error(self) -> bool {
        match self {
            Self::ConfigMissing
            | Self::ConfigUnreadable
            | Self::ConfigTooLarge
            | Self::ConfigEncoding
            | Self::ConfigSyntax
            | Self::ConfigTooDeep
            | Self::ConfigType
            | Self::ConfigInclude => true,
            Self::ConfigVariable | Self::EnvUnreadable | Self::EnvEncoding => false,
        }
    }
}
