//! What the sections declare.

use super::super::credential::{Credential, Fingerprint, Secret};
use super::super::declared::{Agent, ChannelAccount, Declared, Driver, Side, Standing, SurfaceKind};
use super::super::origin::Origin;
use super::{World, codes, config};

fn workspaces<'d>(declared: &'d Declared) -> Vec<(&'d str, &'d str, bool)> {
    let row = |agent: &'d Agent| (agent.id.as_str(), agent.workspace.value.to_str().unwrap(), agent.is_default);
    declared.agents.iter().map(row).collect()
}

#[test]
fn workspaces_follow_openclaws_rules() {
    let read = |within: &str| config(within).read();
    assert_eq!(workspaces(&read("")), [("main", "/s/workspace", true)]);
    assert_eq!(workspaces(&read("agents: { entries: { Only: {} } }")), [("only", "/s/workspace", true)]);
    assert_eq!(
        workspaces(&read(
            "agents: { defaults: { workspace: ' ~/w ' }, entries: { b: {}, a: { default: true }, c: { workspace: 'x/../r' } } }"
        )),
        [("b", "/h/w/b", false), ("a", "/h/w", true), ("c", "/s/r", false)]
    );
    assert_eq!(
        workspaces(&read("agents: { ownership: 'explicit', entries: { b: { default: true }, a: {} } }")),
        [("b", "/s/workspace-b", false), ("a", "/s/workspace-a", false)]
    );
    assert_eq!(
        workspaces(&read("agents: { list: [{ id: 'x', default: true }, { id: 'y' }] }")),
        [("x", "/s/workspace", true), ("y", "/s/workspace-y", false)]
    );
}

#[test]
fn a_variable_gives_the_default_workspace_and_says_who_set_it() {
    let declared = config("").with("/s/.env", "\nOPENCLAW_WORKSPACE_DIR=~/w").read();
    let workspace = &declared.agents[0].workspace;
    // OpenClaw expands no `~` there.
    assert_eq!(workspace.value.to_str(), Some("/s/~/w"));
    assert_eq!(
        (workspace.key.as_str(), workspace.origin.to_string().as_str()),
        ("OPENCLAW_WORKSPACE_DIR", "OPENCLAW_WORKSPACE_DIR at /s/.env:2:1")
    );
    let written = config("agents: { defaults: { workspace: '/w' } }").set("OPENCLAW_WORKSPACE_DIR", "/v").read();
    assert_eq!(written.agents[0].workspace.value.to_str(), Some("/w"));
}

#[test]
fn other_folders_of_agents_are_known() {
    let declared = config(
        "agents: { defaults: { cwd: '~' }, entries: { a: { agentDir: 'd', default: true }, b: { cwd: '/b' } } }",
    )
    .read();
    let folders: Vec<_> = declared
        .agents
        .iter()
        .map(|agent| (agent.agent_dir.value.to_str().unwrap(), agent.cwd.as_ref().unwrap().value.to_str().unwrap()))
        .collect();
    assert_eq!(folders, [("/s/d", "/h"), ("/s/agents/b/agent", "/b")]);
}

#[test]
fn ports_are_told_in_order_of_precedence() {
    let world = config("").with("/c/openclaw.json", "{ gateway: { port: 3 } }");
    let ports = |world: &World| world.read().gateway.ports.iter().map(|port| port.value).collect::<Vec<_>>();
    assert_eq!(ports(&world), [3]);
    let world = world.with("/s/.env", "OPENCLAW_GATEWAY_PORT=127.0.0.1:2");
    assert_eq!(ports(&world), [2, 3]);
    assert_eq!(ports(&world.clone().set("OPENCLAW_GATEWAY_PORT", "1")), [1, 3]);
    // `--profile dev` alone would make it 19001, but nobody says so, and `--port` is always passed.
    assert_eq!(ports(&config("").profile("dev")), [0; 0]);
}

