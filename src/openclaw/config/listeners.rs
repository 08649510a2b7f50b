//! Ports with a key of their own: what else a gateway listens on or connects to, besides its family and its browsers.
//!
//! Only what is switched on: a webhook port of a channel that polls claims nothing.

use super::declared::{Listener, Side};
use super::endpoint::Target;
use super::look::{Look, Section, Zero};
use super::origin::{Origin, Said};

/// Every such port, by key.
pub(super) fn listeners(look: &mut Look<'_, '_, '_>, root: &Section<'_>) -> Vec<Listener> {
    let mut found = Vec::new();
    if let Some(apps) = look.at(root, &["mcp", "apps"]) {
        found.extend(look.port(&apps, "sandboxPort", Zero::Refused).map(|port| listens(port, None)));
    }
    if let Some(ingress) = look.at(root, &["gateway", "portals", "ingress"]) {
        found.extend(look.port(&ingress, "port", Zero::Refused).map(|port| listens(port, None)));
    }
    if let Some(host) = look.at(root, &["desktop", "host"]) {
        let port = look.port(&host, "port", Zero::Refused);
        found.extend(port.map(|port| Listener { port, host: None, side: Side::Connects }));
    }
    gmail(look, root, &mut found);
    voice_call(look, root, &mut found);
    if let Some(channels) = look.section(root, "channels") {
        for webhook in WEBHOOKS {
            let Some(channel) = look.section(&channels, webhook.channel) else { continue };
            webhook.listeners(look, &channel, &mut found);
        }
    }
    // Accounts of one channel share what they inherit.
    found.sort_by(|a, b| (&a.port.key, a.port.value).cmp(&(&b.port.key, b.port.value)));
    found.dedup_by(|a, b| a.port.key == b.port.key && a.port.value == b.port.value);
    found
}

fn listens(port: Said<u16>, host: Option<Said<String>>) -> Listener {
    Listener { port, host, side: Side::Listens }
}

/// The mail watcher, started once hooks are on and an account is named.
fn gmail(look: &mut Look<'_, '_, '_>, root: &Section<'_>, found: &mut Vec<Listener>) {
    let Some(hooks) = look.section(root, "hooks") else { return };
    let Some(gmail) = look.section(&hooks, "gmail") else { return };
    if look.flag(&hooks, "enabled") != Some(true) || look.text(&gmail, "account").is_none() {
        return;
    }
    let serve = look.section(&gmail, "serve");
    let port = serve.as_ref().and_then(|serve| look.port(serve, "port", Zero::Refused));
    let host = serve.as_ref().and_then(|serve| look.text(serve, "bind"));
    found.push(listens(port.unwrap_or_else(|| implied(look, &gmail, "serve.port", 8788)), host));
    let target = look.text(&gmail, "hookUrl").and_then(|url| Some((Target::read(&url.value)?.endpoint(None), url)));
    if let Some((end, url)) = target.filter(|(end, _)| end.is_loopback()) {
        found.push(Listener { port: url.map(|_| end.port), host: None, side: Side::Connects });
    }
}

/// The voice plugin's own web server.
fn voice_call(look: &mut Look<'_, '_, '_>, root: &Section<'_>, found: &mut Vec<Listener>) {
    let Some(plugin) = look.at(root, &["plugins", "entries", "voice-call"]) else { return };
    let Some(config) = look.section(&plugin, "config") else { return };
    if look.flag(&plugin, "enabled") == Some(false) || look.flag(&config, "enabled") != Some(true) {
        return;
    }
    let serve = look.section(&config, "serve");
    let port = serve.as_ref().and_then(|serve| look.port(serve, "port", Zero::Refused));
    let host = serve.as_ref().and_then(|serve| look.text(serve, "bind"));
    found.push(listens(port.unwrap_or_else(|| implied(look, &config, "serve.port", 3334)), host));
}

fn implied(look: &Look<'_, '_, '_>, by: &Section<'_>, name: &str, value: u16) -> Said<u16> {
    Said { value, key: by.key_of(name), origin: Origin::Implied { by: look.place(by.at) } }
}

/// A channel that listens by itself and not through the gateway's port.
struct Webhook {
    channel: &'static str,
    /// The section below the channel or account that holds port and host; empty for none.
    section: &'static str,
    port: &'static str,
    host: &'static str,
    usual: u16,
    switch: Switch,
}

