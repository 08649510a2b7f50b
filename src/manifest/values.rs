//! How each kind of value is read, and within which bounds.
//!
//! One value at a time; `~`, relative paths and what values mean together are `resolve`'s.

use std::time::Duration;

use toml::Spanned;
use toml::de::{DeString, DeValue};

use crate::manifest::error::Code;
use crate::manifest::forms::{mask, profile, url, version};
use crate::manifest::keys::{At, Kind, Slot, Value};
use crate::manifest::quantity::{self, Unread};
use crate::manifest::reader::{Reader, entries, shown_key};
use crate::manifest::words::{env_name, plane_name};
use crate::plane::PlaneName;

/// Declares a newtype and how it is read: a function from reader and value to the content.
macro_rules! value {
    ($(#[$doc:meta])* $name:ident($inner:ty), $kind:expr, $read:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $name(
            /// What was written.
            pub $inner,
        );

        impl Value for $name {
            const KIND: Kind = $kind;

            fn read(reader: &mut Reader<'_>, value: &Spanned<DeValue<'_>>) -> Option<Self> {
                let read: fn(&mut Reader<'_>, &Spanned<DeValue<'_>>) -> Option<$inner> = $read;
                read(reader, value).map(Self)
            }
        }
    };
}

value! {
    /// A string of one line that is not blank.
    Line(String), Kind::Line, |reader, value| line(reader, Kind::Line, value)
}
value! {
    /// A path as written.
    FilePath(String), Kind::Path, path
}
value! {
    /// A boolean.
    Flag(bool), Kind::Flag, |reader, value| {
        let flag = value.get_ref().as_bool();
        if flag.is_none() {
            reader.wrong_type(Kind::Flag, value);
        }
        flag
    }
}
value! {
    /// A TCP port, 1 to 65535.
    Port(u16), Kind::Port, |reader, value| {
        integer(reader, Kind::Port, value, 1, 65_535).and_then(|port| u16::try_from(port).ok())
    }
}
value! {
    /// An octal file mode mask.
    Mask(u32), Kind::Umask, mask
}
value! {
    /// A program and its first arguments; never empty.
    Command(Vec<At<String>>), Kind::Command, command
}
value! {
    /// Arguments.
    Arguments(Vec<At<String>>), Kind::Arguments, |reader, value| {
        list(reader, Kind::Arguments, value, |reader, item, text| no_nul(reader, item, text).then(|| text.to_owned()))
    }
}
value! {
    /// Strings of one line each.
    Lines(Vec<At<String>>), Kind::Lines, |reader, value| {
        list(reader, Kind::Lines, value, |reader, item, _| line(reader, Kind::Line, item))
    }
}
value! {
    /// Names of planes, which need not exist.
    PlaneNames(Vec<At<PlaneName>>), Kind::PlaneNames, |reader, value| {
        list(reader, Kind::PlaneNames, value, |reader, item, text| plane_name(reader, text, item.span()))
    }
}
value! {
    /// Names of environment variables.
    EnvNames(Vec<At<String>>), Kind::EnvNames, |reader, value| {
        list(reader, Kind::EnvNames, value, |reader, item, text| env_name(reader, text, item.span()))
    }
}
/// Environment variables: each name with its place, and its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Env(
    /// What was written.
    pub Vec<(At<String>, String)>,
);

impl Value for Env {
    const KIND: Kind = Kind::Env;

    fn read(reader: &mut Reader<'_>, value: &Spanned<DeValue<'_>>) -> Option<Self> {
        env(reader, value).map(Self)
    }

    fn over(mine: &Slot<Self>, theirs: &Slot<Self>) -> Slot<Self> {
        let (Slot::Set(mine), Slot::Set(theirs)) = (mine, theirs) else {
            return if mine.is_written() { mine.clone() } else { theirs.clone() };
        };
        let named = |name: &str| mine.value.0.iter().any(|(at, _)| at.value == name);
        let added = theirs.value.0.iter().filter(|(at, _)| !named(&at.value));
        let both = added.chain(&mine.value.0).cloned().collect();
        Slot::Set(At { value: Self(both), place: mine.place.clone() })
    }
}

value! {
    /// A name of OpenClaw's profiles.
    Profile(String), Kind::Profile, profile
}
value! {
    /// What `runtime` names, which need not exist.
    RuntimeName(String), Kind::Runtime, |reader, value| line(reader, Kind::Runtime, value)
}
value! {
    /// An exact npm version.
    Version(String), Kind::Version, version
}
value! {
    /// An `http://` address.
    HttpUrl(String), Kind::Url, url
}

/// The longest argument, or variable with its name: of the 32 pages of Linux's MAX_ARG_STRLEN one byte ends it.
pub const LONGEST_TEXT: usize = 131_071;

