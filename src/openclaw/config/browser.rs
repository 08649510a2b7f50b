//! The `browser` section: profiles, the ports they pin and the browsers they attach to.

use std::path::PathBuf;

use super::declared::{Browser, BrowserProfile, Driver, Endpoint};
use super::endpoint::Target;
use super::json5::{Node, Value};
use super::look::{Look, Section, Zero};
use super::origin::{Origin, Said};

/// The profiles that every gateway has, and who drives them.
const BUILT_IN: [(&str, Driver); 3] =
    [("openclaw", Driver::Managed), ("user", Driver::ExistingSession), ("chrome", Driver::Extension)];

/// What the gateway does with browsers, and the user-data folders that it is told to use.
pub(super) fn browser(look: &mut Look<'_, '_, '_>, root: &Section<'_>) -> (Browser, Vec<Said<PathBuf>>) {
    let section = look.section(root, "browser");
    let enabled = section.as_ref().and_then(|browser| look.flag(browser, "enabled")).unwrap_or(true);
    let target = section.as_ref().and_then(|browser| url(look, browser, "cdpUrl"));
    let cdp_url = target.clone().map(|said| said.map(|target| target.endpoint(None)));
    let remote = target.filter(|said| !said.value.endpoint(None).is_loopback());
    let mut browser = Browser { enabled, profiles: Vec::new(), cdp_url };
    let mut folders = Vec::new();
    let written = section.as_ref().and_then(|browser| look.section(browser, "profiles"));
    for name in written.iter().flat_map(|profiles| profiles.names()) {
        let Some(profile) = written.as_ref().and_then(|profiles| look.section(profiles, name)) else { continue };
        let folder = look.path(&profile, "userDataDir");
        folders.extend(folder.filter(|_| enabled));
        browser.profiles.push(written_profile(look, name, &profile, remote.as_ref()));
    }
    for (name, driver) in BUILT_IN {
        if browser.profiles.iter().all(|profile| profile.name != name) {
            let name = name.to_owned();
            browser.profiles.push(BrowserProfile { name, written: false, driver, cdp_port: None, cdp_url: None });
        }
    }
    browser.profiles.sort_by(|a, b| a.name.cmp(&b.name));
    (browser, folders)
}

fn written_profile(
    look: &mut Look<'_, '_, '_>,
    name: &str,
    profile: &Section<'_>,
    remote: Option<&Said<Target>>,
) -> BrowserProfile {
    let driver = match look.text(profile, "driver").as_ref().map(|driver| driver.value.as_str()) {
        Some("existing-session") => Driver::ExistingSession,
        Some("extension") => Driver::Extension,
        Some(_) | None => Driver::Managed,
    };
    let port = look.port(profile, "cdpPort", Zero::Refused);
    let target = url(look, profile, "cdpUrl");
    let (cdp_port, cdp_url) = match driver {
        Driver::Extension => (port, None),
        Driver::ExistingSession => (None, by_argument(look, profile).or_else(|| target.map(|said| end(&said, None)))),
        Driver::Managed => match (target, port, remote) {
            (Some(target), port, _) => (None, Some(end(&target, port.map(|port| port.value)))),
            // A port alone is a port of the host that `browser.cdpUrl` names.
            (None, Some(port), Some(remote)) => {
                let host = remote.value.host.clone();
                (None, Some(port.map(|port| Endpoint { host, port })))
            }
            (None, port, _) => (port, None),
        },
    };
    BrowserProfile { name: name.to_owned(), written: true, driver, cdp_port, cdp_url }
}

fn end(said: &Said<Target>, port: Option<u16>) -> Said<Endpoint> {
    said.clone().map(|target| target.endpoint(port))
}

fn url(look: &mut Look<'_, '_, '_>, within: &Section<'_>, name: &str) -> Option<Said<Target>> {
    let said = look.text(within, name)?;
    match (Target::read(&said.value), within.node(name)) {
        (Some(target), _) => Some(said.map(|_| target)),
        (None, Some(node)) => {
            look.wrong_type(node.at, &within.key_of(name), "an http, https, ws or wss address, its host in ASCII");
            None
        }
        (None, None) => None,
    }
}

/// An address among the arguments of a profile that attaches goes before its `cdpUrl`.
fn by_argument(look: &Look<'_, '_, '_>, profile: &Section<'_>) -> Option<Said<Endpoint>> {
    let Some(Node { value: Value::Array(items), .. }) = profile.node("mcpArgs") else { return None };
    let mut awaited = false;
    for item in items {
        let Value::Text(text) = &item.value else { continue };
        let (argument, through) = look.variables.substitute(text);
        let (option, value) = argument.split_once('=').unwrap_or((&argument, ""));
        let names_address =
            matches!(option, "--browserUrl" | "--browser-url" | "-u" | "--wsEndpoint" | "--ws-endpoint" | "-w");
        let address = if awaited { argument.as_str() } else { value };
        if let Some(target) = (awaited || names_address).then(|| Target::read(address)).flatten() {
            let origin = Origin::Written { at: look.place(item.at), through };
            return Some(Said { value: target.endpoint(None), key: profile.key_of("mcpArgs"), origin });
        }
        awaited = names_address;
    }
    None
}
