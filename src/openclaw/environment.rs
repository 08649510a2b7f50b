//! What a gateway is started with: its argv and its whole environment, made from nothing.
//!
//! Pure: the supervisor's own variables are an argument, and only the ones named here are taken over. Source: the
//! contract for external supervisors (OpenClaw pages `help/environment.md`, `cli/gateway/restart-and-supervision.md`) and
//! measurements in `docs/openclaw.md`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::plane::{Contract, Launch, Plane, Supervisor};

/// The variable with which a living process says whose it is: `<supervisor id>/<plane>/<incarnation>`.
pub const COOKIE: &str = "GATEWARD_COOKIE";

/// Tells every `openclaw` which port its gateway has. It goes before the config and `.env`, and behind `--port`.
pub const PORT: &str = "OPENCLAW_GATEWAY_PORT";

/// Names the manifest that a process was started by.
pub const MANIFEST: &str = "GATEWARD_MANIFEST";

/// Names the run dir of the supervisor that started a process.
pub const RUN_DIR: &str = "GATEWARD_RUN_DIR";

/// Names the plane that a process was started in.
pub const PLANE: &str = "GATEWARD_PLANE";

/// Names taken over from the supervisor when they are set there; `LC_*` too.
const TAKEN_OVER: [&str; 7] = ["USER", "LOGNAME", "SHELL", "LANG", "TZ", "TMPDIR", "PATH"];

/// The search path where the supervisor has none.
const PLAIN_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What was looked up on the host for one plane.
#[derive(Clone, Debug, Default)]
pub struct Host {
    /// The supervisor's own environment; all but a few names are ignored.
    pub environ: BTreeMap<String, String>,
    /// The program of the plane, absolute.
    pub program: PathBuf,
    /// The folder to put first on PATH: the runtime's own.
    pub bin: Option<PathBuf>,
}

/// The program and its arguments. For contract "openclaw": `[--profile P] gateway run --port B`, then `args`; the
/// profile is left out for OpenClaw's unnamed one, `default`.
pub fn argv(plane: &Plane, program: &Path) -> Vec<String> {
    let mut argv = helper_argv(plane, program, &[]);
    if plane.contract == Contract::Openclaw {
        if plane.profile != "default" {
            argv.extend(["--profile".to_owned(), plane.profile.clone()]);
        }
        argv.extend(["gateway", "run"].map(str::to_owned));
        if let Some(port) = plane.port {
            argv.extend(["--port".to_owned(), port.to_string()]);
        }
    }
    argv.extend(plane.args.iter().cloned());
    argv
}

/// The plane's `openclaw` with other arguments, such as `config validate --json`.
pub fn helper_argv(plane: &Plane, program: &Path, args: &[&str]) -> Vec<String> {
    let mut argv = vec![program.to_string_lossy().into_owned()];
    match &plane.launch {
        Launch::OnPath | Launch::Runtime { .. } => {}
        Launch::Practice => argv.push("practice".into()),
        Launch::Command(words) => argv.extend(words.iter().skip(1).cloned()),
    }
    argv.extend(args.iter().map(|arg| (*arg).to_owned()));
    argv
}

/// The whole environment of the plane's processes, but for the cookie.
pub fn environ(plane: &Plane, supervisor: &Supervisor, host: &Host) -> BTreeMap<String, String> {
    let mut environ = BTreeMap::new();
    for (name, value) in &host.environ {
        // A folder of the supervisor's own is closed to another account.
        if is_taken_over(name) && (name != "TMPDIR" || plane.account.is_none()) {
            environ.insert(name.clone(), value.clone());
        }
    }
    environ.insert("HOME".into(), text(&plane.home));
    if let Some(account) = &plane.account {
        environ.insert("USER".into(), account.name.clone());
        environ.insert("LOGNAME".into(), account.name.clone());
        environ.insert("SHELL".into(), text(&account.shell));
    }
    if plane.contract == Contract::Openclaw {
        environ.insert("OPENCLAW_DISABLE_BONJOUR".into(), "1".into());
    }
    environ.extend(plane.environment.clone());
    let path = environ.get("PATH").map_or(PLAIN_PATH, String::as_str);
    let path = match &host.bin {
        Some(bin) => format!("{}:{path}", bin.display()),
        None => path.to_owned(),
    };
    environ.insert("PATH".into(), path);
    environ.insert(MANIFEST.into(), text(&supervisor.manifest));
    environ.insert(RUN_DIR.into(), text(&supervisor.run_dir));
    environ.insert(PLANE.into(), plane.name.as_str().into());
    if plane.contract == Contract::Openclaw {
        environ.insert("OPENCLAW_CONFIG_PATH".into(), text(&plane.config));
        environ.insert("OPENCLAW_STATE_DIR".into(), text(&plane.state_dir));
        if plane.profile != "default" {
            // With `--profile P` alone, OpenClaw takes a state dir that is `~/.openclaw` for one it inherited by accident,
            // and quietly runs in `~/.openclaw-P`.
            environ.insert("OPENCLAW_PROFILE".into(), plane.profile.clone());
        }
        environ.insert("OPENCLAW_SUPERVISOR_MODE".into(), "external".into());
        environ.insert("OPENCLAW_SERVICE_REPAIR_POLICY".into(), "external".into());
        environ.insert("OPENCLAW_NO_AUTO_UPDATE".into(), "1".into());
        if let Some(port) = plane.port {
            // Without it a client goes by the config, else by a number made of the profile's name, and shows the token that it
            // finds in this plane's config to whatever gateway listens there (measured with 2026.9.6).
            environ.insert(PORT.into(), port.to_string());
        }
        if let Some(workspace) = &plane.workspace {
            environ.insert("OPENCLAW_WORKSPACE_DIR".into(), text(workspace));
        }
    }
    environ
}

