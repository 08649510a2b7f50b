//! Words of a command that somebody may copy into a shell: whatever an agent called its files, each stays one word.
//!
//! Runs nothing, and knows no command.

use std::ffi::OsStr;
use std::path::Path;

/// `word` as a shell takes it for exactly itself: bare where that is safe, else in `'…'`; in `$'…'`, as bash, zsh and ksh
/// read it, where it holds what a terminal would act on, is no text, or would not survive being wrapped.
pub fn word(word: impl AsRef<OsStr>) -> String {
    let word = word.as_ref();
    let Some(text) = word.to_str().filter(|text| !text.chars().any(steers) && !text.contains("  ")) else {
        return escaped(word.as_encoded_bytes());
    };
    let is_bare = |c: char| c.is_alphanumeric() || "/._-+@%:,=".contains(c);
    let starts_bare = text.starts_with(|c: char| c.is_alphanumeric() || "/._-+@%".contains(c));
    if starts_bare && text.chars().all(is_bare) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

fn escaped(bytes: &[u8]) -> String {
    let mut out = "$'".to_owned();
    for byte in bytes {
        match byte {
            b'\'' | b'\\' => out.extend(['\\', char::from(*byte)]),
            b'!'..=b'~' => out.push(char::from(*byte)),
            _ => out.push_str(&format!("\\x{byte:02x}")),
        }
    }
    out.push('\'');
    out
}

/// Whether a character acts on a terminal: a control, or one that turns the direction of a line, ends it, or has neither
/// picture nor width.
pub fn steers(c: char) -> bool {
    matches!(c,
        '\u{0}'..='\u{1f}'
        | '\u{7f}'..='\u{9f}'
        | '\u{ad}'
        | '\u{61c}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e007f}')
}

/// The command that makes a link a file of its own.
pub fn own_copy(link: &Path) -> String {
    let mut beside = link.as_os_str().to_owned();
    beside.push(".own");
    let (link, beside) = (word(link), word(beside));
    format!("cp {link} {beside} && mv {beside} {link}")
}

#[cfg(test)]
mod tests {
    use super::word;

    #[test]
    fn only_what_needs_it_is_quoted() {
        assert_eq!(word("/home/me/.openclaw-main/a_b.json"), "/home/me/.openclaw-main/a_b.json");
        assert_eq!(word("/a/m; touch PWNED"), "'/a/m; touch PWNED'");
        assert_eq!(word("/a/it's"), r"'/a/it'\''s'");
        assert_eq!(word("/a/\u{1b}[31m\u{202e}x"), r"$'/a/\x1b[31m\xe2\x80\xaex'");
        assert_eq!(word("/a/x  y"), r"$'/a/x\x20\x20y'");
        assert_eq!(word(""), "''");
        assert_eq!(word("~/x"), "'~/x'");
    }
}