#[test]
fn auth_bind_and_break_glass_are_known() {
    let text = "{ gateway: { bind: 'custom', customBindHost: '10.0.0.1', tailscale: { mode: 'funnel' }, remote: {}, auth: { mode: 'token', token: '' } } }";
    let world = World::new(text).with("/s/.env", "OPENCLAW_GATEWAY_TOKEN=t\nOPENCLAW_ALLOW_INSECURE_PRIVATE_WS=1");
    let gateway = world.read().gateway;
    assert_eq!(gateway.bind.unwrap().value, "custom");
    assert_eq!(gateway.custom_bind_host.unwrap().value, "10.0.0.1");
    assert_eq!(gateway.tailscale_mode.unwrap().value, "funnel");
    assert_eq!(gateway.auth_mode.unwrap().value, "token");
    assert_eq!(gateway.token.unwrap().key, "OPENCLAW_GATEWAY_TOKEN");
    assert!(gateway.password.is_none());
    assert_eq!(gateway.remote.unwrap().origin.to_string(), "/c/openclaw.json:1:89");
    assert_eq!(
        gateway.insecure_private_ws.unwrap().origin.to_string(),
        "OPENCLAW_ALLOW_INSECURE_PRIVATE_WS at /s/.env:2:1"
    );
}

#[test]
fn browsers_are_known_by_port_or_by_end() {
    let declared = config(
        "browser: { cdpUrl: 'https://Grid.example', profiles: { a: { cdpPort: 7 }, b: { cdpUrl: 'http://[::1]', cdpPort: 8 },
         user: { driver: 'existing-session', mcpArgs: ['--browserUrl', 'http://localhost:9'] }, ext: { driver: 'extension', cdpPort: 10 } } }",
    )
    .read();
    let end = |said: &Option<super::super::origin::Said<super::super::declared::Endpoint>>| {
        said.as_ref().map(|said| said.value.to_string())
    };
    assert_eq!(end(&declared.browser.cdp_url).as_deref(), Some("grid.example:443"));
    let rows: Vec<_> = declared
        .browser
        .profiles
        .iter()
        .map(|profile| {
            (
                profile.name.as_str(),
                profile.driver,
                profile.written,
                profile.cdp_port.as_ref().map(|port| port.value),
                end(&profile.cdp_url),
            )
        })
        .collect();
    let some = |end: &str| Some(end.to_owned());
    assert_eq!(
        rows,
        [
            ("a", Driver::Managed, true, None, some("grid.example:7")),
            ("b", Driver::Managed, true, None, some("127.0.0.1:8")),
            ("chrome", Driver::Extension, false, None, None),
            ("ext", Driver::Extension, true, Some(10), None),
            ("openclaw", Driver::Managed, false, None, None),
            ("user", Driver::ExistingSession, true, None, some("127.0.0.1:9")),
        ]
    );
}

#[test]
fn listeners_are_those_that_are_switched_on() {
    let rows = |within: &str| {
        let declared = config(within).read();
        let row = |listener: &super::super::declared::Listener| {
            (listener.port.key.clone(), listener.port.value, listener.side, listener.port.origin.is_default())
        };
        declared.listeners.iter().map(row).collect::<Vec<_>>()
    };
    let listens = |key: &str, port, implied| (key.to_owned(), port, Side::Listens, implied);
    let hook = "https://x";
    assert_eq!(rows("channels: { telegram: { webhookPort: 5 } }"), []);
    assert_eq!(rows(&format!("channels: {{ telegram: {{ webhookUrl: '{hook}', webhookPort: 0 }} }}")), []);
    assert_eq!(
        rows(&format!("channels: {{ telegram: {{ webhookUrl: '{hook}' }} }}")),
        [listens("channels.telegram.webhookPort", 8787, true)]
    );
    assert_eq!(
        rows(&format!(
            "channels: {{ telegram: {{ webhookUrl: '{hook}', webhookPort: 6, accounts: {{ a: {{}}, b: {{ webhookPort: 7 }}, c: {{}}, d: {{ enabled: false, webhookPort: 8 }} }} }} }}"
        )),
        [
            listens("channels.telegram.accounts.b.webhookPort", 7, false),
            listens("channels.telegram.webhookPort", 6, false)
        ]
    );
    assert_eq!(
        rows("channels: { msteams: { webhook: { port: 5 } } }"),
        [listens("channels.msteams.webhook.port", 5, false)]
    );
    assert_eq!(rows("channels: { msteams: { enabled: false } }"), []);
    assert_eq!(rows("channels: { signal: {} }"), [listens("channels.signal.transport.httpPort", 8080, true)]);
    assert_eq!(rows("channels: { signal: { transport: { kind: 'container', url: 'http://x' } } }"), []);
    assert_eq!(
        rows(
            "hooks: { enabled: true, gmail: { account: 'a', serve: { port: 4 }, hookUrl: 'http://localhost:18789/h' } }"
        ),
        [("hooks.gmail.hookUrl".to_owned(), 18789, Side::Connects, false), listens("hooks.gmail.serve.port", 4, false)]
    );
    assert_eq!(rows("hooks: { gmail: { account: 'a', serve: { port: 4 } } }"), []);
    assert_eq!(
        rows(
            "mcp: { apps: { sandboxPort: 3 } }, desktop: { host: { port: 5901 } }, plugins: { entries: { 'voice-call': { config: { enabled: true } } } }"
        ),
        [
            ("desktop.host.port".to_owned(), 5901, Side::Connects, false),
            listens("mcp.apps.sandboxPort", 3, false),
            listens("plugins.entries.voice-call.config.serve.port", 3334, true),
        ]
    );
}

