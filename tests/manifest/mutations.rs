//! Whatever is written: nothing panics, every mistake points into the file and says what to do, and no secret is told.

use std::path::Path;

use gateward::manifest::given::Rank;
use gateward::manifest::parse;
use proptest::prelude::*;

use super::world::{FILE, judge, shown};

const EXAMPLE: &str = include_str!("../../supervisor.example.toml");

/// Pieces from which TOML, good and bad, is made.
const PIECES: &[&str] = &[
    "[",
    "]",
    "[[",
    "]]",
    "{",
    "}",
    "=",
    ",",
    ".",
    "\"",
    "'",
    "\"\"\"",
    "'''",
    "\n",
    "\r\n",
    "#",
    " ",
    "planes",
    "main",
    "rescue",
    "port",
    "restart",
    "env",
    "supervisor",
    "defaults",
    "runtimes",
    "args",
    "after",
    "18789",
    "-1",
    "0x",
    "1e9",
    "true",
    "tru",
    "\"5s\"",
    "\"SECRET\"",
    "\\u0000",
    "ä",
    "\u{202e}",
    "\u{1b}[31m",
    "\u{0}",
    "1979-05-27",
    "all",
    "~/x",
];

/// What holds of every text.
fn check(text: &str) -> Result<(), TestCaseError> {
    let (written, outcome) = judge(text, Rank::User);
    prop_assert_eq!(written.quotable.lines().count(), text.lines().count());
    prop_assert_eq!(written.quotable.chars().count(), text.chars().count());
    let Err(mistakes) = outcome else { return Ok(()) };
    prop_assert!(!mistakes.is_empty());
    let lines = text.split('\n').count() as u32;
    for mistake in &mistakes {
        prop_assert!(!mistake.hint.is_empty(), "{:?}", mistake);
        for place in mistake.at.iter().chain(mistake.also.iter().map(|(place, _)| place)) {
            let widest = text.split('\n').nth(place.line as usize - 1).map_or(0, |line| line.chars().count() as u32);
            prop_assert!(place.file != Path::new(FILE) || place.line <= lines, "{:?}", mistake);
            prop_assert!(place.column >= 1 && place.column <= widest + 1, "{:?} in a line of {}", mistake, widest);
        }
    }
    let told = shown(&written, &mistakes);
    prop_assert!(!told.chars().any(|c| c.is_control() && c != '\n'), "{:?}", told);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn any_text(text in any::<String>()) {
        check(&text)?;
    }

    #[test]
    fn any_pieces(picks in prop::collection::vec(0..PIECES.len(), 0..60)) {
        check(&picks.iter().map(|pick| PIECES[*pick]).collect::<String>())?;
    }

    #[test]
    fn a_valid_manifest_with_a_piece_put_in(at in 0..EXAMPLE.len(), pick in 0..PIECES.len()) {
        let mut at = at;
        while !EXAMPLE.is_char_boundary(at) {
            at -= 1;
        }
        check(&format!("{}{}{}", &EXAMPLE[..at], PIECES[pick], &EXAMPLE[at..]))?;
    }

    #[test]
    fn a_valid_manifest_with_a_stretch_taken_out(from in 0..EXAMPLE.len(), length in 1usize..200) {
        let text: String = EXAMPLE.char_indices().filter(|(at, _)| !(from..from + length).contains(at)).map(|(_, c)| c).collect();
        check(&text)?;
    }

    #[test]
    fn lines_in_any_order(seed in prop::collection::vec(any::<prop::sample::Index>(), 1..80)) {
        let lines: Vec<&str> = EXAMPLE.lines().filter(|line| !line.starts_with('#')).collect();
        check(&seed.iter().map(|index| format!("{}\n", index.get(&lines))).collect::<String>())?;
    }

    /// However the lines of secrets are broken, what diagnostics may quote holds none of them.
    #[test]
    fn no_broken_line_of_env_is_quoted(broken in "[\"'= ,{}\\[\\]a-z]{0,12}", at in 0usize..40) {
        let mut line = "TOKEN = \"sk-SECRET\"".to_owned();
        let at = at.min(line.len());
        line.insert_str(at, &broken);
        prop_assume!(line.contains("SECRET"));
        let text = format!("[planes.main]\nport = 1\n[planes.main.env]\n{line}\n[planes.main.log]\nkeep = 1\n");
        let (written, outcome) = judge(&text, Rank::User);
        if let Err(mistakes) = outcome {
            prop_assert!(!shown(&written, &mistakes).contains("SECRET"), "{}", shown(&written, &mistakes));
        }
    }
}

#[test]
fn texts_made_to_be_slow_are_not() {
    let begun = std::time::Instant::now();
    let many = 20_000;
    for text in [
        format!("[{}]", vec!["a"; many].join(".")),
        format!("x = {}", "[".repeat(many)),
        "=\n".repeat(many),
        "a = 1\n".repeat(many),
        "[planes.a]\n".repeat(many),
        format!("x = {}", "=".repeat(many)),
        "\"\"\"".repeat(many),
        format!("[planes.main]\nargs = [\n{}", "a = 1\n".repeat(many)),
        (0..2_000).map(|n| format!("[planes.p{n}]\nprt = {n}\n")).collect(),
    ] {
        let written = parse(Path::new(FILE), &text);
        assert!(!written.mistakes.is_empty());
    }
    let budget = std::time::Duration::from_secs(30);
    assert!(begun.elapsed() < budget, "{:?}", begun.elapsed());
}
