//! `gateward init`: what it writes must hold, and what is there must never be lost.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use crate::support::{Said, Scratch, said};

fn gateward(folder: &Scratch, words: &[&str]) -> Said {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gateward"));
    command.args(words).current_dir(folder.path()).env_clear();
    command.env("HOME", folder.path()).env("PATH", "/usr/bin:/bin");
    said(command.output().expect("our binary runs"))
}

fn codes(said: &Said) -> Vec<String> {
    let json = said.json();
    let findings = json["findings"].as_array().expect("a list");
    let mut codes: Vec<String> =
        findings.iter().map(|finding| finding["code"].as_str().expect("a code").to_owned()).collect();
    codes.dedup();
    codes
}

#[test]
fn a_first_manifest_holds() {
    let folder = Scratch::new("init-first");
    let said = gateward(&folder, &["init"]).code(0);
    assert_eq!(said.out, "", "data goes to the file");
    let text = fs::read_to_string(folder.join("supervisor.toml")).expect("a manifest");
    assert!(text.contains("[planes.main]") && text.contains("[planes.rescue]"), "{text}");
    assert!(text.contains("When not to have several"), "{text}");
    let checked = gateward(&folder, &["check", "--no-live", "--json"]).code(0);
    // A plane that does not exist yet has no config and no program here; both have the user's HOME, and rescue main's OpenClaw.
    assert_eq!(codes(&checked), ["config-missing", "home-shared", "runtime-missing", "runtime-shared"]);
}

#[test]
fn any_planes_may_be_asked_for_and_their_families_are_apart() {
    let folder = Scratch::new("init-names");
    let names: Vec<String> = (0..12).map(|number| format!("plane-{number}")).collect();
    let said = gateward(&folder, &["init", "-o", "-", "--planes", &names.join(",")]).code(0);
    folder.write("supervisor.toml", &said.out);
    gateward(&folder, &["check", "--no-live"]).code(0);
    for (wrong, code) in [("Main", 2), ("main,main", 2), ("all", 2), ("", 2)] {
        gateward(&folder, &["init", "-o", "x.toml", "--planes", wrong]).code(code);
    }
    assert!(!Path::new(&folder.join("x.toml")).exists());
}

#[test]
fn what_is_there_is_left_or_kept_beside() {
    let folder = Scratch::new("init-kept");
    folder.write("supervisor.toml", "mine");
    let said = gateward(&folder, &["init"]).code(1);
    assert!(said.err.contains("is there already"), "{}", said.err);
    assert_eq!(fs::read_to_string(folder.join("supervisor.toml")).expect("a file"), "mine");
    gateward(&folder, &["init", "--force"]).code(0);
    gateward(&folder, &["init", "--force", "--planes", "main"]).code(0);
    assert_eq!(fs::read_to_string(folder.join("supervisor.toml.old-1")).expect("a file"), "mine");
    assert!(folder.join("supervisor.toml.old-2").exists());
    gateward(&folder, &["check", "--no-live"]).code(0);
}

#[test]
fn a_manifest_that_cannot_be_written_whole_leaves_what_was_there() {
    let folder = Scratch::new("init-half");
    folder.write("supervisor.toml", "mine");
    // A file of this process may have one block of 512 bytes, and a signal that would end it is not heard.
    let script = "trap '' XFSZ; ulimit -f 1; exec \"$0\" init --force";
    let mut command = std::process::Command::new("/bin/sh");
    command.args(["-c", script, env!("CARGO_BIN_EXE_gateward")]).current_dir(folder.path());
    let said = crate::support::said(command.env_clear().env("HOME", folder.path()).output().expect("a shell runs"));
    let said = said.code(1);
    assert!(said.err.contains("cannot be written"), "{}", said.err);
    let left = fs::read_dir(folder.path()).expect("a folder").map(|entry| entry.expect("an entry").file_name());
    assert_eq!(left.collect::<Vec<_>>(), ["supervisor.toml"]);
    assert_eq!(fs::read_to_string(folder.join("supervisor.toml")).expect("a file"), "mine");
}

#[test]
fn profiles_are_taken_in_as_they_are() {
    let folder = Scratch::new("init-profiles");
    let config = |port: u16| format!("{{ gateway: {{ mode: \"local\", bind: \"loopback\", port: {port} }} }}");
    folder.write(".openclaw/openclaw.json", &config(18789));
    folder.write(".openclaw-rescue/openclaw.json", &config(19789));
    folder.write(".openclaw-Lab_2/openclaw.json", &config(20789));
    folder.write(".openclaw-empty/nothing", "");
    let unit = "[Service]\nExecStart=/usr/bin/openclaw gateway --port 19789\nEnvironment=OPENCLAW_PROFILE=rescue\n";
    folder.write(".config/systemd/user/openclaw-gateway-rescue.service", unit);
    gateward(&folder, &["init", "--from-profiles"]).code(0);
    let text = fs::read_to_string(folder.join("supervisor.toml")).expect("a manifest");
    for part in ["[planes.main]", "[planes.rescue]", "[planes.lab-2]", "profile   = \"Lab_2\"", "port      = 20789"] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert!(!text.contains("empty"), "{text}");
    assert!(text.contains("systemctl --user disable --now openclaw-gateway-rescue.service"), "{text}");
    gateward(&folder, &["check", "--no-live"]).code(0);
}

