//! What can be wrong with a manifest: one code for each kind, and a mistake with its place and its cure.
//!
//! Values only. How a mistake looks is `render`'s, and what it makes a verb exit with is `cli`'s.

use std::fmt;

use crate::plane::{Place, PlaneName};

/// The most mistakes told at once; a file that is no manifest at all has one on every line.
pub const MOST_TOLD: usize = 100;

macro_rules! codes {
    ($($name:ident $text:literal $explain:literal;)*) => {
        /// The kind of a mistake. The text of each is stable: scripts may match it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $(#[doc = $explain] $name,)*
        }

        impl Code {
            /// Every code, in the order in which `docs/manifest.md` explains them.
            pub const ALL: &'static [Code] = &[$(Code::$name,)*];

            /// The code as shown and as in `--json`.
            pub fn as_str(self) -> &'static str {
                match self { $(Code::$name => $text,)* }
            }

            /// Whether it stands against nothing and is only worth saying.
            pub fn is_warning(self) -> bool {
                matches!(self, Code::PassEnvUnset)
            }

            /// What it means, for `--explain` and the docs.
            pub fn explain(self) -> &'static str {
                match self { $(Code::$name => $explain,)* }
            }
        }
    };
}

codes! {
    NotFound "manifest-not-found" "No manifest was found at any of the places where one is looked for, or the one that was named does not exist.";
    Unreadable "manifest-unreadable" "The manifest exists and cannot be read: permissions, a folder or a device in its place, a loop of links, a size no manifest has.";
    NotText "manifest-not-text" "The manifest holds bytes that are not UTF-8, which TOML requires.";
    Syntax "manifest-syntax" "A line is not TOML. Mistakes that rest on something being absent are not told until every line can be read.";
    DuplicateKey "duplicate-key" "One key or table is written twice; which one was meant cannot be known.";
    UnknownKey "unknown-key" "A key that gateward does not know does nothing, so it is refused rather than skipped.";
    WrongType "wrong-type" "The value is of another type than the key takes: a number where a string belongs, say.";
    OutOfRange "out-of-range" "The value is of the right type and beyond what the key can hold: port 70000, a negative count, a zero delay.";
    BadValue "bad-value" "The value is of the right type and is not understood: a duration without a unit, a word that the key does not know, an empty command.";
    BadPlaneName "bad-plane-name" "A plane's name is a lower-case letter, then up to 31 lower-case letters, digits or `-`; `all` stands for every plane and names none.";
    NoPlanes "no-planes" "The manifest names no plane, so there is nothing to prove and nothing to run.";
    MissingIsolates "missing-isolates" "Among several planes each must say, in `isolates`, what it keeps apart. A plane for which that sentence cannot be written is not needed.";
    MissingPort "missing-port" "A plane with contract `openclaw` needs its base port written: the whole derived family follows from it.";
    MissingCommand "missing-command" "A plane with contract `plain` says by `command` (or by a `runtime` of its own) what is to be run.";
    MissingVersion "missing-version" "An entry of `[runtimes]` names the one release that it stands for.";
    IdentityTwice "identity-set-twice" "What a plane's own keys set (its config, state dir, port, profile …) is set again through `env`, `env_file`, `pass_env`, `args` or `command`, so that the manifest would not say the truth.";
    IdentityDefault "identity-in-defaults" "`[defaults]` holds what planes share; a profile, config, state dir, workspace, port or reason is what they must not share.";
    AfterUnknown "after-unknown" "`after` names a plane that is not in the manifest.";
    AfterCycle "after-cycle" "Planes wait for one another in a circle, so that none of them would ever be started.";
    UnknownRuntime "unknown-runtime" "`runtime` names neither an entry of `[runtimes]` nor one of the built-in words `path` and `practice`.";
    RuntimeAndCommand "runtime-and-command" "`runtime` and `command` both say what is to be run.";
    Contradiction "contradiction" "Two keys cannot both have their way, or a key can do nothing beside another one.";
    BadEnvName "bad-env-name" "The name of an environment variable is letters, digits and `_`, and does not begin with a digit.";
    EnvFile "env-file-unreadable" "An `env_file` cannot be read, or is not lines of `KEY=VALUE`.";
    EnvFileOpen "env-file-open" "An `env_file` holds secrets: it must belong to the supervisor's or the plane's user, and nobody else may read or write it.";
    UserWithoutRoot "user-without-root" "Only a supervisor that runs as root can run a plane as another user.";
    UnknownAccount "unknown-account" "`user` names no account of this host, or `socket_group` no group.";
    NoHome "no-home" "A path begins with `~`, or a default does, and no home folder is known to put in its place.";
    PassEnvUnset "pass-env-unset" "A name in `pass_env` is not set in the environment that gateward itself was started with, so the plane gets nothing by it. A warning.";
    TooMany "too-many-mistakes" "There are more mistakes than are told at once.";
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One mistake: what and why, where, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Its kind.
    pub code: Code,
    /// What is wrong, a lower-case fragment. Never holds the value of an environment variable.
    pub message: String,
    /// What to do, a sentence fragment; never empty.
    pub hint: String,
    /// The dotted key that it is about, such as `planes.main.port`; empty when it is about the whole file.
    pub key: String,
    /// Where; `None` when there is no text to point into.
    pub at: Option<Place>,
    /// Said beside the carets; may be empty.
    pub label: String,
    /// Further places, each with its label.
    pub also: Vec<(Place, String)>,
}