#[test]
fn surfaces_are_resolved_and_dated_logs_are_one_file() {
    let declared = config("logging: { file: '~/l/openclaw-2026-01-02.log' }, session: { store: '/st/{agentId}' }, agents: { entries: { a: {} } }, channels: { whatsapp: { accounts: { x: { authDir: 'wa' } } } }, browser: { profiles: { p: { driver: 'existing-session', userDataDir: '~/c' } } }")
        .set("OPENCLAW_OAUTH_DIR", "~/oauth")
        .read();
    let rows: Vec<_> =
        declared.surfaces.iter().map(|surface| (surface.kind, surface.path.value.to_str().unwrap())).collect();
    assert_eq!(
        rows,
        [
            (SurfaceKind::LogFile, "/h/l/openclaw-YYYY-MM-DD.log"),
            (SurfaceKind::OauthDir, "/h/oauth"),
            (SurfaceKind::Sessions, "/st/a"),
            (SurfaceKind::BrowserUserData, "/h/c"),
            (SurfaceKind::ChannelAuth, "/s/wa"),
        ]
    );
}

fn print(text: &str) -> Option<Fingerprint> {
    Some(Secret::new(text.to_owned()).fingerprint(&KEY))
}

const KEY: [u8; 32] = [7; 32];

fn accounts(world: &World) -> Vec<(String, Standing, Vec<Option<Fingerprint>>)> {
    let row = |account: ChannelAccount| {
        let prints = account.credentials.iter().map(|said| said.value.fingerprint(&KEY)).collect();
        (format!("{}/{}", account.channel, account.account), account.standing, prints)
    };
    world.read().channels.into_iter().map(row).collect()
}

#[test]
fn a_credential_is_known_however_it_is_given() {
    let given = [
        config("channels: { telegram: { botToken: ' tok ' } }"),
        config("channels: { telegram: { botToken: '${T}' } }").set("T", "tok"),
        config("channels: { telegram: { botToken: '$T' } }").with("/s/.env", "T=tok"),
        config("channels: { telegram: { botToken: 't${T}' } }").set("T", "ok"),
        config("channels: { telegram: { botToken: { source: 'env', provider: 'default', id: 'T' } } }").set("T", "tok"),
        config("channels: { telegram: { tokenFile: '~/t' } }").with("/h/t", "tok\n"),
        config("channels: { telegram: { botToken: { source: 'file', provider: 'f', id: '/a/b' } } }, secrets: { providers: { f: { source: 'file', path: '/j' } } }")
            .with("/j", "{\"a\":{\"b\":\"tok\"}}"),
        config("channels: { telegram: { botToken: { source: 'file', provider: 'f', id: 'value' } } }, secrets: { providers: { f: { source: 'file', path: '/j', mode: 'singleValue' } } }")
            .with("/j", "tok\n"),
        config("channels: { telegram: {} }").with("/s/.env", "TELEGRAM_BOT_TOKEN=tok"),
        config("channels: { telegram: {} }, env: { vars: { TELEGRAM_BOT_TOKEN: 'tok' } }"),
    ];
    for world in given {
        assert_eq!(
            accounts(&world),
            [("telegram/default".to_owned(), Standing::Active, vec![print("tok")])],
            "{world:?}"
        );
    }
}

