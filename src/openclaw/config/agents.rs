//! Agents and the folders they work in, by OpenClaw's rules of inheritance.

use std::collections::HashSet;
use std::path::PathBuf;

use super::declared::Agent;
use super::json5::{Value, is_blank};
use super::look::{Look, Section};
use super::origin::{Origin, Said};

/// The agent of a config that names none.
const IMPLICIT: &str = "main";

/// Every agent, in the order they are written.
pub(super) fn agents(look: &mut Look<'_, '_, '_>, root: &Section<'_>) -> Vec<Agent> {
    let section = look.section(root, "agents");
    let defaults = section.as_ref().and_then(|agents| look.section(agents, "defaults"));
    let entries = section.as_ref().map(|agents| roster(look, agents)).unwrap_or_default();
    let owner = section.as_ref().map_or(Some(IMPLICIT.to_owned()), |agents| owner(look, agents, &entries));
    if entries.is_empty() {
        return agent(look, IMPLICIT.to_owned(), None, defaults.as_ref(), true).into_iter().collect();
    }
    let is_owner = |id: &str| owner.as_deref() == Some(id);
    entries
        .into_iter()
        .map_while(|(id, entry)| {
            let is_owner = is_owner(&id);
            (!look.variables.is_outgrown()).then(|| agent(look, id, Some(entry), defaults.as_ref(), is_owner))
        })
        .flatten()
        .collect()
}

/// `agents.entries`, or `agents.list` as older releases wrote it; the first of two entries with one id counts.
fn roster<'t>(look: &mut Look<'_, '_, '_>, agents: &Section<'t>) -> Vec<(String, Section<'t>)> {
    let mut found = Vec::new();
    let mut seen = HashSet::new();
    let mut add = |id: String, entry: Section<'t>| {
        if seen.insert(id.clone()) {
            found.push((id, entry));
        }
    };
    if agents.node("entries").is_some() {
        let Some(entries) = look.section(agents, "entries") else { return found };
        for name in entries.names() {
            if let Some(entry) = look.section(&entries, name) {
                add(normalised(name), entry);
            }
        }
        return found;
    }
    for entry in agents.list("list") {
        let id = look.text(&entry, "id").map_or_else(|| IMPLICIT.to_owned(), |id| normalised(&id.value));
        add(id, entry);
    }
    found
}

/// The agent that has `agents.defaults.workspace` itself: the only one, or the one marked so where that still counts.
fn owner(look: &mut Look<'_, '_, '_>, agents: &Section<'_>, entries: &[(String, Section<'_>)]) -> Option<String> {
    let explicit = look.text(agents, "ownership").is_some_and(|ownership| ownership.value == "explicit");
    let is_marked = |entry: &Section<'_>| entry.node("default").is_some_and(|node| node.value == Value::Bool(true));
    let mut marked = entries.iter().filter(|(_, entry)| !explicit && is_marked(entry));
    match (marked.next(), marked.next(), entries) {
        (Some((id, _)), None, _) => Some(id.clone()),
        (_, _, []) => Some(IMPLICIT.to_owned()),
        (_, _, [(id, _)]) => Some(id.clone()),
        (None | Some(_), _, _) => None,
    }
}

fn agent(
    look: &mut Look<'_, '_, '_>,
    id: String,
    entry: Option<Section<'_>>,
    defaults: Option<&Section<'_>>,
    is_default: bool,
) -> Option<Agent> {
    let own = |look: &mut Look<'_, '_, '_>, name| entry.as_ref().and_then(|entry| look.path(entry, name));
    let inherited = |look: &mut Look<'_, '_, '_>, name| defaults.and_then(|defaults| look.path(defaults, name));
    let workspace = match own(look, "workspace") {
        Some(workspace) => workspace,
        None => match inherited(look, "workspace") {
            Some(workspace) if is_default => workspace,
            Some(workspace) => look.bounded(workspace.map(|folder| folder.join(&id)))?,
            None => look.bounded(undeclared_workspace(look, &id, is_default))?,
        },
    };
    let agent_dir = match own(look, "agentDir") {
        Some(agent_dir) => agent_dir,
        None => look.bounded(Said {
            value: look.folders.state_dir.join("agents").join(&id).join("agent"),
            key: format!("agents.entries.{id}.agentDir"),
            origin: Origin::Default,
        })?,
    };
    let cwd = own(look, "cwd").or_else(|| inherited(look, "cwd"));
    Some(Agent { id, is_default, workspace, agent_dir, cwd })
}

fn undeclared_workspace(look: &Look<'_, '_, '_>, id: &str, is_default: bool) -> Said<PathBuf> {
    if let Some(workspace) = look.variable("OPENCLAW_WORKSPACE_DIR").filter(|_| is_default) {
        return workspace.map(|folder| look.folders.absolute(&folder));
    }
    let folder = if is_default { "workspace".to_owned() } else { format!("workspace-{id}") };
    Said {
        value: look.folders.state_dir.join(folder),
        key: "agents.defaults.workspace".to_owned(),
        origin: Origin::Default,
    }
}

/// An id as OpenClaw makes it safe for a file name.
fn normalised(id: &str) -> String {
    let lower = id.trim_matches(is_blank).to_lowercase();
    let is_safe = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-');
    let starts_well = lower.starts_with(|c: char| c.is_ascii_alphanumeric());
    if starts_well && lower.len() <= 64 && lower.chars().all(is_safe) {
        return lower;
    }
    let mut safe = String::new();
    let mut replaced = false;
    for c in lower.chars() {
        if is_safe(c) {
            safe.push(c);
        } else if !replaced {
            safe.push('-');
        }
        replaced = !is_safe(c);
    }
    let safe: String = safe.trim_matches('-').chars().take(64).collect();
    if safe.is_empty() { IMPLICIT.to_owned() } else { safe }
}

#[cfg(test)]
mod tests {
    use super::normalised;

    #[test]
    fn ids_are_made_safe_as_openclaw_makes_them() {
        for (id, expected) in
            [("Main", "main"), (" a_b ", "a_b"), ("T w/o!", "t-w-o"), ("--", "main"), ("_x", "_x"), ("é é", "main")]
        {
            assert_eq!(normalised(id), expected, "{id}");
        }
    }
}
