//! What a unit file says of the gateway that it runs: with its drop-ins, and with the files that it takes variables from.
//!
//! Keeps no value of a variable but those of folders, profile and port.

use std::fs;
use std::path::{Path, PathBuf};

use super::super::configs;
use super::super::paths::Paths;
use crate::openclaw::config::files::Read;
use crate::openclaw::{dotenv, ports};
use crate::os::accounts;
use crate::plane::Plane;

/// A unit file is short, and so is what it takes variables from.
const UNIT_BYTES: u64 = 256 << 10;

/// More drop-ins of one unit than this are not read.
const MOST_DROP_INS: usize = 64;

/// The names under which OpenClaw is executed.
const PROGRAMS: [&str; 4] = ["openclaw", "openclaw.mjs", "clawdbot", "clawdbot.mjs"];

/// What a unit file says of the gateway that it runs.
#[derive(Debug, PartialEq, Eq)]
pub(in super::super) struct Unit {
    /// The profile of its gateway.
    pub(in super::super) profile: String,
    /// The base port that it passes on.
    pub(in super::super) port: Option<u16>,
    /// The home of the user that it runs as.
    home: Option<PathBuf>,
    /// The state dir of its gateway, where it can be told.
    pub(in super::super) state_dir: Option<PathBuf>,
    /// The config of its gateway.
    pub(in super::super) config: Option<PathBuf>,
    /// The variables that it sets and that gateward does not; never their values.
    pub(in super::super) variables: Vec<String>,
    /// The files that it takes further variables from.
    pub(in super::super) files: Vec<String>,
}

/// The settings of a unit, in the order in which they count: of its file, then of its drop-ins.
pub(super) struct Settings {
    lines: Vec<(String, String)>,
    /// What stands for `%i`.
    instance: String,
    /// What stands for `%h`.
    home: Option<PathBuf>,
}

impl Settings {
    /// Of the unit `name` whose file this is; drop-ins are looked for in `folders`, the foremost first.
    pub(super) fn read(file: &Path, name: &str, folders: &[&Path], home: Option<&Path>) -> Self {
        let text = |file: &Path| match configs::read(file, UNIT_BYTES) {
            Read::Text { text, .. } => text,
            Read::Missing | Read::Lossy { .. } | Read::Refused { .. } => String::new(),
        };
        let texts = std::iter::once(file.to_owned()).chain(drop_ins(name, folders)).map(|file| text(&file));
        Self::of(texts, name, home)
    }

    fn of(texts: impl IntoIterator<Item = String>, name: &str, home: Option<&Path>) -> Self {
        let mut lines: Vec<(String, String)> = Vec::new();
        for text in texts {
            // A line that ends in a backslash goes on in the next one.
            for line in text.replace("\\\n", " ").lines() {
                let line = line.trim();
                let Some((key, value)) = line.split_once('=').filter(|_| !line.starts_with(['#', ';'])) else {
                    continue;
                };
                let (key, value) = (key.trim().to_owned(), value.trim().to_owned());
                if value.is_empty() {
                    // So a drop-in takes back what was said before it.
                    lines.retain(|(said, _)| *said != key);
                } else {
                    lines.push((key, value));
                }
            }
        }
        let stem = name.strip_suffix(".service").unwrap_or(name);
        let instance = stem.split_once('@').map(|(_, instance)| instance.to_owned()).unwrap_or_default();
        let mut settings = Self { lines, instance, home: None };
        let user = settings.all("User").last().and_then(|user| Some(accounts::by_name(user.trim()).ok()??.home));
        settings.home = user.or_else(|| home.map(Path::to_owned));
        settings
    }

