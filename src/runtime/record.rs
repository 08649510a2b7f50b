//! What is written down beside a whole release; its presence is what makes it whole. Looks at nothing else in the folder.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

/// The file's name inside a release.
const FILE: &str = "gateward-runtime.json";

/// The form written here; a reader takes any form that has these fields.
const FORMAT: u32 = 1;

/// One release, as it was when it was verified.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The form of this file.
    pub format: u32,
    /// OpenClaw's version.
    pub version: String,
    /// Node's version, without `v`.
    pub node: String,
    /// `linux-x64` or alike.
    pub platform: String,
    /// The identity of OpenClaw's package as npm verified it (`sha512-…`).
    pub openclaw_integrity: Option<String>,
    /// The same of Node's package.
    pub node_integrity: Option<String>,
    /// Bytes on disk.
    pub bytes: u64,
    /// When, RFC 3339 UTC.
    pub installed_at: String,
}

impl Record {
    /// A record in the present form.
    pub(super) fn new(version: &str, node: String, platform: String, lock: &PackageLock, bytes: u64) -> Self {
        Self {
            format: FORMAT,
            version: version.to_owned(),
            node,
            openclaw_integrity: lock.integrity("openclaw"),
            node_integrity: lock.integrity(&format!("node-{platform}")),
            platform,
            bytes,
            installed_at: now(),
        }
    }

    /// That of the release in `root`; a missing or damaged one is none.
    pub(super) fn read(root: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(root.join(FILE)).ok()?).ok()
    }

    /// Writes it down, on disk when this returns.
    pub(super) fn write(&self, root: &Path) -> io::Result<()> {
        let mut file = File::create(root.join(FILE))?;
        let mut text = serde_json::to_vec_pretty(self).map_err(io::Error::other)?;
        text.push(b'\n');
        file.write_all(&text)?;
        file.sync_all()?;
        File::open(root)?.sync_all()
    }

    #[cfg(test)]
    pub(super) fn sample() -> Self {
        Self::new("2026.9.6", "24.21.0".into(), "linux-x64".into(), &PackageLock::default(), 1 << 20)
    }
}

/// The part of npm's `package-lock.json` that names what was fetched.
#[derive(Default, Deserialize)]
pub struct PackageLock {
    #[serde(default)]
    packages: std::collections::BTreeMap<String, LockedPackage>,
}

#[derive(Deserialize)]
struct LockedPackage {
    integrity: Option<String>,
}

impl PackageLock {
    /// The lock that npm left in `root`; empty when it left none.
    pub fn read(root: &Path) -> Self {
        let text = fs::read(root.join("package-lock.json")).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }

    fn integrity(&self, package: &str) -> Option<String> {
        self.packages.get(&format!("node_modules/{package}"))?.integrity.clone()
    }
}

fn now() -> String {
    let now = jiff::Timestamp::now();
    now.round(jiff::Unit::Second).unwrap_or(now).to_string()
}
