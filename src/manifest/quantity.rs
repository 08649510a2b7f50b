//! Durations (`250ms`, `1h30m`) and sizes (`64MiB`): reading them, and writing them back.
//!
//! Knows nothing of keys or files; what it cannot read it answers with a fragment that says why and one that says what to
//! write instead.

use std::time::Duration;

/// Why a text is no quantity, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unread {
    /// What is wrong with it, a fragment.
    pub why: String,
    /// What to write, a fragment.
    pub hint: String,
}

/// The longest duration: a year. Longer ones are a slip of the unit, and deadlines must not overflow.
pub const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

/// The largest size: 1 EiB.
pub const LARGEST: u64 = 1 << 60;

const TIMES: [(&str, u64); 4] = [("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];
const SIZES: [(&str, u64); 5] = [("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

/// Reads integers with units that fall from left to right: `250ms`, `5s`, `1h30m`.
pub fn duration(text: &str) -> Result<Duration, Unread> {
    let parts = parts(text).filter(|parts| falls(parts));
    let Some(parts) = parts else {
        return Err(unread_duration(text));
    };
    let millis = parts.iter().try_fold(0u64, |sum, &(number, unit)| {
        let (_, factor) = TIMES[position(&TIMES, unit)?];
        sum.checked_add(number.parse::<u64>().ok()?.checked_mul(factor)?)
    });
    let millis = millis.map(Duration::from_millis).filter(|duration| *duration <= LONGEST);
    millis.ok_or_else(|| Unread {
        why: format!("`{text}` is longer than a year"),
        hint: format!("write at most `{}`", spoken(LONGEST)),
    })
}

/// Reads one integer with one binary unit: `512B`, `64KiB`, `1GiB`.
pub fn size(text: &str) -> Result<u64, Unread> {
    let parts = parts(text);
    let Some([(number, unit)]) = parts.as_deref() else {
        return Err(unread_size(text));
    };
    let Some(index) = position(&SIZES, unit) else {
        return Err(unread_size(text));
    };
    let bytes = number.parse::<u64>().ok().and_then(|n| n.checked_mul(SIZES[index].1));
    bytes.filter(|bytes| *bytes <= LARGEST).ok_or_else(|| Unread {
        why: format!("`{text}` is larger than 1048576TiB"),
        hint: "write a size that this host could have".to_owned(),
    })
}

/// A duration as the manifest writes it, to the millisecond.
pub fn spoken(duration: Duration) -> String {
    let mut rest = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let mut out = String::new();
    for (unit, factor) in TIMES {
        if rest >= factor {
            out.push_str(&format!("{}{unit}", rest / factor));
            rest %= factor;
        }
    }
    if out.is_empty() { "0s".to_owned() } else { out }
}

/// A size as the manifest writes it, in the largest unit that leaves no rest.
pub fn spoken_size(bytes: u64) -> String {
    let (unit, factor) =
        SIZES.into_iter().find(|(_, factor)| bytes >= *factor && bytes.is_multiple_of(*factor)).unwrap_or(("B", 1));
    format!("{}{unit}", bytes / factor)
}

/// Splits `1h30m` into digits and letters; `None` when it is not made of such pairs.
fn parts(text: &str) -> Option<Vec<(&str, &str)>> {
    let mut rest = text;
    let mut parts = Vec::new();
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let letters = rest[digits..].find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len() - digits);
        if digits == 0 || letters == 0 {
            return None;
        }
        parts.push((&rest[..digits], &rest[digits..digits + letters]));
        rest = &rest[digits + letters..];
    }
    (!parts.is_empty()).then_some(parts)
}

/// Whether every unit is known and smaller than the one before it.
fn falls(parts: &[(&str, &str)]) -> bool {
    let order: Option<Vec<usize>> = parts.iter().map(|(_, unit)| position(&TIMES, unit)).collect();
    order.is_some_and(|order| order.windows(2).all(|pair| pair[0] < pair[1]))
}

fn position(units: &[(&str, u64)], unit: &str) -> Option<usize> {
    units.iter().position(|(name, _)| *name == unit)
}

fn unread_duration(text: &str) -> Unread {
    let shown = text.escape_debug();
    let plain: String = text.trim().to_ascii_lowercase().chars().filter(|c| !matches!(c, ' ' | '_')).collect();
    let why = if text.is_empty() { "a duration is missing".to_owned() } else { format!("`{shown}` is not a duration") };
    let meant = match meant_number(&plain) {
        Some((_, "")) => {
            return Unread {
                why: format!("`{shown}` has no unit"),
                hint: format!("write `{plain}s` if seconds are meant"),
            };
        }
        Some((number, unit)) => meant_duration(number, unit),
        None => None,
    };
    match meant {
        Some(meant) => Unread { why, hint: format!("did you mean `{meant}`?") },
        None => {
            Unread { why, hint: "write an integer and `ms`, `s`, `m` or `h`: `250ms`, `5s`, `2m`, `1h30m`".to_owned() }
        }
    }
}

fn unread_size(text: &str) -> Unread {
    let shown = text.escape_debug();
    let plain: String = text.trim().to_ascii_lowercase().chars().filter(|c| !matches!(c, ' ' | '_')).collect();
    let why = if text.is_empty() { "a size is missing".to_owned() } else { format!("`{shown}` is not a size") };
    let meant = match meant_number(&plain) {
        Some((_, "")) => {
            return Unread {
                why: format!("`{shown}` has no unit"),
                hint: format!("write `{plain}MiB` if mebibytes are meant"),
            };
        }
        Some((number, unit)) if !number.contains('.') => meant_size(unit).map(|unit| format!("{number}{unit}")),
        Some(_) | None => None,
    };
    match meant {
        Some(meant) => Unread { why, hint: format!("did you mean `{meant}`?") },
        None => Unread { why, hint: "write an integer and `B`, `KiB`, `MiB`, `GiB` or `TiB`: `64MiB`".to_owned() },
    }
}

/// A leading number, with or without a fraction, and whatever follows it.
fn meant_number(plain: &str) -> Option<(&str, &str)> {
    let end = plain.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(plain.len());
    let (number, unit) = plain.split_at(end);
    let numeric = number.parse::<f64>().is_ok_and(f64::is_finite);
    (numeric && unit.chars().all(|c| c.is_ascii_alphabetic())).then_some((number, unit))
}

fn meant_duration(number: &str, unit: &str) -> Option<String> {
    let millis = match unit {
        "ms" | "msec" | "msecs" | "millis" | "millisecond" | "milliseconds" => 1.0,
        "s" | "sec" | "secs" | "second" | "seconds" => 1e3,
        "m" | "min" | "mins" | "minute" | "minutes" => 6e4,
        "h" | "hr" | "hrs" | "hour" | "hours" => 3.6e6,
        "d" | "day" | "days" => 8.64e7,
        _ => return None,
    };
    let total = number.parse::<f64>().ok()? * millis;
    (total <= LONGEST.as_millis() as f64).then(|| spoken(Duration::from_millis(total.round() as u64)))
}

fn meant_size(unit: &str) -> Option<&'static str> {
    match unit {
        "b" | "byte" | "bytes" => Some("B"),
        "k" | "kb" | "kib" => Some("KiB"),
        "m" | "mb" | "mib" => Some("MiB"),
        "g" | "gb" | "gib" => Some("GiB"),
        "t" | "tb" | "tib" => Some("TiB"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::{LARGEST, LONGEST, duration, size, spoken, spoken_size};

    #[test]
    fn durations_as_the_interface_writes_them() {
        for (text, millis) in
            [("250ms", 250), ("5s", 5_000), ("2m", 120_000), ("1h", 3_600_000), ("1h30m", 5_400_000), ("0s", 0)]
        {
            assert_eq!(duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn slips_are_answered_with_what_was_meant() {
        let hint = |text: &str| duration(text).unwrap_err().hint;
        assert_eq!(hint("5"), "write `5s` if seconds are meant");
        assert_eq!(hint("5 s"), "did you mean `5s`?");
        assert_eq!(hint("1.5s"), "did you mean `1s500ms`?");
        assert_eq!(hint("90min"), "did you mean `1h30m`?");
        assert_eq!(hint("1d"), "did you mean `24h`?");
        for text in ["", "s", "5x", "-5s", "30m1h", "1m1m", "5s ", "ä", "5️s", "1h-"] {
            assert!(duration(text).is_err(), "{text}");
        }
        let hint = |text: &str| size(text).unwrap_err().hint;
        assert_eq!(hint("64"), "write `64MiB` if mebibytes are meant");
        assert_eq!(hint("64MB"), "did you mean `64MiB`?");
        assert_eq!(hint("1g"), "did you mean `1GiB`?");
        for text in ["", "MiB", "1.5GiB", "-1MiB", "1MiB1KiB", "99999999999999999999B", "9999999TiB"] {
            assert!(size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn too_long_is_not_an_overflow() {
        for text in ["8761h", "18446744073709551615h", "99999999999999999999999s", "8760h1ms"] {
            assert!(duration(text).unwrap_err().why.contains("longer than a year"), "{text}");
        }
        assert_eq!(duration("8760h"), Ok(LONGEST));
    }

    proptest! {
        #[test]
        fn every_duration_reads_back(millis in 0u64..=31_536_000_000) {
            let given = Duration::from_millis(millis);
            prop_assert_eq!(duration(&spoken(given)), Ok(given));
        }

        #[test]
        fn every_size_reads_back(bytes in 0u64..=LARGEST) {
            prop_assert_eq!(size(&spoken_size(bytes)), Ok(bytes));
        }

        #[test]
        fn no_text_panics(text in ".{0,24}") {
            let _ = duration(&text);
            let _ = size(&text);
        }

        #[test]
        fn what_is_suggested_can_be_read(number in 0u32..5000, unit in "(ms|s|sec|m|min|h|hours|d| s| h)") {
            let text = format!("{number}{unit}");
            if let Err(unread) = duration(&text) {
                let meant = unread.hint.strip_prefix("did you mean `").and_then(|rest| rest.strip_suffix("`?"));
                if let Some(meant) = meant {
                    prop_assert!(duration(meant).is_ok(), "{} -> {}", text, meant);
                }
            }
        }
    }
}