/// An integer from `MIN` to `MAX`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count<const MIN: i64, const MAX: i64>(
    /// The number.
    pub i64,
);

impl<const MIN: i64, const MAX: i64> Value for Count<MIN, MAX> {
    const KIND: Kind = Kind::Count { min: MIN, max: MAX };

    fn read(reader: &mut Reader<'_>, value: &Spanned<DeValue<'_>>) -> Option<Self> {
        integer(reader, Self::KIND, value, MIN, MAX).map(Self)
    }
}

/// A duration of at least `MIN` milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Time<const MIN: u64>(
    /// The duration.
    pub Duration,
);

impl<const MIN: u64> Value for Time<MIN> {
    const KIND: Kind = Kind::Duration { min: MIN };

    fn read(reader: &mut Reader<'_>, value: &Spanned<DeValue<'_>>) -> Option<Self> {
        let least = quantity::spoken(Duration::from_millis(MIN));
        let read = quantity(reader, Self::KIND, value, quantity::duration)?;
        let enough = read >= Duration::from_millis(MIN);
        if !enough {
            too_little(reader, value, &quantity::spoken(read), &least);
        }
        enough.then_some(Self(read))
    }
}

/// A size of at least `MIN` bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size<const MIN: u64>(
    /// The bytes.
    pub u64,
);

impl<const MIN: u64> Value for Size<MIN> {
    const KIND: Kind = Kind::Size { min: MIN };

    fn read(reader: &mut Reader<'_>, value: &Spanned<DeValue<'_>>) -> Option<Self> {
        let read = quantity(reader, Self::KIND, value, quantity::size)?;
        let enough = read >= MIN;
        if !enough {
            too_little(reader, value, &quantity::spoken_size(read), &quantity::spoken_size(MIN));
        }
        enough.then_some(Self(read))
    }
}

pub(crate) fn string<'v>(reader: &mut Reader<'_>, kind: Kind, value: &'v Spanned<DeValue<'_>>) -> Option<&'v str> {
    let text = value.get_ref().as_str();
    if text.is_none() {
        reader.wrong_type(kind, value);
    }
    text
}

pub(crate) fn line(reader: &mut Reader<'_>, kind: Kind, value: &Spanned<DeValue<'_>>) -> Option<String> {
    let text = string(reader, kind, value)?;
    let fault = if text.trim().is_empty() {
        Some(("is empty", "write something, or leave the key out"))
    } else if text.chars().any(char::is_control) {
        Some(("holds control characters", "write it on one line, without tabs or escapes"))
    } else {
        None
    };
    if let Some((fault, hint)) = fault {
        let message = format!("`{}` {fault}", reader.key());
        reader.tell(Code::BadValue, value.span(), message, hint.to_owned(), "");
    }
    fault.is_none().then(|| text.to_owned())
}

fn path(reader: &mut Reader<'_>, value: &Spanned<DeValue<'_>>) -> Option<String> {
    let text = line(reader, Kind::Path, value)?;
    let fault = if text.starts_with('$') {
        Some((
            "begins with a variable, and none is put in its place",
            "write `~/…` for the home folder, or the whole path",
        ))
    } else if text.starts_with('~') && text != "~" && !text.starts_with("~/") {
        Some(("names another user's home", "write the whole path; `~/…` is the home of the plane's own user"))
    } else {
        None
    };
    if let Some((fault, hint)) = fault {
        let message = format!("`{}` {fault}", reader.key());
        reader.tell(Code::BadValue, value.span(), message, hint.to_owned(), "taken literally");
    }
    fault.is_none().then_some(text)
}

fn integer(reader: &mut Reader<'_>, kind: Kind, value: &Spanned<DeValue<'_>>, min: i64, max: i64) -> Option<i64> {
    let DeValue::Integer(integer) = value.get_ref() else {
        reader.wrong_type(kind, value);
        return None;
    };
    let read = i64::from_str_radix(integer.as_str(), integer.radix()).ok().filter(|n| (min..=max).contains(n));
    if read.is_none() {
        let what = match kind {
            Kind::Port => "port",
            _ => reader.key(),
        };
        let message = format!("`{}` is {}, which is out of range", reader.key(), shown_key(integer.as_str()));
        let hint = format!("write a {what} from {min} to {max}", what = if what == "port" { "port" } else { "number" });
        reader.tell(Code::OutOfRange, value.span(), message, hint, &format!("not within {min} to {max}"));
    }
    read
}

fn quantity<T>(
    reader: &mut Reader<'_>,
    kind: Kind,
    value: &Spanned<DeValue<'_>>,
    read: fn(&str) -> Result<T, Unread>,
) -> Option<T> {
    let text = string(reader, kind, value)?;
    match read(text) {
        Ok(read) => Some(read),
        Err(Unread { why, hint }) => {
            reader.tell(Code::BadValue, value.span(), format!("{why} (`{}`)", reader.key()), hint, "");
            None
        }
    }
}

