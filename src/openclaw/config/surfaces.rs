//! Folders and files besides workspaces that a gateway writes to because something says so.

use std::path::PathBuf;

use super::declared::{Agent, Surface, SurfaceKind};
use super::folders::Folders;
use super::look::{Look, Section};
use super::origin::Said;

/// Where a name stands for one file a day: OpenClaw replaces the date by today's.
const DATED: &str = "YYYY-MM-DD";

/// Variables that move something out of the state dir, for the whole gateway. Those of logs are read only where another one
/// switches that log on, which an operator does by hand in the hour of need: the file is the plane's in any case.
const VARIABLES: [(SurfaceKind, &str); 5] = [
    (SurfaceKind::OauthDir, "OPENCLAW_OAUTH_DIR"),
    (SurfaceKind::AgentDir, "OPENCLAW_AGENT_DIR"),
    (SurfaceKind::LogFile, "OPENCLAW_CACHE_TRACE_FILE"),
    (SurfaceKind::LogFile, "OPENCLAW_RAW_STREAM_PATH"),
    (SurfaceKind::LogFile, "OPENCLAW_ANTHROPIC_PAYLOAD_LOG_FILE"),
];

/// Every such path.
pub(super) fn surfaces(look: &mut Look<'_, '_, '_>, root: &Section<'_>, agents: &[Agent]) -> Vec<Surface> {
    let mut found = Vec::new();
    let mut add = |kind, path: Option<Said<PathBuf>>| found.extend(path.map(|path| Surface { kind, path }));
    add(SurfaceKind::LogFile, log_file(look, root));
    for (kind, name) in VARIABLES {
        add(kind, look.variable(name).and_then(|said| look.resolved(said, Folders::resolve)));
    }
    add(SurfaceKind::Worktrees, look.path(root, "worktreeRoot"));
    for path in session_stores(look, root, agents) {
        add(SurfaceKind::Sessions, Some(path));
    }
    if let Some(sandbox) = look.at(root, &["agents", "defaults", "sandbox"]) {
        add(SurfaceKind::Sandboxes, look.path(&sandbox, "workspaceRoot"));
    }
    if let Some(entries) = look.at(root, &["agents", "entries"]) {
        for name in entries.names() {
            let sandbox = look.at(&entries, &[name, "sandbox"]);
            add(SurfaceKind::Sandboxes, sandbox.and_then(|sandbox| look.path(&sandbox, "workspaceRoot")));
        }
    }
    let plugins: [(&[&str], &str); 2] =
        [(&["memory-wiki", "config", "vault"], "path"), (&["voice-call", "config"], "store")];
    if let Some(entries) = look.at(root, &["plugins", "entries"]) {
        for (path, name) in plugins {
            let section = look.at(&entries, path);
            add(SurfaceKind::PluginData, section.and_then(|section| look.path(&section, name)));
        }
    }
    found
}

fn log_file(look: &mut Look<'_, '_, '_>, root: &Section<'_>) -> Option<Said<PathBuf>> {
    let logging = look.section(root, "logging")?;
    let file = look.text_untrimmed(&logging, "file").filter(|file| !file.value.is_empty())?;
    look.keep_homely(&file);
    Some(look.resolved(file, Folders::resolve_untrimmed)?.map(|path| {
        let dated = path.file_name().and_then(|name| name.to_str()).is_some_and(is_dated);
        if dated { path.with_file_name(format!("openclaw-{DATED}.log")) } else { path }
    }))
}

/// `openclaw-2026-11-30.log`
fn is_dated(name: &str) -> bool {
    let date = name.strip_prefix("openclaw-").and_then(|rest| rest.strip_suffix(".log"));
    date.is_some_and(|date| {
        let fits = |(byte, model): (u8, u8)| if model == b'-' { byte == b'-' } else { byte.is_ascii_digit() };
        date == DATED || (date.len() == DATED.len() && date.bytes().zip(DATED.bytes()).all(fits))
    })
}

fn session_stores(look: &mut Look<'_, '_, '_>, root: &Section<'_>, agents: &[Agent]) -> Vec<Said<PathBuf>> {
    let Some(session) = look.section(root, "session") else { return Vec::new() };
    let Some(store) = look.text_untrimmed(&session, "store").filter(|store| !store.value.is_empty()) else {
        return Vec::new();
    };
    look.keep_homely(&store);
    if !store.value.contains("{agentId}") {
        return look.resolved(store, Folders::resolve_untrimmed).into_iter().collect();
    }
    let of_agent = |agent: &Agent| {
        let is_outgrown = look.variables.is_outgrown();
        (!is_outgrown).then(|| {
            let store = store.clone().map(|store| store.replace("{agentId}", &agent.id));
            look.resolved(store, Folders::resolve_untrimmed)
        })
    };
    agents.iter().map_while(of_agent).flatten().collect()
}
