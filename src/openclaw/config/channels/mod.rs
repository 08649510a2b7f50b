//! Channel accounts and what they log in with, wherever that is written.
//!
//! Channels that are not in the table are another plugin's: see `plugin`.

mod plugin;
mod table;

use std::path::PathBuf;

use super::credential::{Blank, Credential, Secret};
use super::declared::{ChannelAccount, Standing};
use super::look::{Look, Section};
use super::origin::Said;
use super::secrets;
use table::{CHANNELS, Channel, Kind, Login};

/// Every account that has something to log in with, and the folders that hold logins.
pub(super) fn channels(look: &mut Look<'_, '_, '_>, root: &Section<'_>) -> (Vec<ChannelAccount>, Vec<Said<PathBuf>>) {
    let section = look.section(root, "channels");
    let mut found = (Vec::new(), Vec::new());
    for channel in CHANNELS {
        match section.as_ref().and_then(|channels| look.section(channels, channel.name)) {
            Some(written) => ChannelReader { look, root, channel, section: written }.accounts(&mut found),
            None => found.0.extend(ambient(look, channel)),
        }
    }
    if let Some(written) = &section {
        found.0.extend(plugin::channels(look, root, written));
    }
    found.0.retain(|account: &ChannelAccount| !account.credentials.is_empty());
    found
}

fn ambient(look: &mut Look<'_, '_, '_>, channel: &Channel) -> Option<ChannelAccount> {
    let credentials = channel.logins.iter().filter_map(|login| by_variable(look, channel, login, None)).collect();
    Some(ChannelAccount {
        channel: channel.name.to_owned(),
        account: "default".to_owned(),
        standing: Standing::Ambient,
        credentials,
    })
}

struct ChannelReader<'c, 'l, 'p, 'f, 't> {
    look: &'c mut Look<'l, 'p, 'f>,
    root: &'c Section<'t>,
    channel: &'static Channel,
    section: Section<'t>,
}

impl ChannelReader<'_, '_, '_, '_, '_> {
    fn accounts(&mut self, found: &mut (Vec<ChannelAccount>, Vec<Said<PathBuf>>)) {
        let enabled = self.look.flag(&self.section, "enabled") != Some(false);
        let default = self.look.text(&self.section, "defaultAccount");
        let default = default.map_or_else(|| "default".to_owned(), |name| name.value);
        let own = self.section.clone();
        let mut credentials = self.written(&own);
        let folders = self.folders(&own);
        found.1.extend(folders.into_iter().filter(|_| enabled));
        let accounts = self.look.section(&own, "accounts");
        let mut others = Vec::new();
        let mut written = self.keys_written(&own);
        for name in accounts.iter().flat_map(|accounts| accounts.names()) {
            let Some(account) = accounts.as_ref().and_then(|accounts| self.look.section(accounts, name)) else {
                continue;
            };
            let mut credentials = self.written(&account);
            if name != default {
                credentials.extend(self.scoped(name, &account));
            }
            let started = enabled && self.look.flag(&account, "enabled") != Some(false);
            let folders = self.folders(&account);
            found.1.extend(folders.into_iter().filter(|_| started));
            if name == default {
                written.extend(self.keys_written(&account));
            }
            others.push(self.account(name, started, credentials));
        }
        for login in self.channel.logins {
            if !self.is_settled(login, &written) {
                credentials.extend(by_variable(self.look, self.channel, login, Some(&own)));
            }
        }
        found.0.push(self.account(&default, enabled, credentials));
        found.0.append(&mut others);
    }

    fn keys_written(&mut self, section: &Section<'_>) -> Vec<&'static str> {
        let logins = self.channel.logins;
        let is_written =
            |login: &&Login| self.holder(section, login.key).is_some_and(|(holder, name)| holder.node(name).is_some());
        logins.iter().filter(is_written).map(|login| login.key).collect()
    }

    /// Whether a variable no longer counts: its key is written, or another key that means the same. A channel that takes
    /// its secret from a file has one secret, whichever key gives it.
    fn is_settled(&self, login: &Login, written: &[&str]) -> bool {
        let one_secret = self.channel.logins.iter().any(|login| matches!(login.kind, Kind::File));
        if one_secret { !written.is_empty() } else { written.contains(&login.key) }
    }

    fn account(&self, name: &str, started: bool, credentials: Vec<Said<Credential>>) -> ChannelAccount {
        let standing = if started { Standing::Active } else { Standing::Disabled };
        ChannelAccount { channel: self.channel.name.to_owned(), account: name.to_owned(), standing, credentials }
    }

    fn written(&mut self, section: &Section<'_>) -> Vec<Said<Credential>> {
        let logins = self.channel.logins;
        logins.iter().filter_map(|login| self.login(section, login)).collect()
    }

    fn login(&mut self, section: &Section<'_>, login: &Login) -> Option<Said<Credential>> {
        let (holder, name) = self.holder(section, login.key)?;
        match login.kind {
            Kind::Secret => secrets::secret(self.look, self.root, &holder, name).map(|said| plain(self.channel, said)),
            Kind::File => secrets::secret_in_file(self.look, &holder, name).map(|said| plain(self.channel, said)),
            Kind::Identity => {
                let text = self.look.text(&holder, name)?;
                Some(text.map(|account| Credential::Known(Secret::new(account))))
            }
            Kind::With(keys) => {
                let said = secrets::secret(self.look, self.root, &holder, name)?;
                let names = [section, &self.section.clone()].map(|place| others(self.look, Some(place), keys));
                let whole = names.into_iter().find(|names| !names.is_empty())?;
                Some(said.map(|credential| credential.together_with(&whole)))
            }
        }
    }

    /// What variables that carry the name of an account say, where the account does not write it.
    fn scoped(&mut self, account: &str, section: &Section<'_>) -> Vec<Said<Credential>> {
        let Some(prefix) = self.channel.scoped else { return Vec::new() };
        let token = account_token(account);
        let of_account =
            |variable: &str| format!("{prefix}{token}_{}", variable.strip_prefix(prefix).unwrap_or(variable));
        let mut found = Vec::new();
        for login in self.channel.logins {
            let Some(variable) = login.variable.filter(|_| section.node(login.key).is_none()) else { continue };
            let Some(said) = secrets::from_variable(self.look, &of_account(variable)) else { continue };
            match login.kind {
                Kind::With(keys) => {
                    let value = |(key, variable): &(&str, Option<&str>)| {
                        let written = self.look.text(section, key);
                        let said = written.or_else(|| self.look.variable(&of_account((*variable)?)));
                        said.map(|said| format!("{key}={}", said.value.to_lowercase()))
                    };
                    let names: Vec<String> = keys.iter().filter_map(value).collect();
                    found.extend((!names.is_empty()).then(|| said.map(|credential| credential.together_with(&names))));
                }
                Kind::Secret | Kind::Identity | Kind::File => found.push(plain(self.channel, said)),
            }
        }
        found
    }

    fn folders(&mut self, section: &Section<'_>) -> Vec<Said<PathBuf>> {
        let keys = self.channel.folders;
        let path = |key: &&'static str| {
            let (holder, name) = self.holder(section, key)?;
            self.look.path(&holder, name)
        };
        keys.iter().filter_map(path).collect()
    }

    /// The object that holds the last part of a dotted key.
    fn holder<'t>(&mut self, section: &Section<'t>, key: &'static str) -> Option<(Section<'t>, &'static str)> {
        match key.rsplit_once('.') {
            Some((path, name)) => Some((self.look.section(section, path)?, name)),
            None => Some((section.clone(), key)),
        }
    }
}

