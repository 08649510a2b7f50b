//! `--since T`: an instant, as people write one. Reads no clock: the present is given.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::outcome::{Failure, Told};

/// The instant that `text` means: so long ago (`10m`), a time (RFC 3339), or a date with or without a time, in UTC.
pub fn since(text: &str, now: Timestamp) -> Result<Timestamp, Failure> {
    if let Some(ago) = ago(text) {
        return now.checked_sub(ago).map_err(|_| unreadable(text));
    }
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(at);
    }
    let civil = text.parse::<DateTime>().or_else(|_| text.parse::<Date>().map(DateTime::from));
    let at = civil.ok().and_then(|civil| civil.to_zoned(TimeZone::UTC).ok()).map(|zoned| zoned.timestamp());
    at.ok_or_else(|| unreadable(text))
}

/// So many seconds, minutes, hours or days: one number and its unit, such as `90s` or `1d`.
fn ago(text: &str) -> Option<SignedDuration> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let number: i64 = number.parse().ok()?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return None,
    };
    Some(SignedDuration::from_secs(number.checked_mul(seconds)?))
}

fn unreadable(text: &str) -> Failure {
    Failure::Usage(Told::new(
        format!("`{}` is no time for --since", text.escape_debug()),
        "write how long ago (`90s`, `10m`, `2h`, `1d`), or a time in UTC (`2026-03-01T12:00:00Z`, `2026-03-01 12:00`)",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_write_times_in_many_ways() {
        let now = "2026-03-02T00:00:30Z".parse().expect("a time");
        let read = |text: &str| since(text, now).map(|at| at.to_string()).map_err(|failure| failure.to_string());
        for (text, at) in [
            ("90s", "2026-03-01T23:59:00Z"),
            ("10m", "2026-03-01T23:50:30Z"),
            ("2h", "2026-03-01T22:00:30Z"),
            ("1d", "2026-03-01T00:00:30Z"),
            ("2026-03-01T12:00:00Z", "2026-03-01T12:00:00Z"),
            ("2026-03-01T12:00:00+02:00", "2026-03-01T10:00:00Z"),
            ("2026-03-01 12:00", "2026-03-01T12:00:00Z"),
            ("2026-03-01", "2026-03-01T00:00:00Z"),
        ] {
            assert_eq!(read(text).as_deref(), Ok(at), "{text}");
        }
        for text in ["", "m", "10", "10y", "99999999999999d", "yesterday", "-5m"] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