    fn all<'s>(&'s self, key: &str) -> impl DoubleEndedIterator<Item = &'s str> {
        self.lines.iter().filter(move |(said, _)| said == key).map(|(_, value)| value.as_str())
    }

    /// The text with the specifiers replaced that decide which gateway it is.
    fn plain(&self, text: &str) -> String {
        let home = self.home.as_ref().map(|home| home.display().to_string());
        let replaced = text.replace("%i", &self.instance).replace("%I", &self.instance);
        let replaced = home.map_or(replaced.clone(), |home| replaced.replace("%h", &home));
        replaced.replace("%%", "%")
    }

    /// The variables that it sets by itself, in order.
    fn set(&self) -> Vec<(String, String)> {
        let words = self.all("Environment").flat_map(words);
        words
            .filter_map(|word| word.split_once('=').map(|(name, value)| (name.to_owned(), self.plain(value))))
            .collect()
    }

    /// The files that it takes variables from.
    fn files(&self) -> Vec<String> {
        let files = self.all("EnvironmentFile").map(|file| self.plain(file.trim_start_matches('-').trim()));
        files.filter(|file| !file.is_empty()).collect()
    }

    /// Every variable of its gateway: those of files go before its own.
    fn variables(&self) -> Vec<(String, String)> {
        let mut variables = self.set();
        for file in self.files() {
            if let Read::Text { text, .. } = configs::read(Path::new(&file), UNIT_BYTES) {
                variables.extend(dotenv::read(&text, 0).into_iter().map(|one| (one.name, one.value)));
            }
        }
        variables
    }

    /// The words of its command, also of those that a shell in it is given.
    fn command(&self) -> Vec<String> {
        let Some(line) = self.all("ExecStart").last() else { return Vec::new() };
        let words_of = |word: String| if word.contains(char::is_whitespace) { words(&word) } else { vec![word] };
        words(line).into_iter().map(|word| self.plain(&word)).flat_map(words_of).collect()
    }

    /// Whether it runs a gateway: OpenClaw marked it so, or its command does.
    pub(super) fn is_gateways(&self) -> bool {
        let set = self.set();
        let says = |name: &str| set.iter().rfind(|(said, _)| said == name).map(|(_, value)| value.as_str());
        match says("OPENCLAW_SERVICE_MARKER") {
            Some("openclaw") => says("OPENCLAW_SERVICE_KIND").is_none_or(|kind| kind == "gateway"),
            Some(_) | None => runs_gateway(&self.command()),
        }
    }
}

/// Whether a command is `openclaw … gateway`, or `openclaw … gateway run`.
fn runs_gateway(command: &[String]) -> bool {
    let is_program = |word: &String| {
        let path = Path::new(word.trim_start_matches(['-', '@', '+', '!', ':']));
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        PROGRAMS.contains(&name) || (path.iter().any(|part| part == "openclaw") && word.ends_with("js"))
    };
    let Some(at) = command.iter().position(is_program) else { return false };
    let after = &command[at + 1..];
    let Some(verb) = after.iter().position(|word| word == "gateway") else { return false };
    after.get(verb + 1).is_none_or(|next| next.starts_with('-') || next == "run")
}

/// The drop-ins of a unit, in the order in which they count; of an instance also its template's.
fn drop_ins(name: &str, folders: &[&Path]) -> Vec<PathBuf> {
    let mut found: Vec<(std::ffi::OsString, PathBuf)> = Vec::new();
    let of_template = template(name).map(|template| format!("{template}.d"));
    for below in std::iter::once(format!("{name}.d")).chain(of_template) {
        for folder in folders {
            for entry in fs::read_dir(folder.join(&below)).into_iter().flatten().flatten().take(MOST_DROP_INS) {
                let (name, path) = (entry.file_name(), entry.path());
                if path.extension().is_some_and(|kind| kind == "conf") && !found.iter().any(|(known, _)| *known == name)
                {
                    found.push((name, path));
                }
            }
        }
    }
    found.sort();
    found.into_iter().map(|(_, path)| path).collect()
}

/// `bot@.service` for `bot@one.service`.
pub(super) fn template(name: &str) -> Option<String> {
    let (stem, instance) = name.strip_suffix(".service")?.split_once('@')?;
    (!instance.is_empty()).then(|| format!("{stem}@.service"))
}

