//! Where releases are kept on this host. Makes no folder.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;

/// The folder of all releases for the present user and environment.
pub fn of_host() -> PathBuf {
    decide(rustix::process::geteuid().is_root(), |name| env::var_os(name))
}

/// Only absolute paths count, as the XDG rules demand: a relative one would mean another folder in every cwd.
fn decide(is_root: bool, look: impl Fn(&str) -> Option<OsString>) -> PathBuf {
    let absolute = |name: &str| look(name).map(PathBuf::from).filter(|path| path.is_absolute());
    if let Some(root) = absolute("GATEWARD_RUNTIMES_DIR") {
        return root;
    }
    if is_root {
        return PathBuf::from("/var/lib/gateward/runtimes");
    }
    let data = absolute("XDG_DATA_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".local/share")))
        .unwrap_or_else(|| PathBuf::from("/var/tmp"));
    data.join("gateward/runtimes")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(is_root: bool, vars: &[(&str, &str)]) -> String {
        let found = decide(is_root, |name| vars.iter().find(|(key, _)| *key == name).map(|(_, value)| value.into()));
        found.display().to_string()
    }

    #[test]
    fn the_nearest_word_wins() {
        let home = ("HOME", "/home/ada");
        let data = ("XDG_DATA_HOME", "/data");
        let own = ("GATEWARD_RUNTIMES_DIR", "/srv/releases");
        assert_eq!(with(false, &[home, data, own]), "/srv/releases");
        assert_eq!(with(true, &[home, data, own]), "/srv/releases");
        assert_eq!(with(true, &[home, data]), "/var/lib/gateward/runtimes");
        assert_eq!(with(false, &[home, data]), "/data/gateward/runtimes");
        assert_eq!(with(false, &[home]), "/home/ada/.local/share/gateward/runtimes");
        assert_eq!(with(false, &[home, ("XDG_DATA_HOME", "data")]), "/home/ada/.local/share/gateward/runtimes");
    }
}