#[test]
fn what_only_looks_like_a_profile_is_named_with_the_reason() {
    let folder = Scratch::new("init-odd");
    let config = |port: u16| format!("{{ gateway: {{ mode: \"local\", bind: \"loopback\", port: {port} }} }}");
    folder.write(".openclaw/openclaw.json", &config(18789));
    folder.write(".openclaw-a.b/openclaw.json", &config(19789));
    folder.write(".openclaw-/openclaw.json", &config(20789));
    folder.write(".openclaw.bak/openclaw.json", &config(21789));
    folder.write(".openclaw-file", "");
    folder.write(".openclaw-empty/nothing", "");
    folder.write(".openclaw-broken/openclaw.json", "{");
    for (target, link) in [("nowhere", "gone"), (".openclaw", "again"), (".openclaw-round", "round")] {
        symlink(target, folder.join(&format!(".openclaw-{link}"))).expect("a link");
    }
    let done = gateward(&folder, &["init", "--from-profiles", "-o", "-"]).code(0);
    let planes: Vec<&str> = done.out.lines().filter(|line| line.starts_with("[planes.")).collect();
    assert_eq!(planes, ["[planes.main]", "[planes.broken]"], "{}", done.out);
    let told: Vec<&str> = done.err.lines().filter(|line| line.starts_with("left out ")).collect();
    let expected = [
        (".openclaw-: ", "by its name"),
        (".openclaw-a.b: ", "by its name"),
        (".openclaw-again: ", "leads to"),
        (".openclaw-empty: ", "no openclaw.json"),
        (".openclaw-file: ", "no folder"),
        (".openclaw-gone: ", "leads nowhere"),
        (".openclaw-round: ", "cannot be looked at"),
        (".openclaw.bak: ", "by its name"),
    ];
    assert_eq!(told.len(), expected.len(), "{}", done.err);
    for (name, why) in expected {
        assert!(told.iter().any(|line| line.contains(name) && line.contains(why)), "{name} in {}", done.err);
    }
}

#[test]
fn what_stops_profiles_is_said() {
    let folder = Scratch::new("init-overlap");
    let config = |port: u16| format!("{{ gateway: {{ mode: \"local\", bind: \"loopback\", port: {port} }} }}");
    folder.write(".openclaw/openclaw.json", &config(18789));
    folder.write(".openclaw-rescue/openclaw.json", &config(18809));
    let said = gateward(&folder, &["init", "--from-profiles"]).code(0);
    assert!(said.err.contains("error[port-family-overlap]"), "{}", said.err);
    let written = fs::read_to_string(folder.join("supervisor.toml")).expect("a manifest");
    let last = written.split("\n\n").last().expect("a part");
    assert!(last.lines().all(|line| line.starts_with("# ")), "{last}");
    assert!(last.contains("# port-family-overlap (main, rescue): ") && last.contains("say `port = "), "{last}");
    let said = gateward(&Scratch::new("init-none"), &["init", "--from-profiles"]).code(1);
    assert!(said.err.contains("no OpenClaw profile"), "{}", said.err);
}

#[test]
fn a_service_whose_state_dir_is_elsewhere_is_taken_in_and_what_it_sets_is_named() {
    let folder = Scratch::new("init-services");
    let state = folder.join("srv/bot");
    folder.write("srv/bot/openclaw.json", "{ gateway: { mode: \"local\", bind: \"loopback\", port: 21000 } }");
    let unit = |name: &str, state: &Path| {
        let text = format!(
            "[Service]\nExecStart=/usr/bin/openclaw gateway\nEnvironment=OPENCLAW_SERVICE_MARKER=openclaw\n\
             Environment=OPENCLAW_PROFILE={name}\nEnvironment=OPENCLAW_STATE_DIR={}\n\
             Environment=TELEGRAM_BOT_TOKEN=hunter2\nEnvironmentFile=-/etc/bot.env\n",
            state.display()
        );
        folder.write(&format!(".config/systemd/user/{name}-bot.service"), &text);
    };
    unit("lab", &state);
    unit("lost", &folder.join("srv/gone"));
    let said = gateward(&folder, &["init", "--from-profiles", "-o", "-"]).code(0);
    assert!(said.out.contains("[planes.lab]"), "{}", said.out);
    assert!(said.out.contains(&format!("state_dir = {:?}", state.display().to_string())), "{}", said.out);
    let flat = said.out.replace("\n#", "");
    assert!(flat.contains("lab-bot.service sets TELEGRAM_BOT_TOKEN for it"), "{flat}");
    assert!(flat.contains("takes variables from /etc/bot.env"), "{flat}");
    assert!(!flat.contains("hunter2") && !said.err.contains("hunter2"), "{flat}");
    assert!(said.err.contains("lost-bot.service: it is a service whose state dir"), "{}", said.err);
    // The same service is an owner of the plane's gateway, whatever it is called.
    folder.write("supervisor.toml", &said.out);
    let checked = gateward(&folder, &["check", "--json"]).json();
    let found = checked["findings"].as_array().expect("a list");
    let native = found.iter().find(|one| one["surface"] == "lab-bot.service").expect("the service is found");
    assert!(native["code"].as_str().expect("a code").starts_with("native-service"), "{native:#}");
}

