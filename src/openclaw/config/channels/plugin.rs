//! Channels that the table does not know: another plugin's. What their keys call a credential is taken for one.
//!
//! Takes texts and secret references only, of the channel and of its accounts; looks no deeper.

use super::super::credential::Credential;
use super::super::declared::{ChannelAccount, Standing};
use super::super::json5::Value;
use super::super::look::{Look, Section};
use super::super::origin::Said;
use super::super::secrets;
use super::table::CHANNELS;

/// What stands beside channels in their section and is none.
const NO_CHANNELS: [&str; 2] = ["defaults", "modelByChannel"];

/// How keys of credentials end, in lower case. Other keys that are called keys name sessions, or places in a table.
const LOGINS: [&str; 7] = ["token", "secret", "password", "apikey", "privatekey", "accesskey", "authkey"];

/// What checks incoming calls, or is known to everybody: two gateways may share it without being one account.
const NO_LOGINS: [&str; 6] = ["webhook", "hook", "verif", "sign", "encrypt", "public"];

/// Whom a password belongs to.
const USERS: [&str; 7] = ["userId", "username", "user", "account", "email", "login", "nick"];

/// Every account of such a channel.
pub(super) fn channels(look: &mut Look<'_, '_, '_>, root: &Section<'_>, written: &Section<'_>) -> Vec<ChannelAccount> {
    let mut found = Vec::new();
    for name in written.names() {
        let is_known = CHANNELS.iter().any(|channel| channel.name == name) || NO_CHANNELS.contains(&name);
        // What is no object is OpenClaw's to refuse: nobody here knows what the plugin takes.
        let is_object = written.node(name).is_some_and(|node| matches!(node.value, Value::Object(_)));
        let Some(channel) = (!is_known && is_object).then(|| look.section(written, name)).flatten() else { continue };
        let enabled = is_on(&channel);
        found.push(account(look, root, (name, "default"), &channel, enabled));
        let Some(accounts) = object(look, &channel, "accounts") else { continue };
        for one in accounts.names() {
            let Some(section) = object(look, &accounts, one) else { continue };
            let started = enabled && is_on(&section);
            found.push(account(look, root, (name, one), &section, started));
        }
    }
    found
}

fn object<'t>(look: &mut Look<'_, '_, '_>, within: &Section<'t>, name: &str) -> Option<Section<'t>> {
    let is_object = within.node(name).is_some_and(|node| matches!(node.value, Value::Object(_)));
    is_object.then(|| look.section(within, name)).flatten()
}

fn is_on(section: &Section<'_>) -> bool {
    section.node("enabled").is_none_or(|node| node.value != Value::Bool(false))
}

fn account(
    look: &mut Look<'_, '_, '_>,
    root: &Section<'_>,
    (channel, account): (&str, &str),
    section: &Section<'_>,
    started: bool,
) -> ChannelAccount {
    let credentials = section.names().into_iter().filter_map(|name| credential(look, root, section, name)).collect();
    ChannelAccount {
        channel: channel.to_owned(),
        account: account.to_owned(),
        standing: if started { Standing::Active } else { Standing::Disabled },
        credentials,
    }
}

fn credential(
    look: &mut Look<'_, '_, '_>,
    root: &Section<'_>,
    section: &Section<'_>,
    name: &str,
) -> Option<Said<Credential>> {
    let lower = name.to_ascii_lowercase();
    let is_login = LOGINS.iter().any(|end| lower.ends_with(end)) && !NO_LOGINS.iter().any(|word| lower.contains(word));
    let is_text = section.node(name).is_some_and(|node| matches!(node.value, Value::Text(_) | Value::Object(_)));
    let said = (is_login && is_text).then(|| secrets::secret(look, root, section, name)).flatten()?;
    if !lower.ends_with("password") {
        return Some(said);
    }
    // A password alone names no account.
    let mut whose = Vec::new();
    for key in USERS {
        let is_text = section.node(key).is_some_and(|node| matches!(node.value, Value::Text(_)));
        let text = is_text.then(|| look.text(section, key)).flatten();
        whose.extend(text.map(|said| format!("{key}={}", said.value.to_lowercase())));
    }
    Some(said.map(|credential| if whose.is_empty() { credential } else { credential.together_with(&whose) }))
}
