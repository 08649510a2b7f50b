//! Texts of gateways' own files with everything marked hidden that could be a secret, so that lines of them may be quoted.
//!
//! Of a config only its shape and its keys stay, of a `.env` file only the names, of both what is expressly shown. Columns
//! stay what they were. Knows no key by name: any value may be a secret, and so may a comment.

use std::cmp::Ordering;
use std::ops::Range;

use crate::plane::Place;
use crate::plane::hidden::mark;

/// Where reading a broken text stopped: line and column, from 1.
pub type Stopped = (u32, u32);

/// A config, JSON5, with values and comments hidden but for those at `shown`. Of one that is broken hardly a key stays past
/// where reading it stopped: what is a key there, and what is a value, cannot be told.
pub fn config(text: &str, shown: &[&Place], stopped: Option<Stopped>) -> String {
    let mut keep = json5_shape(text, stopped);
    show(text, &mut keep, shown);
    hide(text, &keep)
}

/// A `.env` file with values and comments hidden but for those at `shown`.
pub fn environment(text: &str, shown: &[&Place]) -> String {
    let mut keep = vec![false; text.chars().count()];
    let (mut at, mut byte, mut quoted_to) = (0, 0, 0);
    for line in text.split_inclusive('\n') {
        let length = line.chars().count();
        let begins = byte;
        byte += line.len();
        // A line of a value that goes over several says no name, whatever stands in it.
        if begins < quoted_to {
            at += length;
            continue;
        }
        quoted_to = end_of_quotes(text, begins, line);
        let name = line.chars().take_while(|c| *c != '=').count();
        let is_name =
            name < length && line.chars().take(name).all(|c| c.is_ascii_alphanumeric() || " \t_.".contains(c));
        if is_name {
            keep[at..=at + name].fill(true);
        } else if line.trim().is_empty() {
            keep[at..at + length].fill(true);
        }
        at += length;
    }
    show(text, &mut keep, shown);
    hide(text, &keep)
}

/// Where the value of this line ends, if it stands in quotes that are closed on a later one; 0 otherwise.
fn end_of_quotes(text: &str, begins: usize, line: &str) -> usize {
    let Some((name, value)) = line.split_once('=') else { return 0 };
    let lead = value.len() - value.trim_start_matches([' ', '\t']).len();
    let Some(quote) = value[lead..].chars().next().filter(|c| matches!(c, '"' | '\'' | '`')) else { return 0 };
    let after = begins + name.len() + 1 + lead + 1;
    text[after..].find(quote).map_or(0, |length| after + length)
}

/// Keeps what is expressly shown.
fn show(text: &str, keep: &mut [bool], shown: &[&Place]) {
    if shown.is_empty() {
        return;
    }
    for ((line, column, _), keep) in positions(text).zip(keep) {
        *keep |= shown.iter().any(|place| {
            let columns = place.column..place.column.saturating_add(place.width.max(1));
            place.line == line && columns.contains(&column)
        });
    }
}

/// Every character with its line and column, from 1.
fn positions(text: &str) -> impl Iterator<Item = (u32, u32, char)> {
    let (mut line, mut column) = (1, 0);
    text.chars().map(move |c| {
        column += 1;
        let here = (line, column, c);
        if c == '\n' {
            (line, column) = (line + 1, 0);
        }
        here
    })
}

/// Marks everything that is not kept.
fn hide(text: &str, keep: &[bool]) -> String {
    text.chars().zip(keep).map(|(c, keep)| if *keep { c } else { mark(c) }).collect()
}

/// Which characters of a JSON5 text are its shape: brackets, commas, colons, quotes, blanks, and keys.
fn json5_shape(text: &str, stopped: Option<Stopped>) -> Vec<bool> {
    let chars: Vec<char> = text.chars().collect();
    let reached = |(line, column): Stopped| positions(text).position(|(l, c, _)| (l, c) >= (line, column));
    let sound = stopped.and_then(reached).unwrap_or(chars.len());
    let mut keep = vec![false; chars.len()];
    let mut before = Before { inside: Vec::new(), last: None, begins_line: true };
    let mut at = 0;
    while at < chars.len() {
        let end = token(&chars, at);
        match chars[at] {
            '{' | '}' | '[' | ']' | ',' | ':' => keep[at] = true,
            c if c.is_whitespace() => keep[at] = true,
            c if before.allows_key(c, at.cmp(&sound)) && is_key(&chars, at..end) => keep[at..end].fill(true),
            quote @ ('"' | '\'') => {
                keep[at] = true;
                keep[end - 1] |= chars[end - 1] == quote;
            }
            _ => {}
        }
        before.take(&chars[at..end]);
        at = end;
    }
    keep
}

/// What came before a token.
struct Before {
    /// The brackets that are open.
    inside: Vec<char>,
    /// How the last token began that is neither blank nor comment.
    last: Option<char>,
    /// Nothing of that kind stands before it on its line.
    begins_line: bool,
}

impl Before {
    /// Whether a key may begin here with `first`; `reading` tells on which side it is of where reading stopped. There, a line
    /// of an object may begin with one, as the comma before it was forgotten: the most frequent of all mistakes.
    fn allows_key(&self, first: char, reading: Ordering) -> bool {
        let follows = match reading {
            Ordering::Less => matches!(self.last, Some('{' | ',')),
            Ordering::Equal => {
                let is_name = first.is_alphabetic() || matches!(first, '_' | '$' | '"' | '\'');
                self.begins_line && is_name && !matches!(self.last, None | Some('{' | ',' | ':'))
            }
            Ordering::Greater => false,
        };
        follows && self.inside.last() == Some(&'{')
    }