#[test]
fn variables_stand_in_for_unwritten_keys_of_the_default_account_only() {
    let set = |world: World| {
        world.set("TELEGRAM_BOT_TOKEN", "env").set("SLACK_APP_TOKEN", "app").set("SLACK_BOT_TOKEN", "env")
    };
    let telegram = |within: &str| {
        accounts(&set(config(within))).into_iter().filter(|row| row.0.starts_with("telegram")).collect::<Vec<_>>()
    };
    assert_eq!(telegram(""), [("telegram/default".to_owned(), Standing::Ambient, vec![print("env")])]);
    assert_eq!(telegram("channels: { telegram: { tokenFile: '/none' } }").len(), 1);
    assert_ne!(telegram("channels: { telegram: { tokenFile: '/none' } }")[0].2, [print("env")]);
    assert_eq!(
        telegram("channels: { telegram: { enabled: false, accounts: { b: { botToken: 'b' } } } }"),
        [
            ("telegram/default".to_owned(), Standing::Disabled, vec![print("env")]),
            ("telegram/b".to_owned(), Standing::Disabled, vec![print("b")])
        ]
    );
    assert_eq!(
        telegram(
            "channels: { telegram: { defaultAccount: 'b', accounts: { b: { botToken: 'b' }, c: { enabled: false, botToken: 'c' } } } }"
        ),
        [
            ("telegram/b".to_owned(), Standing::Active, vec![print("b")]),
            ("telegram/c".to_owned(), Standing::Disabled, vec![print("c")])
        ]
    );
    let slack = accounts(&set(config("channels: { slack: { botToken: 'written' } }")));
    let slack: Vec<_> = slack.iter().filter(|row| row.0 == "slack/default").collect();
    assert_eq!(slack[0].2, [print("written"), print("app")]);
}

#[test]
fn a_word_before_a_token_is_no_part_of_it() {
    let first = |within: &str| config(within).read().channels[0].credentials[0].value.fingerprint(&KEY);
    for (channel, key, given) in [
        ("discord", "token", "Bot t"),
        ("discord", "token", "  bOT \t t "),
        ("twitch", "accessToken", "oauth:t"),
        ("twitch", "accessToken", "t"),
    ] {
        assert_eq!(first(&format!("channels: {{ {channel}: {{ {key}: '{given}' }} }}")), print("t"), "{given}");
    }
    assert_eq!(first("channels: { discord: { token: 'Bott' } }"), print("Bott"));
    assert_eq!(first("channels: { telegram: { botToken: 'Bot t' } }"), print("Bot t"));
    let by_variable = config("").set("DISCORD_BOT_TOKEN", "Bot t").read();
    assert_eq!(by_variable.channels[0].credentials[0].value.fingerprint(&KEY), print("t"));
}

#[test]
fn channels_of_other_plugins_have_what_their_keys_call_credentials() {
    let world = config(
        "channels: { defaults: { token: 'd' }, acme: { token: 't', webhookSecret: 'w', sessionKey: 's', enabled: 'yes', size: 1, apiKey: ['x'],
           accounts: { two: { enabled: false, user: 'U', password: '${P}' }, odd: 1 } }, none: 'x', empty: {} }",
    );
    let world = world.set("P", "p");
    let two = Secret::new("user=u\0p".to_owned()).fingerprint(&KEY);
    let expected =
        [("acme/default", Standing::Active, vec![print("t")]), ("acme/two", Standing::Disabled, vec![Some(two)])];
    let expected = expected.map(|(name, standing, prints)| (name.to_owned(), standing, prints));
    assert_eq!(accounts(&world), expected);
    assert_eq!(codes(&world.read()), [""; 0]);
}

#[test]
fn a_password_counts_only_with_its_user() {
    let matrix = |user: &str| accounts(&config(&format!("channels: {{ matrix: {{ {user} password: 'p' }} }}")));
    let of = |rows: Vec<(String, Standing, Vec<Option<Fingerprint>>)>| rows.first().map(|row| row.2[0]);
    assert_eq!(of(matrix("")), None);
    assert_eq!(of(matrix("userId: '@a:x',")), of(matrix("userId: '@A:x',")));
    assert_ne!(of(matrix("userId: '@a:x',")), of(matrix("userId: '@b:x',")));
}

