//! Manifests for tests: planes on families of their own, each with everything in a folder named after it. Starts nothing.

use std::fmt::Write;
use std::path::PathBuf;

use gateward::runtime::PINNED;

use super::{Family, Scratch};

/// What a plane runs.
#[derive(Clone, Debug)]
enum Runs {
    Real,
    Practice,
    Command { words: Vec<String>, contract: &'static str },
}

/// One plane of a test's manifest.
pub struct TestPlane {
    name: String,
    runs: Runs,
    family: Family,
    keys: Vec<(String, String)>,
    env: Vec<(String, String)>,
    tables: Vec<(String, String)>,
    config: Option<String>,
    written_port: Option<u16>,
}

impl TestPlane {
    /// The pinned OpenClaw, offline, without channels and browser.
    pub fn real(name: &str) -> Self {
        Self::new(name, Runs::Real).env("OPENCLAW_SKIP_CHANNELS", "1").env("OPENCLAW_OFFLINE", "1")
    }

    /// The built-in stand-in.
    pub fn practice(name: &str) -> Self {
        Self::new(name, Runs::Practice)
    }

    /// A program of contract "plain"; no port is written.
    pub fn plain(name: &str, words: &[&str]) -> Self {
        let words = words.iter().map(|word| (*word).to_owned()).collect();
        Self::new(name, Runs::Command { words, contract: "plain" })
    }

    /// A program that keeps OpenClaw's contract.
    pub fn command(name: &str, words: &[&str]) -> Self {
        let words = words.iter().map(|word| (*word).to_owned()).collect();
        Self::new(name, Runs::Command { words, contract: "openclaw" })
    }

    fn new(name: &str, runs: Runs) -> Self {
        let family = Family::lease();
        let name = name.to_owned();
        Self { name, runs, family, keys: vec![], env: vec![], tables: vec![], config: None, written_port: None }
    }

    /// Adds `key = value` to the plane, `value` written as TOML; a key that we write ourselves is replaced.
    pub fn key(mut self, key: &str, value: &str) -> Self {
        self.keys.push((key.to_owned(), value.to_owned()));
        self
    }

    /// Adds a variable to the plane's `env`.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.retain(|(known, _)| known != name);
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds `[planes.NAME.TABLE]` with these lines.
    pub fn table(mut self, table: &str, lines: &str) -> Self {
        self.tables.push((table.to_owned(), lines.to_owned()));
        self
    }

    /// Takes this text, JSON5, for the plane's own config; `{port}`, `{workspace}` and `{log}` are filled in.
    pub fn config(mut self, text: &str) -> Self {
        self.config = Some(text.to_owned());
        self
    }

    /// Writes another port into manifest and config than that of its own family.
    pub fn port(mut self, port: u16) -> Self {
        self.written_port = Some(port);
        self
    }

    /// The base port as written.
    pub fn base(&self) -> u16 {
        self.written_port.unwrap_or(self.family.base())
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its family of ports.
    pub fn family(&self) -> &Family {
        &self.family
    }

    /// Makes the plane's folders and its config; gives its part of the manifest.
    fn write(&self, scratch: &Scratch) -> String {
        let name = &self.name;
        let at = |what: &str| scratch.join(&format!("{name}/{what}")).display().to_string();
        for folder in ["home", "state", "workspace", "logs"] {
            private_folder(scratch, &format!("{name}/{folder}"));
        }
        let template = self.config.as_deref().unwrap_or(CONFIG);
        let config = template
            .replace("{port}", &self.base().to_string())
            .replace("{workspace}", &at("workspace"))
            .replace("{log}", &at("logs/openclaw.log"));
        scratch.write(&format!("{name}/openclaw.json"), &config);
        private(&scratch.join(&format!("{name}/openclaw.json")));

        let mut keys = vec![
            ("isolates".to_owned(), quoted(&format!("what the test does in {name}"))),
            ("config".to_owned(), quoted(&at("openclaw.json"))),
            ("state_dir".to_owned(), quoted(&at("state"))),
            ("workspace".to_owned(), quoted(&at("workspace"))),
            ("home".to_owned(), quoted(&at("home"))),
        ];
        if matches!(name.as_str(), "main" | "rescue" | "staging") {
            keys.push(("role".to_owned(), quoted(name)));
        }
        match &self.runs {
            Runs::Real => keys.push(("runtime".to_owned(), quoted("pinned"))),
            Runs::Practice => keys.push(("runtime".to_owned(), quoted("practice"))),
            Runs::Command { words, contract } => {
                let words: Vec<String> = words.iter().map(|word| quoted(word)).collect();
                keys.push(("command".to_owned(), format!("[{}]", words.join(", "))));
                keys.push(("contract".to_owned(), quoted(contract)));
            }
        }
        if !matches!(&self.runs, Runs::Command { contract: "plain", .. }) {
            keys.push(("port".to_owned(), self.base().to_string()));
        }
        for (key, value) in &self.keys {
            keys.retain(|(known, _)| known != key);
            keys.push((key.clone(), value.clone()));
        }
        let mut text = format!("\n[planes.{name}]\n");
        for (key, value) in keys {
            let _ = writeln!(text, "{key} = {value}");
        }
        if !self.env.is_empty() {
            let pairs: Vec<String> =
                self.env.iter().map(|(name, value)| format!("{name} = {}", quoted(value))).collect();
            let _ = writeln!(text, "env = {{ {} }}", pairs.join(", "));
        }
        for (table, lines) in &self.tables {
            let _ = writeln!(text, "\n[planes.{name}.{table}]\n{lines}");
        }
        text
    }
}

/// As the contract's example: bound to loopback, no browser, its own log file.
const CONFIG: &str = r#"{
  gateway: { mode: "local", port: {port}, bind: "loopback", auth: { mode: "token", token: "for-tests-only-0123456789abcdef" } },
  browser: { enabled: false },
  agents: { defaults: { workspace: "{workspace}" } },
  logging: { file: "{log}" },
}
"#;

/// Writes `supervisor.toml` for these planes into the scratch folder; run and state dir are inside too.
pub fn write(scratch: &Scratch, supervisor: &str, planes: &[TestPlane]) -> PathBuf {
    let (run, state) = (scratch.join("run"), scratch.join("state"));
    let mut text = format!("[supervisor]\nrun_dir = {}\nstate_dir = {}\n", path(&run), path(&state));
    text.push_str(supervisor);
    let _ = write!(text, "\n[runtimes.pinned]\nversion = {}\n", quoted(PINNED));
    for plane in planes {
        text.push_str(&plane.write(scratch));
    }
    scratch.write("supervisor.toml", &text)
}

fn path(path: &std::path::Path) -> String {
    quoted(&path.display().to_string())
}

/// A TOML basic string.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

fn private_folder(scratch: &Scratch, inside: &str) {
    let folder = scratch.folder(inside);
    private(&folder);
}

fn private(path: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt;
    let mode = if path.is_dir() { 0o700 } else { 0o600 };
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("permissions in the scratch folder");
}
