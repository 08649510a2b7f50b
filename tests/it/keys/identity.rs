//! `profile`, `config`, `state_dir`, `workspace`, `port`, `args`, `log.keep`: what the real child is called with, and what is kept of it;
//! `role`, `isolates`, `browser_profiles`, `production_channels`: what the card says.

use super::{SOON, proc};
use crate::support::{Gateward, TestPlane, eventually};

/// A program of contract openclaw that stays what it was called as, and never listens.
fn called(name: &str) -> TestPlane {
    TestPlane::command(name, &["/bin/sh", "-c", "sleep 1000000; :"])
}

#[test]
fn a_gateway_is_called_with_exactly_what_its_identity_keys_say() {
    let main = called("main").key("profile", "\"mine\"").key("args", "[\"--verbose\", \"two words\"]");
    let unnamed = called("unnamed").key("profile", "\"default\"");
    let mut world = Gateward::new("identity", vec![main, unnamed]);
    world.up();
    let words = |name: &str| {
        let pid = world.until(name, SOON, "spawned", |plane| plane.pid.is_some()).pid.expect("it runs");
        // Between fork and exec it is still its keeper.
        let line = eventually(SOON, "its program", || {
            let line = proc(pid, "cmdline");
            if line.starts_with("/bin/sh\0") { Ok(line) } else { Err(line) }
        });
        let environ = proc(pid, "environ");
        let environ: Vec<String> =
            environ.split('\0').filter(|entry| entry.starts_with("OPENCLAW_")).map(str::to_owned).collect();
        (line.split_terminator('\0').map(str::to_owned).collect::<Vec<_>>(), environ)
    };
    let at = |inside: &str| world.scratch().join(inside).display().to_string();
    let port = |name: &str| world.written(name).base().to_string();
    let (line, environ) = words("main");
    let program = ["/bin/sh", "-c", "sleep 1000000; :"];
    let contract = ["--profile", "mine", "gateway", "run", "--port", &port("main"), "--verbose", "two words"];
    assert_eq!(line, [&program[..], &contract[..]].concat());
    let expected = [
        format!("OPENCLAW_CONFIG_PATH={}", at("main/openclaw.json")),
        "OPENCLAW_DISABLE_BONJOUR=1".to_owned(),
        format!("OPENCLAW_GATEWAY_PORT={}", port("main")),
        "OPENCLAW_NO_AUTO_UPDATE=1".to_owned(),
        "OPENCLAW_PROFILE=mine".to_owned(),
        "OPENCLAW_SERVICE_REPAIR_POLICY=external".to_owned(),
        format!("OPENCLAW_STATE_DIR={}", at("main/state")),
        "OPENCLAW_SUPERVISOR_MODE=external".to_owned(),
        format!("OPENCLAW_WORKSPACE_DIR={}", at("main/workspace")),
    ];
    let mut sorted = environ.clone();
    sorted.sort();
    assert_eq!(sorted, expected);
    let (line, environ) = words("unnamed");
    assert_eq!(line, [&program[..], &["gateway", "run", "--port", &port("unnamed")][..]].concat());
    assert!(!environ.iter().any(|entry| entry.starts_with("OPENCLAW_PROFILE=")), "{environ:?}");
}

#[test]
fn so_many_rotated_files_are_kept_as_the_manifest_says() {
    let script = "i=0; while [ $i -lt 3000 ]; do echo line $i; i=$((i+1)); done; exec sleep 1000000";
    let speaks = |name: &str, keep: u32| {
        let plane = TestPlane::plain(name, &["/bin/sh", "-c", script]);
        plane.table("log", &format!("max_size = \"4KiB\"\nkeep = {keep}"))
    };
    let mut world = Gateward::new("log-keep", vec![speaks("main", 2), speaks("rescue", 0)]);
    world.up();
    for (name, kept) in [("main", 3), ("rescue", 1)] {
        eventually(SOON, "its last line", || {
            let said = world.run(&["logs", name, "-n", "1"]).out;
            if said.contains("line 2999") { Ok(()) } else { Err(said) }
        });
        let folder = world.scratch().join(&format!("state/planes/{name}/log"));
        let files: Vec<_> = std::fs::read_dir(folder)
            .expect("its logs")
            .map(|file| file.expect("a file"))
            .filter(|file| file.file_name() != ".gateway.log-number")
            .collect();
        assert_eq!(files.len(), kept, "{name}: {files:?}");
        let sizes = files.iter().map(|file| file.metadata().expect("facts").len());
        assert!(sizes.clone().all(|size| size <= 4096), "{name}: {:?}", sizes.collect::<Vec<_>>());
    }
}

#[test]
fn the_card_says_what_only_people_need_to_know() {
    let main = TestPlane::practice("main").key("browser_profiles", "[\"work\"]").key("production_channels", "true");
    let world = Gateward::new("identity-card", vec![main, TestPlane::practice("other")]);
    let card = |name: &str| world.run(&["card", name, "--json"]).code(0).json()["planes"][0].clone();
    let main = card("main");
    assert_eq!((&main["role"], &main["production_channels"]), (&"main".into(), &true.into()), "{main:#}");
    assert_eq!((&main["isolates"], &main["profile"]), (&"what the test does in main".into(), &"main".into()));
    let profiles = main["browser_profiles"].as_array().expect("a list");
    assert!(profiles.iter().any(|one| one["name"] == "work" && one["expected"] == true), "{main:#}");
    let other = card("other");
    assert_eq!((&other["role"], &other["production_channels"]), (&"other".into(), &false.into()), "{other:#}");
}
