//! Names that agents choose, in the commands of hints: each is one argument to a shell, whatever it holds.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::{DirBuilderExt, symlink};
use std::process::Command;

use gateward::plane::shell::{steers, word};
use proptest::prelude::*;
use serde_json::Value;

use crate::support::Scratch;

/// What a name may hold to become more than a name.
const ODD: [&str; 6] =
    ["m; touch PWNED", "$(touch PWNED)", "`touch PWNED`", "it's > PWNED", "a\u{1b}[31m\u{202e}  b", "line\nfeed"];

#[test]
fn a_command_in_a_hint_names_exactly_the_link_that_it_is_about() {
    for odd in ODD {
        let scratch = Scratch::new("quoted");
        let home = scratch.path().join("home");
        let folder = |name: &str| {
            let path = home.join(name);
            fs::DirBuilder::new().recursive(true).mode(0o700).create(&path).expect("a folder");
            path
        };
        let (main, rescue) = (folder(".openclaw-main"), folder(".openclaw-rescue"));
        for state in [&main, &rescue] {
            fs::write(state.join("openclaw.json"), "{gateway: {mode: 'local', bind: 'loopback'}}").expect("a config");
        }
        let link = main.join(odd);
        symlink(&rescue, &link).expect("a link");
        let manifest = scratch.path().join("supervisor.toml");
        let planes = "[planes.main]\nisolates = 'a'\nruntime = 'practice'\nport = 18789\n\
                      [planes.rescue]\nisolates = 'b'\nruntime = 'practice'\nport = 19789\n";
        let own = scratch.path().join("gateward");
        fs::write(&manifest, format!("[supervisor]\nstate_dir = '{}'\n{planes}", own.display())).expect("a manifest");
        let output = Command::new(env!("CARGO_BIN_EXE_gateward"))
            .args(["check", "--no-live", "--json", "-m"])
            .arg(&manifest)
            .env_clear()
            .envs([("HOME", home.as_os_str()), ("PATH", "/usr/bin:/bin".as_ref())])
            .output()
            .expect("gateward runs");
        let proof: Value = serde_json::from_slice(&output.stdout).expect("a proof");
        let findings = proof["findings"].as_array().expect("a list");
        let foreign = findings.iter().find(|one| one["code"] == "state-link-foreign").expect("the link is found");
        let hint = foreign["hint"].as_str().expect("a hint");
        let (_, words) = hint.split_once(": rm ").expect("a command");
        let run = Command::new("bash")
            .args(["-c", &format!("printf '%s\\n' {words}")])
            .current_dir(scratch.path())
            .output()
            .expect("bash runs");
        assert_eq!(String::from_utf8_lossy(&run.stdout), format!("{}\n", link.display()), "{hint}");
        assert!(!scratch.path().join("PWNED").exists(), "{hint}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn a_shell_takes_every_word_for_itself(
        odd in prop::collection::vec(prop_oneof![
            prop::sample::select(b" ;$`'\"\\&|<>(){}[]*?!#~=\n\t\x1b-ab/".to_vec()),
            1_u8..=255,
        ], 0..12),
    ) {
        let odd = OsString::from_vec(odd);
        let quoted = word(&odd);
        prop_assert!(!quoted.chars().any(steers), "{:?}", quoted);
        let run = Command::new("bash").args(["-c", &format!("printf '%s|' {quoted}")]).output().expect("bash runs");
        let mut expected = odd.into_vec();
        expected.push(b'|');
        prop_assert_eq!(run.stdout, expected, "{}", quoted);
    }
}
