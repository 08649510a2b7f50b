//! What is hidden before anything is shown: the parts of URLs that carry secrets, and every credential that is known.
//!
//! The last line of defence. It judges nothing, and stands in for no care elsewhere.

use std::ops::Range;

use aho_corasick::AhoCorasick;

use super::codes::Code;
use super::finding::Finding;
use crate::openclaw::config::credential::Secret;
use crate::openclaw::config::problem::ProblemCode;
use crate::plane::hidden::{MARK, starred};

/// `text` with user, password, path and query of each URL marked as hidden, character by character, so that columns stay.
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
        chars[start..host].fill(MARK);
        if let Some(path) = (host..end).find(|at| is_slash(chars[*at]) || matches!(chars[*at], '?' | '#')) {
            chars[path + 1..end].fill(MARK);
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

/// Whether what a finding of this code points at in a gateway's own file may be a secret: a credential, a value of which only
/// that it is wrong is known, a text that could not be read.
pub fn hides_values(code: &str) -> bool {
    let of_credentials = [Code::ChannelCredentialShared, Code::ProductionCredential];
    let of_files = ProblemCode::ALL.iter().filter(|code| **code != ProblemCode::ConfigInclude);
    of_credentials.iter().any(|one| one.as_str() == code) || of_files.into_iter().any(|one| one.as_str() == code)
}

fn is_slash(c: char) -> bool {
    matches!(c, '/' | '\\')
}

fn ends(c: char) -> bool {
    c.is_whitespace() || matches!(c, '"' | '\'' | '`')
}

/// Finds every one of many secrets in one pass over a text: a proof of hundreds of planes has as many findings as secrets.
#[derive(Clone, Debug, Default)]
pub struct Mask(Option<AhoCorasick>);

impl Mask {
    /// A mask for these secrets.
    pub fn of(secrets: &[Secret]) -> Self {
        let words: Vec<&str> = secrets.iter().filter_map(Secret::telling).collect();
        if words.is_empty() {
            return Self(None);
        }
        // Fails only past some thousand million states: a host has not the memory to hold such secrets.
        Self(Some(AhoCorasick::new(words).expect("secrets that fit into memory")))
    }

    /// `text` with stars for each of the secrets, and for what is marked as hidden already.
    pub fn hide(&self, text: &str) -> String {
        starred(&self.mark(text))
    }

    /// `text` with each of the secrets marked as hidden, character by character, also where two overlap.
    pub fn mark(&self, text: &str) -> String {
        let Some(found) = &self.0 else { return text.to_owned() };
        let mut out = String::with_capacity(text.len());
        let mut at = 0;
        for range in joined(found.find_overlapping_iter(text).map(|one| one.range())) {
            out.push_str(&text[at..range.start]);
            out.extend(text[range.clone()].chars().map(|_| MARK));
            at = range.end;
        }
        out.push_str(&text[at..]);
        out
    }

    /// `finding` with neither secrets nor the secret parts of URLs in any of its sentences, and without the length of one.
    pub fn masked(&self, mut finding: Finding) -> Finding {
        if hides_values(&finding.code) {
            finding.at.iter_mut().for_each(|place| place.width = 1);
        }
        let mask = |text: &str| self.hide(&urls(text));
        Finding {
            surface: mask(&finding.surface),
            message: mask(&finding.message),
            hint: mask(&finding.hint),
            labels: finding.labels.iter().map(|label| mask(label)).collect(),
            ..finding
        }
    }
}

/// Ranges that come in the order of their ends, those that meet as one. Secrets that lie in one another match a text more often
/// than a machine could note; joined they are never more than its characters.
fn joined(ranges: impl Iterator<Item = Range<usize>>) -> Vec<Range<usize>> {
    let mut joined: Vec<Range<usize>> = Vec::new();
    for mut range in ranges {
        // One that ends later may begin before what was joined already.
        while let Some(last) = joined.pop_if(|last| last.end >= range.start) {
            range.start = range.start.min(last.start);
        }
        joined.push(range);
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::{Mask, joined, urls};
    use crate::openclaw::config::credential::Secret;
    use crate::plane::hidden::starred;

    #[test]
    fn of_a_url_its_host_and_port_stay() {
        for (text, shown) in [
            ("a: 'http://u:pw@10.0.0.1:9222/?t=x', b: 1", "a: 'http://***@10.0.0.1:9222/***', b: 1"),
            ("wss://h.example", "wss://h.example"),
            ("WSS:u@h#x y", "WSS:***@h#*** y"),
            ("http://u:a/b@h/x", "http://***@h/***"),
            ("http://h:1: they share", "http://h:1: they share"),
            ("{ key: /a/b }", "{ key: /a/b }"),
        ] {
            assert_eq!(starred(&urls(text)), shown);
        }
    }

    #[test]
    fn known_secrets_go_wherever_they_stand() {
        let mask =
            |known: &[&str]| Mask::of(&known.iter().map(|text| Secret::new((*text).to_owned())).collect::<Vec<_>>());
        assert_eq!(mask(&["hunter2", "short"]).hide("/y/hunter2/short hunter2"), "/y/***/short ***");
        assert_eq!(mask(&["abcdef", "defghi", "cdefgh"]).hide("-abcdefghi-"), "-***-");
        assert_eq!(mask(&["schlüssel", "sechs6"]).hide("ein schlüssel, sechs6sechs6"), "ein ***, ***");
        assert_eq!(mask(&["short"]).hide("short"), "short");
    }

    #[test]
    fn what_is_hidden_never_takes_more_than_the_text() {
        // Secrets of `a` in every length over a text of `a`: each end has as many matches as there are secrets.
        let (longest, length) = (1000, 4000);
        let ends = (1..=length).flat_map(|end| (1..=longest.min(end)).rev().map(move |size| end - size..end));
        let joined = joined(ends);
        assert_eq!((joined.len(), joined.first()), (1, Some(&(0..length))));
        assert!(joined.capacity() <= length, "{}", joined.capacity());
    }
}
