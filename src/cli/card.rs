//! `card`: what each plane is made of and how to reach it from afar, from the manifest and the plane's own config.
//!
//! Asks keepers what they were given only where the manifest cannot be used, and takes no credential out of a config.

use std::path::{Path, PathBuf};

use crate::collision::masking::Mask;
use crate::daemon::seal;
use crate::daemon::survey::configs;
use crate::openclaw::config::declared::{Agent, Declared, FileRole};
use crate::openclaw::config::problem::{Problem, ProblemCode};
use crate::openclaw::environment::{self, Host};
use crate::openclaw::ports::Family;
use crate::os::accounts;
use crate::plane::shell::word;
use crate::plane::{Contract, Launch, Plane, Planes};
use crate::render::card::{BrowserProfile, Card, Derived, Remote, Workspace, markdown, text};
use crate::rundir::{AppliedPlane, PlaneDir};

use super::absent;
use super::args::PLANES;
use super::in_force;
use super::outcome::{Code, Failure, Outcome};
use super::target::{Scope, Target};
use super::terminal::{print, print_json, stdout_look};

/// The words of `card`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  gateward card rescue
  gateward card --markdown > planes.md
  gateward card main --json | jq -r .planes[0].remote.tunnel

No card ever holds a token.

Exit codes: 0 shown; 1 a plane that is in no manifest, or one of another's run dir; 4 no such plane; 5 the manifest cannot be used, \
and nobody tells what was applied; 6 the manifest cannot be read or is invalid.")]
pub struct Args {
    #[arg(value_name = "PLANE", help = PLANES, add = super::completions::planes())]
    planes: Vec<String>,
    /// Print JSON
    #[arg(long, conflicts_with = "markdown")]
    pub(super) json: bool,
    /// Print Markdown, for a wiki or a runbook
    #[arg(long)]
    markdown: bool,
}

/// Runs `card`.
pub fn run(args: &Args, scope: &Scope) -> Outcome {
    let target = Target::unsaid(scope)?;
    absent::refuse_anothers(&target)?;
    let planes = in_force::planes(&target)?.planes;
    let chosen = target.select(&args.planes)?;
    let is_unknown = |plane: &&&AppliedPlane| planes.get(&plane.name).is_none();
    if let Some(unknown) = chosen.iter().find(is_unknown).filter(|_| !args.planes.is_empty()) {
        let name = &unknown.name;
        return Err(Failure::failed(
            format!("what {name} is nobody tells: it is not in {}", target.applied.manifest.display()),
            format!(
                "write it there again, or end it with `gateward stop {name}`; `gateward why {name}` shows its life"
            ),
        ));
    }
    let host = nix::unistd::gethostname().map_or("HOST".to_owned(), |name| name.to_string_lossy().into_owned());
    let cards: Vec<Card> =
        chosen.iter().filter_map(|plane| Some(card(planes.get(&plane.name)?, &planes, &host))).collect();
    if args.json {
        print_json(&serde_json::json!({ "planes": cards }))?;
    } else if args.markdown {
        print(&cards.iter().map(markdown).collect::<Vec<_>>().join("\n"))?;
    } else {
        print(&cards.iter().map(|card| text(card, stdout_look())).collect::<Vec<_>>().join("\n"))?;
    }
    Ok(Code::Done)
}

fn card(plane: &Plane, planes: &Planes, host: &str) -> Card {
    let openclaw = plane.contract == Contract::Openclaw;
    let declared = openclaw.then(|| declared(plane, planes));
    let mask = Mask::of(declared.as_ref().map_or(&[], |declared| &declared.secrets));
    let notes = declared.as_ref().map_or_else(Vec::new, |declared| notes(plane, declared));
    // What a config says that OpenClaw refuses counts for nothing.
    let declared = declared.filter(|declared| unusable(declared).is_none());
    let user = plane.account.as_ref().map(|account| account.name.clone());
    let family = plane.port.filter(|_| openclaw).and_then(|port| Family::new(port).ok());
    Card {
        name: plane.name.to_string(),
        role: plane.role.as_str().to_owned(),
        isolates: plane.isolates.clone(),
        contract: match plane.contract {
            Contract::Openclaw => "openclaw".to_owned(),
            Contract::Plain => "plain".to_owned(),
        },
        program: mask.hide(&program(&plane.launch)),
        profile: plane.profile.clone(),
        config: plane.config.clone(),
        state_dir: plane.state_dir.clone(),
        workspaces: if openclaw { workspaces(plane, declared.as_ref(), &mask) } else { Vec::new() },
        home: plane.home.clone(),
        user: user.clone(),
        port: plane.port,
        derived: family.map(derived),
        browser_profiles: browsers(plane, declared.as_ref(), &mask),
        production_channels: plane.production_channels,
        log: PlaneDir::new(&planes.supervisor, &plane.name).log(),
        remote: plane.port.filter(|_| openclaw).map(|port| {
            let user = user.or_else(own_name).unwrap_or_else(|| "USER".to_owned());
            Remote::tunnelled(port, &user, host)
        }),
        notes: notes.iter().map(|note| mask.hide(note)).collect(),
    }
}

/// What the plane's own config declares, read with the environment that its gateway has.
fn declared(plane: &Plane, planes: &Planes) -> Declared {
    let host = Host { environ: seal::own_environ(), ..Host::default() };
    configs::of_plane(plane, &environment::environ(plane, &planes.supervisor, &host))
}