fn too_little(reader: &mut Reader<'_>, value: &Spanned<DeValue<'_>>, read: &str, least: &str) {
    let message = format!("`{}` is {read}, which is too little", reader.key());
    reader.tell(Code::OutOfRange, value.span(), message, format!("write at least `{least}`"), "");
}

fn list<T>(
    reader: &mut Reader<'_>,
    kind: Kind,
    value: &Spanned<DeValue<'_>>,
    read: impl Fn(&mut Reader<'_>, &Spanned<DeValue<'_>>, &str) -> Option<T>,
) -> Option<Vec<At<T>>> {
    let Some(items) = value.get_ref().as_array() else {
        reader.wrong_type(kind, value);
        return None;
    };
    let mut out = Vec::new();
    let mut whole = true;
    for item in items.iter() {
        // Of words of several lines the lines alone do not tell which are whose.
        if matches!(kind, Kind::Command | Kind::Arguments) && reader.goes_on(item.span()) {
            reader.secrets.push(item.span());
        }
        let got = match item.get_ref().as_str() {
            Some(text) => read(reader, item, text),
            None => {
                reader.wrong_type(kind, item);
                None
            }
        };
        match got {
            Some(got) => out.push(At { value: got, place: reader.place(item.span()) }),
            None => whole = false,
        }
    }
    whole.then_some(out)
}

fn no_nul(reader: &mut Reader<'_>, value: &Spanned<DeValue<'_>>, text: &str) -> bool {
    let fits = !text.contains('\0');
    if !fits {
        let message = format!("`{}` holds a NUL character, which no program can be given", reader.key());
        reader.tell(Code::BadValue, value.span(), message, "take the `\\u0000` out".to_owned(), "");
    }
    fits && is_short(reader, value, text.len())
}

/// Tells of a text that the kernel would hand to no program.
fn is_short(reader: &mut Reader<'_>, value: &Spanned<DeValue<'_>>, length: usize) -> bool {
    let fits = length <= LONGEST_TEXT;
    if !fits {
        let message = format!("`{}` is {length} bytes long, and no program could be started with it", reader.key());
        let hint = format!(
            "the kernel takes {LONGEST_TEXT} bytes at most, a variable's name and `=` among them; put it into a file and name that"
        );
        reader.tell(Code::OutOfRange, value.span(), message, hint, "too long");
    }
    fits
}

fn command(reader: &mut Reader<'_>, value: &Spanned<DeValue<'_>>) -> Option<Vec<At<String>>> {
    let words =
        list(reader, Kind::Command, value, |reader, item, text| no_nul(reader, item, text).then(|| text.to_owned()))?;
    let named = words.first().is_some_and(|program| !program.value.trim().is_empty());
    if !named {
        let hint = "write the program and its first arguments: `command = [\"/usr/bin/program\", \"argument\"]`";
        reader.tell(Code::BadValue, value.span(), "`command` names no program".to_owned(), hint.to_owned(), "");
    }
    let literal = words.first().is_some_and(|program| program.value.starts_with('$'));
    if literal {
        let message = "`command` begins with a variable, and none is put in its place".to_owned();
        let hint = "write `~/…` for the home folder, the whole path, or a name that PATH has".to_owned();
        reader.tell(Code::BadValue, value.span(), message, hint, "taken literally");
    }
    (named && !literal).then_some(words)
}

fn env(reader: &mut Reader<'_>, value: &Spanned<DeValue<'_>>) -> Option<Vec<(At<String>, String)>> {
    let Some(entries) = entries(value) else {
        reader.wrong_type(Kind::Env, value);
        return None;
    };
    let mut out = Vec::new();
    for (name, value) in entries {
        reader.secrets.push(value.span());
        let read = reader.within(name, value, |reader| variable(reader, name, value));
        // What is wrong with one was told; the others are judged all the same.
        if let Some(text) = read {
            let name = At { value: name.get_ref().clone().into_owned(), place: reader.place(name.span()) };
            out.push((name, text));
        }
    }
    Some(out)
}

fn variable(reader: &mut Reader<'_>, name: &Spanned<DeString<'_>>, value: &Spanned<DeValue<'_>>) -> Option<String> {
    let named = env_name(reader, name.get_ref(), name.span()).is_some();
    let DeValue::String(text) = value.get_ref() else {
        let message = format!("`{}` in `env` takes a string", shown_key(reader.key()));
        reader.tell(Code::WrongType, value.span(), message, "write the value in quotes".to_owned(), "not a string");
        return None;
    };
    let short = no_nul(reader, value, text) && is_short(reader, value, name.get_ref().len() + 1 + text.len());
    (short && named).then(|| text.clone().into_owned())
}
