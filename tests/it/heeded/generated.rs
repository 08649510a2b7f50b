//! Generated planes for hints that are to be followed: some of the ways in which planes come to say the same.
//!
//! Checks nothing.

use proptest::prelude::*;
use serde_json::{Value, json};

/// One plane: its table in the manifest, and what its config says.
pub type Generated = (toml::Table, Vec<(&'static str, Value)>, Option<u16>);

/// Some of the ways in which planes come to say the same.
pub fn plane(name: &'static str) -> impl Strategy<Value = (&'static str, Generated)> {
    let port = prop::sample::select(vec![18789, 18800, 18899, 18909, 19029, 19140, 40000, 40110, 65500]);
    let folder = prop::sample::select(vec![
        "~",
        "~/.openclaw-main",
        "~/.openclaw-main/sub",
        "~/.openclaw-rescue",
        "~/.openclaw-staging",
        "~/shared",
        "~/shared/deep/er",
    ]);
    let single = prop::sample::select(vec![18789_u16, 18791, 18811, 18820, 18920, 9222, 8787]);
    let maybe = |chance: f64| prop::bool::weighted(chance);
    let keys = (
        (port.clone(), maybe(0.3), folder.clone(), maybe(0.3), folder.clone()),
        (maybe(0.4), folder.clone(), maybe(0.3), maybe(0.2), maybe(0.2)),
    );
    let said = (
        (maybe(0.5), port.clone(), maybe(0.4), folder.clone(), maybe(0.2), folder),
        (maybe(0.4), single.clone(), maybe(0.4), single.clone(), maybe(0.3), single),
        (maybe(0.2), port),
    );
    (keys, said).prop_map(move |(keys, said)| {
        let ((port, has_state, state, has_config, config), (has_workspace, workspace, has_home, main, plain)) = keys;
        let mut table = toml::Table::new();
        let mut set = |key: &str, value: toml::Value| drop(table.insert(key.to_owned(), value));
        set("isolates", format!("what {name} is for").into());
        set("runtime", "practice".into());
        set("port", i64::from(port).into());
        if plain {
            set("contract", "plain".into());
            set("command", vec!["/bin/true".to_owned()].into());
            table.remove("runtime");
            return (name, (table, Vec::new(), None));
        }
        if main && name == "main" {
            set("role", "main".into());
        }
        if has_state {
            set("state_dir", format!("{state}/state").into());
        }
        if has_config {
            set("config", format!("{config}/openclaw.json").into());
        }
        if has_workspace {
            set("workspace", format!("{workspace}/workspace").into());
        }
        if !has_home {
            set("home", format!("~/homes/{name}").into());
        }
        let (of_gateway, of_ports, (has_env, env)) = said;
        let config = said_by(of_gateway, of_ports);
        (name, (table, config, has_env.then_some(env)))
    })
}

/// Port, workspace and log file, each with whether it is said.
type OfGateway = (bool, u16, bool, &'static str, bool, &'static str);

/// A browser's port, a browser to attach to, and a port to listen on, each with whether it is said.
type OfPorts = (bool, u16, bool, u16, bool, u16);

fn said_by(of_gateway: OfGateway, of_ports: OfPorts) -> Vec<(&'static str, Value)> {
    let mut config = Vec::new();
    let (has_port, port, has_workspace, workspace, has_log, log) = of_gateway;
    let (has_cdp, cdp, has_url, url, has_hook, hook) = of_ports;
    let home = |folder: &str| folder.replacen('~', "HOME", 1);
    if has_port {
        config.push(("gateway.port", json!(port)));
    }
    if has_workspace {
        config.push(("agents.defaults.workspace", json!(format!("{}/workspace", home(workspace)))));
    }
    if has_log {
        config.push(("logging.file", json!(format!("{log}/gateway.log"))));
    }
    if has_cdp {
        config.push(("browser.profiles.work.cdpPort", json!(cdp)));
    }
    if has_url {
        config.push(("browser.profiles.attached.cdpUrl", json!(format!("http://127.0.0.1:{url}"))));
    }
    if has_hook {
        config.push(("mcp.apps.enabled", json!(true)));
        config.push(("mcp.apps.sandboxPort", json!(hook)));
    }
    config
}
