//! Where releases are kept on this host. Makes no folder.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::path::PathBuf;

/// The folder of all releases for the present user and environment.
pub fn of_host() -> PathBuf {
    decide(rustix::process::geteuid().is_root(), |name| env::var_os(name), home)
}

/// The same for the present user in this environment.
pub fn in_environ(environ: &BTreeMap<String, String>) -> PathBuf {
    decide(rustix::process::geteuid().is_root(), |name| environ.get(name).map(OsString::from), home)
}

fn home() -> Option<PathBuf> {
    crate::os::accounts::by_uid(crate::os::accounts::own_uid()).ok().flatten().map(|account| account.home)
}

/// The folder of the host itself, which only root writes to.
const OF_HOST: &str = "/var/lib/gateward/runtimes";

/// Only absolute paths count, as the XDG rules demand: a relative one would mean another folder in every cwd. What is found is
/// executed, so it is never a folder that anybody may write to.
fn decide(is_root: bool, look: impl Fn(&str) -> Option<OsString>, home: impl Fn() -> Option<PathBuf>) -> PathBuf {
    let absolute = |name: &str| look(name).map(PathBuf::from).filter(|path| path.is_absolute());
    if let Some(root) = absolute("GATEWARD_RUNTIMES_DIR") {
        return root;
    }
    if is_root {
        return PathBuf::from(OF_HOST);
    }
    let home = || absolute("HOME").or_else(|| home().filter(|home| home.is_absolute()));
    let data = absolute("XDG_DATA_HOME").or_else(|| home().map(|home| home.join(".local/share")));
    data.map_or_else(|| PathBuf::from(OF_HOST), |data| data.join("gateward/runtimes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(is_root: bool, vars: &[(&str, &str)]) -> String {
        let look = |name: &str| vars.iter().find(|(key, _)| *key == name).map(|(_, value)| value.into());
        decide(is_root, look, || None).display().to_string()
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

    #[test]
    fn without_a_home_nothing_that_anybody_may_write_to_is_trusted() {
        assert_eq!(with(false, &[]), "/var/lib/gateward/runtimes");
        assert_eq!(with(false, &[("HOME", "home")]), "/var/lib/gateward/runtimes");
        let of_account = decide(false, |_| None, || Some(PathBuf::from("/home/ada")));
        assert_eq!(of_account, PathBuf::from("/home/ada/.local/share/gateward/runtimes"));
    }
}
