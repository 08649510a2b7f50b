//! The `gateway` section of one plane's configuration, and the workspace, against its manifest entry.

use std::path::Path;

use super::{Claimed, Subject};
use crate::collision::codes::Code;
use crate::collision::finding::Finding;
use crate::collision::gather;
use crate::collision::keys::Key;
use crate::collision::remedy::{quoted, repeated};
use crate::collision::wording::shown;
use crate::openclaw::config::credential::Credential;
use crate::openclaw::config::declared::{Agent, Declared, Gateway};
use crate::openclaw::config::origin::{Origin, Said};

/// Port and workspace that the configuration sees otherwise than the manifest.
pub(super) fn contradictions(subject: &Subject, declared: &Declared, claimed: &Claimed<'_>) -> Vec<Finding> {
    let mut found: Vec<Finding> =
        declared.gateway.ports.iter().filter_map(|said| port(subject, said, claimed)).collect();
    found.extend(workspace(subject, declared, claimed));
    found
}

fn port(subject: &Subject, said: &Said<u16>, claimed: &Claimed<'_>) -> Option<Finding> {
    let name = &subject.plane.name;
    let port = subject.plane.port.filter(|port| *port != said.value)?;
    let surface = said.value.to_string();
    let message = format!("`{}` of `{name}` says port {}, the manifest says {port}", said.key, said.value);
    let Claimed { claims, by, suggest } = *claimed;
    let offered = suggest.offered(by).base;
    let hint = match gather::repeat(said) {
        Some(repeat) => {
            let again = repeated(claims, by, &repeat, offered.unwrap_or(port), suggest);
            // Where the manifest's own keys are to change as well, each of the two hints says both: either may be followed alone.
            let first = offered.map(|base| format!("`port = {base}`")).into_iter().chain(again.first);
            let first: Vec<String> = first.collect();
            let first = match first.as_slice() {
                [] => String::new(),
                keys => format!("under [planes.{name}] say {} and ", keys.join(" and ")),
            };
            format!("{first}{}, or take it out", again.then)
        }
        None => format!("take `{}` out of the plane's environment", said.key),
    };
    let one = subject.finding(Code::ConfigPort, surface).at(subject.places.of("port"), format!("`{name}`: {port}"));
    Some(one.at(said.place(), format!("but {}", said.value)).saying(message).hinting(hint))
}

fn workspace(subject: &Subject, declared: &Declared, claimed: &Claimed<'_>) -> Option<Finding> {
    let name = &subject.plane.name;
    let written = subject.plane.workspace.as_ref()?;
    let Some(agent) = declared.default_agent() else { return unused_workspace(subject, declared, written) };
    let said = &agent.workspace;
    let is_other = Key::by_name(written, subject.around) != Key::by_name(&said.value, subject.around);
    if !is_other || !matches!(said.origin, Origin::Written { .. }) {
        return None;
    }
    let surface = shown(&said.value);
    let message =
        format!("`{}` of `{name}` is {surface}, the manifest says {}: the config wins", said.key, shown(written));
    let Claimed { claims, by, suggest } = *claimed;
    let offered = suggest.offered(by);
    let config = offered.config.unwrap_or_else(|| subject.plane.config.clone());
    let file = said.place().map(|place| place.file.clone()).filter(|file| *file != subject.plane.config);
    let (file, then) = (file.unwrap_or(config), offered.workspace.as_ref().unwrap_or(written));
    let moved =
        offered.workspace.as_ref().map(|path| format!(" and under [planes.{name}] say `workspace = {}`", quoted(path)));
    let first = suggest.moving(claims, by, &file).map(|key| format!("under [planes.{name}] say {key} and "));
    let first = first.unwrap_or_default();
    let hint = format!("{first}in {} say `{}: {}`{}", shown(&file), said.key, quoted(then), moved.unwrap_or_default());
    let one = subject.finding(Code::ConfigWorkspace, surface.clone()).at(subject.places.of("workspace"), "");
    Some(one.at(said.place(), "the config wins").saying(message).hinting(hint))
}

/// Several agents and no default one: each works in a folder of its own, and none in the manifest's.
fn unused_workspace(subject: &Subject, declared: &Declared, written: &Path) -> Option<Finding> {
    let ours = Key::by_name(written, subject.around);
    let is_in_ours = |agent: &Agent| Key::by_name(&agent.workspace.value, subject.around).is_within(&ours);
    if declared.agents.iter().any(is_in_ours) {
        return None;
    }
    let first = declared.agents.first()?;
    let name = &subject.plane.name;
    let surface = shown(written);
    let message = format!(
        "none of the {} agents of `{name}` works in {surface}, which the manifest says: there is no default agent, and `{}` works in {}",
        declared.agents.len(),
        first.id,
        shown(&first.workspace.value)
    );
    let hint = format!(
        "in {} say `default: true` for one agent, or take `workspace` out of [planes.{name}]",
        shown(&subject.plane.config)
    );
    let one = subject.finding(Code::ConfigWorkspace, surface).at(subject.places.of("workspace"), "no agent's");
    Some(one.saying(message).hinting(hint))
}

