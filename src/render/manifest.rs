//! A first manifest as text: commented, so that who reads it knows what each line is for and when not to have it.
//!
//! Decides no port and no path; looks at nothing.

use std::path::{Path, PathBuf};

use crate::openclaw::ports::{ADVISED_SPACING, SPAN};
use crate::plane::{PlaneName, Role};

const HEAD: &str = "\
# What gateward keeps: each [planes.NAME] is one OpenClaw gateway in a world of its own.
# `gateward check` proves it, `gateward run` runs it. Every key is explained in docs/manifest.md.
#
# When not to have several: one gateway serves many agents, many channels and all ordinary conversations, and a busy port is
# no reason for a second one; it means that a process is running that should not. A further plane earns its place when
# something must be kept apart: a rescue that survives main's mistakes and can mend it, a staging that must never touch
# production, another owner's accounts. `isolates` says what that is. Where the sentence cannot be written, the plane should go.
";

/// A manifest to be.
#[derive(Clone, Debug)]
pub struct Draft {
    sketches: Vec<Sketch>,
}

/// One plane to be.
#[derive(Clone, Debug)]
pub struct Sketch {
    name: PlaneName,
    role: Role,
    port: u16,
    /// What was found, where it was found.
    found: Option<Found>,
}

/// What an OpenClaw profile on this host is.
#[derive(Clone, Debug)]
pub struct Found {
    /// Its profile; `default` for the unnamed one.
    pub profile: String,
    /// Its state dir.
    pub state_dir: PathBuf,
    /// Its config.
    pub config: PathBuf,
    /// What says its port, in words.
    pub port_from: String,
    /// The browser profiles that its config writes.
    pub browser_profiles: Vec<String>,
    /// What would have to change, and why: one sentence each.
    pub remarks: Vec<String>,
}

impl Sketch {
    /// A plane that does not exist yet.
    pub fn asked_for(name: PlaneName, port: u16) -> Self {
        Self { role: role_of(&name), name, port, found: None }
    }

    /// A plane that exists.
    pub fn taken_in(name: PlaneName, port: u16, found: Found) -> Self {
        Self { role: role_of(&name), name, port, found: Some(found) }
    }

    fn text(&self) -> String {
        let Self { name, role, port, found } = self;
        let last = port.saturating_add(SPAN);
        let mut text = String::new();
        for remark in found.iter().flat_map(|found| &found.remarks) {
            text.push_str(&commented(remark));
        }
        text.push_str(&format!("[planes.{name}]\n"));
        let mut line = |key: &str, value: String, why: &str| {
            let why = if why.is_empty() { String::new() } else { format!("   # {why}") };
            text.push_str(&format!("{key:<9} = {value}{why}\n"));
        };
        line("isolates", quoted(&self.isolates()), "");
        if *role != Role::Other {
            line("role", quoted(role.as_str()), "");
        }
        match found {
            None => {
                line(
                    "state_dir",
                    quoted(&format!("~/.openclaw-{name}")),
                    "sessions, credentials, caches, browser data",
                );
                line("config", quoted(&format!("~/.openclaw-{name}/openclaw.json")), "");
                line("workspace", quoted(&format!("~/.openclaw-{name}/workspace")), "");
                line("port", port.to_string(), &format!("its family: {port}–{last}"));
            }
            Some(found) => {
                line("profile", quoted(&found.profile), "");
                line("state_dir", quoted(&shown(&found.state_dir)), "");
                line("config", quoted(&shown(&found.config)), "");
                line("port", port.to_string(), &format!("{}; its family: {port}–{last}", found.port_from));
                if !found.browser_profiles.is_empty() {
                    let names: Vec<String> = found.browser_profiles.iter().map(|name| quoted(name)).collect();
                    line("browser_profiles", format!("[{}]", names.join(", ")), "");
                }
            }
        }
        if *role == Role::Main {
            line("production_channels", "true".to_owned(), "no other plane may hold this one's channel credentials");
        }
        text
    }

    fn isolates(&self) -> String {
        match (&self.found, self.role) {
            (_, Role::Main) => "the production assistant and its channels".to_owned(),
            (_, Role::Rescue) => "a second way in, to mend main when main is down".to_owned(),
            (_, Role::Staging) => "changes being tried, away from production".to_owned(),
            (Some(found), Role::Other) => format!("what the OpenClaw profile {} is for: say it here", found.profile),
            (None, Role::Other) => format!("what only {} may touch: say it here", self.name),
        }
    }
}

impl Draft {
    /// These planes, in this order.
    pub fn new(sketches: Vec<Sketch>) -> Self {
        Self { sketches }
    }

    /// The whole manifest.
    pub fn text(&self) -> String {
        let mut text = HEAD.to_owned();
        if self.sketches.len() > 1 {
            text.push_str(&commented(&format!(
                "Base ports are {ADVISED_SPACING} or more apart: each gateway uses its base port and the {SPAN} above it, for \
                 browser control, relays and browsers."
            )));
        }
        if self.is_taken_in() {
            text.push_str("#\n");
            text.push_str(&commented("Written from what is on this host; nothing was moved and nothing was changed."));
        } else if self.sketches.iter().any(|sketch| sketch.role == Role::Rescue) {
            text.push_str("#\n");
            text.push_str(&commented(
                "A rescue outlives main's upgrades when it runs from a release of its own: `gateward runtime install \
                 VERSION`, a [runtimes.rescue] with that version, and runtime = \"rescue\" below.",
            ));
        }
        for sketch in &self.sketches {
            text.push('\n');
            text.push_str(&sketch.text());
        }
        text
    }

    /// Whether it was made from what exists.
    pub fn is_taken_in(&self) -> bool {
        self.sketches.iter().any(|sketch| sketch.found.is_some())
    }

    /// Its planes, for a sentence.
    pub fn names(&self) -> String {
        self.sketches.iter().map(|sketch| sketch.name.as_str()).collect::<Vec<_>>().join(", ")
    }

    /// The command that comes next, where `gateward` and what names this manifest are these words.
    pub fn next(&self, gateward: &str) -> String {
        match self.sketches.first() {
            Some(sketch) if sketch.found.is_none() => {
                format!(
                    "`{gateward} exec {} -- openclaw setup` makes a plane's config, then `{gateward} run`",
                    sketch.name
                )
            }
            Some(_) | None => format!("`{gateward} run`"),
        }
    }
}

fn role_of(name: &PlaneName) -> Role {
    match name.as_str() {
        "main" => Role::Main,
        "rescue" => Role::Rescue,
        "staging" => Role::Staging,
        _ => Role::Other,
    }
}

/// A sentence as comment lines.
fn commented(text: &str) -> String {
    const WIDTH: usize = 118;
    let mut out = String::new();
    let mut line = "#".to_owned();
    for word in text.split_whitespace() {
        if line.chars().count() + 1 + word.chars().count() > WIDTH && line.len() > 1 {
            out.push_str(&line);
            out.push('\n');
            line = "#".to_owned();
        }
        line.push(' ');
        line.extend(word.chars().filter(|c| !c.is_control()));
    }
    out.push_str(&line);
    out.push('\n');
    out
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// A TOML basic string.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => out.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
