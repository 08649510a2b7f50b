//! The door: one gateway's files and environment in, everything they declare out.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::agents::agents;
use super::browser::browser;
use super::channels::channels;
use super::credential::{Credential, Secret};
use super::declared::{ChannelAccount, Declared, FileRole, Gateway, Surface, SurfaceKind};
use super::files::{MOST_CONFIG_BYTES, Read, top};
use super::folders::Folders;
use super::gateway::gateway;
use super::include::{self, Roots};
use super::json5::{At, Node, Value, is_blank};
use super::listeners::listeners;
use super::look::{Look, Section};
use super::problem::{Problem, ProblemCode};
use super::reading::{OURS, Reading};
use super::sandbox::containers;
use super::surfaces::surfaces;
use super::variables::{MOST_TAKEN, Trust, Variables};
use crate::plane::spelled_out;

/// OpenClaw takes any number of roots; nobody has so many, and every include is compared with each.
const MOST_ROOTS: usize = 100;

/// The gateway whose configuration is read.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'s> {
    /// `OPENCLAW_CONFIG_PATH`, absolute.
    pub config: &'s Path,
    /// `OPENCLAW_STATE_DIR`, absolute.
    pub state_dir: &'s Path,
    /// The working folder of the gateway, absolute.
    pub cwd: &'s Path,
    /// `--profile`; `default` for none.
    pub profile: &'s str,
    /// The whole process environment that the gateway is started with.
    pub environ: &'s BTreeMap<String, String>,
}

/// Reads what `subject` declares. `files` is asked for every path that counts, and for the most bytes that are wanted of
/// it; it must answer without waiting, whatever lies there.
pub fn declared(subject: &Subject<'_>, files: &mut dyn FnMut(&Path, u64) -> Read) -> Declared {
    let mut reading = Reading::new(files);
    let mut variables = Variables::new(subject.environ, subject.profile);
    let config = spelled_out(subject.config);
    let node = reading.config(&config, MOST_CONFIG_BYTES);
    environment_files(subject, &mut variables, &mut reading);
    let folders = Folders::new(subject.state_dir, subject.cwd, &variables);
    let node = node.map(|node| {
        let roots = Roots::new(&config, include_roots(&folders, &variables), &mut reading);
        include::resolve(node, &config, &roots, &mut reading)
    });
    let node = object(node, &mut reading);
    if let Value::Object(members) = &node.value
        && let Some(env) = members.get("env")
    {
        variables.add_config(env, &reading);
    }
    variables.warn_of_missing(&node, &mut reading);
    // The config's own `env` may move the home.
    let folders = Folders::new(subject.state_dir, subject.cwd, &variables);
    let mut look = Look { variables: &variables, folders: &folders, reading: &mut reading };
    let root = Section::root(&node);
    let gateway = gateway(&mut look, &root);
    let agents = agents(&mut look, &root);
    let mut surfaces = surfaces(&mut look, &root, &agents);
    let containers = containers(&mut look, &root);
    let (browser, user_data) = browser(&mut look, &root);
    let listeners = listeners(&mut look, &root);
    let (channels, logins) = channels(&mut look, &root);
    let surface = |kind| move |path| Surface { kind, path };
    surfaces.extend(user_data.into_iter().map(surface(SurfaceKind::BrowserUserData)));
    surfaces.extend(logins.into_iter().map(surface(SurfaceKind::ChannelAuth)));
    if variables.is_outgrown() {
        reading.problem(outgrown(&config));
    }
    let Reading { mut sources, problems, homely, .. } = reading;
    sources.sort_by_key(|file| match file.role {
        FileRole::Config => 0,
        FileRole::Include => 1,
        FileRole::Environment => 2,
        FileRole::Secret => 3,
    });
    let secrets = secrets(&variables, &gateway, &channels);
    Declared {
        files: sources,
        problems,
        gateway,
        agents,
        surfaces,
        containers,
        browser,
        listeners,
        channels,
        homely,
        secrets,
    }
}

/// Every credential that is written where it was read.
fn secrets(variables: &Variables<'_>, gateway: &Gateway, channels: &[ChannelAccount]) -> Vec<Secret> {
    let said = channels.iter().flat_map(|account| &account.credentials);
    let said = said.chain(&gateway.token).chain(&gateway.password).filter_map(|said| match &said.value {
        Credential::Known(secret) => Some(secret.clone()),
        Credential::Reference { .. } | Credential::Missing { .. } => None,
    });
    said.chain(variables.secrets()).collect()
}

/// `.env` of the working folder, then of the state dir, then the one that a fresh install of OpenClaw's leaves beside its
/// own state dir.
fn environment_files(subject: &Subject<'_>, variables: &mut Variables<'_>, reading: &mut Reading<'_>) {
    let state = spelled_out(&subject.state_dir.join(".env"));
    let cwd = spelled_out(&subject.cwd.join(".env"));
    if cwd != state {
        variables.add_file(cwd, Trust::WorkingFolder, reading);
    }
    variables.add_file(state.clone(), Trust::Any, reading);
    let home = Folders::new(subject.state_dir, subject.cwd, variables).home;
    if state == home.join(".openclaw").join(".env") {
        variables.add_file(home.join(".config").join("openclaw").join("gateway.env"), Trust::Any, reading);
    }
}

fn include_roots(folders: &Folders, variables: &Variables<'_>) -> Vec<PathBuf> {
    let roots = variables.text("OPENCLAW_INCLUDE_ROOTS").unwrap_or_default();
    let roots = roots.split(':').map(|root| root.trim_matches(is_blank)).filter(|root| !root.is_empty());
    roots.take(MOST_ROOTS).map(|root| folders.resolve(root)).collect()
}

fn outgrown(config: &Path) -> Problem {
    Problem {
        code: ProblemCode::ConfigTooLarge,
        message: format!(
            "its texts, variables and files of secrets come to more than {} MiB where they are taken: not all of them were read",
            MOST_TAKEN >> 20
        ),
        hint: format!("shorten them, or name them less often: {OURS}"),
        at: top(config),
    }
}

/// The tree, if it is an object; else an empty one.
fn object(node: Option<Node>, reading: &mut Reading<'_>) -> Node {
    let empty = |at| Node { at, value: Value::Object(BTreeMap::new()) };
    match node {
        Some(node) if matches!(node.value, Value::Object(_)) => node,
        Some(node) => {
            let at = reading.names.place(node.at);
            reading.problem(Problem {
                code: ProblemCode::ConfigType,
                message: "the config has to be an object".to_owned(),
                hint: "write its keys between `{` and `}`, as in `{ gateway: { mode: \"local\" } }`".to_owned(),
                at,
            });
            empty(node.at)
        }
        None => empty(At { file: 0, line: 1, column: 1, width: 1 }),
    }
}
