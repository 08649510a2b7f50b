//! `card`: what one control plane is made of and how to reach it from afar; as text, as Markdown, as JSON.
//!
//! Holds no secret and has no field that could: a token is spoken of, never shown.

use std::path::PathBuf;

use serde::Serialize;
use serde_json::{Value, json};

use crate::render::text::{Look, Tone, labelled};

/// One plane's card.
#[derive(Clone, Debug, Serialize)]
pub struct Card {
    /// Its name.
    pub name: String,
    /// `main`, `rescue`, `staging`, `other`.
    pub role: String,
    /// What it keeps apart, in the operator's words.
    pub isolates: Option<String>,
    /// `openclaw` or `plain`.
    pub contract: String,
    /// Where its program comes from, in words.
    pub program: String,
    /// OpenClaw profile.
    pub profile: String,
    /// Its config.
    pub config: PathBuf,
    /// Its state dir.
    pub state_dir: PathBuf,
    /// Each agent's workspace.
    pub workspaces: Vec<Workspace>,
    /// HOME of its processes.
    pub home: PathBuf,
    /// The account it runs as, when not the supervisor's own.
    pub user: Option<String>,
    /// Base port.
    pub port: Option<u16>,
    /// The ports derived from it.
    pub derived: Option<Derived>,
    /// The browsers it is expected to have, and those its config has.
    pub browser_profiles: Vec<BrowserProfile>,
    /// Whether it may touch production channels.
    pub production_channels: bool,
    /// Where its captured output is.
    pub log: PathBuf,
    /// How to reach it from another machine.
    pub remote: Option<Remote>,
    /// What could not be learned, and why.
    pub notes: Vec<String>,
}

/// One agent's workspace.
#[derive(Clone, Debug, Serialize)]
pub struct Workspace {
    /// The agent; none where only the manifest's or OpenClaw's default is known.
    pub agent: Option<String>,
    /// The folder.
    pub path: PathBuf,
}

/// The ports derived from a base port; ranges have both ends.
#[derive(Clone, Debug, Serialize)]
pub struct Derived {
    /// The MCP Apps sandbox.
    pub sandbox: u16,
    /// Browser control.
    pub browser_control: u16,
    /// Browser extension relays.
    pub relays: [u16; 2],
    /// The browsers' own (CDP).
    pub cdp: [u16; 2],
}

/// One browser profile.
#[derive(Clone, Debug, Serialize)]
pub struct BrowserProfile {
    /// Its name.
    pub name: String,
    /// Whether the manifest expects it; none when the manifest says nothing of browsers.
    pub expected: Option<bool>,
    /// Whether the plane's config, or OpenClaw itself, has it; none when the config could not be read.
    pub configured: Option<bool>,
    /// The port or address of its browser, where one is pinned.
    pub cdp: Option<String>,
}

/// How to reach a plane from another machine.
#[derive(Clone, Debug, Serialize)]
pub struct Remote {
    /// The ssh line.
    pub tunnel: String,
    /// What the other machine's OpenClaw talks to.
    pub url: String,
    /// Its configuration; the token stays a reference.
    pub config: Value,
    /// What goes wrong otherwise.
    pub rule: String,
}

impl Remote {
    /// Through an ssh tunnel to `port` on loopback.
    pub fn tunnelled(port: u16, user: &str, host: &str) -> Self {
        let url = format!("ws://127.0.0.1:{port}");
        Self {
            tunnel: format!("ssh -N -L {port}:127.0.0.1:{port} {user}@{host}"),
            config: json!({ "gateway": {
                "mode": "remote",
                "remote": { "url": url, "token": "${OPENCLAW_GATEWAY_TOKEN}" },
            } }),
            rule: format!(
                "`--url {url}` takes no credentials from config or environment: pass `--token` (or `--password`) with it. \
                 A tunnel moves no ownership: the plane stays here."
            ),
            url,
        }
    }
}

/// The card as aligned text.
pub fn text(card: &Card, look: Look) -> String {
    let mut out = format!("{}\n", look.paint(Tone::Strong, &card.name));
    for (label, value) in rows(card) {
        out.push_str(&labelled(&format!("  {label}"), Tone::Faint, &value.text(), 24, look));
    }
    if let Some(remote) = &card.remote {
        out.push_str("  from another machine:\n");
        out.push_str(&format!("    {}\n", remote.tunnel));
        out.push_str("    with this in its openclaw.json:\n");
        out.push_str(&format!("    {}\n", remote.config));
        out.push_str(&labelled("    ", Tone::Plain, &remote.rule, 4, look));
    }
    for note in &card.notes {
        out.push_str(&labelled("  note", Tone::Doubt, note, 24, look));
    }
    out
}

/// The card as a section of a Markdown document.
pub fn markdown(card: &Card) -> String {
    let mut out = format!("## {}\n\n", card.name);
    out.push_str("| | |\n|---|---|\n");
    for (label, value) in rows(card) {
        out.push_str(&format!("| {label} | {} |\n", value.markdown()));
    }
    if let Some(remote) = &card.remote {
        let config = serde_json::to_string_pretty(&remote.config).unwrap_or_default();
        out.push_str(&format!("\nFrom another machine:\n\n```sh\n{}\n```\n\n", remote.tunnel));
        out.push_str(&format!("with this in its `openclaw.json`:\n\n```json\n{config}\n```\n\n{}\n", remote.rule));
    }
    for note in &card.notes {
        out.push_str(&format!("\n> {}\n", sentence(note)));
    }
    out
}

/// What stands in a row.
enum Entry {
    /// Words for people.
    Words(String),
    /// What the host knows by exactly this name, then words.
    Exact(String, String),
}

impl Entry {
    fn text(&self) -> String {
        match self {
            Self::Words(text) => text.clone(),
            Self::Exact(text, more) => format!("{text}{more}"),
        }
    }

