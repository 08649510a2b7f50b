//! What the words of `args` say to the gateway: they go before its config and its environment.
//!
//! Only what changes who reaches it and whether it starts; the port and the profile are the manifest's own keys.

use crate::openclaw::config::credential::{Credential, Secret};
use crate::openclaw::config::declared::Gateway;
use crate::openclaw::config::origin::{Origin, Said};
use crate::plane::{Places, Plane};

/// What the gateway is told, with the plane's `args` put over its config.
pub fn told(plane: &Plane, places: &Places, gateway: &Gateway) -> Gateway {
    let mut told = gateway.clone();
    let origin =
        || places.of("args").map_or(Origin::Default, |at| Origin::Written { at: at.clone(), through: Vec::new() });
    let mut words = plane.args.iter().take_while(|word| *word != "--");
    while let Some(word) = words.next() {
        let (flag, joined) = match word.split_once('=') {
            Some((flag, value)) => (flag, Some(value.to_owned())),
            None => (word.as_str(), None),
        };
        let text = |value: String| Some(Said { value, key: flag.to_owned(), origin: origin() });
        let secret = |value: String| {
            Some(Said { value: Credential::Known(Secret::new(value)), key: flag.to_owned(), origin: origin() })
        };
        if flag == "--allow-unconfigured" {
            // It starts whatever `gateway.mode` is.
            told.mode = text("local".to_owned());
            continue;
        }
        if !matches!(flag, "--bind" | "--auth" | "--tailscale" | "--token" | "--password" | "--password-file") {
            continue;
        }
        let Some(value) = joined.or_else(|| words.next().cloned()).filter(|value| !value.is_empty()) else { continue };
        match flag {
            "--bind" => told.bind = text(value),
            "--auth" => told.auth_mode = text(value),
            "--tailscale" => told.tailscale_mode = text(value),
            "--token" => told.token = secret(value),
            _ => told.password = secret(value),
        }
    }
    told
}
