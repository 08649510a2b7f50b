//! What each channel of OpenClaw 2026.9.6 logs in with: its keys, and the variables that stand in for them.
//!
//! A table, from the package's own schema and channel pages. Codes and keys that only check incoming calls are not in
//! it: two gateways may share those without being one account.

/// One channel.
pub(super) struct Channel {
    pub(super) name: &'static str,
    pub(super) logins: &'static [Login],
    /// Keys of folders that hold the login itself.
    pub(super) folders: &'static [&'static str],
    /// How the variables of the default account begin, where those of a named account have its name after that.
    pub(super) scoped: Option<&'static str>,
}

/// One way to log in.
pub(super) struct Login {
    /// The key, dotted, under the channel or one of its accounts.
    pub(super) key: &'static str,
    pub(super) kind: Kind,
    /// The variable that OpenClaw takes for the default account where the key is not written.
    pub(super) variable: Option<&'static str>,
}

/// What the key holds.
pub(super) enum Kind {
    /// The secret, which alone names the account.
    Secret,
    /// The path of a file with the secret.
    File,
    /// A secret that names an account only together with other keys, of which at least one has to be known.
    With(&'static [(&'static str, Option<&'static str>)]),
    /// The account itself: no secret, but there is only one.
    Identity,
}

const fn secret(key: &'static str, variable: &'static str) -> Login {
    Login { key, kind: Kind::Secret, variable: Some(variable) }
}

const fn written_secret(key: &'static str) -> Login {
    Login { key, kind: Kind::Secret, variable: None }
}

const fn file(key: &'static str) -> Login {
    Login { key, kind: Kind::File, variable: None }
}

const fn channel(name: &'static str, logins: &'static [Login]) -> Channel {
    Channel { name, logins, folders: &[], scoped: None }
}

const MATRIX_USER: &[(&str, Option<&str>)] = &[("userId", Some("MATRIX_USER_ID"))];
const IRC_NICK: &[(&str, Option<&str>)] = &[("nick", Some("IRC_NICK")), ("host", Some("IRC_HOST"))];
const TWILIO_SENDER: &[(&str, Option<&str>)] =
    &[("fromNumber", Some("TWILIO_PHONE_NUMBER")), ("messagingServiceSid", Some("TWILIO_MESSAGING_SERVICE_SID"))];

/// By name.
pub(super) const CHANNELS: &[Channel] = &[
    channel("buzz", &[secret("privateKey", "BUZZ_PRIVATE_KEY")]),
    channel("clickclack", &[secret("token", "CLICKCLACK_BOT_TOKEN"), file("tokenFile")]),
    channel("discord", &[secret("token", "DISCORD_BOT_TOKEN")]),
    channel("feishu", &[secret("appSecret", "FEISHU_APP_SECRET")]),
    channel(
        "googlechat",
        &[
            secret("serviceAccount", "GOOGLE_CHAT_SERVICE_ACCOUNT"),
            Login { key: "serviceAccountFile", kind: Kind::File, variable: Some("GOOGLE_CHAT_SERVICE_ACCOUNT_FILE") },
        ],
    ),
    channel(
        "irc",
        &[
            Login { key: "password", kind: Kind::With(IRC_NICK), variable: Some("IRC_PASSWORD") },
            Login { key: "nickserv.password", kind: Kind::With(IRC_NICK), variable: Some("IRC_NICKSERV_PASSWORD") },
        ],
    ),
    channel("line", &[secret("channelAccessToken", "LINE_CHANNEL_ACCESS_TOKEN"), file("tokenFile")]),
    Channel {
        name: "matrix",
        logins: &[
            secret("accessToken", "MATRIX_ACCESS_TOKEN"),
            Login { key: "password", kind: Kind::With(MATRIX_USER), variable: Some("MATRIX_PASSWORD") },
        ],
        folders: &[],
        scoped: Some("MATRIX_"),
    },
    channel("mattermost", &[secret("botToken", "MATTERMOST_BOT_TOKEN")]),
    channel("msteams", &[secret("appPassword", "MSTEAMS_APP_PASSWORD")]),
    channel("nextcloud-talk", &[secret("botSecret", "NEXTCLOUD_TALK_BOT_SECRET"), file("botSecretFile")]),
    channel("nostr", &[secret("privateKey", "NOSTR_PRIVATE_KEY")]),
    channel("qqbot", &[secret("clientSecret", "QQBOT_CLIENT_SECRET")]),
    Channel { name: "reef", logins: &[], folders: &["stateDir"], scoped: None },
    Channel {
        name: "signal",
        logins: &[Login { key: "account", kind: Kind::Identity, variable: None }],
        folders: &["transport.configPath"],
        scoped: None,
    },
    channel(
        "slack",
        &[
            secret("botToken", "SLACK_BOT_TOKEN"),
            secret("appToken", "SLACK_APP_TOKEN"),
            secret("userToken", "SLACK_USER_TOKEN"),
            written_secret("relay.authToken"),
        ],
    ),
    channel("sms", &[Login { key: "authToken", kind: Kind::With(TWILIO_SENDER), variable: Some("TWILIO_AUTH_TOKEN") }]),
    channel("synology-chat", &[secret("token", "SYNOLOGY_CHAT_TOKEN")]),
    channel("telegram", &[secret("botToken", "TELEGRAM_BOT_TOKEN"), file("tokenFile")]),
    channel("tlon", &[Login { key: "code", kind: Kind::With(&[("ship", None)]), variable: None }]),
    channel("twitch", &[secret("accessToken", "OPENCLAW_TWITCH_ACCESS_TOKEN"), written_secret("refreshToken")]),
    Channel { name: "whatsapp", logins: &[], folders: &["authDir"], scoped: None },
    channel("zalo", &[secret("botToken", "ZALO_BOT_TOKEN"), file("tokenFile")]),
];