/// Whether a variable of the supervisor's own goes on to its planes.
pub fn is_taken_over(name: &str) -> bool {
    TAKEN_OVER.contains(&name) || name.starts_with("LC_")
}

/// What every cookie of one supervisor begins with.
pub fn cookies_prefix(supervisor_id: &str) -> String {
    format!("{supervisor_id}/")
}

/// What every cookie of one plane begins with.
pub fn cookie_prefix(supervisor_id: &str, plane: &str) -> String {
    format!("{supervisor_id}/{plane}/")
}

/// The cookie of one incarnation.
pub fn cookie(supervisor_id: &str, plane: &str, incarnation: u64) -> String {
    format!("{}{incarnation}", cookie_prefix(supervisor_id, plane))
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plane::testing;

    fn dirty() -> BTreeMap<String, String> {
        [
            ("PATH", "/usr/bin"),
            ("HOME", "/root"),
            ("LC_ALL", "C.UTF-8"),
            ("OPENCLAW_GATEWAY_PORT", "1"),
            ("CLAWDBOT_TOKEN", "x"),
            ("NODE_OPTIONS", "--inspect"),
            ("HTTPS_PROXY", "http://x"),
            ("NOTIFY_SOCKET", "/run/x"),
            ("TELEGRAM_BOT_TOKEN", "secret"),
            ("XDG_RUNTIME_DIR", "/run/user/0"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
    }

    #[test]
    fn nothing_leaks_from_a_dirty_supervisor() {
        let (plane, supervisor) = testing::plane("main", 21_000);
        let host = Host { environ: dirty(), program: "/bin/openclaw".into(), bin: Some("/rt/bin".into()) };
        let environ = environ(&plane, &supervisor, &host);
        let names: Vec<_> = environ.keys().map(String::as_str).collect();
        assert_eq!(
            names,
            [
                "GATEWARD_MANIFEST",
                "GATEWARD_PLANE",
                "GATEWARD_RUN_DIR",
                "HOME",
                "LC_ALL",
                "OPENCLAW_CONFIG_PATH",
                "OPENCLAW_DISABLE_BONJOUR",
                "OPENCLAW_GATEWAY_PORT",
                "OPENCLAW_NO_AUTO_UPDATE",
                "OPENCLAW_PROFILE",
                "OPENCLAW_SERVICE_REPAIR_POLICY",
                "OPENCLAW_STATE_DIR",
                "OPENCLAW_SUPERVISOR_MODE",
                "PATH",
            ]
        );
        assert_eq!(environ["PATH"], "/rt/bin:/usr/bin");
    }

    #[test]
    fn the_unnamed_profile_is_not_passed() {
        let (mut plane, _) = testing::plane("main", 21_000);
        let line = |plane: &Plane| argv(plane, Path::new("/bin/openclaw")).join(" ");
        assert_eq!(line(&plane), "/bin/openclaw --profile main gateway run --port 21000");
        plane.profile = "default".into();
        plane.args = vec!["--verbose".into()];
        assert_eq!(line(&plane), "/bin/openclaw gateway run --port 21000 --verbose");
    }

    #[test]
    fn bonjour_is_off_unless_declared() {
        let (mut plane, supervisor) = testing::plane("main", 21_000);
        plane.environment.insert("OPENCLAW_DISABLE_BONJOUR".into(), "0".into());
        let environ = environ(&plane, &supervisor, &Host::default());
        assert_eq!(environ["OPENCLAW_DISABLE_BONJOUR"], "0");
    }
}
