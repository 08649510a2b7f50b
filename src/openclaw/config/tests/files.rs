//! Includes, variables, `.env` files, and files that are broken or hostile.

use super::super::declared::FileRole;
use super::super::files::Refusal;
use super::super::json5::MOST_VALUES;
use super::{World, codes, config};
use proptest::prelude::*;

#[test]
fn includes_merge_in_order_and_siblings_go_before_them() {
    let world =
        config("$include: ['a.json5', './sub/b.json5'], browser: { enabled: false }, logging: { $include: 'l' }")
            .with(
                "/c/a.json5",
                "{ gateway: { port: 1, bind: 'lan' }, browser: { enabled: true, profiles: { x: { cdpPort: 5 } } } }",
            )
            .with("/c/sub/b.json5", "{ gateway: { port: 2 }, channels: { $include: 'c.json5' } }")
            .with("/c/sub/c.json5", "{ telegram: { botToken: 't' } }")
            .with("/c/l", "{ file: '/log' }");
    let declared = world.read();
    assert_eq!(codes(&declared), [""; 0]);
    let port = &declared.gateway.ports[0];
    assert_eq!((port.value, port.origin.to_string().as_str()), (2, "/c/sub/b.json5:1:20"));
    assert_eq!(declared.gateway.mode.as_ref().unwrap().value, "local");
    assert_eq!(declared.gateway.bind.as_ref().unwrap().value, "lan");
    assert!(!declared.browser.enabled);
    assert_eq!(declared.channels[0].credentials[0].origin.to_string(), "/c/sub/c.json5:1:25");
    assert_eq!(declared.surfaces[0].path.value.to_str(), Some("/log"));
    let files: Vec<_> = declared.files.iter().map(|file| (file.path.to_str().unwrap(), file.role, file.read)).collect();
    let include = |path| (path, FileRole::Include, true);
    assert_eq!(
        files,
        [
            ("/c/openclaw.json", FileRole::Config, true),
            include("/c/a.json5"),
            include("/c/sub/b.json5"),
            include("/c/sub/c.json5"),
            include("/c/l"),
            ("/s/.env", FileRole::Environment, false),
        ]
    );
}

#[test]
fn refused_includes_are_problems_and_the_rest_is_read() {
    for (include, message) in [
        ("'none'", "/c/none is not there"),
        ("'../out'", "/out lies outside the config's folder and OPENCLAW_INCLUDE_ROOTS"),
        ("'/etc/passwd'", "/etc/passwd lies outside the config's folder and OPENCLAW_INCLUDE_ROOTS"),
        ("'openclaw.json'", "/c/openclaw.json is included from within itself"),
        ("'loop'", "/c/loop is included from within itself"),
        ("5", "`$include` takes a file name or a list of file names"),
        ("[5]", "`$include` takes file names only"),
        ("'list'", "keys beside `$include` need an included object, and the file holds something else"),
        ("'link'", "/c/link, which is /out behind a link, lies outside the config's folder and OPENCLAW_INCLUDE_ROOTS"),
    ] {
        let world = config(&format!("$include: {include}, logging: {{ file: '/log' }}"))
            .with("/c/loop", "{ a: { $include: './loop' } }")
            .with("/c/list", "[]")
            .with("/out", "{}")
            .linking("/c/link", "/out");
        let declared = world.read();
        assert_eq!(codes(&declared), ["config-include"], "{include}");
        assert_eq!(declared.problems[0].message, message);
        assert_eq!(declared.surfaces.len(), 1, "{include}");
    }
}

#[test]
fn further_roots_may_be_included_from() {
    let world = config("$include: ['/x/a', '~/b']").with("/x/a", "{}").with("/h/b", "{}");
    assert_eq!(codes(&world.read()), ["config-include", "config-include"]);
    // The name itself is taken as it is written: `~` is a folder there.
    let declared = world.set("OPENCLAW_INCLUDE_ROOTS", " /x : ~ ").read();
    assert_eq!(codes(&declared), ["config-include"]);
    assert_eq!(declared.problems[0].message, "/c/~/b is not there");
}

#[test]
fn ten_includes_within_one_another_are_read_and_no_more() {
    let chain = |length: usize| {
        (0..length).fold(World::new("{ $include: '0' }"), |world, index| {
            world.with(&format!("/c/{index}"), &format!("{{ $include: '{}' }}", index + 1))
        })
    };
    assert!(chain(9).with("/c/9", "{ gateway: { port: 9 } }").read().problems.is_empty());
    let declared = chain(10).with("/c/10", "{}").read();
    assert_eq!(codes(&declared), ["config-include"]);
    assert_eq!(declared.problems[0].at.to_string(), "/c/9:1:13");
}