    fn take(&mut self, token: &[char]) {
        match token {
            ['\n'] => self.begins_line = true,
            ['/', '/' | '*', ..] => {}
            [c] if c.is_whitespace() => {}
            [first, ..] => {
                (self.last, self.begins_line) = (Some(*first), false);
                match first {
                    '{' | '[' => self.inside.push(*first),
                    '}' | ']' => drop(self.inside.pop()),
                    _ => {}
                }
            }
            [] => {}
        }
    }
}

/// Where the token that begins at `at` ends.
fn token(chars: &[char], at: usize) -> usize {
    let rest = &chars[at..];
    let length = match rest {
        ['/', '/', ..] => rest.iter().position(|c| *c == '\n'),
        ['/', '*', ..] => rest.windows(2).skip(2).position(|pair| pair == ['*', '/']).map(|found| found + 4),
        [quote @ ('"' | '\''), ..] => {
            let mut escaped = false;
            rest.iter()
                .skip(1)
                .position(|c| {
                    let ends = !escaped && c == quote;
                    escaped = !escaped && *c == '\\';
                    ends
                })
                .map(|found| found + 2)
        }
        [c, ..] if is_word(*c) => rest.iter().position(|c| !is_word(*c)),
        _ => Some(1),
    };
    at + length.unwrap_or(rest.len())
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || "_$-+.".contains(c)
}

/// Whether a colon follows, with nothing but blanks between: a word, or a quoted word, of a key's length.
fn is_key(chars: &[char], token: Range<usize>) -> bool {
    const LONGEST: usize = 64;
    let quoted = matches!(chars[token.start], '"' | '\'');
    let inner = if quoted { token.start + 1..token.end.saturating_sub(1) } else { token.clone() };
    let is_name = inner.len() <= LONGEST && inner.start < inner.end && chars[inner].iter().all(|c| is_word(*c));
    is_name && chars[token.end..].iter().find(|c| !c.is_whitespace()) == Some(&':')
}

#[cfg(test)]
mod tests {
    use super::{config, environment};
    use crate::plane::Place;
    use crate::plane::hidden::starred;
    use proptest::prelude::*;

    fn place(line: u32, column: u32, width: u32) -> Place {
        Place { file: "/c".into(), line, column, width }
    }

    #[test]
    fn keys_and_shape_stay_and_values_go() {
        let text = "{ // hunter2 of main\n  gateway: { port: 21000, \"auth\": { token: 'a\\'b:c d ', x: \"\" } }, /* as\n hunter2 */\n}";
        assert_eq!(
            starred(&config(text, &[&place(2, 20, 5)], None)),
            "{ ***\n  gateway: { port: 21000, \"auth\": { token: '***', x: \"\" } }, ***\n***\n}"
        );
    }

    #[test]
    fn of_a_broken_config_nothing_stays_that_came_loose() {
        for (text, stopped, shown) in [
            ("{ a: 1 // my dear\n b: 'x' }", (2, 2), "{ a: *** ***\n b: '***' }"),
            ("{ a: \"x, token: \"12345:abc\", b: 1 }", (1, 18), "{ a: \"***\"***:***\"***"),
            ("{ a: \"x\", b: y\", c: \"d, hunter2:z\" }", (1, 14), "{ a: \"***\", b: ***\"***\"***, ***:***\"***"),
            ("{ token: 12345:abc, b: 1 }", (1, 15), "{ token: ***:***, ***: *** }"),
            ("{ token:\n 12345:abc }", (2, 7), "{ token:\n ***:*** }"),
            ("{ token:\n hunter2:abc }", (2, 2), "{ token:\n ***:*** }"),
            ("{ a: [ 1,\n true:abc ] }", (2, 6), "{ a: [ ***,\n ***:*** ] }"),
            ("{ a: 1,\n 12345:abc }", (2, 2), "{ a: ***,\n ***:*** }"),
        ] {
            assert_eq!(starred(&config(text, &[], Some(stopped))), shown);
        }
    }

    #[test]
    fn names_of_variables_stay() {
        let text = "# hunter2 of main\nexport A_B=hunter2 x \n \nhunter2\nPORT=19001\n";
        let shown = starred(&environment(text, &[&place(5, 6, 5)]));
        assert_eq!(shown, "***\nexport A_B=***\n \n***\nPORT=19001\n");
    }

    #[test]
    fn a_value_of_several_lines_says_no_name() {
        let text = "A=\"first\nhunter2=\nlast\"\nB='x'\nC='never closed\nD=1\n";
        assert_eq!(starred(&environment(text, &[])), "A=***\n***\n***\nB=***\nC=***\nD=***\n");
    }

    proptest! {
        #[test]
        fn a_secret_value_never_survives(
            before in "[{\\[,: \n\"'/*a-z0-9]{0,40}",
            after in "[}\\],: \n\"'/*a-z0-9]{0,40}",
            stopped in proptest::option::of((1..5u32, 1..40u32)),
        ) {
            let text = format!("{before}\n\"key\": \"HUNTER-TWO/X=\"{after}");
            let shown = config(&text, &[], stopped);
            prop_assert_eq!(shown.chars().count(), text.chars().count());
            prop_assert!(!shown.contains("HUNTER-TWO/X="), "{}", shown);
        }
    }
}
