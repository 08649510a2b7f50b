//! The release that the other tests of record run is a whole one, put there by our own `runtime`.

use std::process::Command;

use gateward::runtime::PINNED;

use crate::support::{openclaw, runtimes};

#[test]
fn the_pinned_release_is_whole_and_says_its_version() {
    let Some(bin) = openclaw() else { return };
    let installed = runtimes().get(PINNED).expect("a whole release");
    assert_eq!(installed.bin(), bin);
    let said = Command::new(bin.join("openclaw"))
        .arg("--version")
        .env_clear()
        .env("PATH", bin)
        .env("HOME", "/nonexistent")
        .output()
        .expect("openclaw runs");
    assert!(String::from_utf8_lossy(&said.stdout).contains(PINNED), "{said:?}");
    let record = &installed.record;
    assert!(record.node.starts_with("24."), "{record:?}");
    assert!(record.openclaw_integrity.as_deref().is_some_and(|sha| sha.starts_with("sha512-")), "{record:?}");
    assert!(record.node_integrity.as_deref().is_some_and(|sha| sha.starts_with("sha512-")), "{record:?}");
    assert!(record.bytes > 300 << 20, "{record:?}");
}