    fn markdown(&self) -> String {
        match self {
            Self::Words(text) => escaped(text),
            Self::Exact(text, more) => code(text) + &escaped(more),
        }
    }
}

fn rows(card: &Card) -> Vec<(&'static str, Entry)> {
    let mut rows = Vec::new();
    let path = |path: &PathBuf| Entry::Exact(path.display().to_string(), String::new());
    let mut row = |label, value| rows.push((label, value));
    if let Some(isolates) = &card.isolates {
        row("isolates", Entry::Words(isolates.clone()));
    }
    row("role", Entry::Words(card.role.clone()));
    row("program", Entry::Words(card.program.clone()));
    if card.contract == "openclaw" {
        row("profile", Entry::Exact(card.profile.clone(), String::new()));
        row("config", path(&card.config));
    }
    row("state dir", path(&card.state_dir));
    for workspace in &card.workspaces {
        let agent = workspace.agent.as_ref().map(|agent| format!(" (agent {agent})")).unwrap_or_default();
        row("workspace", Entry::Exact(workspace.path.display().to_string(), agent));
    }
    row("home", path(&card.home));
    row("user", Entry::Words(card.user.clone().unwrap_or_else(|| "the supervisor's own".to_owned())));
    row("base port", Entry::Words(card.port.map_or("none".to_owned(), |port| port.to_string())));
    if let Some(derived) = &card.derived {
        row("MCP Apps sandbox", Entry::Words(derived.sandbox.to_string()));
        row("browser control", Entry::Words(derived.browser_control.to_string()));
        row("extension relays", Entry::Words(range(derived.relays)));
        row("browsers (CDP)", Entry::Words(range(derived.cdp)));
    }
    for profile in &card.browser_profiles {
        row("browser profile", Entry::Words(browser(profile)));
    }
    row("production channels", Entry::Words(if card.production_channels { "yes" } else { "no" }.to_owned()));
    row("log", path(&card.log));
    rows
}

fn range([first, last]: [u16; 2]) -> String {
    format!("{first}–{last}")
}

fn browser(profile: &BrowserProfile) -> String {
    let mut words = profile.name.clone();
    if let Some(cdp) = &profile.cdp {
        words.push_str(&format!(" on {cdp}"));
    }
    match (profile.expected, profile.configured) {
        (Some(true), Some(false)) => words.push_str(", expected, but its config has none of that name"),
        (Some(false), Some(true)) => words.push_str(", in its config, but not expected"),
        (Some(true), Some(true) | None) => words.push_str(", expected"),
        (Some(false) | None, _) => {}
    }
    words
}

/// Words in which nothing is taken for Markdown, also in the cell of a table.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.replace('\n', " ").chars() {
        if matches!(c, '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '~' | '&' | '$') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// Text as code, in the cell of a table: between more backticks than it has in a row.
fn code(text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let blank = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    format!("{fence}{blank}{}{blank}{fence}", text.replace('|', "\\|").replace('\n', " "))
}

/// A sentence of ours, in which backticks stand around code; all else is taken for words.
fn sentence(text: &str) -> String {
    let parts: Vec<&str> = text.split('`').collect();
    if parts.len().is_multiple_of(2) {
        return escaped(text);
    }
    let part = |(at, part): (usize, &&str)| if at % 2 == 0 { escaped(part) } else { format!("`{part}`") };
    parts.iter().enumerate().map(part).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn card() -> Card {
        Card {
            name: "main".into(),
            role: "main".into(),
            isolates: Some("the production *assistant* | its <channels>, `all` of my_team_x".into()),
            contract: "openclaw".into(),
            program: "OpenClaw 2026.9.6 (runtime stable)".into(),
            profile: "main".into(),
            config: "/home/me/.openclaw-main/openclaw.json".into(),
            state_dir: "/home/me/.openclaw-main".into(),
            workspaces: vec![
                Workspace { agent: Some("main".into()), path: "/home/me/.openclaw-main/workspace".into() },
                Workspace { agent: Some("ops".into()), path: "/home/me/.openclaw-main/workspace-ops".into() },
            ],
            home: "/home/me".into(),
            user: None,
            port: Some(18789),
            derived: Some(Derived {
                sandbox: 18790,
                browser_control: 18791,
                relays: [18792, 18799],
                cdp: [18800, 18899],
            }),
            browser_profiles: vec![
                BrowserProfile { name: "openclaw".into(), expected: Some(true), configured: Some(true), cdp: None },
                BrowserProfile {
                    name: "work".into(),
                    expected: Some(false),
                    configured: Some(true),
                    cdp: Some("127.0.0.1:18850".into()),
                },
            ],
            production_channels: true,
            log: "/home/me/.local/state/gateward/planes/main/log/gateway.log".into(),
            remote: Some(Remote::tunnelled(18789, "me", "host")),
            notes: vec!["its config my_*.json cannot be read: `gateward check` shows <why>".into()],
        }
    }

    #[test]
    fn as_text() {
        insta::assert_snapshot!(text(&card(), Look { width: Some(80), colour: false }));
    }

    #[test]
    fn as_markdown() {
        insta::assert_snapshot!(markdown(&card()));
    }

    #[test]
    fn exact_text_stays_code_whatever_is_in_it() {
        assert_eq!(code("/a_b|c"), "`/a_b\\|c`");
        assert_eq!(code("`x``"), "``` `x`` ```");
        assert_eq!(sentence("a `b_c` d_e"), "a `b_c` d\\_e");
        assert_eq!(sentence("a ` b"), "a \\` b");
    }

    #[test]
    fn as_json() {
        insta::assert_snapshot!(serde_json::to_string_pretty(&card()).expect("it is JSON"));
    }
}