fn program(launch: &Launch) -> String {
    match launch {
        Launch::OnPath => "openclaw on PATH".to_owned(),
        Launch::Runtime { name, version } => format!("OpenClaw {version} (runtime {name})"),
        Launch::Practice => "the built-in stand-in".to_owned(),
        Launch::Command(words) => command(words),
    }
}

/// The program, and the script where it is an interpreter's; among the other words there may be a token.
fn command(words: &[String]) -> String {
    let is_interpreter =
        words.first().and_then(|program| Path::new(program).file_name()?.to_str()).is_some_and(|name| {
            let bare = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
            matches!(bare, "node" | "nodejs" | "bun" | "deno" | "python" | "sh" | "bash")
        });
    let is_script = |word: &String| word.starts_with('/') && !word.contains('=');
    let shown = 1 + usize::from(is_interpreter && words.get(1).is_some_and(is_script));
    let (shown, rest) = words.split_at(shown.min(words.len()));
    let shown = shown.iter().map(word).collect::<Vec<_>>().join(" ");
    match rest.len() {
        0 => shown,
        1 => format!("{shown} and 1 argument"),
        more => format!("{shown} and {more} arguments"),
    }
}

fn derived(family: Family) -> Derived {
    let ends = |range: std::ops::RangeInclusive<u16>| [*range.start(), *range.end()];
    Derived {
        sandbox: family.sandbox(),
        browser_control: family.browser_control(),
        relays: ends(family.relays()),
        cdp: ends(family.cdp()),
    }
}

/// Each agent's; where the config does not tell, the one that follows from the manifest. A token in a path stays hidden.
fn workspaces(plane: &Plane, declared: Option<&Declared>, mask: &Mask) -> Vec<Workspace> {
    let shown = |path: &Path| PathBuf::from(mask.hide(&path.to_string_lossy()));
    let agents = declared.map(|declared| declared.agents.as_slice()).unwrap_or_default();
    if agents.is_empty() {
        let path = plane.workspace.clone().unwrap_or_else(|| plane.state_dir.join("workspace"));
        return vec![Workspace { agent: None, path }];
    }
    let of = |agent: &Agent| Workspace { agent: Some(agent.id.clone()), path: shown(&agent.workspace.value) };
    agents.iter().map(of).collect()
}

/// Those that the manifest expects and those that the config writes, expected ones first.
fn browsers(plane: &Plane, declared: Option<&Declared>, mask: &Mask) -> Vec<BrowserProfile> {
    let expected = plane.browser_profiles.as_deref();
    let known = declared.map(|declared| declared.browser.profiles.as_slice()).unwrap_or_default();
    let find = |name: &str| known.iter().find(|profile| profile.name == name);
    let pinned = |name: &str| {
        let profile = find(name)?;
        let url = profile.cdp_url.as_ref().map(|url| mask.hide(&url.value.to_string()));
        url.or_else(|| profile.cdp_port.as_ref().map(|port| format!("127.0.0.1:{}", port.value)))
    };
    let mut names: Vec<&str> = expected.unwrap_or_default().iter().map(String::as_str).collect();
    names.extend(known.iter().filter(|profile| profile.written).map(|profile| profile.name.as_str()));
    let mut seen = std::collections::BTreeSet::new();
    names.retain(|name| seen.insert(*name));
    let profile = |name: &&str| BrowserProfile {
        name: (*name).to_owned(),
        expected: expected.map(|expected| expected.iter().any(|one| one == name)),
        configured: declared.map(|_| find(name).is_some()),
        cdp: pinned(name),
    };
    names.iter().map(profile).collect()
}

fn notes(plane: &Plane, declared: &Declared) -> Vec<String> {
    let mut notes = Vec::new();
    if accounts::is_closed(&plane.config) {
        notes.push("its own config may not be read by this user: what stands only there is not here".to_owned());
        return notes;
    }
    if let Some(problem) = unusable(declared) {
        notes.push(format!(
            "its own config cannot be used, so workspace and browsers are what the manifest says, or OpenClaw without a config: {}",
            problem.message
        ));
        notes.push(problem.hint.clone());
        return notes;
    }
    if !declared.problems.is_empty() {
        let count = declared.problems.len();
        let problems = if count == 1 { "problem" } else { "problems" };
        notes.push(format!(
            "its own config has {count} {problems}, so this may not be all: `gateward check` shows them"
        ));
    }
    if let Some(bind) = declared.gateway.bind.as_ref().filter(|bind| bind.value != "loopback") {
        notes.push(format!(
            "gateway.bind is `{}`: it can be reached without a tunnel, by whoever has its credentials",
            bind.value
        ));
    }
    if plane.contract == Contract::Openclaw && declared.gateway.mode.is_none() {
        notes.push("gateway.mode is not set, so OpenClaw will not start from this config".to_owned());
    }
    notes
}

/// Why OpenClaw would refuse the config as a whole, if it would.
fn unusable(declared: &Declared) -> Option<&Problem> {
    let is_read = declared.files.iter().any(|file| file.role == FileRole::Config && file.read);
    let mut refused = declared.problems.iter().filter(|problem| problem.code.is_error());
    if is_read { refused.find(|problem| problem.code != ProblemCode::ConfigType) } else { refused.next() }
}

fn own_name() -> Option<String> {
    accounts::by_uid(accounts::own_uid()).ok().flatten().map(|entry| entry.name)
}
