//! The systemd units, as text: what a stop, a restart, a reload and a crash of the service do is decided here.
//!
//! Values in, text out; installs nothing. The two files in `packaging/systemd/` are what this gives for a package.

use std::path::{Path, PathBuf};

/// Whose unit it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The host's, run by the system manager.
    System,
    /// One account's, run by its user manager.
    User,
}

impl Kind {
    /// The option that `systemctl` takes for it.
    pub fn option(self) -> &'static str {
        match self {
            Self::System => "--system",
            Self::User => "--user",
        }
    }

    /// The manifest of a unit that is told none, in systemd's own words.
    pub fn usual_manifest(self) -> &'static str {
        match self {
            Self::System => "/etc/gateward/supervisor.toml",
            Self::User => "%E/gateward/supervisor.toml",
        }
    }
}

/// The name of the unit.
pub const UNIT: &str = "gateward.service";

/// The unit that runs `program` with `manifest`, or with the one at the usual place.
pub fn unit(kind: Kind, program: &Path, manifest: Option<&Path>) -> String {
    let (head, after, wanted_by, state) = match kind {
        Kind::System => (SYSTEM_HEAD, NETWORK, "multi-user.target", STATE),
        Kind::User => (USER_HEAD, "", "default.target", ""),
    };
    let option = kind.option();
    let program = word(program);
    let (manifest, condition) = match manifest {
        // A condition takes the rest of its line, blanks and all.
        Some(path) => (word(path), path.display().to_string().replace('%', "%%")),
        None => (kind.usual_manifest().to_owned(), kind.usual_manifest().to_owned()),
    };
    format!(
        "{head}
[Unit]
Description=gateward, supervisor of isolated OpenClaw gateways
Documentation=man:gateward(1)
{after}ConditionPathExists={condition}
# It comes back for as long as it takes, also once a manifest that could not be read is mended: planes live on meanwhile.
StartLimitIntervalSec=0

[Service]
Type=notify
NotifyAccess=main
ExecStart={program} --manifest {manifest} run
ExecReload={program} --manifest {manifest} reload
# Stops the planes if this unit is to stop, and lets them be on a restart and when the supervisor has just ended.
ExecStop={program} --manifest {manifest} service on-stop {option} %n
# A supervisor that crashed or that is only starting is given no ExecStop= by systemd: then this stops the planes, by their keepers.
ExecStopPost={program} --manifest {manifest} service on-stop {option} %n
# Survivors of a restart and of a crash are the point: systemd ends the supervisor alone.
KillMode=process
Delegate=yes
# Limits of planes need a root of the subtree that holds no process; before systemd 254 this line is skipped, and they cannot be had.
DelegateSubgroup=supervisor
OOMPolicy=continue
Restart=always
# A stop in this pause stops no plane, as systemd then runs nothing of the unit: so it is short. What fails at once waits by itself.
RestartSec=100ms
# 0 is `gateward down`, which is meant; 2 is a command line that no second try mends.
RestartPreventExitStatus=0 2
# The supervisor says that its loop turns; one that hangs is replaced, and planes live on.
WatchdogSec=2min
RuntimeDirectory=gateward
RuntimeDirectoryMode=0700
RuntimeDirectoryPreserve=yes
{state}UMask=0077
# Above OpenClaw's longest drain; while one lasts longer the supervisor asks for more time.
TimeoutStopSec=360s

[Install]
WantedBy={wanted_by}
"
    )
}

const SYSTEM_HEAD: &str = "\
# The system unit: one supervisor for the host's control planes.
#
#   stop     every gateway drains and ends, then the keepers, then the supervisor
#   restart  only the supervisor is replaced; gateways live on
#   reload   the manifest is proved again; only planes whose definition changed are touched
#   crash    gateways and keepers live on, and the supervisor comes back and greets them
#
# No PrivateTmp and no other mount namespace of its own: what survives a restart would stay in the old one.
";

const USER_HEAD: &str = "\
# The user unit: one supervisor for one account's control planes. `loginctl enable-linger` keeps it beyond a logout.
#
#   stop     every gateway drains and ends, then the keepers, then the supervisor
#   restart  only the supervisor is replaced; gateways live on
#   reload   the manifest is proved again; only planes whose definition changed are touched
#   crash    gateways and keepers live on, and the supervisor comes back and greets them
#
# A user manager that is stopped itself is given less time (user@.service: 2 min) than a drain may need: at shutdown, and at
# a logout without linger, work in flight can be cut off. The system unit has no such limit.
";

const NETWORK: &str = "After=network-online.target\nWants=network-online.target\n";

const STATE: &str = "StateDirectory=gateward\nStateDirectoryMode=0700\n";

/// A path as one word of a command line in a unit.
fn word(path: &Path) -> String {
    let text = path.display().to_string().replace('\\', "\\\\").replace('%', "%%").replace('$', "$$");
    let text = text.replace('"', "\\\"");
    if text.contains([' ', '\t', '\'', ';', '"', '\\']) { format!("\"{text}\"") } else { text }
}

/// The manifest of a unit of ours, from what systemd shows of its `ExecStart=`: `{ path=… ; argv[]=… --manifest PATH run ; … }`.
pub fn manifest_of(exec_start: &str) -> Option<PathBuf> {
    let (_, rest) = exec_start.split_once(" --manifest ")?;
    let (path, _) = rest.split_once(" run ;")?;
    Some(path.trim_matches('"').into())
}

/// Whether the jobs that systemd has under way mean to stop this unit. A restart is not a stop; no job at all, when the
/// supervisor has ended by itself, is none either. Lines read `812 gateward.service stop running`.
pub fn means_stop(jobs: &str, unit: &str) -> bool {
    let words = jobs.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    words.into_iter().any(|words| words.get(1) == Some(&unit) && words.get(2) == Some(&"stop"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_packaged_units_are_these() {
        let packaged = [
            (Kind::System, include_str!("../../packaging/systemd/gateward.service")),
            (Kind::User, include_str!("../../packaging/systemd/gateward-user.service")),
        ];
        for (kind, text) in packaged {
            assert_eq!(unit(kind, Path::new("/usr/bin/gateward"), None), text, "write it anew: {kind:?}");
        }
    }

    #[test]
    fn no_path_escapes_its_word() {
        assert_eq!(word(Path::new("/usr/bin/gateward")), "/usr/bin/gateward");
        assert_eq!(word(Path::new("/home/a b/100%/$x/\"q\"\\")), r#""/home/a b/100%%/$$x/\"q\"\\""#);
    }

    #[test]
    fn systemd_shows_by_which_manifest_a_unit_runs() {
        let shown = "{ path=/usr/bin/gateward ; argv[]=/usr/bin/gateward --manifest /srv/my bots.toml run ; ignore_errors=no ; }";
        assert_eq!(manifest_of(shown), Some("/srv/my bots.toml".into()));
        for other in ["", "{ path=/bin/true ; argv[]=/bin/true ; ignore_errors=no ; }"] {
            assert_eq!(manifest_of(other), None, "{other}");
        }
    }

    #[test]
    fn only_a_stop_of_this_unit_is_a_stop() {
        let jobs = "12 gateward.service stop running\n13 other.service start waiting\n";
        assert!(means_stop(jobs, "gateward.service"));
        assert!(!means_stop(jobs, "other.service"));
        for others in ["", "12 gateward.service restart running\n", "1 gateward.service.d stop waiting\n", "x"] {
            assert!(!means_stop(others, "gateward.service"), "{others}");
        }
    }
}
