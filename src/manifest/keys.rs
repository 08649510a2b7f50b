//! What a key is: its name, the kind of value it takes, its default and its meaning; and the macro that declares tables.
//!
//! The reader, "did you mean", `gateward schema` and `docs/manifest.md` all go by these declarations, so that none of them
//! can know a key that another does not. The declarations themselves are in `tables`.

use toml::Spanned;
use toml::de::DeValue;

use crate::manifest::reader::Reader;
use crate::plane::Place;

/// One key of a table.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// As written.
    pub name: &'static str,
    /// What it takes.
    pub kind: Kind,
    /// Whether `[defaults]` may hold it.
    pub scope: Scope,
    /// What holds when it is not written.
    pub default: Standard,
    /// What it does, in Markdown.
    pub help: &'static str,
}

/// Whether a key belongs to one plane alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// What planes must not share; not in `[defaults]`.
    Identity,
    /// Anything else.
    Shared,
}

/// What holds when a key is not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standard {
    /// A value, as TOML.
    Value(&'static str),
    /// Something that depends; in Markdown.
    Prose(&'static str),
}

/// The kinds of values.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// A text of one line, not empty.
    Line,
    /// A path; `~` and relative ones are resolved.
    Path,
    /// One of these words.
    Word(&'static [&'static str]),
    /// `true` or `false`.
    Flag,
    /// A TCP port.
    Port,
    /// An integer within bounds.
    Count {
        /// The smallest.
        min: i64,
        /// The largest.
        max: i64,
    },
    /// A duration of at least so many milliseconds.
    Duration {
        /// The shortest, in milliseconds.
        min: u64,
    },
    /// A size of at least so many bytes.
    Size {
        /// The smallest, in bytes.
        min: u64,
    },
    /// An octal file mode mask, as a text.
    Umask,
    /// A program and its first arguments.
    Command,
    /// Arguments, any text.
    Arguments,
    /// Texts of one line each.
    Lines,
    /// Names of planes.
    PlaneNames,
    /// Names of environment variables.
    EnvNames,
    /// Environment variables with their values.
    Env,
    /// An OpenClaw profile.
    Profile,
    /// A name of `[runtimes]`, `path` or `practice`.
    Runtime,
    /// The exact release of an npm package.
    Version,
    /// An `http://` address.
    Url,
    /// A table of further keys.
    Table(&'static [Key]),
}

/// A value with its place in the manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct At<T> {
    /// The value.
    pub value: T,
    /// Where it is written.
    pub place: Place,
}

/// What one key of a table holds.
#[derive(Clone, Debug, Default)]
pub enum Slot<T> {
    /// Not written.
    #[default]
    Unset,
    /// Written, and a mistake about it has been told; nothing that rests on its absence may be told as well.
    Bad,
    /// Written and understood.
    Set(At<T>),
}

impl<T> Slot<T> {
    /// The value, when there is one.
    pub fn get(&self) -> Option<&T> {
        self.at().map(|at| &at.value)
    }

    /// The value and its place, when there is one.
    pub fn at(&self) -> Option<&At<T>> {
        match self {
            Self::Set(at) => Some(at),
            Self::Unset | Self::Bad => None,
        }
    }

    /// Whether the key is there, understood or not.
    pub fn is_written(&self) -> bool {
        match self {
            Self::Unset => false,
            Self::Bad | Self::Set(_) => true,
        }
    }
}

/// A type that a key's value can have.
pub trait Value: Sized + Clone {
    /// How it is told to people and to schemas.
    const KIND: Kind;

    /// Reads it, or tells the reader what is wrong and gives nothing.
    fn read(reader: &mut Reader<'_>, value: &Spanned<DeValue<'_>>) -> Option<Self>;

    /// What holds in a plane that writes `mine` under `[defaults]` that write `theirs`.
    fn over(mine: &Slot<Self>, theirs: &Slot<Self>) -> Slot<Self> {
        match mine {
            Slot::Unset => theirs.clone(),
            Slot::Bad | Slot::Set(_) => mine.clone(),
        }
    }
}

/// A declared table.
pub trait Table: Default + Clone {
    /// What it is called where its keys are spoken of, such as `a plane`.
    const CALLED: &'static str;
    /// Its keys, in the order of the documentation.
    const KEYS: &'static [Key];

    /// Reads the value of `key`, which is one of [`Self::KEYS`]; others are left alone.
    fn take(&mut self, key: &str, reader: &mut Reader<'_>, value: &Spanned<DeValue<'_>>);

    /// These keys, and those of `defaults` where these are not written.
    fn over(&self, defaults: &Self) -> Self;
}

/// A table as the value of a key.
#[derive(Clone, Debug, Default)]
pub struct Sub<T>(
    /// The table.
    pub T,
);

impl<T: Table> Value for Sub<T> {
    const KIND: Kind = Kind::Table(T::KEYS);

    fn read(reader: &mut Reader<'_>, value: &Spanned<DeValue<'_>>) -> Option<Self> {
        reader.table::<T>(value).map(Self)
    }

    fn over(mine: &Slot<Self>, theirs: &Slot<Self>) -> Slot<Self> {
        match (mine, theirs) {
            (Slot::Set(mine), Slot::Set(theirs)) => {
                Slot::Set(At { value: Self(mine.value.0.over(&theirs.value.0)), place: mine.place.clone() })
            }
            (Slot::Unset, _) => theirs.clone(),
            (Slot::Bad | Slot::Set(_), _) => mine.clone(),
        }
    }
}

impl<T: Table> Slot<Sub<T>> {
    /// The table, or one in which nothing is written.
    pub fn table(&self) -> T {
        self.get().map(|sub| sub.0.clone()).unwrap_or_default()
    }
}

/// Declares a table: a struct of [`Slot`]s and its [`Table`] of keys, from one list.
macro_rules! table {
    (
        $(#[$doc:meta])*
        $name:ident, $called:literal;
        $($key:ident: $type:ty, $scope:ident, $how:ident($default:literal), $help:literal;)*
    ) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default)]
        pub struct $name {
            $(#[doc = $help] pub $key: $crate::manifest::keys::Slot<$type>,)*
        }

        impl $crate::manifest::keys::Table for $name {
            const CALLED: &'static str = $called;
            const KEYS: &'static [$crate::manifest::keys::Key] = &[$(
                $crate::manifest::keys::Key {
                    name: stringify!($key),
                    kind: <$type as $crate::manifest::keys::Value>::KIND,
                    scope: $crate::manifest::keys::Scope::$scope,
                    default: $crate::manifest::keys::Standard::$how($default),
                    help: $help,
                },
            )*];

            fn take(
                &mut self,
                key: &str,
                reader: &mut $crate::manifest::reader::Reader<'_>,
                value: &toml::Spanned<toml::de::DeValue<'_>>,
            ) {
                $(if key == stringify!($key) {
                    self.$key = reader.slot(value);
                })*
            }

            fn over(&self, defaults: &Self) -> Self {
                Self { $($key: $crate::manifest::keys::Value::over(&self.$key, &defaults.$key),)* }
            }
        }
    };
}
pub(crate) use table;