/// An account as a part of a variable's name (channels/matrix/setup): upper case, anything but letters and digits as `_X2D_`.
fn account_token(account: &str) -> String {
    let part = |c: char| match c.to_ascii_uppercase() {
        c if c.is_ascii_alphanumeric() => c.to_string(),
        c => format!("_X{:X}_", u32::from(c)),
    };
    account.trim().chars().map(part).collect()
}

/// What a variable of OpenClaw's says for the default account.
fn by_variable(
    look: &mut Look<'_, '_, '_>,
    channel: &Channel,
    login: &Login,
    section: Option<&Section<'_>>,
) -> Option<Said<Credential>> {
    let variable = login.variable?;
    match login.kind {
        Kind::File => secrets::from_file_variable(look, variable).map(|said| plain(channel, said)),
        Kind::Secret | Kind::Identity => secrets::from_variable(look, variable).map(|said| plain(channel, said)),
        Kind::With(keys) => {
            let said = secrets::from_variable(look, variable)?;
            let names = others(look, section, keys);
            (!names.is_empty()).then(|| said.map(|credential| credential.together_with(&names)))
        }
    }
}

/// The values of the keys that name the account, as far as they are known.
fn others(
    look: &mut Look<'_, '_, '_>,
    section: Option<&Section<'_>>,
    keys: &'static [(&'static str, Option<&'static str>)],
) -> Vec<String> {
    let value = |(key, variable): &(&str, Option<&str>)| {
        let written = section.and_then(|section| look.text(section, key));
        written.or_else(|| look.variable((*variable)?)).map(|said| format!("{key}={}", said.value.to_lowercase()))
    };
    keys.iter().filter_map(value).collect()
}

/// The secret itself: a service account is the same however the JSON around its key is laid out, and a token with or without
/// the word that the channel takes off.
fn plain(channel: &Channel, said: Said<Credential>) -> Said<Credential> {
    let bare = |secret: Secret| match channel.name {
        "discord" => secret.without("Bot", Blank::Follows),
        "twitch" => secret.without("oauth:", Blank::MayFollow),
        _ => secret,
    };
    said.map(|credential| match credential {
        Credential::Known(secret) => Credential::Known(bare(secret.pointed_at("/private_key").unwrap_or(secret))),
        other @ (Credential::Reference { .. } | Credential::Missing { .. }) => other,
    })
}
