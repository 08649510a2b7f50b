//! Strings of a certain form: masks, profiles, versions, addresses.
//!
//! Form only; whether a release or an address is there is for others to find out.

use toml::Spanned;
use toml::de::DeValue;

use crate::manifest::error::Code;
use crate::manifest::keys::Kind;
use crate::manifest::reader::{Reader, shown_key};
use crate::manifest::values::{line, string};

pub(crate) fn mask(reader: &mut Reader<'_>, value: &Spanned<DeValue<'_>>) -> Option<u32> {
    let text = string(reader, Kind::Umask, value)?;
    let octal = !text.is_empty() && text.len() <= 4 && text.chars().all(|c| c.is_digit(8));
    let read = octal.then(|| u32::from_str_radix(text, 8).ok()).flatten().filter(|mask| *mask <= 0o777);
    if read.is_none() {
        let message = format!("`{}` is not a file mode mask", shown_key(text));
        let hint = "write it in octal, from `\"0000\"` to `\"0777\"`: `\"0077\"` keeps everybody else out".to_owned();
        reader.tell(Code::BadValue, value.span(), message, hint, "");
    }
    read
}

pub(crate) fn profile(reader: &mut Reader<'_>, value: &Spanned<DeValue<'_>>) -> Option<String> {
    let text = line(reader, Kind::Profile, value)?;
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let fits = text.len() <= 64 && text.chars().all(word) && text.starts_with(|c: char| c.is_ascii_alphanumeric());
    if !fits {
        let message = format!("`{}` is not an OpenClaw profile", shown_key(&text));
        let hint = "write a letter or digit, then up to 63 letters, digits, `_` or `-`".to_owned();
        reader.tell(Code::BadValue, value.span(), message, hint, "");
    }
    fits.then_some(text)
}

pub(crate) fn version(reader: &mut Reader<'_>, value: &Spanned<DeValue<'_>>) -> Option<String> {
    let text = line(reader, Kind::Version, value)?;
    let (numbers, tail) = text.split_once('-').map_or((text.as_str(), None), |(numbers, tail)| (numbers, Some(tail)));
    let digits = |part: &str| !part.is_empty() && part.len() <= 9 && part.chars().all(|c| c.is_ascii_digit());
    let tail_fits = tail.is_none_or(|tail| {
        !tail.is_empty()
            && tail.len() <= 40
            && tail.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-'))
    });
    let fits = numbers.split('.').count() == 3 && numbers.split('.').all(digits) && tail_fits;
    if !fits {
        let message = format!("`{}` is not an exact version", shown_key(&text));
        let hint = "write the whole release, such as `2026.9.6`; a tag or a range would not say what runs".to_owned();
        reader.tell(Code::BadValue, value.span(), message, hint, "");
    }
    fits.then_some(text)
}

pub(crate) fn url(reader: &mut Reader<'_>, value: &Spanned<DeValue<'_>>) -> Option<String> {
    let text = line(reader, Kind::Url, value)?;
    let fits = text.strip_prefix("http://").is_some_and(|rest| {
        let authority = rest.split(['/', '?', '#']).next().unwrap_or("");
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
            Some(_) | None => (authority, None),
        };
        let host_fits = !host.is_empty() && !host.contains('@') && !text.contains(char::is_whitespace);
        host_fits && port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0))
    });
    let host = text.strip_prefix("http://").and_then(|rest| rest.split(['/', '?', '#']).next()).map(host_of);
    if let (true, Some(host)) = (fits, host.filter(|host| !is_numeric(host))) {
        let message = format!("`{}` is the name of a host, and a probe waits for no name server", shown_key(host));
        let hint = "write `localhost`, or the address in numbers: `http://127.0.0.1:PORT/PATH`".to_owned();
        reader.tell(Code::BadValue, value.span(), message, hint, "never looked up");
        return None;
    }
    if !fits {
        // Not quoted: it may hold a password.
        let message = "this is not an address that can be probed".to_owned();
        let hint = "write `http://HOST:PORT/PATH`, without a user or a password".to_owned();
        reader.tell(Code::BadValue, value.span(), message, hint, "");
    }
    fits.then_some(text)
}

/// The host of an authority, without its port.
fn host_of(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => host,
        Some(_) | None => authority,
    }
}

fn is_numeric(host: &str) -> bool {
    host == "localhost" || host.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok()
}
