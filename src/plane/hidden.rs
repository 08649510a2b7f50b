//! Marks for hidden characters, one for one so that columns stay, and the few stars that a run of them is shown as.
//!
//! Decides not what is to be hidden. The stars tell nothing of what they stand for, not even its length.

use std::ops::Range;

use super::Place;

/// Stands for one hidden character: no character at all by Unicode, kept for a program's own use.
pub const MARK: char = '\u{fdd0}';

/// What every run of marks is shown as.
pub const STARS: &str = "***";

/// `text` with the characters of these bytes marked; ends of lines stay.
pub fn marked(text: &str, mut ranges: Vec<Range<usize>>) -> String {
    ranges.sort_unstable_by_key(|range| range.start);
    let mut ranges = ranges.into_iter().peekable();
    let mut until = 0;
    let shown = |(at, c)| {
        while let Some(range) = ranges.next_if(|range| range.start <= at) {
            until = until.max(range.end);
        }
        if at < until { mark(c) } else { c }
    };
    text.char_indices().map(shown).collect()
}

/// What stands for one hidden character.
pub fn mark(c: char) -> char {
    if matches!(c, '\n' | '\r') { c } else { MARK }
}

/// `text` with each run of marks as stars.
pub fn starred(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut last = None;
    for c in text.chars() {
        match (c, last) {
            (MARK, Some(MARK)) => {}
            (MARK, _) => out.push_str(STARS),
            _ => out.push(c),
        }
        last = Some(c);
    }
    out
}

/// One line with each run of marks as stars, and where the characters of `columns`, from 0, are in it then, in bytes. What
/// touches a run covers it whole, so that neither begin nor end tells where in it that was.
pub fn starred_line(line: &str, columns: &[Range<usize>]) -> (String, Vec<Range<usize>>) {
    let chars: Vec<char> = line.chars().collect();
    // Byte offsets: at each character, and at the end.
    let (mut begins, mut out) = (Vec::with_capacity(chars.len() + 1), String::with_capacity(line.len()));
    for (at, c) in chars.iter().enumerate() {
        let goes_on = *c == MARK && at > 0 && chars[at - 1] == MARK;
        let begin = if goes_on { out.len() - STARS.len() } else { out.len() };
        begins.push(begin);
        match c {
            &MARK if goes_on => {}
            &MARK => out.push_str(STARS),
            c => out.push(*c),
        }
    }
    begins.push(out.len());
    let span = |wanted: &Range<usize>| {
        let start = wanted.start.min(chars.len());
        let mut end = wanted.end.clamp(start, chars.len());
        let run = chars[end..].iter().take_while(|c| **c == MARK).count();
        if run > 0 {
            end += run;
            let quote = chars.get(start).filter(|c| matches!(c, '"' | '\''));
            end += usize::from(quote.is_some() && chars.get(end) == quote);
        }
        begins[start]..begins[end]
    };
    let spans = columns.iter().map(span).collect();
    (out, spans)
}

/// Whether any character of `text` at `place` is marked.
pub fn covers_hidden(text: &str, place: &Place) -> bool {
    let line = text.split('\n').nth((place.line as usize).saturating_sub(1)).unwrap_or_default();
    let mut covered = line.chars().skip((place.column as usize).saturating_sub(1)).take(place.width as usize);
    covered.any(|c| c == MARK)
}

#[cfg(test)]
mod tests {
    use super::{covers_hidden, marked, starred, starred_line};
    use crate::plane::Place;

    #[test]
    fn stars_are_as_many_for_every_secret() {
        for secret in ["x", "hunter2", "a pass phrase of many words"] {
            let text = format!("a = \"{secret}\" # b");
            let hidden = marked(&text, std::iter::once(5..5 + secret.len()).collect());
            assert_eq!(hidden.chars().count(), text.chars().count());
            assert_eq!(starred(&hidden), "a = \"***\" # b");
        }
        assert_eq!(starred(&marked("a = b \n c", vec![4..7, 5..9])), "a = ***\n***");
    }

    #[test]
    fn what_points_at_or_beside_stars_points_there_still() {
        let line = marked("a = \"hunter2\", port = 1", std::iter::once(5..12).collect());
        let (shown, spans) = starred_line(&line, &[4..13, 4..5, 7..9, 22..23, 0..1, 90..99]);
        assert_eq!(shown, "a = \"***\", port = 1");
        let told: Vec<&str> = spans.iter().map(|span| &shown[span.clone()]).collect();
        assert_eq!(told, ["\"***\"", "\"***\"", "***", "1", "a", ""]);
    }

    #[test]
    fn a_place_is_known_to_cover_what_is_hidden() {
        let text = marked("a = 1\nb = \"hunter2\"", std::iter::once(11..18).collect());
        let place = |line, column, width| Place { file: "/m".into(), line, column, width };
        let covering = [(2, 5, 9), (2, 6, 1), (2, 1, 6)];
        assert!(covering.iter().all(|(line, column, width)| covers_hidden(&text, &place(*line, *column, *width))));
        let beside = [(1, 1, 99), (2, 1, 5), (2, 13, 9), (9, 1, 1)];
        assert!(!beside.iter().any(|(line, column, width)| covers_hidden(&text, &place(*line, *column, *width))));
    }
}