#[test]
fn includes_that_multiply_are_cut_off() {
    let ten = |name: usize| format!("{{ $include: [{}] }}", format!("'{name}',").repeat(10));
    let world = (0..9).fold(World::new(&ten(0)), |world, index| world.with(&format!("/c/{index}"), &ten(index + 1)));
    let declared = world.with("/c/9", "{}").read();
    let told = declared.problems.iter().filter(|problem| problem.message.starts_with("more than 1000 includes"));
    assert_eq!(told.count(), 1);
    assert!(declared.problems.len() <= 200);
}

#[test]
fn hostile_files_are_named_by_a_problem() {
    for (why, code) in [
        (Refusal::Directory, "config-unreadable"),
        (Refusal::Special, "config-unreadable"),
        (Refusal::Denied, "config-unreadable"),
        (Refusal::LinkLoop, "config-unreadable"),
        (Refusal::Failed("input/output error".to_owned()), "config-unreadable"),
        (Refusal::TooLarge, "config-too-large"),
    ] {
        let refused = World::new("").refusing("/c/openclaw.json", why.clone());
        assert_eq!(codes(&refused.read()), [code], "{why:?}");
        let included = World::new("{ $include: 'x' }").refusing("/c/x", why.clone());
        assert_eq!(codes(&included.read()), [code], "{why:?}");
        let environment = config("").refusing("/s/.env", why.clone());
        assert_eq!(codes(&environment.read()), ["env-unreadable"], "{why:?}");
    }
    let long = format!("{{ $include: 'x', a: '{}' }}", "x".repeat(3 << 20));
    let world = World::new(&long).with("/c/x", &long);
    assert_eq!(codes(&world.read()), ["config-too-large"]);
}

#[test]
fn what_is_no_utf8_spoils_a_config_but_of_a_variable_file_only_its_own_value() {
    assert_eq!(codes(&World::new("{ a: '\u{fffd}' }").read()), ["config-encoding"]);
    assert_eq!(codes(&World::new("{ $include: 'x' }").with("/c/x", "{}//\u{fffd}").read()), ["config-encoding"]);
    let world = config("agents: { defaults: { workspace: '/w/${A}${B}' } }").with("/s/.env", "A=\u{fffd}\nB=b\n");
    let declared = world.read();
    assert_eq!(codes(&declared), ["env-encoding"]);
    assert_eq!(declared.agents[0].workspace.value, std::path::Path::new("/w/\u{fffd}b"));
}

#[test]
fn texts_that_are_no_config_are_named_by_a_problem() {
    let deep = format!("{}{}", "{a:".repeat(200), "}".repeat(200));
    let wide = format!("[{}]", "0,".repeat(MOST_VALUES));
    for (text, code, at) in [
        ("", "config-syntax", "1:1"),
        ("{\n a: }", "config-syntax", "2:5"),
        ("[]", "config-type", "1:1"),
        ("\0\u{1}\u{7f}", "config-syntax", "1:1"),
        (deep.as_str(), "config-too-deep", "1:301"),
        (wide.as_str(), "config-too-large", "1:1000000"),
        ("{ gateway: 5 }", "config-type", "1:12"),
        ("{ gateway: { port: 70000 } }", "config-type", "1:20"),
        ("{ gateway: { port: '80' } }", "config-type", "1:20"),
        ("{ browser: { cdpUrl: 'x' } }", "config-type", "1:22"),
    ] {
        let declared = World::new(text).read();
        assert_eq!(codes(&declared), [code], "{text:.40}");
        assert_eq!(declared.problems[0].at.to_string(), format!("/c/openclaw.json:{at}"), "{text:.40}");
    }
    let nothing = World::default().set("HOME", "/h").read();
    assert_eq!(codes(&nothing), ["config-missing"]);
}

#[test]
fn what_a_hostile_file_multiplies_is_bounded() {
    let long = "x".repeat(60 << 10);
    let many = "${A}".repeat(10_000);
    let declared = config(&format!("logging: {{ file: '/{many}' }}")).set("A", &long).read();
    assert_eq!(codes(&declared), ["config-too-large"]);
    let agents: String = (0..20_000).map(|number| format!("a{number}:{{}},")).collect();
    assert_eq!(config(&format!("agents: {{ entries: {{ {agents} }} }}")).read().agents.len(), 20_000);
    let missing = config(&format!("x: '{}'", "${B}".repeat(100_000))).read();
    assert_eq!(missing.problems.len(), 1);
}

