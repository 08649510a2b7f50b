//! Texts of gateways' own files with everything starred that could be a secret, so that lines of them may be quoted.
//!
//! Of a config only its shape and its keys stay, of a `.env` file only the names, of both what is expressly shown. Columns
//! stay what they were. Knows no key by name: any value may be a secret, and so may a comment.

use std::ops::Range;

use crate::plane::Place;

/// A config, JSON5, with values and comments starred but for those at `shown`.
pub fn config(text: &str, shown: &[&Place]) -> String {
    let keep = json5_shape(text);
    starred(text, &keep, shown)
}

/// A `.env` file with values and comments starred but for those at `shown`.
pub fn environment(text: &str, shown: &[&Place]) -> String {
    let mut keep = vec![false; text.chars().count()];
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let length = line.chars().count();
        let name = line.chars().take_while(|c| *c != '=').count();
        let is_name =
            name < length && line.chars().take(name).all(|c| c.is_ascii_alphanumeric() || " \t_.".contains(c));
        if is_name {
            keep[at..=at + name].fill(true);
        }
        at += length;
    }
    starred(text, &keep, shown)
}

/// Everything that is neither kept, nor shown, nor a blank becomes a star.
fn starred(text: &str, keep: &[bool], shown: &[&Place]) -> String {
    let (mut line, mut column) = (1, 0);
    let mut out = String::with_capacity(text.len());
    for (c, keep) in text.chars().zip(keep) {
        column += 1;
        let is_shown = shown.iter().any(|place| {
            let columns = place.column..place.column.saturating_add(place.width.max(1));
            place.line == line && columns.contains(&column)
        });
        out.push(if *keep || is_shown || c.is_whitespace() { c } else { '*' });
        if c == '\n' {
            (line, column) = (line + 1, 0);
        }
    }
    out
}

/// Which characters of a JSON5 text are its shape: brackets, commas, colons, quotes, and keys. A text that is no JSON5
/// loses more, never less: only what directly precedes a colon passes for a key.
fn json5_shape(text: &str) -> Vec<bool> {
    let chars: Vec<char> = text.chars().collect();
    let mut keep = vec![false; chars.len()];
    let mut at = 0;
    while at < chars.len() {
        let end = token(&chars, at);
        match chars[at] {
            '{' | '}' | '[' | ']' | ',' | ':' => keep[at] = true,
            _ if is_key(&chars, at..end) => keep[at..end].fill(true),
            quote @ ('"' | '\'') => {
                keep[at] = true;
                keep[end - 1] |= chars[end - 1] == quote;
            }
            _ => {}
        }
        at = end;
    }
    keep
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
    use proptest::prelude::*;

    fn place(line: u32, column: u32, width: u32) -> Place {
        Place { file: "/c".into(), line, column, width }
    }

    #[test]
    fn keys_and_shape_stay_and_values_go() {
        let text =
            "{ // hunter2\n  gateway: { port: 21000, \"auth\": { token: 'a\\'b:c', x: \"\" } }, /* hunter2 */\n}";
        assert_eq!(
            config(text, &[&place(2, 20, 5)]),
            "{ ** *******\n  gateway: { port: 21000, \"auth\": { token: '******', x: \"\" } }, ** ******* **\n}"
        );
    }

    #[test]
    fn names_of_variables_stay() {
        let text = "# hunter2\nexport A_B=hunter2\nhunter2\nPORT=19001\n";
        assert_eq!(environment(text, &[&place(4, 6, 5)]), "* *******\nexport A_B=*******\n*******\nPORT=19001\n");
    }

    proptest! {
        #[test]
        fn a_secret_value_never_survives(
            before in "[{\\[,: \n\"'/*a-z0-9]{0,40}",
            after in "[}\\],: \n\"'/*a-z0-9]{0,40}",
        ) {
            let text = format!("{before}\n\"key\": \"HUNTER-TWO/X=\"{after}");
            let shown = config(&text, &[]);
            prop_assert_eq!(shown.chars().count(), text.chars().count());
            prop_assert!(!shown.contains("HUNTER-TWO/X="), "{}", shown);
        }
    }
}
