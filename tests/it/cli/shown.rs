//! What is shown: help, cards, manual pages, completions, `exec`, `why`, JSON.

use std::process::Command;
use std::time::{Duration, Instant};

use super::transcript::transcript;
use super::{quiet, slow};
use crate::support::{Gateward, TestPlane, said};

#[test]
fn every_verb_has_help_with_examples() {
    let gateward = Gateward::new("shown-help", vec![quiet("main")]);
    let all = gateward.run(&["--help"]).code(0).out;
    let verbs: Vec<&str> = all
        .lines()
        .skip_while(|line| !line.starts_with("Commands:"))
        .skip(1)
        .take_while(|line| line.starts_with("  "))
        // What is indented deeper goes on from the line before.
        .filter(|line| !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert!(verbs.contains(&"status") && verbs.contains(&"exec"), "{all}");
    for verb in verbs.iter().filter(|verb| **verb != "help") {
        let help = gateward.run(&[verb, "--help"]).code(0);
        assert!(help.out.contains("Examples:"), "{verb} has no examples:\n{}", help.out);
        let codes = help.out.contains("Exit codes:") || help.out.contains("The exit code is");
        assert!(codes, "{verb} does not say how it ends:\n{}", help.out);
        assert!(help.out.lines().all(|line| line.chars().count() <= 120), "{verb} is too wide:\n{}", help.out);
        assert!(help.err.is_empty(), "{verb}: {}", help.err);
    }
}

#[test]
fn a_card_has_all_but_the_token() {
    let gateward = Gateward::new("shown-card", vec![TestPlane::practice("main"), TestPlane::practice("rescue")]);
    for form in [&["card"][..], &["card", "--json"], &["card", "--markdown"]] {
        let card = gateward.run(form).code(0).out;
        assert!(!card.contains("for-tests-only"), "a token is shown: {card}");
        for plane in ["main", "rescue"] {
            let base = gateward.written(plane).base();
            let at = |what: &str| gateward.scratch().join(&format!("{plane}/{what}")).display().to_string();
            let facts = [
                at("openclaw.json"),
                at("state"),
                at("workspace"),
                base.to_string(),
                (base + 2).to_string(),
                (base + 110).to_string(),
                format!("ssh -N -L {base}:127.0.0.1:{base} "),
                format!("ws://127.0.0.1:{base}"),
            ];
            for fact in facts {
                assert!(card.contains(&fact), "{form:?} lacks {fact}:\n{card}");
            }
        }
    }
}

#[test]
fn a_card_of_a_plane_that_no_manifest_knows_is_refused_with_the_reason() {
    let mut gateward = Gateward::new("shown-stranger", vec![quiet("main"), quiet("rescue")]);
    gateward.up();
    gateward.until_ready("rescue");
    gateward.rewrite(vec![quiet("main")]);
    let said = gateward.run(&["card", "rescue"]).code(1);
    assert!(said.err.contains("what rescue is nobody tells"), "{}", said.err);
    assert!(!gateward.run(&["card"]).code(0).out.contains("rescue"));
}

#[test]
fn a_card_says_what_a_config_does_not_tell_and_hides_a_token_in_a_path() {
    let token = "sk-in-a-path-0123456789";
    let config = format!(
        r#"{{ gateway: {{ mode: "local", bind: "loopback", auth: {{ mode: "token", token: "{token}" }} }},
             agents: {{ defaults: {{ workspace: "/srv/{token}/work" }} }} }}"#
    );
    let main = TestPlane::practice("main").config(&config);
    let gateward = Gateward::new("shown-card-broken", vec![main]);
    for form in [&["card"][..], &["card", "--json"], &["card", "--markdown"]] {
        let card = gateward.run(form).code(0).out;
        assert!(!card.contains(token) && card.contains("/srv/***/work"), "{card}");
    }
    let config = gateward.scratch().write("main/openclaw.json", &config[..config.len() - 1]);
    let card = gateward.run(&["card", "--json"]).code(0).json();
    let card = &card["planes"][0];
    let said = card["notes"].to_string();
    assert!(said.contains("its own config cannot be used") && said.contains("not JSON5"), "{said}");
    assert!(said.contains(&format!("mend {}, line 2, column ", config.display())), "{said}");
    assert!(!said.contains("gateway.mode"), "what cannot be known is not said to be missing: {said}");
    let workspace = gateward.scratch().join("main/workspace").display().to_string();
    assert_eq!(card["workspaces"], serde_json::json!([{ "agent": null, "path": workspace }]));
    std::fs::remove_file(&config).expect("a config");
    let said = gateward.run(&["card"]).code(0).out;
    assert!(said.contains("there is no config at") && !said.contains("gateway.mode"), "{said}");
}

