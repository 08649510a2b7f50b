//! Cuts one stream of bytes into lines, whatever the chunks it comes in.
//!
//! Pure, and adds or takes no byte: the pieces, one after the other, are the stream.

use memchr::{memchr, memrchr};

/// The longest line that is held until its end has come; of a longer one the parts are passed on as they come.
pub(super) const HOLD: usize = 512 << 10;

/// What is kept allocated between lines.
const KEPT: usize = 16 << 10;

/// A stretch of the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// One or more complete lines, each with its newline.
    Lines(&'a [u8]),
    /// The beginning or the middle of a line too long to be held.
    Part(&'a [u8]),
    /// The end of that line, with its newline.
    Last(&'a [u8]),
}

/// How far the stream's present line has come.
#[derive(Debug)]
enum Line {
    /// What was held of it so far; empty between lines.
    Held(Vec<u8>),
    /// Its beginning was passed on.
    Passed,
}

/// Whether something waits in a [`Splitter`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holds {
    /// The beginning of a line.
    Something,
    /// All that came was passed on.
    Nothing,
}

/// The line that is under way in one stream.
#[derive(Debug)]
pub(super) struct Splitter {
    line: Line,
    hold: usize,
}

impl Splitter {
    /// Between lines; holds lines of up to `hold` bytes.
    pub(super) fn new(hold: usize) -> Self {
        Self { line: Line::Held(Vec::new()), hold }
    }

    /// Takes the next chunk of the stream and gives the pieces that are now known.
    pub(super) fn take(&mut self, chunk: &[u8], mut give: impl FnMut(Piece<'_>)) {
        let rest = self.finish(chunk, &mut give);
        let (lines, begun) = rest.split_at(memrchr(b'\n', rest).map_or(0, |last| last + 1));
        if !lines.is_empty() {
            give(Piece::Lines(lines));
        }
        if !begun.is_empty() {
            self.hold(begun, &mut give);
        }
    }

    /// Ends a line that is under way by a newline that the stream did not have.
    pub(super) fn end(&mut self, give: impl FnMut(Piece<'_>)) {
        if self.is_within_line() {
            self.take(b"\n", give);
        }
    }

    /// Passes on what is held of a line, without waiting for its end.
    pub(super) fn pass_on(&mut self, mut give: impl FnMut(Piece<'_>)) {
        if self.holds() == Holds::Something
            && let Line::Held(held) = std::mem::replace(&mut self.line, Line::Passed)
        {
            give(Piece::Part(&held));
        }
    }

    /// Whether the beginning of a line waits here for its end.
    pub(super) fn holds(&self) -> Holds {
        match &self.line {
            Line::Held(held) if !held.is_empty() => Holds::Something,
            Line::Held(_) | Line::Passed => Holds::Nothing,
        }
    }

    /// Forgets the line that is under way: how many bytes were held of it. One that was passed on is to be ended instead.
    pub(super) fn forget(&mut self) -> usize {
        match &mut self.line {
            Line::Held(held) => std::mem::take(held).len(),
            Line::Passed => 0,
        }
    }

    /// Whether the stream is in the middle of a line.
    pub(super) fn is_within_line(&self) -> bool {
        match &self.line {
            Line::Held(held) => !held.is_empty(),
            Line::Passed => true,
        }
    }

    /// Gives the end of the line under way, if it is in `chunk`, and what follows that line.
    fn finish<'a>(&mut self, chunk: &'a [u8], give: &mut impl FnMut(Piece<'_>)) -> &'a [u8] {
        if !self.is_within_line() {
            return chunk;
        }
        let Some(end) = memchr(b'\n', chunk) else {
            self.hold(chunk, give);
            return &[];
        };
        let (last, rest) = chunk.split_at(end + 1);
        match &mut self.line {
            Line::Held(held) if held.len() + last.len() <= self.hold => {
                held.extend_from_slice(last);
                give(Piece::Lines(held));
                held.clear();
                held.shrink_to(KEPT);
            }
            Line::Held(held) => {
                give(Piece::Part(held));
                give(Piece::Last(last));
                self.line = Line::Held(Vec::new());
            }
            Line::Passed => {
                give(Piece::Last(last));
                self.line = Line::Held(Vec::new());
            }
        }
        rest
    }

    /// Holds more of a line, or passes all of it on once it is too long. `more` has no newline.
    fn hold(&mut self, more: &[u8], give: &mut impl FnMut(Piece<'_>)) {
        match &mut self.line {
            Line::Held(held) if held.len() + more.len() <= self.hold => held.extend_from_slice(more),
            Line::Held(held) => {
                if !held.is_empty() {
                    give(Piece::Part(held));
                }
                if !more.is_empty() {
                    give(Piece::Part(more));
                }
                self.line = Line::Passed;
            }
            Line::Passed => {
                if !more.is_empty() {
                    give(Piece::Part(more));
                }
            }
        }
    }
}

/// How many of `lines`, in bytes, go into a file that has `size` bytes and should have no more than `most`; 0: into the next
/// file. A line longer than `most` fits only into an empty file.
pub(super) fn fitting(size: u64, most: u64, lines: &[u8]) -> usize {
    let room = usize::try_from(most.saturating_sub(size)).unwrap_or(usize::MAX);
    if lines.len() <= room {
        return lines.len();
    }
    match memrchr(b'\n', &lines[..room]) {
        Some(last) => last + 1,
        None if size == 0 => memchr(b'\n', lines).map_or(lines.len(), |end| end + 1),
        None => 0,
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    /// The pieces of `chunks`, as owned text: `L` complete lines, `P` a part, `E` the end of a long line.
    fn pieces(hold: usize, chunks: &[&[u8]]) -> Vec<(char, Vec<u8>)> {
        let mut splitter = Splitter::new(hold);
        let mut out = Vec::new();
        let mut note = |piece: Piece<'_>| match piece {
            Piece::Lines(bytes) => out.push(('L', bytes.to_vec())),
            Piece::Part(bytes) => out.push(('P', bytes.to_vec())),
            Piece::Last(bytes) => out.push(('E', bytes.to_vec())),
        };
        for chunk in chunks {
            splitter.take(chunk, &mut note);
        }
        splitter.end(&mut note);
        out
    }

    #[test]
    fn lines_are_passed_on_complete() {
        assert_eq!(pieces(8, &[b"a\nb\nc"]), [('L', b"a\nb\n".to_vec()), ('L', b"c\n".to_vec())]);
        assert_eq!(pieces(8, &[b"ab", b"cd\n", b"\n"]), [('L', b"abcd\n".to_vec()), ('L', b"\n".to_vec())]);
        assert_eq!(pieces(8, &[b"", b"a\n", b""]), [('L', b"a\n".to_vec())]);
    }

    #[test]
    fn a_long_line_is_passed_on_in_parts() {
        let expected = [('P', b"abc".to_vec()), ('P', b"de".to_vec()), ('E', b"f\n".to_vec()), ('L', b"g\n".to_vec())];
        assert_eq!(pieces(4, &[b"abc", b"de", b"f\ng"]), expected);
        assert_eq!(pieces(4, &[b"abc", b"de\n"]), [('P', b"abc".to_vec()), ('E', b"de\n".to_vec())]);
        assert_eq!(pieces(4, &[b"abcde"]), [('P', b"abcde".to_vec()), ('E', b"\n".to_vec())]);
    }

    #[test]
    fn what_is_held_can_be_passed_on_before_its_end() {
        let mut splitter = Splitter::new(8);
        let mut given = String::new();
        let mut note = |piece: Piece<'_>| match piece {
            Piece::Lines(bytes) => given.push_str(&format!("L{}", String::from_utf8_lossy(bytes))),
            Piece::Part(bytes) => given.push_str(&format!("P{}", String::from_utf8_lossy(bytes))),
            Piece::Last(bytes) => given.push_str(&format!("E{}", String::from_utf8_lossy(bytes))),
        };
        splitter.pass_on(&mut note);
        assert_eq!(splitter.holds(), Holds::Nothing);
        splitter.take(b"a\nwho", &mut note);
        assert_eq!(splitter.holds(), Holds::Something);
        splitter.pass_on(&mut note);
        assert_eq!(splitter.holds(), Holds::Nothing);
        splitter.pass_on(&mut note);
        splitter.take(b" is", &mut note);
        splitter.take(b"?\nme\n", &mut note);
        assert_eq!(given, "La\nPwhoP isE?\nLme\n");
    }

    #[test]
    fn a_forgotten_line_is_not_seen_again() {
        let mut splitter = Splitter::new(8);
        let mut given = Vec::new();
        splitter.take(b"abc", |piece| panic!("{piece:?}"));
        assert_eq!(splitter.forget(), 3);
        splitter.take(b"d\n", |piece| match piece {
            Piece::Lines(lines) => given.extend_from_slice(lines),
            Piece::Part(_) | Piece::Last(_) => panic!("{piece:?}"),
        });
        assert_eq!(given, b"d\n");
    }

    #[test]
    fn files_are_cut_between_lines() {
        assert_eq!(fitting(0, 10, b"aaa\nbbb\n"), 8);
        assert_eq!(fitting(4, 10, b"aaa\nbbb\n"), 4);
        assert_eq!(fitting(8, 10, b"aaa\nbbb\n"), 0);
        assert_eq!(fitting(0, 2, b"aaa\nbbb\n"), 4, "a long line has a file of its own");
        assert_eq!(fitting(30, 10, b"a\n"), 0);
    }

    proptest! {
        #[test]
        fn whatever_the_chunks_the_pieces_are_the_stream(
            hold in 1usize..20,
            chunks in vec(vec(prop_oneof![2 => Just(b'\n'), 5 => any::<u8>()], 0..12), 0..20),
        ) {
            let mut stream = chunks.concat();
            if stream.last().is_some_and(|last| *last != b'\n') {
                stream.push(b'\n');
            }
            let chunks: Vec<&[u8]> = chunks.iter().map(Vec::as_slice).collect();
            let pieces = pieces(hold, &chunks);
            let mut long = false;
            for (kind, bytes) in &pieces {
                prop_assert!(!bytes.is_empty());
                prop_assert_eq!(bytes.ends_with(b"\n"), *kind != 'P');
                prop_assert_eq!(bytes[..bytes.len() - 1].contains(&b'\n') && *kind != 'L', false);
                prop_assert_eq!(long, *kind == 'E' || (*kind == 'P' && long));
                long = *kind == 'P';
            }
            prop_assert!(!long);
            let joined: Vec<u8> = pieces.into_iter().flat_map(|(_, bytes)| bytes).collect();
            prop_assert_eq!(joined, stream);
        }
    }
}
