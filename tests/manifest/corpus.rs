//! Broken manifests and what each one says: `corpus/NAME.toml` beside `corpus/NAME.txt`.
//!
//! `GATEWARD_BLESS=1 cargo test --test manifest` writes the transcripts anew; read the difference before you keep it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use gateward::manifest::error::Code;
use gateward::manifest::given::{Given, Rank};
use gateward::manifest::resolve::warnings;

use super::world::{given, judge, shown};

/// Codes of files that cannot be read at all; `hostile` has those.
const NOT_OF_TEXT: &[Code] =
    &[Code::NotFound, Code::Unreadable, Code::NotText, Code::NoHome, Code::TooMany, Code::PassEnvUnset];

#[test]
fn every_broken_manifest_says_what_is_expected() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/manifest/corpus");
    let bless = std::env::var_os("GATEWARD_BLESS").is_some();
    let mut unlike = Vec::new();
    let mut seen = BTreeSet::new();
    let mut names: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    names.sort();
    for path in &names {
        let text = fs::read_to_string(path).unwrap();
        let rank = if text.starts_with("# as root") { Rank::Root } else { Rank::User };
        let (written, outcome) = judge(&text, rank);
        let mistakes = outcome.expect_err("a broken manifest");
        seen.extend(mistakes.iter().map(|mistake| mistake.code));
        let told = shown(&written, &mistakes);
        assert!(!told.contains("SECRET"), "{} tells a secret:\n{told}", path.display());
        for mistake in &mistakes {
            assert!(!mistake.hint.is_empty() && !mistake.message.is_empty(), "{mistake:?}");
            assert!(mistake.message.starts_with(|c: char| !c.is_uppercase()), "{mistake:?}");
        }
        let transcript = path.with_extension("txt");
        if bless {
            fs::write(&transcript, &told).unwrap();
        } else if fs::read_to_string(&transcript).unwrap_or_default() != told {
            unlike.push(format!("── {} ──\n{told}", path.display()));
        }
    }
    assert!(unlike.is_empty(), "{} transcripts differ:\n{}", unlike.len(), unlike.join("\n"));
    assert!(names.len() >= 20, "the corpus was found");
    let unseen: Vec<_> = Code::ALL.iter().filter(|code| !seen.contains(code) && !NOT_OF_TEXT.contains(code)).collect();
    assert!(unseen.is_empty(), "no manifest of the corpus is wrong in these ways: {unseen:?}");
}

#[test]
fn without_a_home_every_path_that_rests_on_one_is_told() {
    let text = "[planes.main]\nport = 1\n[planes.b]\nport = 2\nisolates = \"x\"\nhome = \"/b\"\nworkspace = \"~/w\"\n";
    let written = gateward::manifest::parse(Path::new("/m.toml"), text);
    let homeless = Given { home: None, ..given(Rank::User) };
    let mistakes = gateward::manifest::resolve(&written, &homeless).unwrap_err();
    let told: Vec<_> = mistakes.iter().filter(|m| m.code == Code::NoHome).map(|m| m.key.as_str()).collect();
    assert_eq!(told, ["supervisor.state_dir", "planes.main.home", "planes.b.workspace"]);
}

#[test]
fn a_name_that_is_not_passed_is_a_warning() {
    let text = "[planes.main]\nport = 1\npass_env = [\"ANTHROPIC_API_KEY\", \"OTHER\"]\n";
    let (written, outcome) = judge(text, Rank::User);
    assert!(outcome.is_ok());
    let warnings = warnings(&written, &given(Rank::User));
    assert!(shown(&written, &warnings).starts_with("warning[pass-env-unset]: `OTHER` is not set here"));
    assert_eq!(warnings.len(), 1);
}

#[test]
fn a_flood_of_mistakes_is_cut() {
    let text = "x\n".repeat(5000);
    let (_, outcome) = judge(&text, Rank::User);
    let mistakes = outcome.unwrap_err();
    assert!(mistakes.len() <= 101 && mistakes.last().unwrap().code == Code::TooMany, "{}", mistakes.len());
}

#[test]
fn what_the_kernel_hands_to_no_program_is_told_with_its_name() {
    let told = |line: &str| {
        let text = format!("[planes.main]\nport = 18789\n{line}\n");
        judge(&text, Rank::User).1.map(drop).map_err(|mistakes| {
            mistakes.into_iter().map(|mistake| (mistake.code, mistake.key, mistake.message)).collect::<Vec<_>>()
        })
    };
    let of = |length: usize| "v".repeat(length);
    // The name, `=`, and one byte that ends it.
    assert_eq!(told(&format!("env = {{ KEY = \"{}\" }}", of(131_067))), Ok(()));
    let mistakes = told(&format!("env = {{ KEY = \"{}\" }}", of(131_068))).expect_err("too long");
    let message = "`KEY` is 131072 bytes long, and no program could be started with it".to_owned();
    assert_eq!(mistakes, [(Code::OutOfRange, "planes.main.env.KEY".to_owned(), message)]);
    assert_eq!(told(&format!("args = [\"{}\"]", of(131_071))), Ok(()));
    let mistakes = told(&format!("args = [\"{}\"]", of(131_072))).expect_err("too long");
    assert_eq!((mistakes.len(), mistakes[0].0), (1, Code::OutOfRange));
}

#[test]
fn a_bad_name_in_env_hides_nothing_of_what_else_is_wrong_there() {
    let text = "[planes.main]\nport = 18789\nenv = { \"1a\" = \"x\", HOME = \"/y\" }\n";
    let mistakes = judge(text, Rank::User).1.expect_err("two mistakes");
    let codes: Vec<Code> = mistakes.iter().map(|mistake| mistake.code).collect();
    assert_eq!(codes, [Code::BadEnvName, Code::IdentityTwice]);
}