impl Unit {
    /// What its environment and its command say; the profile is else in the unit's name, and the folders follow from it.
    pub(super) fn of(settings: &Settings, name: &str) -> Self {
        let variables = settings.variables();
        let value_of = |variable: &str| {
            let mut values = variables.iter().filter(|(name, _)| name == variable).map(|(_, value)| value.clone());
            values.rfind(|value| !value.is_empty())
        };
        let command = settings.command();
        let after = |flag: &str| {
            let joined = |word: &String| word.strip_prefix(flag)?.strip_prefix('=').map(str::to_owned);
            let at = command.iter().position(|word| word == flag);
            at.and_then(|at| command.get(at + 1).cloned()).or_else(|| command.iter().find_map(joined))
        };
        let is_dev = || command.iter().any(|word| word == "--dev").then(|| ports::DEV.to_owned());
        let stem = name.strip_suffix(".service").unwrap_or(name);
        let in_name = stem.split_once("-gateway-").map(|(_, profile)| profile.to_owned());
        let in_name = in_name.filter(|profile| ports::is_profile(profile));
        // A word of the command goes before what the environment says.
        let profile = after("--profile").or_else(is_dev).or_else(|| value_of("OPENCLAW_PROFILE")).or(in_name);
        let profile = profile.unwrap_or_else(|| "default".to_owned());
        let folder = if profile == "default" { ".openclaw".to_owned() } else { format!(".openclaw-{profile}") };
        let said_home = value_of("HOME").map(PathBuf::from).filter(|home| home.is_absolute());
        let home = said_home.or_else(|| settings.home.clone());
        let of_home = |path: String| match (path.strip_prefix("~/"), &home) {
            (Some(rest), Some(home)) => home.join(rest),
            (Some(_), None) | (None, _) => PathBuf::from(path),
        };
        let state_dir = value_of("OPENCLAW_STATE_DIR").map(of_home).or_else(|| Some(home.as_ref()?.join(folder)));
        let config = value_of("OPENCLAW_CONFIG_PATH").map(of_home);
        let port = after("--port").or_else(|| value_of("OPENCLAW_GATEWAY_PORT"));
        let port = port.and_then(|text| ports::from_environment(&text));
        Self {
            port,
            config: config.or_else(|| Some(state_dir.as_ref()?.join("openclaw.json"))),
            variables: settings.set().into_iter().map(|(name, _)| name).filter(|name| is_its_own(name)).collect(),
            files: settings.files(),
            state_dir,
            profile,
            home,
        }
    }

    /// Whether its gateway has this state dir or this config, by spelling.
    pub(in super::super) fn has(&self, state_dir: &Path, config: &Path) -> bool {
        self.state_dir.as_deref() == Some(state_dir) || self.config.as_deref() == Some(config)
    }

    /// Whether its gateway would be that of `plane`, whose user has `home`.
    pub(super) fn runs(&self, plane: &Plane, home: Option<&Path>, paths: &mut Paths) -> bool {
        let mut same = |one: &Option<PathBuf>, other: &Path| {
            one.as_ref().is_some_and(|one| paths.canonical(one) == paths.canonical(other))
        };
        let is_namesake = self.profile == plane.profile && self.home.as_deref() == home;
        is_namesake || same(&self.state_dir, &plane.state_dir) || same(&self.config, &plane.config)
    }
}

/// Whether a variable belongs to a gateway's accounts and not to how it is run, which gateward says by itself.
fn is_its_own(name: &str) -> bool {
    let is_secret = ["_TOKEN", "_PASSWORD", "_SECRET", "_KEY"].iter().any(|end| name.ends_with(end));
    let of_the_run = ["OPENCLAW_", "CLAWDBOT_", "NODE_", "XDG_"].iter().any(|begin| name.starts_with(begin));
    is_secret || !(of_the_run || matches!(name, "HOME" | "PATH" | "TMPDIR" | "LANG" | "TZ" | "USER" | "SHELL"))
}