impl Mistake {
    /// A mistake without a place; the methods below add to it.
    pub fn new(code: Code, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            hint: hint.into(),
            key: String::new(),
            at: None,
            label: String::new(),
            also: Vec::new(),
        }
    }

    /// The same, at a place, with words beside the carets.
    pub fn at(mut self, place: Place, label: impl Into<String>) -> Self {
        self.at = Some(place);
        self.label = label.into();
        self
    }

    /// The same, with a second place, when there is one.
    pub fn also(mut self, place: Option<Place>, label: impl Into<String>) -> Self {
        self.also.extend(place.map(|place| (place, label.into())));
        self
    }

    /// The same, about this key.
    pub fn about(mut self, key: impl Into<String>) -> Self {
        self.key = key.into();
        self
    }

    /// The plane whose table the key stands in.
    pub fn plane(&self) -> Option<PlaneName> {
        let name = self.key.strip_prefix("planes.")?.split('.').next()?;
        PlaneName::new(name).ok()
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(at) = &self.at {
            write!(f, "{at}: ")?;
        }
        write!(f, "{}", self.message)
    }
}

impl std::error::Error for Mistake {}

/// Mistakes as they are told: in the order of the file, each once, and not without end.
pub fn in_order(mut mistakes: Vec<Mistake>) -> Vec<Mistake> {
    mistakes.sort_by(|a, b| (&a.at, a.code, &a.message, &a.key).cmp(&(&b.at, b.code, &b.message, &b.key)));
    mistakes.dedup_by(|a, b| a.at.is_some() && (&a.at, a.code, &a.message) == (&b.at, b.code, &b.message));
    let untold = mistakes.len().saturating_sub(MOST_TOLD);
    if untold > 0 {
        mistakes.truncate(MOST_TOLD);
        let message = format!("{untold} further mistakes are not shown");
        mistakes.push(Mistake::new(Code::TooMany, message, "mend these first, then check again"));
    }
    mistakes
}

#[cfg(test)]
mod tests {
    use super::{Code, MOST_TOLD, Mistake, in_order};

    #[test]
    fn codes_are_kebab_case_and_distinct() {
        let mut texts: Vec<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert!(texts.iter().all(|text| text.chars().all(|c| c.is_ascii_lowercase() || c == '-')));
        texts.sort_unstable();
        texts.dedup();
        assert_eq!(texts.len(), Code::ALL.len());
    }

    #[test]
    fn a_flood_is_cut_and_says_so() {
        let flood = (0..250).map(|n| Mistake::new(Code::Syntax, format!("{n}"), "h")).collect();
        let told = in_order(flood);
        assert_eq!(told.len(), MOST_TOLD + 1);
        assert_eq!(told.last().unwrap().message, "150 further mistakes are not shown");
    }

    #[test]
    fn the_plane_is_read_from_the_key() {
        let of = |key: &str| Mistake::new(Code::BadValue, "", "").about(key).plane().map(|name| name.to_string());
        assert_eq!(of("planes.main.restart.policy").as_deref(), Some("main"));
        assert_eq!(of("supervisor.watch"), None);
    }
}
