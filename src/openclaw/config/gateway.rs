//! The `gateway` section, and what of the environment goes before it.

use super::declared::Gateway;
use super::endpoint::Target;
use super::look::{Look, Section, Zero};
use super::origin::{Origin, Said};
use super::secrets;
use crate::openclaw::ports;

/// What the gateway itself is told.
pub(super) fn gateway(look: &mut Look<'_, '_, '_>, root: &Section<'_>) -> Gateway {
    let mut told = Gateway { insecure_private_ws: insecure_private_ws(look), ..Gateway::default() };
    if let Some(port) = look.variable("OPENCLAW_GATEWAY_PORT") {
        let number = ports::from_environment(&port.value);
        told.ports.extend(number.map(|number| port.map(|_| number)));
    }
    if let Some(section) = look.section(root, "gateway") {
        told.ports.extend(look.port(&section, "port", Zero::Refused));
        told.mode = look.text(&section, "mode");
        told.bind = look.text(&section, "bind");
        told.custom_bind_host = look.text(&section, "customBindHost");
        told.tailscale_mode = look.at(&section, &["tailscale"]).and_then(|tailscale| look.text(&tailscale, "mode"));
        if let Some(auth) = look.section(&section, "auth") {
            told.auth_mode = look.text(&auth, "mode");
            told.token = secrets::secret(look, root, &auth, "token");
            told.password = secrets::secret(look, root, &auth, "password");
        }
        told.remote = remote(look, &section);
    }
    told.token = told.token.or_else(|| secrets::from_variable(look, "OPENCLAW_GATEWAY_TOKEN"));
    told.password = told.password.or_else(|| secrets::from_variable(look, "OPENCLAW_GATEWAY_PASSWORD"));
    told
}

/// Where the section points, without the names and passwords that a URL may hold.
fn remote(look: &mut Look<'_, '_, '_>, gateway: &Section<'_>) -> Option<Said<String>> {
    let remote = look.section(gateway, "remote")?;
    if let Some(url) = look.text(&remote, "url") {
        let end = Target::read(&url.value).map(|target| target.endpoint(None).to_string());
        return Some(url.map(|_| end.unwrap_or_default()));
    }
    let origin = Origin::Written { at: look.place(remote.at), through: Vec::new() };
    Some(Said { value: String::new(), key: remote.key, origin })
}

/// OpenClaw takes exactly `1`.
fn insecure_private_ws(look: &Look<'_, '_, '_>) -> Option<Said<()>> {
    let said = look.variable("OPENCLAW_ALLOW_INSECURE_PRIVATE_WS")?;
    (said.value == "1").then(|| said.map(|_| ()))
}
