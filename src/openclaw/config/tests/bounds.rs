//! What a hostile config multiplies: bytes that are taken, paths, comparisons. Takes no more than some megabytes itself.

use super::super::declared::Declared;
use super::{codes, config};

/// What a hostile file multiplies, as [`declared`] has it at the end: every text that is kept.
fn kept(declared: &Declared) -> usize {
    let secrets = declared.secrets.iter().filter_map(|secret| secret.telling()).map(str::len);
    let said = |path: &std::path::Path| path.as_os_str().len();
    let agents = declared.agents.iter().map(|agent| said(&agent.workspace.value) + said(&agent.agent_dir.value));
    let surfaces = declared.surfaces.iter().map(|surface| said(&surface.path.value) + surface.path.key.len());
    let channels = declared.channels.iter().flat_map(|account| &account.credentials).map(|said| said.key.len());
    secrets.sum::<usize>() + agents.sum::<usize>() + surfaces.sum::<usize>() + channels.sum::<usize>()
}

#[test]
fn every_copy_that_a_config_asks_for_is_of_one_budget() {
    const COUNT: usize = 400;
    let big = "x".repeat(256 << 10);
    let many = |one: &str| (0..COUNT).map(|n| format!("a{n}: {{ {one} }},")).collect::<String>();
    let accounts = |one: &str| config(&format!("channels: {{ telegram: {{ accounts: {{ {} }} }} }}", many(one)));
    let file = "secrets: { providers: { f: { source: 'file', path: '/big' } } },";
    let reference = many("botToken: { source: 'file', provider: 'f', id: '/t' }");
    let pointed = config(&format!("{file} channels: {{ telegram: {{ accounts: {{ {reference} }} }} }}"));
    let agents = |before: &str| config(&format!("{before} agents: {{ entries: {{ {} }} }}", many("")));
    let folder = format!("agents: {{ defaults: {{ workspace: '/{big}' }}, entries: {{ {} }} }}", many(""));
    let home = format!("agents: {{ entries: {{ {} }} }}", many("workspace: '~/w'"));
    let channel = format!("channels: {{ '{big}': {{ accounts: {{ {} }} }} }}", many("token: 't-secret'"));
    for (what, world) in [
        ("a variable by its short name", accounts("botToken: '$BIG'").set("BIG", &big)),
        ("a variable by its long name", accounts("botToken: '${BIG}'").with("/s/.env", &format!("BIG={big}\n"))),
        ("a file of a secret", accounts("tokenFile: '/big'").with("/big", &big)),
        ("a provider's file", pointed.with("/big", &format!("{{\"t\": \"{big}\"}}"))),
        ("a workspace of all agents", config(&folder)),
        ("the store of sessions", agents(&format!("session: {{ store: '/{big}/{{agentId}}' }},"))),
        ("a long HOME", config(&home).set("HOME", &format!("/{big}"))),
        ("a long name of a channel", config(&channel)),
    ] {
        let declared = world.read();
        assert!(kept(&declared) <= 48 << 20, "{what}: {} bytes", kept(&declared));
        assert!(codes(&declared).contains(&"config-too-large"), "{what}: {:?}", codes(&declared));
    }
}

#[test]
fn a_path_that_no_system_takes_is_a_problem() {
    let path = |length: usize| format!("/{}", "x".repeat(length - 1));
    let logging = |length| config(&format!("logging: {{ file: '{}' }}", path(length))).read();
    let longest = logging(4095);
    assert_eq!((codes(&longest), longest.surfaces.len()), (Vec::new(), 1));
    let longer = logging(4096);
    assert_eq!((codes(&longer), longer.surfaces.len()), (vec!["config-type"], 0));
    assert!(longer.problems[0].message.contains("4096 bytes"), "{}", longer.problems[0].message);
}

#[test]
#[expect(clippy::disallowed_methods, reason = "quadratic work is told from linear by the clock")]
fn files_and_homes_of_many_accounts_are_noted_in_one_pass() {
    // Compared with one another, 60,000 of each are four thousand million comparisons of paths.
    let accounts: String = (0..60_000).map(|n| format!("a{n}:{{tokenFile:'~/{n}'}},")).collect();
    let started = std::time::Instant::now();
    let declared = config(&format!("channels: {{ telegram: {{ accounts: {{ {accounts} }} }} }}")).read();
    assert_eq!((declared.homely.len(), codes(&declared)), (60_000, Vec::new()));
    assert!(started.elapsed() < std::time::Duration::from_secs(60), "{:?}", started.elapsed());
}
