//! What a peer says of itself, made fit for a journal: people read it there for as long as the journal is kept.
//!
//! Refuses nothing that an older or newer release of ours would send.

use serde::{Deserialize, Deserializer, de};

/// The longest name of an asker that is kept, in characters.
const LONGEST_NAME: usize = 100;

/// The longest code of a finding, in bytes, and the most of them in one request.
const LONGEST_CODE: usize = 64;
const MOST_CODES: usize = 200;

/// One line without control characters, cut off where it is long.
pub(super) fn one_line<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let said = String::deserialize(from)?;
    let plain = |letter: char| if letter.is_control() { ' ' } else { letter };
    Ok(said.chars().map(plain).take(LONGEST_NAME).collect())
}

/// Codes of findings: words of small letters, digits and `-`.
pub(super) fn codes<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    let codes = Vec::<String>::deserialize(from)?;
    let is_code = |code: &String| {
        code.len() <= LONGEST_CODE
            && code.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    if codes.len() > MOST_CODES || !codes.iter().all(is_code) {
        return Err(de::Error::custom(format!(
            "`allow` and `codes` hold codes of findings, at most {MOST_CODES}, of small letters, digits and `-`"
        )));
    }
    Ok(codes)
}

#[cfg(test)]
mod tests {
    use crate::wire::{Ask, Request};

    fn read(text: &str) -> Result<Request, serde_json::Error> {
        serde_json::from_str(text)
    }

    #[test]
    fn an_asker_is_one_short_line() {
        let by = format!("cli\\n\\u001b[31m{}", "x".repeat(100_000));
        let request = read(&format!(r#"{{"v":1,"ask":"status","by":"{by}"}}"#)).expect("a request");
        assert!(request.by.starts_with("cli  [31mxx") && request.by.chars().count() == 100, "{}", request.by);
        assert_eq!(read(r#"{"v":1,"ask":"status"}"#).expect("a request").by, "");
    }

    #[test]
    fn what_is_allowed_is_a_list_of_codes() {
        let ask = |allow: &str| read(&format!(r#"{{"v":1,"ask":{{"start":{{"allow":{allow}}}}}}}"#));
        let Ask::Start(start) = ask(r#"["port-family-overlap"]"#).expect("a request").ask else { panic!("a start") };
        assert_eq!(start.allow, ["port-family-overlap"]);
        let refused = |verb: &str, codes: &str| {
            read(&format!(r#"{{"v":1,"ask":{{"refused":{{"plane":"main","verb":"{verb}","codes":{codes}}}}}}}"#))
        };
        let Ask::Refused(before) = refused("start\\n\\u001b[31m", "[]").expect("a request").ask else {
            panic!("another")
        };
        assert_eq!(before.verb, "start  [31m");
        refused("start", r#"["a\n"]"#).expect_err("refused");
        for wrong in [r#"["two words"]"#, r#"["a\n"]"#, &format!("[\"{}\"]", "x".repeat(400_000))] {
            let said = ask(wrong).expect_err("refused").to_string();
            assert!(said.contains("codes of findings") && said.len() < 300, "{said}");
        }
    }
}
