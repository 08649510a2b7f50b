//! What is hidden before anything is shown: the parts of URLs that carry secrets, and every credential that is known.
//!
//! The last line of defence. It judges nothing, and stands in for no care elsewhere.

use super::finding::Finding;
use crate::openclaw::config::credential::Secret;

/// `text` with user, password, path and query of each URL starred, character by character, so that columns stay.
pub fn urls(text: &str) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    let mut at = 0;
    while at < chars.len() {
        if chars[at] != ':' || !is_scheme(&chars, at) {
            at += 1;
            continue;
        }
        let start = (at + 1..chars.len()).find(|at| !is_slash(chars[*at])).unwrap_or(chars.len());
        let end = (start..chars.len()).find(|at| ends(chars[*at])).unwrap_or(chars.len());
        let host = (start..end).rfind(|at| chars[*at] == '@').unwrap_or(start);
        chars[start..host].fill('*');
        if let Some(path) = (host..end).find(|at| is_slash(chars[*at]) || matches!(chars[*at], '?' | '#')) {
            chars[path + 1..end].fill('*');
        }
        at = end.max(at + 1);
    }
    chars.into_iter().collect()
}

/// Whether a URL's scheme stands before the colon: one with two slashes after it, or one that needs none.
fn is_scheme(chars: &[char], colon: usize) -> bool {
    let begins = (0..colon).rev().find(|at| !chars[*at].is_ascii_alphanumeric()).map_or(0, |at| at + 1);
    let word: String = chars[begins..colon].iter().collect();
    let slashes = chars[colon + 1..].iter().take_while(|c| is_slash(**c)).count();
    let is_known = ["http", "https", "ws", "wss"].iter().any(|known| word.eq_ignore_ascii_case(known));
    !word.is_empty() && (slashes >= 2 || is_known)
}

fn is_slash(c: char) -> bool {
    matches!(c, '/' | '\\')
}

fn ends(c: char) -> bool {
    c.is_whitespace() || matches!(c, '"' | '\'' | '`')
}

/// `text` with each of `secrets` starred, character by character.
pub fn secrets(text: &str, secrets: &[Secret]) -> String {
    secrets.iter().fold(text.to_owned(), |text, secret| secret.hidden_in(&text))
}

/// `finding` with neither in any of its sentences.
pub fn masked(finding: Finding, known: &[Secret]) -> Finding {
    let mask = |text: &str| secrets(&urls(text), known);
    Finding {
        surface: mask(&finding.surface),
        message: mask(&finding.message),
        hint: mask(&finding.hint),
        labels: finding.labels.iter().map(|label| mask(label)).collect(),
        ..finding
    }
}

#[cfg(test)]
mod tests {
    use super::{secrets, urls};
    use crate::openclaw::config::credential::Secret;

    #[test]
    fn of_a_url_its_host_and_port_stay() {
        for (text, shown) in [
            ("a: 'http://u:pw@10.0.0.1:9222/?t=x', b: 1", "a: 'http://****@10.0.0.1:9222/****', b: 1"),
            ("wss://h.example", "wss://h.example"),
            ("WSS:u@h#x y", "WSS:*@h#* y"),
            ("http://u:a/b@h/x", "http://*****@h/*"),
            ("http://h:1: they share", "http://h:1: they share"),
            ("{ key: /a/b }", "{ key: /a/b }"),
        ] {
            assert_eq!(urls(text), shown);
        }
    }

    #[test]
    fn known_secrets_go_wherever_they_stand() {
        let known = ["hunter2", "short"].map(|text| Secret::new(text.to_owned()));
        assert_eq!(secrets("/y/hunter2/short hunter2", &known), "/y/*******/short *******");
    }
}