#[test]
fn exec_has_the_whole_environment_and_no_cookie() {
    let plane = quiet("main").env("PLANE_WORD", "from the manifest");
    let gateward =
        Gateward::new("shown-exec", vec![plane]).dirty(&[("OPENCLAW_STATE_DIR", "/elsewhere"), ("DIRT", "1")]);
    let out = gateward.run(&["exec", "main", "--", "sh", "-c", "env; pwd; exit 7"]).code(7).out;
    let state = gateward.scratch().join("main/state").display().to_string();
    assert!(out.lines().any(|line| line == "PLANE_WORD=from the manifest"), "{out}");
    assert!(out.lines().any(|line| line == "GATEWARD_PLANE=main"), "{out}");
    assert!(out.lines().any(|line| line == state), "the working folder: {out}");
    for foreign in ["DIRT=", "/elsewhere", "GATEWARD_COOKIE"] {
        assert!(!out.contains(foreign), "{foreign} came through:\n{out}");
    }
    insta::assert_snapshot!("exec_absent", transcript(&gateward, &["exec", "main", "--", "no-such-program"]));
}

#[test]
fn why_tells_what_happened() {
    let broken =
        TestPlane::plain("main", &["/bin/sh", "-c", "echo it hurts; exit 9"]).table("restart", "policy = \"never\"");
    let mut gateward = Gateward::new("shown-why", vec![broken]);
    gateward.up();
    gateward.until("main", Duration::from_secs(30), "parked", |plane| plane.state == gateward::wire::State::Parked);
    let said = gateward.run(&["why", "main"]).code(3);
    for words in ["main is parked", "exit code 9", "it hurts"] {
        assert!(said.out.contains(words), "{words} is missing:\n{}", said.out);
    }
    let json = gateward.run(&["why", "main", "--json"]).code(3).json();
    assert_eq!(json["status"]["state"], "parked");
    assert!(json["evidence"].as_array().is_some_and(|evidence| !evidence.is_empty()));
    let table = gateward.run(&["status"]).code(0);
    assert!(table.out.contains("parked"), "{}", table.out);
}