#[test]
fn variables_have_openclaws_precedence() {
    let world = config("env: { vars: { A: 'vars', B: 'vars', C: 'vars', D: 'vars', E: '${A}' }, B: 'direct' },\nlogging: { file: '/${A}/${B}/${C}/${D}/${E}/${F}' }")
        .with("/s/.env", "C=dotenv\nD=dotenv\nF=\"dot env\"\n")
        .set("D", "process")
        .set("A", " ");
    let declared = world.read();
    assert_eq!(codes(&declared), ["config-variable"]);
    assert_eq!(declared.problems[0].message, "${E} is not set, so it stays in the value as written");
    let file = &declared.surfaces[0].path;
    assert_eq!(file.value.to_str(), Some("/vars/direct/dotenv/process/${E}/dot env"));
    assert_eq!(
        file.origin.to_string(),
        "/c/openclaw.json:3:18 through A at /c/openclaw.json:2:19 through B at /c/openclaw.json:2:76 \
         through C at /s/.env:1:1 through D of the plane's environment through F at /s/.env:3:1"
    );
}

#[test]
fn a_files_own_variables_do_not_steer_programs() {
    let world = config(
        "env: { vars: { XDG_DATA_HOME: '/x', OPENCLAW_INCLUDE_ROOTS: '/x' } }, logging: { file: '${XDG_DATA_HOME}/l', $include: '/x/a' }",
    );
    assert_eq!(codes(&world.read()), ["config-include", "config-variable"]);
}

#[test]
fn a_gateways_own_state_dir_also_has_the_installers_file() {
    let mut world = config("logging: { file: '${A}${B}' }")
        .with("/h/.config/openclaw/gateway.env", "A=1\nB=1")
        .with("/s/.env", "A=2");
    assert_eq!(codes(&world.read()), ["config-variable"]);
    world.environ.insert("OPENCLAW_HOME".to_owned(), "/o".to_owned());
    world = world.with("/o/.config/openclaw/gateway.env", "B=3");
    assert_eq!(codes(&world.read()), ["config-variable"]);
}

proptest! {
    #[test]
    fn the_order_of_keys_does_not_matter(seed in any::<u64>()) {
        let shuffled = shuffle(&serde_json5(include_str!("rich.json5")), &mut { seed });
        let rich = |text: &str| {
            let declared = World::new(text).with("/c/part.json5", "{ port: 21000 }").set("BOT", "s").read();
            let agents: Vec<_> = declared.agents.iter().map(|agent| (agent.id.clone(), agent.workspace.value.clone(), agent.is_default)).collect();
            let listeners: Vec<_> = declared.listeners.iter().map(|listener| (listener.port.key.clone(), listener.port.value)).collect();
            let profiles: Vec<_> = declared.browser.profiles.iter().map(|profile| (profile.name.clone(), profile.cdp_port.clone().map(|port| port.value))).collect();
            let mut accounts: Vec<_> = declared.channels.iter().map(|account| {
                let key = [0; 32];
                let prints: Vec<_> = account.credentials.iter().map(|said| said.value.fingerprint(&key)).collect();
                (account.channel.clone(), account.account.clone(), account.standing, prints)
            }).collect();
            accounts.sort();
            let mut agents = agents;
            agents.sort();
            (agents, listeners, profiles, accounts, declared.gateway.ports.iter().map(|port| port.value).collect::<Vec<_>>())
        };
        prop_assert_eq!(rich(&shuffled.to_string()), rich(include_str!("rich.json5")));
    }
}

/// JSON5 as JSON, through the reader itself.
fn serde_json5(text: &str) -> serde_json::Value {
    fn plain(node: &super::super::json5::Node) -> serde_json::Value {
        use super::super::json5::Value;
        match &node.value {
            Value::Null => serde_json::Value::Null,
            Value::Bool(flag) => (*flag).into(),
            Value::Number(number) => (*number).into(),
            Value::Text(text) => text.clone().into(),
            Value::Array(items) => items.iter().map(plain).collect(),
            Value::Object(members) => {
                serde_json::Value::Object(members.iter().map(|(key, node)| (key.clone(), plain(node))).collect())
            }
        }
    }
    plain(&super::super::json5::read(text, 0).expect("the sample is JSON5"))
}

fn shuffle(value: &serde_json::Value, seed: &mut u64) -> serde_json::Value {
    match value {
        serde_json::Value::Object(members) => {
            let mut members: Vec<_> = members.iter().map(|(key, value)| (key.clone(), shuffle(value, seed))).collect();
            for index in (1..members.len()).rev() {
                *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                members.swap(index, (*seed >> 33) as usize % (index + 1));
            }
            serde_json::Value::Object(members.into_iter().collect())
        }
        serde_json::Value::Array(items) => items.iter().map(|item| shuffle(item, seed)).collect(),
        other => other.clone(),
    }
}