#[test]
fn references_are_equal_when_they_ask_the_same() {
    let exec = |id: &str, command: &str| {
        let world = config(&format!(
            "channels: {{ discord: {{ token: {{ source: 'exec', provider: 'v', id: '{id}' }} }} }}, secrets: {{ providers: {{ v: {{ source: 'exec', command: '{command}' }} }} }}"
        ));
        accounts(&world)[0].2[0].unwrap()
    };
    assert_eq!(exec("a", "/v"), exec("a", "/v"));
    assert_ne!(exec("a", "/v"), exec("b", "/v"));
    assert_ne!(exec("a", "/v"), exec("a", "/w"));
    let missing = config("channels: { discord: { token: '${NONE}' } }").read();
    assert!(matches!(missing.channels[0].credentials[0].value, Credential::Missing { .. }));
    assert_eq!(codes(&missing), ["config-variable"]);
}

#[test]
fn a_service_account_is_known_by_its_key() {
    let inline = config("channels: { googlechat: { serviceAccount: { private_key: 'k', client_email: 'e' } } }");
    let text = config("channels: { googlechat: { serviceAccount: '{\"client_email\":\"e\",\"private_key\":\"k\"}' } }");
    let file = config("channels: { googlechat: { serviceAccountFile: '/g' } }").with("/g", "{\"private_key\": \"k\"}");
    for world in [inline, text, file] {
        assert_eq!(accounts(&world)[0].2, [print("k")]);
    }
}

#[test]
fn nothing_declared_shows_a_secret() {
    let world = config("channels: { telegram: { botToken: 'hunter2' }, slack: { botToken: 'x${P}' } }, gateway: { auth: { token: 'hunter2', password: '${P}' }, remote: { url: 'wss://u:hunter2@h' } }, hooks: { token: 'hunter2' }, $include: 'hunter3'")
        .with("/s/.env", "P=hunter2")
        .with("/c/hunter3", "{ a: 'hunter2'; }")
        .set("TELEGRAM_BOT_TOKEN", "hunter2");
    let shown = format!("{:?}", world.read());
    assert!(!shown.contains("hunter2"), "{shown}");
}

#[test]
fn the_rich_sample_is_read_whole() {
    let declared =
        World::new(include_str!("rich.json5")).with("/c/part.json5", "{ port: 21000 }").set("BOT", "s").read();
    assert_eq!(codes(&declared), ["config-variable"]);
    assert_eq!(declared.agents.len(), 3);
    assert_eq!(declared.channels.len(), 6);
    // With telegram's own account, which has a login beside the named ones.
    assert_eq!(declared.listeners.len(), 6);
    assert!(matches!(&declared.listeners[0].port.origin, Origin::Written { .. }));
}

#[test]
fn what_many_keys_have_in_common_is_not_copied_without_end() {
    let big = "b".repeat(100 << 10);
    let accounts = |key: &str, value: &str| -> String {
        let account = |n: usize| format!("a{n}: {{ {key}: '{value}' }}, ");
        format!("channels: {{ telegram: {{ accounts: {{ {} }} }} }}", (0..2000).map(account).collect::<String>())
    };
    let agents: String = (0..10_000).map(|n| format!("a{n}: {{}}, ")).collect();
    let folder = format!("/{}", "w/".repeat(2040));
    let worlds = [
        config(&accounts("botToken", "$BIG")).set("BIG", &big),
        config(&accounts("botToken", "${BIG}")).set("BIG", &big),
        config(&accounts("tokenFile", "/c/big")).with("/c/big", &big),
        config(&format!("agents: {{ defaults: {{ workspace: '{folder}' }}, entries: {{ {agents} }} }}")),
        config(&format!("session: {{ store: '{folder}{{agentId}}' }}, agents: {{ entries: {{ {agents} }} }}")),
    ];
    for world in worlds {
        let declared = world.read();
        assert!(codes(&declared).contains(&"config-too-large"), "{:?}", codes(&declared));
        let known: usize = declared.secrets.iter().filter_map(|secret| secret.telling()).map(str::len).sum();
        let paths: usize = declared.surfaces.iter().map(|surface| surface.path.value.as_os_str().len()).sum();
        let workspaces: usize = declared.agents.iter().map(|agent| agent.workspace.value.as_os_str().len()).sum();
        assert!(known + paths + workspaces < 20 << 20, "{known} {paths} {workspaces}");
    }
    let long = config(&format!("agents: {{ defaults: {{ workspace: '/{}' }} }}", "w".repeat(5000))).read();
    assert_eq!(codes(&long), ["config-type"], "no path is longer than the kernel takes");
}
