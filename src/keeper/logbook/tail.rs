//! The last words of an incarnation: the end of what it has said, kept in memory.
//!
//! Pure; reads nothing back from a disk.

use super::queue::Stream;

/// As much as is told, in bytes.
const TOLD: usize = 8 << 10;

/// The end of what two streams have said, as it came; what one says begins a line of its own.
#[derive(Debug, Default)]
pub(super) struct Tail {
    said: Vec<u8>,
    by: Option<Stream>,
}

impl Tail {
    /// Takes what was said next.
    pub(super) fn push(&mut self, by: Stream, said: &[u8]) {
        if self.by.replace(by) == Some(by.other()) && self.said.last().is_some_and(|last| *last != b'\n') {
            self.said.push(b'\n');
        }
        let said = &said[said.len().saturating_sub(TOLD)..];
        if self.said.len() + said.len() > 2 * TOLD {
            let keep = self.said.len().min(TOLD.saturating_sub(said.len()));
            self.said.drain(..self.said.len() - keep);
        }
        self.said.extend_from_slice(said);
    }

    /// The end of it, from the beginning of a line where there is one.
    pub(super) fn text(&self) -> String {
        let cut = self.said.len().saturating_sub(TOLD);
        let told = &self.said[cut..];
        let is_whole = cut == 0 && self.said.len() < TOLD || cut > 0 && self.said[cut - 1] == b'\n';
        let begin = if is_whole { 0 } else { memchr::memchr(b'\n', told).map_or(0, |end| end + 1) };
        // A text that is one line, or ends with the only newline in it, is better cut anywhere than not told.
        let begin = if begin == told.len() { 0 } else { begin };
        String::from_utf8_lossy(&told[begin..]).into_owned()
    }

    /// Forgets all of it.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_end_is_told_and_from_the_beginning_of_a_line() {
        let mut tail = Tail::default();
        tail.push(Stream::Stdout, b"first\nsecond");
        assert_eq!(tail.text(), "first\nsecond");
        for number in 0..10_000 {
            tail.push(Stream::Stdout, format!("line {number}\n").as_bytes());
            assert!(tail.said.len() <= 2 * TOLD);
        }
        let text = tail.text();
        assert!(text.len() <= TOLD && text.len() > TOLD - 20, "{}", text.len());
        assert!(text.starts_with("line "), "{text}");
        assert!(text.ends_with("line 9998\nline 9999\n"), "{text}");
        tail.clear();
        assert_eq!(tail.text(), "");
        for (by, said) in
            [(Stream::Stdout, "1"), (Stream::Stderr, "error\n"), (Stream::Stdout, "2"), (Stream::Stdout, "3")]
        {
            tail.push(by, said.as_bytes());
        }
        assert_eq!(tail.text(), "1\nerror\n23");
    }

    #[test]
    fn one_endless_line_is_told_too() {
        let mut tail = Tail::default();
        tail.push(Stream::Stdout, &[b'x'; 100_000]);
        assert_eq!(tail.text(), "x".repeat(TOLD));
        tail.push(Stream::Stdout, b"\xff\n");
        let text = tail.text();
        assert!(text.ends_with("x\u{fffd}\n"), "{}", &text[TOLD - 10..]);
    }
}