/// Where it listens, and whether whoever comes is asked for anything.
pub(super) fn exposure(subject: &Subject, gateway: &Gateway) -> Option<Finding> {
    let name = &subject.plane.name;
    let reach = reach(gateway);
    match reach {
        Reach::Loopback => None,
        Reach::Unsaid => {
            let said = match &gateway.bind {
                Some(_) => format!("`gateway.bind` of `{name}` is `auto`"),
                None => format!("`{name}` does not say `gateway.bind`"),
            };
            let is_open = !(has(&gateway.token) || has(&gateway.password));
            let then = if is_open { ", and without a token or a password it refuses to start there" } else { "" };
            let message = format!("{said}: 0.0.0.0 where OpenClaw detects a container{then}");
            let place = gateway.bind.as_ref().and_then(|said| said.place()).or(subject.places.of("config"));
            let hint = format!("in {} say gateway.bind: \"loopback\"", shown(&subject.plane.config));
            let one = subject.finding(Code::BindImplicit, "gateway.bind").at(place, "");
            Some(one.saying(message).hinting(hint))
        }
        Reach::Beyond(said) if !asks_for_entrance(gateway, said) => {
            let missing = if is_funnel(said) { "a password" } else { "token or password" };
            let message =
                format!("`{name}` would listen beyond loopback (`{}` is `{}`) without {missing}", said.key, said.value);
            let config = shown(&subject.plane.config);
            let hint = if is_funnel(said) {
                format!(
                    "in {config} set gateway.auth.mode: \"password\" and gateway.auth.password (a ${{VARIABLE}} of the plane's \
                     env_file), without which OpenClaw opens no funnel; or take gateway.tailscale.mode out"
                )
            } else {
                format!(
                    "in {config} set gateway.auth.token (a ${{VARIABLE}} of the plane's env_file), or bind to loopback and use a tunnel"
                )
            };
            let one = subject.finding(Code::BindWithoutAuth, said.value.clone()).at(said.place(), "");
            Some(one.saying(message).hinting(hint))
        }
        Reach::Beyond(_) => None,
    }
}

/// From where a gateway can be reached.
enum Reach<'a> {
    /// This host alone.
    Loopback,
    /// OpenClaw decides.
    Unsaid,
    /// Further, as this setting says.
    Beyond(&'a Said<String>),
}

fn reach(gateway: &Gateway) -> Reach<'_> {
    let tailscale = gateway.tailscale_mode.as_ref().filter(|said| said.value != "off");
    if let Some(said) = tailscale.filter(|said| is_funnel(said)) {
        return Reach::Beyond(said);
    }
    // Behind tailscale it is loopback where nothing is said.
    if tailscale.is_some() && gateway.bind.is_none() {
        return Reach::Loopback;
    }
    match gateway.bind.as_ref().map(|said| (said.value.as_str(), said)) {
        None | Some(("auto", _)) => Reach::Unsaid,
        Some(("loopback", _)) => Reach::Loopback,
        Some(("custom", said)) => match &gateway.custom_bind_host {
            Some(host) if is_loopback(&host.value) => Reach::Loopback,
            Some(host) => Reach::Beyond(host),
            None => Reach::Beyond(said),
        },
        Some((_, said)) => Reach::Beyond(said),
    }
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim().trim_start_matches('[').trim_end_matches(']');
    bare.eq_ignore_ascii_case("localhost") || bare.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Whether this setting opens the gateway to the whole internet.
fn is_funnel(said: &Said<String>) -> bool {
    said.key.ends_with("tailscale.mode") && said.value == "funnel"
}

/// Whether a token or password is there.
fn has(said: &Option<Said<Credential>>) -> bool {
    said.as_ref().is_some_and(|said| !matches!(said.value, Credential::Missing { .. }))
}

/// Whether a token, a password or a trusted proxy stands in the way; of a funnel OpenClaw wants a password.
fn asks_for_entrance(gateway: &Gateway, reach: &Said<String>) -> bool {
    match gateway.auth_mode.as_ref().map(|said| said.value.as_str()) {
        mode if is_funnel(reach) => {
            has(&gateway.password) && (mode == Some("password") || mode.is_none() && !has(&gateway.token))
        }
        Some("none") => false,
        Some("trusted-proxy") => true,
        Some("password") => has(&gateway.password),
        Some("token") => has(&gateway.token),
        Some(_) | None => has(&gateway.token) || has(&gateway.password),
    }
}

/// A mode that OpenClaw does not start in, and what is left over from another one.
pub(super) fn mode(subject: &Subject, gateway: &Gateway) -> Vec<Finding> {
    let name = &subject.plane.name;
    let config = shown(&subject.plane.config);
    let mut found = Vec::new();
    match &gateway.mode {
        Some(said) if said.value == "local" => {}
        Some(said) => {
            let message = format!("`gateway.mode` of `{name}` is `{}`: OpenClaw starts no gateway then", said.value);
            let one = subject.finding(Code::GatewayMode, "gateway.mode").at(said.place(), "");
            found.push(one.saying(message).hinting(format!("in {config} say gateway.mode: \"local\"")));
        }
        None => {
            let message = format!("`{name}` does not say `gateway.mode`: OpenClaw starts no gateway then");
            let one = subject.finding(Code::GatewayMode, "gateway.mode").at(subject.places.of("config"), "");
            found.push(one.saying(message).hinting(format!("in {config} say gateway.mode: \"local\"")));
        }
    }
    if let Some(said) = &gateway.remote {
        let message = format!("`{name}` has a `gateway.remote` section: its commands may talk to another gateway");
        let one = subject.finding(Code::GatewayRemote, "gateway.remote").at(said.place(), "");
        found.push(one.saying(message).hinting("take it out once it is no longer needed"));
    }
    if let Some(said) = &gateway.insecure_private_ws {
        let message = format!("`{name}` permits unencrypted WebSocket to private addresses, by `{}`", said.key);
        let place = said.place().or(subject.places.of("env"));
        let one = subject.finding(Code::InsecureWebsocket, said.key.clone()).at(place, "");
        found.push(one.saying(message).hinting("take it out, and reach the gateway through a tunnel"));
    }
    found
}
