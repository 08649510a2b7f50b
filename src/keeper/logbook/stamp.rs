//! Puts a time before each line.
//!
//! Reads no clock: the time is an argument. Allocates nothing but room in the output.

use std::time::{SystemTime, UNIX_EPOCH};

use memchr::memchr_iter;

/// The bytes of one stamp: `2026-01-02T03:04:05.678Z` and a space.
pub(super) const WIDTH: usize = 25;

/// The last second of which the calendar is sure.
const LAST_SECOND: u64 = 253_402_207_200;

/// The stamp of one moment; the text of its second is kept for the next one.
#[derive(Debug)]
pub(super) struct Stamper {
    second: u64,
    text: [u8; WIDTH],
}

impl Stamper {
    /// At the epoch.
    pub(super) fn new() -> Self {
        Self { second: 0, text: *b"1970-01-01T00:00:00.000Z " }
    }

    /// RFC 3339 in UTC with milliseconds, then a space. Moments outside the years 1970 … 9999 are said as the nearest inside.
    pub(super) fn at(&mut self, moment: SystemTime) -> &[u8; WIDTH] {
        let since = moment.duration_since(UNIX_EPOCH).unwrap_or_default();
        let second = since.as_secs().min(LAST_SECOND);
        if second != self.second {
            self.text[..19].copy_from_slice(&written(second));
            self.second = second;
        }
        let millis = since.subsec_millis();
        for (place, divisor) in [(20, 100), (21, 10), (22, 1)] {
            self.text[place] = b'0' + u8::try_from(millis / divisor % 10).unwrap_or(0);
        }
        &self.text
    }
}

/// `2026-01-02T03:04:05`.
fn written(second: u64) -> [u8; 19] {
    let text = i64::try_from(second)
        .ok()
        .and_then(|second| jiff::Timestamp::from_second(second).ok())
        .map(|time| time.to_string().into_bytes());
    text.as_deref().and_then(|text| text.first_chunk().copied()).unwrap_or(*b"1970-01-01T00:00:00")
}

/// Appends `lines`, each with `stamp` before it, until `out` has `enough` bytes; gives the lines that are left.
pub(super) fn stamped<'a>(lines: &'a [u8], stamp: &[u8; WIDTH], out: &mut Vec<u8>, enough: usize) -> &'a [u8] {
    let mut begin = 0;
    for end in memchr_iter(b'\n', lines) {
        if out.len() >= enough {
            break;
        }
        out.extend_from_slice(stamp);
        out.extend_from_slice(&lines[begin..=end]);
        begin = end + 1;
    }
    &lines[begin..]
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_moment_is_said_as_rfc_3339() {
        let mut stamper = Stamper::new();
        let mut say = |moment| String::from_utf8(stamper.at(moment).to_vec()).expect("text");
        assert_eq!(say(UNIX_EPOCH), "1970-01-01T00:00:00.000Z ");
        assert_eq!(say(UNIX_EPOCH + Duration::from_millis(1_767_323_045_678)), "2026-01-02T03:04:05.678Z ");
        assert_eq!(say(UNIX_EPOCH + Duration::from_millis(1_767_323_045_009)), "2026-01-02T03:04:05.009Z ");
        assert_eq!(say(UNIX_EPOCH + Duration::from_secs(1_709_251_199)), "2024-02-29T23:59:59.000Z ");
        assert_eq!(say(UNIX_EPOCH - Duration::from_secs(5)), "1970-01-01T00:00:00.000Z ");
        assert_eq!(say(UNIX_EPOCH + Duration::from_secs(1 << 40)), "9999-12-30T22:00:00.000Z ");
    }

    #[test]
    fn every_line_is_stamped_until_there_is_enough() {
        let stamp = *Stamper::new().at(UNIX_EPOCH);
        let mut out = Vec::new();
        let rest = stamped(b"a\n\nc\n", &stamp, &mut out, 40);
        assert_eq!(out, b"1970-01-01T00:00:00.000Z a\n1970-01-01T00:00:00.000Z \n");
        assert_eq!(rest, b"c\n");
        assert_eq!(stamped(rest, &stamp, &mut out, 1000), b"");
        assert!(out.ends_with(b".000Z c\n"));
    }
}
