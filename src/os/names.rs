//! What a process is called, for people.
//!
//! A name is the process's own choice and proves nothing.

use super::process::{Stat, cmdline};

/// The kernel keeps so many bytes of a name.
const COMM_MOST: usize = 15;

impl Stat {
    /// Its name for people: the kernel's, or what it calls itself where the kernel has only the beginning of that.
    pub fn name(&self) -> String {
        let whole = || {
            let told = cmdline(self.pid).ok()?.into_iter().next()?;
            let name = told.rsplit('/').next()?.split_whitespace().next()?.to_owned();
            name.starts_with(&self.comm).then_some(name)
        };
        let cut = self.comm.len() >= COMM_MOST;
        cut.then(whole).flatten().unwrap_or_else(|| self.comm.clone())
    }
}

#[cfg(test)]
mod tests {
    use crate::os::process::stat;
    use crate::os::testing::eventually;

    #[test]
    fn a_name_that_the_kernel_cuts_is_told_whole() {
        let folder = tempfile::tempdir().expect("a folder");
        let program = folder.path().join("openclaw-gateway-of-mine");
        std::fs::copy("/bin/sh", &program).expect("a copy");
        let mut child = std::process::Command::new(&program)
            .args(["-c", "read line"])
            .stdin(std::process::Stdio::piped())
            .spawn()
            .expect("a shell");
        // A parent goes on while the kernel still gives the child its names.
        eventually("both names are there", || {
            let stat = stat(child.id().cast_signed()).expect("facts");
            (stat.comm.as_str(), stat.name().as_str()) == ("openclaw-gatewa", "openclaw-gateway-of-mine")
        });
        child.kill().expect("our child");
        child.wait().expect("our child");
    }
}