/// The words of a line of a unit file, quotes taken off.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote, mut any) = (Vec::new(), String::new(), None, false);
    for c in line.chars() {
        match (quote, c) {
            (None, '"' | '\'') => (quote, any) = (Some(c), true),
            (Some(open), _) if c == open => quote = None,
            (None, c) if c.is_whitespace() => {
                if any || !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                    any = false;
                }
            }
            (None | Some(_), c) => word.push(c),
        }
    }
    if any || !word.is_empty() {
        words.push(word);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(texts: &[&str], name: &str, home: Option<&Path>) -> Unit {
        Unit::of(&Settings::of(texts.iter().map(|text| (*text).to_owned()), name, home), name)
    }

    #[test]
    fn a_unit_tells_its_profile_and_its_folders() {
        let text = "[Service]\nExecStart=/usr/bin/openclaw --profile ops gateway --port 19789\n\
            Environment=OPENCLAW_PROFILE=\"two\" 'OPENCLAW_STATE_DIR=/srv/a b'\n";
        let one = unit(&[text], "openclaw-gateway-ops.service", None);
        assert_eq!((one.profile.as_str(), one.state_dir), ("ops", Some(PathBuf::from("/srv/a b"))));
        let text = "Environment=OPENCLAW_GATEWAY_TOKEN=hunter2 HOME=/x\nEnvironment=TELEGRAM_BOT_TOKEN=hunter2\n\
            EnvironmentFile=-/etc/bot.env\n";
        let one = unit(&[text], "openclaw-gateway.service", None);
        assert_eq!(one.variables, ["OPENCLAW_GATEWAY_TOKEN", "TELEGRAM_BOT_TOKEN"]);
        assert_eq!(
            (one.files, one.config),
            (vec!["/etc/bot.env".to_owned()], Some("/x/.openclaw/openclaw.json".into()))
        );
        let home = Some(Path::new("/home/op"));
        let one = unit(&[""], "openclaw-gateway-rescue.service", home);
        assert_eq!(one.config, Some(PathBuf::from("/home/op/.openclaw-rescue/openclaw.json")));
        assert_eq!(unit(&[""], "openclaw-gateway.service", home).profile, "default");
        let one = unit(&["Environment=OPENCLAW_CONFIG_PATH=%h/x.json"], "openclaw-gateway.service", home);
        assert_eq!(one.config, Some(PathBuf::from("/home/op/x.json")));
        let shell = "ExecStart=/bin/sh -c \"exec openclaw --dev gateway \\\n  --port=19002\"";
        let one = unit(&[shell], "openclaw.service", home);
        assert_eq!((one.profile.as_str(), one.port), ("dev", Some(19002)));
    }

    #[test]
    fn what_drop_ins_and_environment_files_say_goes_before_the_unit() {
        let folder = tempfile::tempdir().expect("a folder");
        let put = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            fs::write(&path, text).expect("a file");
            path
        };
        let variables = put("bot.env", "OPENCLAW_STATE_DIR=/srv/of-file\nTELEGRAM_BOT_TOKEN=hunter2\n");
        let file = put(
            "openclaw-gateway@.service",
            "[Service]\nExecStart=/usr/bin/openclaw gateway\nEnvironment=OPENCLAW_STATE_DIR=/srv/a\n",
        );
        let read = || {
            let name = "openclaw-gateway@lab.service";
            Unit::of(&Settings::read(&file, name, &[folder.path()], None), name)
        };
        assert_eq!(read().state_dir, Some("/srv/a".into()));
        put("openclaw-gateway@.service.d/10-all.conf", "[Service]\nEnvironment=OPENCLAW_STATE_DIR=/srv/%i\n");
        assert_eq!(read().state_dir, Some("/srv/lab".into()));
        put(
            "openclaw-gateway@lab.service.d/20.conf",
            "[Service]\nExecStart=\nExecStart=/usr/bin/openclaw --profile x gateway --port 21000\n",
        );
        assert_eq!((read().profile.as_str(), read().port), ("x", Some(21000)));
        put("openclaw-gateway@lab.service.d/30.conf", &format!("[Service]\nEnvironmentFile={}\n", variables.display()));
        assert_eq!(read().state_dir, Some("/srv/of-file".into()));
        assert_eq!(read().files, [variables.display().to_string()]);
    }
}
