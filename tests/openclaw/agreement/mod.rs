//! What we read out of a gateway's own configuration is what the real OpenClaw reads: validity, workspaces, port, texts.

mod cases;
mod ports;
mod texts;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use gateward::daemon::survey::configs;
use gateward::openclaw::config::declared::Declared;
use gateward::openclaw::config::{self, Subject};

use crate::support::Scratch;

/// One gateway's files in a folder of their own: `c/openclaw.json`, state dir `s`, home `h`.
struct Gateway<'b> {
    bin: &'b Path,
    scratch: Scratch,
    environ: BTreeMap<String, String>,
    profile: &'static str,
    /// The working folder, below the scratch folder.
    cwd: &'static str,
}

impl<'b> Gateway<'b> {
    fn new(bin: &'b Path, name: &str) -> Self {
        let scratch = Scratch::new(name);
        for folder in ["c", "s", "h"] {
            scratch.folder(folder);
        }
        let text = |path: &Path| path.to_str().expect("a scratch folder in UTF-8").to_owned();
        let environ = [
            ("PATH", format!("{}:/usr/bin:/bin", bin.display())),
            ("HOME", text(&scratch.join("h"))),
            ("LANG", "C.UTF-8".to_owned()),
            ("OPENCLAW_CONFIG_PATH", text(&scratch.join("c/openclaw.json"))),
            ("OPENCLAW_STATE_DIR", text(&scratch.join("s"))),
            ("OPENCLAW_SUPERVISOR_MODE", "external".to_owned()),
            ("OPENCLAW_DISABLE_BONJOUR", "1".to_owned()),
            ("OPENCLAW_NO_AUTO_UPDATE", "1".to_owned()),
        ];
        let environ = environ.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Self { bin, scratch, environ, profile: "default", cwd: "s" }
    }

    /// `@` in a text stands for the scratch folder.
    fn filled(&self, text: &str) -> String {
        text.replace('@', self.scratch.path().to_str().expect("a scratch folder in UTF-8"))
    }

    fn file(&self, path: &str, text: &str) {
        self.scratch.write(path, &self.filled(text));
    }

    fn set(&mut self, name: &str, value: &str) {
        let value = self.filled(value);
        self.environ.insert(name.to_owned(), value);
    }

    /// What we read.
    fn declared(&self) -> Declared {
        let (config, state_dir) =
            (self.environ["OPENCLAW_CONFIG_PATH"].clone(), self.environ["OPENCLAW_STATE_DIR"].clone());
        let subject = Subject {
            config: Path::new(&config),
            state_dir: Path::new(&state_dir),
            cwd: &self.scratch.join(self.cwd),
            profile: self.profile,
            environ: &self.environ,
        };
        config::declared(&subject, &mut configs::read)
    }

    /// The real program with this environment and nothing else.
    fn openclaw(&self, args: &[&str]) -> Command {
        let mut command = Command::new(self.bin.join("openclaw"));
        if self.profile != "default" {
            command.args(["--profile", self.profile]);
        }
        command
            .args(args)
            .env_clear()
            .envs(&self.environ)
            .current_dir(self.scratch.join(self.cwd))
            .stdin(Stdio::null());
        command
    }
}