#[test]
fn plane_names_complete_as_they_are() {
    let gateward = Gateward::new("shown-complete", vec![quiet("main"), slow("rescue")]);
    let manifest = gateward.manifest().display().to_string();
    let complete = |words: &[&str]| {
        // As the shell's script asks: the line so far behind `--`, and which of its words is being typed.
        let line = ["--", "gateward", "-m", &manifest].into_iter().chain(words.iter().copied());
        let mut command = Command::new(env!("CARGO_BIN_EXE_gateward"));
        command.env_clear().env("GATEWARD_COMPLETE", "bash").env("HOME", gateward.scratch().join("home"));
        command.env("_CLAP_COMPLETE_INDEX", (words.len() + 2).to_string()).args(line);
        said(command.output().expect("our binary runs")).out
    };
    assert_eq!(complete(&["restart", "re"]), "rescue");
    assert_eq!(complete(&["restart", ""]).lines().take(3).collect::<Vec<_>>(), ["main", "rescue", "all"]);
    for named in [format!("-m{manifest}"), format!("--manifest={manifest}")] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gateward"));
        command.env_clear().env("GATEWARD_COMPLETE", "bash").env("HOME", gateward.scratch().join("home"));
        command.env("_CLAP_COMPLETE_INDEX", "3").args(["--", "gateward", &named, "restart", "re"]);
        assert_eq!(said(command.output().expect("our binary runs")).out, "rescue", "{named}");
    }
    assert_eq!(complete(&["resta"]), "restart");
    assert_eq!(complete(&["why", ""]).lines().take(3).filter(|word| *word == "all").count(), 0);
    assert_eq!(complete(&["check", "--explain", "path-nes"]), "path-nested");
    assert_eq!(complete(&["start", "main", "--allow", "base-port-he"]), "base-port-held");
    let script = gateward.run(&["completions", "bash"]).code(0).out;
    assert!(script.contains("complete ") && script.contains("GATEWARD_COMPLETE"), "{script}");
}

#[test]
fn manual_pages_are_written_for_every_verb() {
    let gateward = Gateward::new("shown-man", vec![quiet("main")]);
    let folder = gateward.scratch().folder("man");
    gateward.run(&["man", "--dir", &folder.display().to_string()]).code(0);
    let restart = std::fs::read_to_string(folder.join("gateward-restart.1")).expect("a page");
    assert!(restart.contains("gateward restart main"), "{restart}");
    let first = gateward.run(&["man"]).code(0).out;
    for section in [".TH gateward 1", ".SH ENVIRONMENT", ".SH FILES", ".SH EXIT STATUS"] {
        assert!(first.contains(section), "{section}: {first}");
    }
    let exec = std::fs::read_to_string(folder.join("gateward-exec.1")).expect("a page");
    for words in [".SH EXAMPLES", ".SH EXIT STATUS", "\\-\\- \\fICMD\\fR..."] {
        assert!(exec.contains(words), "{words}: {exec}");
    }
    let pages = std::fs::read_dir(&folder).expect("pages").flatten();
    for page in pages.map(|entry| std::fs::read_to_string(entry.path()).expect("a page")) {
        assert!(!page.contains(".SH EXTRA"), "{page}");
    }
}

#[test]
fn a_pipe_that_closes_is_no_error() {
    let gateward = Gateward::new("shown-pipe", vec![quiet("main")]);
    let mut command = gateward.command(&["card", "--json"]);
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let output = command.stdout(writer).stderr(std::process::Stdio::piped()).spawn().expect("our binary runs");
    let said = said(output.wait_with_output().expect("our child"));
    assert_eq!(said.err, "");
}

#[test]
fn status_of_ten_planes_asks_them_all_at_once() {
    let names: Vec<String> = (0..10).map(|number| format!("plane-{number}")).collect();
    let mut gateward = Gateward::new("shown-ten", names.iter().map(|name| quiet(name)).collect());
    gateward.up();
    for name in &names {
        gateward.until_ready(name);
    }
    let status = gateward.status();
    let order: Vec<&str> = status.planes.iter().map(|plane| plane.name.as_str()).collect();
    assert_eq!(order, names);
    // Stopped, a keeper takes the whole of its budget; ten of them must not take it ten times.
    for plane in &status.planes {
        crate::support::processes::kill(plane.keeper_pid.expect("a keeper"), rustix::process::Signal::STOP);
    }
    let begun = Instant::now();
    let stopped = gateward.run(&["status", "--json"]).code(0);
    let took = begun.elapsed();
    for plane in &status.planes {
        crate::support::processes::kill(plane.keeper_pid.expect("a keeper"), rustix::process::Signal::CONT);
    }
    assert!(took < Duration::from_secs(10), "{took:?}");
    assert!(stopped.out.contains("is stopped (SIGSTOP), and does not answer"), "{}", stopped.out);
}
