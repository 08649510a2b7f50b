//! The OpenClaw profiles that are on this host already, with their ports and native services. Moves and starts nothing.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::configs;
use super::services::{self, own_home};
use crate::collision::host::{Service, Standing};
use crate::daemon::seal;
use crate::openclaw::config::declared::{Declared, FileRole};
use crate::openclaw::config::{self, Subject};
use crate::openclaw::ports;

/// One profile with a config of its own.
#[derive(Clone, Debug)]
pub struct Profile {
    /// Its name; `default` for the unnamed one.
    pub name: String,
    /// Its state dir.
    pub state_dir: PathBuf,
    /// Its config.
    pub config: PathBuf,
    /// The base port that its gateway takes.
    pub port: u16,
    /// What says so: a key, a variable, a unit, or OpenClaw's default.
    pub port_from: String,
    /// The browser profiles that its config writes.
    pub browser_profiles: Vec<String>,
    /// The native services that run it.
    pub services: Vec<Service>,
}

/// Every profile in the home of the user who runs this, the unnamed one first.
pub fn profiles() -> Vec<Profile> {
    let Some(home) = own_home() else { return Vec::new() };
    let units = services::all(&home);
    let mut found: Vec<Profile> = state_dirs(&home).into_iter().filter_map(|dir| profile(dir, &units)).collect();
    found.sort_by_key(|profile| (profile.name != "default", profile.name.clone()));
    found
}

/// `~/.openclaw` and `~/.openclaw-*`.
fn state_dirs(home: &Path) -> Vec<(String, PathBuf)> {
    let Ok(entries) = fs::read_dir(home) else { return Vec::new() };
    let named = entries.filter_map(|entry| {
        let entry = entry.ok()?;
        let name = entry.file_name().into_string().ok()?;
        let profile = match name.strip_prefix(".openclaw")? {
            "" => "default",
            rest => rest.strip_prefix('-').filter(|profile| ports::is_profile(profile))?,
        };
        Some((profile.to_owned(), entry.path()))
    });
    named.filter(|(_, path)| path.is_dir()).collect()
}

fn profile((name, state_dir): (String, PathBuf), units: &[(Service, services::Unit)]) -> Option<Profile> {
    let config = state_dir.join("openclaw.json");
    let environ = environ(&config, &state_dir, &name);
    let subject =
        Subject { config: &config, state_dir: &state_dir, cwd: &state_dir, profile: &name, environ: &environ };
    let declared: Declared = config::declared(&subject, &mut configs::read);
    let is_there = declared.files.iter().any(|file| file.role == FileRole::Config && file.read);
    let of_it: Vec<&(Service, services::Unit)> =
        units.iter().filter(|(_, unit)| unit.has(&state_dir, &config)).collect();
    if !is_there && of_it.is_empty() {
        return None;
    }
    let from_unit = of_it.iter().find_map(|(service, unit)| Some((unit.port?, format!("from {}", service.unit))));
    let said = declared.gateway.ports.first().map(|said| (said.value, format!("from `{}`", said.key)));
    let default = || (ports::of_profile(&name), "OpenClaw's default for this profile".to_owned());
    let (port, port_from) = from_unit.or(said).unwrap_or_else(default);
    let written = declared.browser.profiles.iter().filter(|profile| profile.written && declared.browser.enabled);
    Some(Profile {
        browser_profiles: written.map(|profile| profile.name.clone()).collect(),
        services: of_it.into_iter().map(|(service, _)| service.clone()).collect(),
        name,
        state_dir,
        config,
        port,
        port_from,
    })
}

/// What such a gateway would be started with, as far as its configuration rests on it.
fn environ(config: &Path, state_dir: &Path, profile: &str) -> BTreeMap<String, String> {
    let mut environ = seal::own_environ();
    environ.retain(|name, _| matches!(name.as_str(), "HOME" | "PATH" | "TMPDIR" | "LANG"));
    environ.insert("OPENCLAW_CONFIG_PATH".to_owned(), config.display().to_string());
    environ.insert("OPENCLAW_STATE_DIR".to_owned(), state_dir.display().to_string());
    if profile != "default" {
        environ.insert("OPENCLAW_PROFILE".to_owned(), profile.to_owned());
    }
    environ
}

impl Profile {
    /// What would have to be done before gateward can keep it.
    pub fn remarks(&self) -> Vec<String> {
        self.services
            .iter()
            .map(|service| {
                let how = match service.standing {
                    Standing::Running => "runs",
                    Standing::Enabled => "is enabled for",
                    Standing::Installed => "is installed for",
                };
                let off = format!("{} disable --now {}", service.scope.systemctl(), service.unit);
                format!(
                    "The native service {} {how} this gateway now. It would have two owners, so switch the service off \
                     before gateward starts it: {off}",
                    service.unit
                )
            })
            .collect()
    }
}