/// What makes such a channel listen.
enum Switch {
    /// That it is there.
    Always,
    /// A text that is written.
    Written(&'static str),
    /// A text with this value.
    Is(&'static str, &'static str),
    /// Signal: a daemon of the gateway's own, reached over HTTP.
    OwnDaemon,
}

const WEBHOOKS: &[Webhook] = &[
    Webhook {
        channel: "telegram",
        section: "",
        port: "webhookPort",
        host: "webhookHost",
        usual: 8787,
        switch: Switch::Written("webhookUrl"),
    },
    Webhook {
        channel: "feishu",
        section: "",
        port: "webhookPort",
        host: "webhookHost",
        usual: 3000,
        switch: Switch::Is("connectionMode", "webhook"),
    },
    Webhook {
        channel: "nextcloud-talk",
        section: "",
        port: "webhookPort",
        host: "webhookHost",
        usual: 8788,
        switch: Switch::Always,
    },
    Webhook { channel: "msteams", section: "webhook", port: "port", host: "host", usual: 3978, switch: Switch::Always },
    Webhook {
        channel: "signal",
        section: "transport",
        port: "httpPort",
        host: "httpHost",
        usual: 8080,
        switch: Switch::OwnDaemon,
    },
];

impl Webhook {
    /// The channel's own listener and those of its accounts, which inherit what they do not write.
    fn listeners(&self, look: &mut Look<'_, '_, '_>, channel: &Section<'_>, found: &mut Vec<Listener>) {
        if look.flag(channel, "enabled") == Some(false) {
            return;
        }
        let accounts = look.section(channel, "accounts");
        let names = accounts.iter().flat_map(|accounts| accounts.names()).collect::<Vec<_>>();
        if names.is_empty() || (!names.contains(&"default") && self.has_default_account(look, channel)) {
            self.listener(look, &[channel], found);
        }
        for name in names {
            let Some(account) = accounts.as_ref().and_then(|accounts| look.section(accounts, name)) else { continue };
            if look.flag(&account, "enabled") != Some(false) {
                self.listener(look, &[&account, channel], found);
            }
        }
    }

    /// Whether what is written on the channel itself is an account beside the named ones: OpenClaw's telegram has it where a
    /// login is there for it.
    fn has_default_account(&self, look: &Look<'_, '_, '_>, channel: &Section<'_>) -> bool {
        self.channel == "telegram"
            && (["botToken", "tokenFile"].iter().any(|key| channel.node(key).is_some())
                || look.variable("TELEGRAM_BOT_TOKEN").is_some())
    }

    /// `levels`: the nearest first.
    fn listener(&self, look: &mut Look<'_, '_, '_>, levels: &[&Section<'_>], found: &mut Vec<Listener>) {
        if !self.is_on(look, levels) {
            return;
        }
        let holders: Vec<Section<'_>> = levels.iter().filter_map(|level| self.holder(look, level)).collect();
        let written = holders.iter().find(|holder| holder.node(self.port).is_some());
        let host = holders.iter().find_map(|holder| look.text(holder, self.host));
        let port = match (written, levels.last()) {
            (Some(holder), _) => look.port(holder, self.port, Zero::AnyPort),
            (None, Some(channel)) => {
                let name = if self.section.is_empty() {
                    self.port.to_owned()
                } else {
                    format!("{}.{}", self.section, self.port)
                };
                Some(implied(look, channel, &name, self.usual))
            }
            (None, None) => None,
        };
        found.extend(port.map(|port| listens(port, host)));
    }

    fn holder<'t>(&self, look: &mut Look<'_, '_, '_>, level: &Section<'t>) -> Option<Section<'t>> {
        if self.section.is_empty() { Some(level.clone()) } else { look.section(level, self.section) }
    }

    fn is_on(&self, look: &mut Look<'_, '_, '_>, levels: &[&Section<'_>]) -> bool {
        let mut text = |name| levels.iter().find_map(|level| look.text(level, name));
        match self.switch {
            Switch::Always => true,
            Switch::Written(name) => text(name).is_some(),
            Switch::Is(name, value) => text(name).is_some_and(|said| said.value == value),
            Switch::OwnDaemon => {
                let Some(transport) = levels.iter().find_map(|level| self.holder(look, level)) else { return true };
                let kind = look.text(&transport, "kind");
                kind.is_none_or(|kind| kind.value == "managed-native") && transport.node("socketPath").is_none()
            }
        }
    }
}
