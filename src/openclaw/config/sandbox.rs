//! Containers of a fixed name: those of sandboxes that all sessions of a gateway share.
//!
//! A sandbox of another scope has the hash of its workspace's path in its name, so that planes with workspaces of their own do
//! not meet (OpenClaw 2026.9.6, its sandbox config).

use super::json5::Value;
use super::look::{Look, Section};
use super::origin::{Origin, Said};

/// Every such container, by the key that makes it shared.
pub(super) fn containers(look: &mut Look<'_, '_, '_>, root: &Section<'_>) -> Vec<Said<String>> {
    let defaults = look.at(root, &["agents", "defaults", "sandbox"]);
    let entries = look.at(root, &["agents", "entries"]);
    let names = entries.as_ref().map(Section::names).unwrap_or_default();
    let own: Vec<Option<Section<'_>>> = if names.is_empty() {
        vec![None]
    } else {
        names.iter().map(|name| look.at(entries.as_ref()?, &[name, "sandbox"])).collect()
    };
    let mut found: Vec<Said<String>> = Vec::new();
    for own in own {
        let levels: Vec<&Section<'_>> = own.iter().chain(&defaults).collect();
        let shared = container(look, &levels, defaults.as_ref());
        found.extend(shared.filter(|one| found.iter().all(|other| other.value != one.value)));
    }
    found
}

/// `levels`: the agent's own first, then what holds for all. The name is never an agent's own to choose.
fn container(
    look: &mut Look<'_, '_, '_>,
    levels: &[&Section<'_>],
    defaults: Option<&Section<'_>>,
) -> Option<Said<String>> {
    let mut text = |name| levels.iter().find_map(|level| look.text(level, name));
    text("mode").filter(|mode| mode.value != "off")?;
    let infix = match text("backend").as_ref().map_or("docker", |backend| backend.value.as_str()) {
        "docker" => "",
        "podman" => "podman-",
        _ => return None,
    };
    let scope = text("scope");
    let said = match scope {
        Some(scope) => (scope.value == "shared").then_some(scope)?,
        None => by_older_key(look, levels)?,
    };
    let docker = defaults.and_then(|defaults| look.section(defaults, "docker"));
    let prefix = docker.and_then(|docker| look.text(&docker, "containerPrefix"));
    let prefix = prefix.map_or_else(|| "openclaw-sbx-".to_owned(), |prefix| prefix.value);
    Some(said.map(|_| format!("{prefix}{infix}shared")))
}

/// `perSession: false` of older releases says the same.
fn by_older_key(look: &Look<'_, '_, '_>, levels: &[&Section<'_>]) -> Option<Said<String>> {
    let (level, node) = levels.iter().find_map(|level| Some((level, level.node("perSession")?)))?;
    let origin = Origin::Written { at: look.place(node.at), through: Vec::new() };
    (node.value == Value::Bool(false)).then(|| Said { value: String::new(), key: level.key_of("perSession"), origin })
}