#[test]
fn what_is_guessed_is_said_and_no_plane_is_a_number() {
    let folder = Scratch::new("init-guessed");
    let config = "{ gateway: { mode: \"local\", bind: \"loopback\", port: 18789 } }";
    folder.write(".openclaw/openclaw.json", config);
    folder.write(".openclaw-main/openclaw.json", &config.replace("18789", "19900"));
    folder.write(".openclaw-Lab_2/openclaw.json", &config.replace("18789", "20900"));
    folder.write(".openclaw-lab-2/openclaw.json", &config.replace("18789", "21900"));
    // The command line's port of this profile goes before what its config says.
    folder.write(".openclaw-dev/openclaw.json", &config.replace("18789", "22900"));
    folder.write(".openclaw-torn/openclaw.json", "{ gateway: { port: 23900,, } }");
    let text = gateward(&folder, &["init", "--from-profiles", "-o", "-"]).code(0).out;
    let block = |name: &str| {
        let at = text.find(&format!("[planes.{name}]")).unwrap_or_else(|| panic!("{name} in {text}"));
        let before = text[..at].rfind("\n\n").expect("a line between");
        text[before..].trim_start().split("\n\n").next().expect("a block").to_owned()
    };
    assert!(block("main").contains("profile   = \"main\""), "{text}");
    assert!(
        block("default").contains("OpenClaw's unnamed profile") && !block("default").contains("role      ="),
        "{text}"
    );
    assert!(block("lab-2").contains("profile   = \"Lab_2\""), "{text}");
    assert!(block("profile-lab-2").contains("Called `profile-lab-2`"), "{text}");
    assert!(block("dev").contains("port      = 19001   # what `--profile dev` takes"), "{text}");
    let torn = block("torn");
    assert!(torn.contains("a guess") && torn.contains("config-syntax"), "{torn}");
}

#[test]
fn services_are_known_by_what_they_execute_and_by_their_drop_ins() {
    let folder = Scratch::new("init-units");
    let config = |port: u16| format!("{{ gateway: {{ mode: \"local\", bind: \"loopback\", port: {port} }} }}");
    for (path, port) in [(".openclaw-ops", 19900), (".openclaw-lab", 20900), ("srv/elsewhere", 21900)] {
        folder.write(&format!("{path}/openclaw.json"), &config(port));
    }
    let unit = |name: &str, text: &str| drop(folder.write(&format!(".config/systemd/user/{name}"), text));
    unit("by-hand.service", "[Service]\nExecStart=/usr/bin/openclaw --profile ops gateway run\n");
    unit("bot@.service", "[Service]\nExecStart=/usr/bin/openclaw --profile %i gateway\n");
    folder.folder(".config/systemd/user/default.target.wants");
    symlink("../bot@.service", folder.join(".config/systemd/user/default.target.wants/bot@lab.service"))
        .expect("a link");
    unit("openclaw-gateway.service", "[Service]\nExecStart=/usr/bin/openclaw gateway\n");
    let state = folder.join("srv/elsewhere");
    unit(
        "openclaw-gateway.service.d/10-state.conf",
        &format!("[Service]\nEnvironmentFile={}\n", folder.join("gateway.env").display()),
    );
    folder.write("gateway.env", &format!("OPENCLAW_STATE_DIR={}\n", state.display()));
    let text = gateward(&folder, &["init", "--from-profiles", "-o", "-"]).code(0).out;
    for part in [
        "systemctl --user disable --now by-hand.service",
        "systemctl --user disable --now bot@lab.service",
        "systemctl --user disable --now openclaw-gateway.service",
    ] {
        assert!(text.replace("\n# ", " ").contains(part), "{part} in {text}");
    }
    assert!(text.contains(&format!("state_dir = {:?}", state.display().to_string())), "{text}");
    assert!(!text.contains(".openclaw\""), "nothing is in the folder of the unnamed profile: {text}");
}
