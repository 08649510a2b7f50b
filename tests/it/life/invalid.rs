//! A config that OpenClaw does not accept: refused under its code, overridden by it, told truthfully in the journal.

use std::os::unix::fs::PermissionsExt;

use gateward::wire::State;

use super::{SOON, journal, up};
use crate::support::{Gateward, Scratch, TestPlane};

/// An `openclaw` that is the stand-in, and refuses every config once the file `invalid` lies beside it.
fn picky(scratch: &Scratch) -> String {
    let script = format!(
        "#!/bin/sh\ncase \"$*\" in *'config validate'*) if [ -e {} ]; then echo \
         '{{\"valid\":false,\"issues\":[{{\"path\":\"agents.nonsense\",\"message\":\"unrecognized key\"}}]}}'; exit 1; fi;; esac\n\
         exec {} practice \"$@\"\n",
        scratch.join("invalid").display(),
        env!("CARGO_BIN_EXE_gateward")
    );
    let program = scratch.write("openclaw", &script);
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).expect("a mode");
    program.display().to_string()
}

#[test]
fn it_is_refused_under_its_code_and_that_code_overrides_it() {
    let scratch = Scratch::new("picky");
    let mut world = Gateward::new("picky", vec![TestPlane::command("main", &[&picky(&scratch)])]);
    world.up();
    let first = world.until("main", SOON, "up", up);
    scratch.write("invalid", "");
    let allowed = |world: &Gateward| -> Vec<String> {
        let entries = journal(world, "main");
        let of = entries.iter().filter(|entry| entry["event"] == "allowed");
        of.map(|entry| entry["saw"].as_str().expect("words").to_owned()).collect()
    };

    // Nothing that was only named is told as overridden.
    for words in [&["restart", "main"][..], &["restart", "main", "--allow", "port-family-overlap"]] {
        let refused = world.run(&[words, &["--json"]].concat()).code(7);
        let told: serde_json::Value = serde_json::from_str(&refused.out).expect("JSON");
        assert_eq!(told["findings"][0]["code"], "config-invalid", "{told:#}");
        assert_eq!(told["planes"][0]["code"], 7, "{told:#}");
        let shown = world.run(words).code(7).err;
        assert!(shown.contains("error[config-invalid]") && shown.contains("agents.nonsense"), "{shown}");
        assert!(shown.contains("--allow config-invalid"), "{shown}");
    }
    let same = world.plane("main");
    assert_eq!((same.pid, same.state), (first.pid, State::Up), "a healthy plane lives on");
    assert_eq!(allowed(&world), [""; 0]);

    world.run(&["restart", "main", "--allow", "config-invalid"]).code(0);
    let again = world.plane("main");
    assert_eq!((again.incarnation, again.state), (first.incarnation + 1, State::Up));
    assert_eq!(allowed(&world), ["config-invalid"]);

    // A stopped one is refused and allowed in the same way.
    world.run(&["stop", "main"]).code(0);
    world.run(&["start", "main"]).code(7);
    world.run(&["start", "main", "--allow", "config-invalid"]).code(0);
    assert_eq!(allowed(&world), ["config-invalid"; 2]);

    // What is valid overrides nothing.
    std::fs::remove_file(scratch.join("invalid")).expect("removed");
    world.run(&["restart", "main", "--allow", "config-invalid"]).code(0);
    assert_eq!(allowed(&world), ["config-invalid"; 2]);
}
