//! The pinned OpenClaw for the tests of record, installed once into `target/` by our own `runtime`. Starts none.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use gateward::runtime::{News, PINNED, Phase, Runtimes};

use super::{cache_folder, say};

/// The folder with `node` and `openclaw`; `None` when the tests of record are to be skipped, which is said once.
///
/// Panics in clear words when it cannot be installed. `GATEWARD_TEST_RUNTIMES` names another folder of releases, so that
/// several checkouts may share one.
pub fn openclaw() -> Option<&'static Path> {
    static BIN: OnceLock<Option<PathBuf>> = OnceLock::new();
    BIN.get_or_init(|| {
        if std::env::var_os("GATEWARD_TEST_OPENCLAW").is_some_and(|word| word == "skip") {
            say("gateward: GATEWARD_TEST_OPENCLAW=skip: THE TESTS OF RECORD WERE SKIPPED, no real gateway was run");
            return None;
        }
        Some(install())
    })
    .as_deref()
}

/// The folder of the releases that the tests use, for `GATEWARD_RUNTIMES_DIR`.
pub fn runtimes() -> Runtimes {
    let named = std::env::var_os("GATEWARD_TEST_RUNTIMES").map(PathBuf::from);
    Runtimes::at(&named.unwrap_or_else(|| cache_folder().join("runtimes")))
}

/// Under `runtime`'s own lock, so that of several test processes one installs and the others wait.
fn install() -> PathBuf {
    let runtimes = runtimes();
    let tell = &mut |news| match news {
        News::Began(Phase::Node) => say(&format!(
            "gateward: installing OpenClaw {PINNED} into {} through npm, once; about half a minute",
            runtimes.root().display()
        )),
        News::Retrying(why) => say(&format!("gateward: npm tries again: {why}")),
        News::Done => say(&format!("gateward: OpenClaw {PINNED} is installed")),
        News::Began(Phase::OpenClaw | Phase::Verify | Phase::Seal) | News::Waiting | News::Grew { .. } => {}
    };
    let driver = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a tokio runtime");
    match driver.block_on(runtimes.ensure(PINNED, tell, std::future::pending())) {
        Ok(installed) => installed.bin(),
        Err(error) => panic!(
            "the tests of record need OpenClaw {PINNED}, and it could not be installed: {error}\n\
             hint: {}\n\
             Without it, `GATEWARD_TEST_OPENCLAW=skip cargo test` runs the other tests, and says so.",
            error.hint()
        ),
    }
}
